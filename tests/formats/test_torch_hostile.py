"""No file runs code, takes unbounded time or memory, or ends in anything but a refusal."""

import struct
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.errors import ContentError
from auditor.formats import pickle_machine, torch_parts
from auditor.formats.pytorch import read_header
from spread_files import bytes_of, feed, survives
from torch_files import members_of, read, saved, saved_legacy, saved_tar
from torch_pickles import (
    Call,
    Name,
    Outside,
    Storage,
    Tensors,
    module,
    ordered,
    parameter,
    pickled,
    view,
    view_as,
)
from zip_files import End, Member, zip_of

MOST_SPANS: Final = 6
MOST_BYTES: Final = 1 << 20


def rich() -> Any:
    """A checkpoint of everything that the readers know."""
    t = Tensors()
    shared = t.storage(12, "float32")
    inner = module(Name("my", "Net"), parameters={"w": parameter(t(2))}, buffers={"b": t(3)})
    outer = (Name("torchao.q", "T"), Name("torch", "float32"), (4, 4), (4, 1))
    subclass = (Name("torch._utils", "_rebuild_wrapper_subclass"), outer[0], outer, {"q": t(4)})
    return {
        "state_dict": ordered(
            {
                "a": view(shared, (3, 4)),
                "b": view(shared, (2, 2), (4, 1), 2),
                "c": view_as("float8_e4m3fn", t.storage(6), (2, 3)),
                "d": [t(1), (t(2), None, 1.5, b"raw", "text")],
                "e": inner,
                "f": Call(Name("torch._tensor", "_rebuild_from_type_v2"), subclass),
                "g": Call(Name("posix", "system"), ("true",)),
            }
        ),
        "optimizer": {"state": {0: {"exp_avg": t(2)}}, "param_groups": []},
    }


TAR_VALUE: Final = {"w": Outside("1"), "v": Outside("2")}
TAR_STORAGE: Final = Storage("7", 12, "float32")
FILES: Final = (
    bytes_of(saved(rich())),
    bytes_of(zip_of(members_of(rich()), End(zip64=True))),
    bytes_of(saved_legacy(rich())),
    saved_tar(TAR_VALUE, {1: (TAR_STORAGE, 0, (3, 4), (4, 1)), 2: (TAR_STORAGE, 2, (2,), (1,))}),
)


def survives_it(data: bytes) -> None:
    survives(read_header, data, most_spans=MOST_SPANS, most_bytes=MOST_BYTES)


@pytest.mark.parametrize("file", FILES, ids=["zip", "zip64", "legacy", "tar"])
def test_the_sound_files_are_read(file: bytes) -> None:
    assert read(file).tensors


@settings(max_examples=300)
@given(file=st.sampled_from(FILES), at=st.integers(0), data=st.binary(min_size=1, max_size=8))
def test_changed_bytes_are_read_or_refused(file: bytes, at: int, data: bytes) -> None:
    at %= len(file)
    survives_it(file[:at] + data + file[at + len(data) :])


@settings(max_examples=200)
@given(file=st.sampled_from(FILES), at=st.integers(0), to=st.integers(0), length=st.integers(1, 64))
def test_moved_bytes_are_read_or_refused(file: bytes, at: int, to: int, length: int) -> None:
    at, to = at % len(file), to % len(file)
    survives_it(file[:to] + file[at : at + length] + file[to:])


@given(file=st.sampled_from(FILES), at=st.integers(0), length=st.integers(1, 500))
def test_missing_bytes_are_read_or_refused(file: bytes, at: int, length: int) -> None:
    at %= len(file)
    survives_it(file[:at] + file[at + length :])


@given(
    begin=st.sampled_from((b"", b"PK\3\4", b"\x80\2", b"\x80\2\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")),
    data=st.binary(max_size=300),
    end=st.sampled_from((b"", b".", b"PK\5\6" + bytes(18))),
)
@example(b"", bytes(257) + b"ustar" + bytes(250), b"")
def test_any_bytes_are_read_or_refused(begin: bytes, data: bytes, end: bytes) -> None:
    survives_it(begin + data + end)


