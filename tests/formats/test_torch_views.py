"""Tensors that share bytes are counted once; where that cannot be told, the total is not known."""

from itertools import product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.dtypes import DTYPES
from auditor.core.tensors import Header
from auditor.formats.torch_tensors import StoredTensor
from auditor.formats.torch_views import Relation, relation, share
from torch_files import read, saved, saved_legacy, shapes
from torch_pickles import Call, Storage, view

MATRIX = Storage("0", 40, "float32")  # seen as 4 rows of 10


def header(**views: Call) -> Header:
    new, old = read(saved(views)), read(saved_legacy(views))
    assert (shapes(new), new.aliases, new.notes, new.gaps) == (
        shapes(old),
        old.aliases,
        old.notes,
        old.gaps,
    )
    return new


def stored(got: Header) -> dict[str, int]:
    return {tensor.name: tensor.stored_bytes for tensor in got.tensors}


def test_two_names_of_one_view_are_one_tensor_named_by_the_first() -> None:
    got = header(wte=view(MATRIX, (4, 10)), lm_head=view(MATRIX, (4, 10)))
    assert stored(got) == {"wte": 160}
    assert got.aliases == {"lm_head": "wte"}
    assert got.notes == ()


def test_equal_tensors_in_storages_of_their_own_are_two() -> None:
    got = header(a=view(Storage("0", 4, "float32"), (4,)), b=view(Storage("1", 4, "float32"), (4,)))
    assert stored(got) == {"a": 16, "b": 16}
    assert got.aliases == {}


def test_a_transposed_matrix_is_the_matrix() -> None:
    got = header(w=view(MATRIX, (4, 10)), t=view(MATRIX, (10, 4), (1, 10)))
    assert stored(got) == {"w": 160}
    assert got.aliases == {"t": "w"}
    assert got.notes == ("views of bytes that are another tensor's, counted with it: `t` in `w`",)


def test_parts_of_a_matrix_are_counted_with_it_even_when_they_come_first() -> None:
    got = header(
        row=view(MATRIX, (10,), offset=10),
        columns=view(MATRIX, (4, 3), (10, 1), offset=2),
        element=view(MATRIX, (), offset=39),
        whole=view(MATRIX, (4, 10)),
    )
    assert shapes(got) == {"whole": ("F32", (4, 10))}
    assert got.aliases == dict.fromkeys(("row", "columns", "element"), "whole")


def test_a_name_of_a_view_is_an_alias_of_what_holds_the_view() -> None:
    got = header(a=view(MATRIX, (10,)), same=view(MATRIX, (10,)), whole=view(MATRIX, (4, 10)))
    assert got.aliases == {"a": "whole", "same": "whole"}


def test_slices_of_rows_that_do_not_touch_are_tensors_of_their_own() -> None:
    got = header(a=view(MATRIX, (2, 10)), b=view(MATRIX, (2, 10), offset=20))
    assert stored(got) == {"a": 80, "b": 80}
    assert got.gaps == ()


def test_slices_of_columns_lie_in_each_others_holes_and_are_tensors_of_their_own() -> None:
    """Query, key and value of a fused matrix, as `chunk(dim=1)` leaves them."""
    got = header(
        q=view(MATRIX, (4, 4), (10, 1)),
        k=view(MATRIX, (4, 4), (10, 1), offset=4),
        v=view(MATRIX, (4, 2), (10, 1), offset=8),
    )
    assert stored(got) == {"q": 64, "k": 64, "v": 32}  # 160 in all
    assert (got.aliases, got.gaps) == ({}, ())


def test_views_of_which_none_holds_the_other_are_a_gap() -> None:
    got = header(a=view(MATRIX, (10,)), b=view(MATRIX, (10,), offset=5))
    assert stored(got) == {"a": 40, "b": 40}
    assert got.gaps == ("tensors that share some bytes with others, and not all: `b`",)


def test_slices_of_columns_that_overlap_are_a_gap() -> None:
    got = header(a=view(MATRIX, (4, 4), (10, 1)), b=view(MATRIX, (4, 4), (10, 1), offset=3))
    assert len(got.gaps) == 1


