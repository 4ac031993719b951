"""AQLM, VPTQ, SpQR and HIGGS: weights as entries of tables."""

from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packed_layers import LLAMA_3_8B, Q_PROJ, ROWS, module, never_wrong, seen

# -- AQLM


def aqlm(out: int, columns: int, *, books: int = 1, bits: int = 16, group: int = 8) -> Tensors:
    return {
        "codes": ("I16" if bits > 8 else "I8", [out, columns // group, books]),
        "codebooks": ("F16", [books, 1 << bits, 1, group]),
        "scales": ("F16", [out, 1, 1, 1]),
    }


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
@pytest.mark.parametrize(("books", "bits"), [(1, 16), (2, 8)])
def test_aqlm(path: str, out: int, parameters: int, books: int, bits: int) -> None:
    found = seen(module(path, aqlm(out, 4096, books=books, bits=bits)))
    assert found.total == parameters
    assert found.auxiliary == books * (1 << bits) * 8 + out
    assert found.layouts == ("AQLM",)


def test_aqlm_that_ran_on_a_cpu_has_its_codes_the_other_way_round() -> None:
    stored = {**aqlm(1024, 4096, books=2, bits=8), "codes": ("I8", [512, 1024, 2])}
    assert seen(module("a", stored)).total == 4_194_304


def test_codes_that_the_codebooks_do_not_fit_are_not_counted() -> None:
    stored = {**aqlm(1024, 4096), "codebooks": ("F16", [3, 65536, 1, 8])}
    assert seen(module("a", stored)).total is None


# -- VPTQ


def vptq(out: int, columns: int = 4096, *, vector: int = 8) -> Tensors:
    return {
        "indices": ("I32", [1, ceil(out / vector), ceil(columns * 24 / 32)]),  # 16 + 8 bits
        "centroids.weight": ("F16", [1, 65536 * vector]),
        "res_centroids.weight": ("F16", [1, 256 * vector]),
        "perm": ("I16", [columns]),
        "weight_scale": ("F16", [columns]),
        "weight_bias": ("F16", [columns]),
    }


def layer(out: object, columns: object = 4096, vector: object = 8) -> dict[str, Any]:
    return {"out_features": out, "in_features": columns, "vector_lens": [-1, vector]}


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
def test_vptq(path: str, out: int, parameters: int) -> None:
    config = {"quant_method": "vptq", "config_for_layers": {path: layer(out)}}
    found = seen(module(path, vptq(out)), quantization=config)
    assert found.total == parameters
    assert found.auxiliary == 524_288 + 2_048 + 3 * 4096
    assert found.layouts == ("VPTQ",)


def test_without_an_entry_the_outputs_are_known_up_to_a_vector() -> None:
    found = seen(module("a", vptq(1024)))
    assert (found.low, found.high) == (1017 * 4096, 1024 * 4096)
    with_bias = {**module("a", vptq(1020)), "a.bias": ("F16", [1020])}
    assert seen(with_bias).total == 1020 * 4096 + 1020
    assert seen(module(Q_PROJ, vptq(4096)), config=LLAMA_3_8B).total == 16_777_216


def test_indices_seen_as_floats_are_no_weights() -> None:
    stored: Tensors = {
        "indices": ("F16", [1, 128, 4096]),
        "centroids.weight": ("F16", [1, 65536 * 8]),
        "perm": ("I16", [4096]),
    }
    config = {"config_for_layers": {"a": layer(1024)}}
    assert seen(module("a", stored), quantization=config).total == 1024 * 4096


@given(
    st.integers(1, 3000),
    st.integers(2, 64).map(lambda n: 32 * n),
    st.sampled_from([4, 6, 8, 12, 16]),
    st.sampled_from(["none", "right", "columns", "rows", "types"]),
)
def test_vptq_of_any_shape(out: int, columns: int, vector: int, entry: str) -> None:
    entries = {
        "right": layer(out, columns, vector),
        "columns": layer(out, columns + 1, vector),
        "rows": layer(out + 100_000, columns, vector),
        "types": layer("4096", [columns], vector=None),
    }
    config = {"config_for_layers": {"a": entries[entry]}} if entry in entries else {}
    found = seen(module("a", vptq(out, columns, vector=vector)), quantization=config)
    assert never_wrong(found, out * columns)
    if entry == "right":
        assert found.total == out * columns


# -- SpQR


def spqr(out: int, columns: int, *, offsets: int | None = None, ordered: bool = True) -> Tensors:
    return {
        "dense_weights": ("I64", [16 * ceil(out / 16) * ceil(columns / 16)]),
        "row_offsets": ("I32", [out + 1 if offsets is None else offsets]),
        "col_vals": ("I32", [999]),
        "in_perm": ("I32", [columns // 2 if ordered else 0]),
    }


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
def test_spqr(path: str, out: int, parameters: int) -> None:
    found = seen(module(path, spqr(out, 4096)))
    assert found.total == parameters
    assert found.auxiliary == out + 1 + 999 + 2048
    assert found.layouts == ("SpQR",)


def test_spqr_without_a_permutation_has_the_config_for_a_witness() -> None:
    stored = module(Q_PROJ, spqr(4096, 4096, ordered=False))
    assert seen(stored, config=LLAMA_3_8B).total == 16_777_216
    assert seen(stored).total is None


def test_spqr_of_no_whole_tiles_is_a_range() -> None:
    stored = {**spqr(32, 32), "dense_weights": ("I64", [63])}
    found = seen(module("a", stored))
    assert (found.low, found.high) == (0, 63 * 16)


@given(st.integers(1, 300), st.integers(1, 150).map(lambda n: 2 * n), st.integers(0, 400))
def test_spqr_of_any_shape(out: int, columns: int, offsets: int) -> None:
    assert seen(module("a", spqr(out, columns))).total == out * columns
    assert never_wrong(seen(module("a", spqr(out, columns, ordered=False))), out * columns)
    if ceil((offsets - 1) / 16) != ceil(out / 16):  # PTCSR has more offsets than rows
        padded = seen(module("a", spqr(out, columns, offsets=offsets)))
        assert never_wrong(padded, out * columns)


# -- HIGGS


def higgs(out: int, columns: int, bits: int) -> Tensors:
    return {
        "weight": ("I16", [out * bits // 16, columns]),
        "scales": ("F16", [out, columns // 256]),
        "tables": ("F16", [1 << bits]),
        "tables2": ("F16", [1 << bits, 1 << bits, 2]),
    }


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_higgs(path: str, out: int, parameters: int, bits: int) -> None:
    found = seen(module(path, higgs(out, 4096, bits)))
    assert found.total == parameters
    assert found.auxiliary == out * 16 + (1 << bits) + (1 << 2 * bits) * 2
    assert found.layouts == ("HIGGS",)


@given(st.sampled_from([2, 3, 4]), st.integers(1, 50), st.integers(1, 8))
def test_higgs_of_any_shape(bits: int, rows: int, groups: int) -> None:
    assert seen(module("a", higgs(16 * rows, 256 * groups, bits))).total == 4096 * rows * groups


def test_a_table_that_does_not_fit_leaves_the_count_unknown() -> None:
    stored = {**higgs(1024, 4096, 4), "tables": ("F16", [8])}
    assert seen(module("a", stored)).total is None


# -- look-alikes


def test_plain_tensors_of_such_names_stay_plain() -> None:
    stored: Tensors = {
        "a.codes": ("F32", [4, 4]),
        "a.scales": ("F32", [4]),
        "a.perm": ("I64", [4]),
        "b.centroids.weight": ("F32", [4, 4]),
        "b.weight_scale": ("F32", [4]),
        "c.weight": ("F32", [8, 8]),
        "c.tables": ("F32", [4]),
        "d.indices": ("I64", [7, 7]),
    }
    assert seen(stored).total == 16 + 4 + 16 + 4 + 64 + 4