@settings(max_examples=300)
@given(data=st.binary(max_size=120), known=st.booleans())
def test_any_pickle_in_a_sound_archive_is_read_or_refused(data: bytes, *, known: bool) -> None:
    """With the names that a pickle of tensors may go on from."""
    start = pickled(rich())[:-1] if known else b"\x80\2"
    members = [
        Member(name="a/data.pkl", data=start + data + b"."),
        Member(name="a/data/0", data=48),
    ]
    survives_it(bytes_of(zip_of(members)))


NAMES: Final = (
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
    "_rebuild_qtensor",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
    "_rebuild_nested_tensor",
    "_rebuild_device_tensor_from_cpu_tensor",
    "_rebuild_device_tensor_from_numpy",
    "_rebuild_sparse_tensor",
    "_rebuild_meta_tensor_no_storage",
    "_rebuild_wrapper_subclass",
)
ATOMS: Final[st.SearchStrategy[Any]] = st.one_of(
    st.sampled_from(
        (
            None,
            0,
            1,
            -1,
            1 << 63,
            "w",
            (),
            (2, 3),
            (3, 1),
            (0,),
            {},
            [],
            Name("torch", "float32"),
            Name("torch", "Tensor"),
            Storage("0", 6, "float32"),
            Outside(("storage", 1, 2, 3, 4)),
            Outside(("storage", Name("torch", "FloatStorage"), "0", "cpu", 6, (1, 2))),
            Outside(("module", 1)),
            Call(Name("torch", "Size"), ((2, 3),)),
            view(Storage("0", 6, "float32"), (2, 3)),
        )
    ),
    st.integers(-5, 1 << 70),
)
MAKERS: Final = st.one_of(
    st.sampled_from(NAMES).map(lambda name: Name("torch._utils", name)),
    st.sampled_from(
        (
            Name("torch._tensor", "_rebuild_from_type_v2"),
            Name("torch.nn.parameter", "Parameter"),
            Name("torch", "FloatTensor"),
            Name("collections", "OrderedDict"),
            Name("copyreg", "_reconstructor"),
            Name("numpy.core.multiarray", "_reconstruct"),
            Name("my", "Class"),
        )
    ),
)