def test_an_expanded_tensor_counts_by_its_shape_and_weighs_what_is_stored() -> None:
    got = header(w=view(Storage("0", 5, "float32"), (3, 5), (0, 1)))
    assert (got.tensors[0].elements, got.tensors[0].stored_bytes) == (15, 20)
    assert got.notes == ("tensors that repeat what they store, counted by their shapes: `w`",)


def test_a_slice_of_a_storage_weighs_what_it_holds_and_not_the_storage() -> None:
    got = header(w=view(MATRIX, (4, 3), (10, 1)))
    assert stored(got) == {"w": 48}


def test_tensors_without_elements_share_nothing() -> None:
    empty = Storage("1", 0, "float32")
    got = header(w=view(MATRIX, (40,)), a=view(empty, (0, 3)), b=view(MATRIX, (0,), offset=7))
    assert stored(got) == {"w": 160, "a": 0, "b": 0}
    assert got.gaps == ()


def test_very_many_views_that_interlock_are_a_gap_and_take_no_time() -> None:
    big = Storage("0", 10_000, "float32")
    views = {f"w{at}": view(big, (100, 2), (100, 1), offset=at) for at in range(99)}
    got = header(**views)
    assert len(got.gaps) == 1


# -- against every byte

SIZE = 24


def stored_tensor(shape: tuple[int, ...], steps: tuple[int, ...], begin: int) -> StoredTensor:
    reach = sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    axes = sorted(((n, s) for n, s in zip(shape, steps, strict=True) if n > 1), key=lambda a: -a[1])
    return StoredTensor(
        key="0",
        dtype=DTYPES["U8"],
        shape=shape,
        elements=prod(shape),
        begin=begin,
        end=begin + reach + 1,
        axes=tuple(axes),
        stored_bytes=min(reach + 1, prod(n for n, s in axes if s)),
    )


def bytes_of(tensor: StoredTensor) -> frozenset[int]:
    places = product(*(range(0, n * step, step) if step else (0,) for n, step in tensor.axes))
    return frozenset(tensor.begin + sum(place) for place in places)


@st.composite
def views(draw: st.DrawFn) -> StoredTensor:
    """Any view of a storage of SIZE bytes, those of rows and columns more often."""
    rank = draw(st.integers(0, 3))
    shape = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    steps = tuple(draw(st.sampled_from((0, 1, 1, 2, 3, 4, 6, 6, 12))) for _ in range(rank))
    tensor = stored_tensor(shape, steps, 0)
    if tensor.end > SIZE:
        return stored_tensor((SIZE,), (1,), 0)
    return stored_tensor(shape, steps, draw(st.integers(0, SIZE - tensor.end)))


@given(a=views(), b=views())
def test_what_is_said_of_two_views_is_so_byte_by_byte(a: StoredTensor, b: StoredTensor) -> None:
    small, large = sorted((a, b), key=lambda each: each.stored_bytes)
    told = relation(small, large)
    if told is Relation.APART:
        assert not bytes_of(small) & bytes_of(large)
    if told is Relation.WITHIN:
        assert bytes_of(small) <= bytes_of(large)


@given(st.lists(views(), min_size=1, max_size=5))
def test_without_overlaps_the_tensors_hold_every_byte_once(tensors: list[StoredTensor]) -> None:
    named = {f"t{at}": tensor for at, tensor in enumerate(tensors)}
    shared = share(named)
    kept = [tensor for name, tensor in named.items() if name not in shared.aliases]
    assert not set(shared.aliases.values()) & shared.aliases.keys()
    assert frozenset().union(*map(bytes_of, kept)) == frozenset().union(*map(bytes_of, tensors))
    if not shared.overlapping:
        assert sum(len(bytes_of(tensor)) for tensor in kept) == len(
            frozenset().union(*map(bytes_of, kept))
        )


@pytest.mark.parametrize("columns", [(0, 3), (3, 6), (0, 6), (2, 5)])
def test_slices_of_columns_are_told_apart_exactly(columns: tuple[int, int]) -> None:
    first = stored_tensor((4, 3), (6, 1), 0)
    second = stored_tensor((4, columns[1] - columns[0]), (6, 1), columns[0])
    expected = {
        (0, 3): Relation.WITHIN,
        (3, 6): Relation.APART,
        (0, 6): Relation.WITHIN,
        (2, 5): Relation.OTHER,
    }
    small, large = sorted((first, second), key=lambda each: each.stored_bytes)
    assert relation(small, large) is expected[columns]