def made(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    args = st.lists(inner, max_size=8).map(tuple)
    calls = st.builds(
        Call,
        MAKERS,
        args,
        st.none() | inner,
        st.dictionaries(st.text(max_size=3), inner, max_size=2),
        st.booleans(),
    )
    return calls | args | st.dictionaries(st.text(max_size=3), inner, max_size=3)


@settings(max_examples=300)
@given(st.recursive(ATOMS, made, max_leaves=25))
def test_any_object_of_torchs_functions_is_read_or_refused(value: Any) -> None:
    members = [Member(name="a/data.pkl", data=pickled(value)), Member(name="a/data/0", data=24)]
    survives_it(bytes_of(zip_of(members)))


@pytest.mark.parametrize("save", [saved, saved_legacy])
def test_a_checkpoint_that_would_run_code_runs_none(save: Any, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    command = f"touch {canary}"
    value = {
        "w": Tensors()(2),
        "system": Call(Name("posix", "system"), (command,)),
        "eval": Call(Name("builtins", "eval"), (f"open({str(canary)!r}, 'w')",)),
        "popen": Call(Name("subprocess", "Popen"), (["touch", str(canary)],)),
        "load": Call(Name("torch.hub", "load"), (str(canary),)),
        "state": Call(Name("my", "Class"), (), {"__setstate__": command}, new=True),
    }
    header = read(save(value))
    assert not canary.exists()
    assert [tensor.name for tensor in header.tensors] == ["w"]
    assert len(header.gaps) == 4
    assert "`posix.system`, `builtins.eval`, `subprocess.Popen` and 1 more" in header.warnings[0]


# To Python, numbers that are alike modulo 2^61 - 1 are alike in a table.
OF_ONE_HASH: Final = [b"L%dL\nN" % (at * ((1 << 61) - 1)) for at in range(9_000)]


def in_archive(pickle: bytes) -> bytes:
    return bytes_of(zip_of([Member(name="a/data.pkl", data=pickle)]))


@pytest.mark.parametrize(
    "pickle",
    [
        pytest.param(b"]" * 200_000 + b".", id="many lists"),
        pytest.param(b"]" + b"2a" * 100_000 + b".", id="a list in itself again and again"),
        pytest.param(b"(" * 9_999 + b"t" * 9_998 + b"l.", id="nested tuples"),
        pytest.param(b"]\x94" + b"]\x94h\0a" * 50_000 + b".", id="lists of one list"),
        pytest.param(b"ca\nb\n\x94" + b"h\0)R" * 50_000 + b".", id="many calls"),
        pytest.param(b"ca\nb\n)R\x94" + b"}b" * 50_000 + b".", id="many states"),
        pytest.param(b"}(" + b"".join(OF_ONE_HASH) + b"u.", id="keys of one hash"),
        pytest.param(b"X" + struct.pack("<I", 300_000) + b"a" * 300_000 + b".", id="a long text"),
        pytest.param(b"(" + b"}" * 50_000 + b"d.", id="a dictionary of dictionaries"),
    ],
)
def test_a_pickle_made_to_cost_costs_no_more_than_its_length(pickle: bytes) -> None:
    survives_it(in_archive(pickle))


def test_references_that_double_at_every_step_are_gone_into_once() -> None:
    """Sixty lists, each of twice the one before: 2^60 ways to one tensor."""
    tower: Any = [Tensors()(1)]
    for _ in range(60):
        tower = [tower, tower]
    assert len(read(saved({"model": tower, "optimizer": tower})).tensors) == 1


def test_one_object_under_very_many_keys_is_weighed_once() -> None:
    t = Tensors()
    heavy = {f"w{at}": t(1) for at in range(1_000)}
    value = {f"key{at}": heavy for at in range(1_000)}
    assert len(read(saved(value)).tensors) == 1_000


SHARED: Final = {f"key{at}": at for at in range(1_000)}


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(lambda: Call(Name("__torch__", "Net"), (), SHARED, new=True), id="states"),
        pytest.param(lambda: Call(Name("my", "Net"), (), SHARED, new=True), id="other states"),
        pytest.param(lambda: Call(Name("collections", "OrderedDict"), (SHARED,)), id="copies"),
        pytest.param(lambda: Call(Name("builtins", "list"), ([SHARED] * 1_000,)), id="lists"),
    ],
)
def test_very_many_objects_of_one_large_part_are_not_each_gone_through(
    one: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_parts, "MAX_PARTS", 100_000)
    with pytest.raises(ContentError) as caught:
        read(saved([one() for _ in range(200)]))
    assert "objects of more than 100,000 parts in all" in caught.value.reason


def test_a_checkpoint_of_more_opcodes_than_any_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_machine, "MAX_OPCODES", 1_000)
    t = Tensors()
    value = [t(1) for _ in range(100)]
    for file in (saved(value), saved_legacy(value)):
        with pytest.raises(ContentError) as caught:
            read(file)
        assert caught.value.kind == "limit-exceeded"
        assert "a pickle of more than 1,000 opcodes" in caught.value.reason


def test_old_pickles_without_an_end_are_asked_for_no_further_than_the_limit() -> None:
    front = b"".join(map(pickled, (0x1950A86A20F9469CFC6C, 1001))) + b"X" + b"\xf0\xff\xff\xff"
    with pytest.raises(ContentError) as caught:
        feed(read_header, (front, 1 << 40))
    assert caught.value.kind == "limit-exceeded"
    assert "pickles of more than 100,000,000 bytes" in caught.value.reason
