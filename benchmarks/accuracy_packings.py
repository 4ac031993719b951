"""Two layers in every packing: names, dtypes and shapes, which the tests of the packings make.

q_proj has 4,096 x 4,096 parameters and k_proj 1,024 x 4,096. The source of each packing's shapes is
cited where the test, or the module that it tests, describes them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Final

from builders import Tensors
from layouts import test_awq as awq
from layouts import test_bitsandbytes as bnb
from layouts import test_block_floats as blocks
from layouts import test_byte_integers as integers
from layouts import test_codebooks as books
from layouts import test_fouroversix as fouroversix
from layouts import test_fp8 as fp8
from layouts import test_fp_quant as fp_quant
from layouts import test_gptq as gptq
from layouts import test_hqq as hqq
from layouts import test_marlin as marlin
from layouts import test_mlx as mlx
from layouts import test_packed_integers as words
from layouts import test_padded as padded
from layouts import test_quanto as quanto
from layouts import test_quark as quark
from layouts import test_torchao as torchao
from packed_layers import K_PROJ, Q_PROJ

Pack = Callable[[int], Tensors]  # from the rows of a matrix to what its module stores
Contents = Callable[[int], Mapping[str, bytes]]

_IN: Final = 4_096


@dataclass(frozen=True, slots=True)
class Packing:
    """How a module of so many rows is stored, and what the config's `section` says of it.

    `contents` are the bytes of the tensors that say more than their shapes; `entry` is the weight's
    in the file's own metadata.
    """

    name: str
    pack: Pack
    section: Mapping[str, Any]
    contents: Contents = lambda _: {}
    entry: Callable[[int], str] | None = None


def packings() -> Iterator[Packing]:
    yield from (*_gptq(), *_awq(), *_bitsandbytes(), *_compressed_tensors(), *_small_floats())
    yield from (*_modelopt_and_quark(), *_torchao(), *_hqq(), *_quanto(), *_tables())
    yield from (*_padded(), *_mlx())


def _row(name: str, pack: Pack, **section: Any) -> Packing:  # noqa: ANN401 - as a config has it
    return Packing(name, pack, section)


def _of(shape: Callable[..., Tensors], *settings: Any, **named: Any) -> Pack:  # noqa: ANN401 - passed on
    """What `shape` makes of rows and 4,096 columns; by suffixes, where it made a module `a`."""
    return lambda out: _bare(shape(out, _IN, *settings, **named))


def _bare(tensors: Tensors) -> Tensors:
    return {name.removeprefix("a."): stored for name, stored in tensors.items()}


def _is(**row: tuple[str, Sequence[Any]]) -> Pack:
    """These shapes, with "out" for the rows and "blocks" for their blocks of 128."""

    def pack(out: int) -> Tensors:
        sizes = {"out": out, "blocks": out // 128}
        return {s: (dtype, [sizes.get(n, n) for n in shape]) for s, (dtype, shape) in row.items()}

    return pack


def _gptq() -> Iterator[Packing]:
    said: dict[str, Any] = {"quant_method": "gptq", "group_size": 128}
    for bits in (2, 3, 4, 8):
        yield _row(f"GPTQ {bits} bit", _of(gptq.packed, bits), **said, bits=bits)
        pack = _of(gptq.packed, bits, g_idx=False)
        yield _row(f"GPTQ {bits} bit without g_idx", pack, **said, bits=bits)
    for bits in (4, 8):
        tiled = {**said, "bits": bits, "checkpoint_format": "marlin"}
        yield _row(f"GPTQ Marlin {bits} bit", _of(marlin.marlin, bits=bits), **tiled)
        yield _row(f"GPTQ Marlin 2:4 {bits} bit", _of(marlin.sparse, bits=bits), **tiled)
    yield _row("BitBLAS", _of(marlin.bitblas), **said, bits=4, checkpoint_format="bitblas")
    yield _row("QQQ", _of(marlin.qqq), quant_method="qqq", bits=4, group_size=128)
    said = {"quant_method": "auto-round", "bits": 4, "group_size": 128}
    yield _row("auto-round GPTQ", _of(gptq.packed), **said, packing_format="auto_round:auto_gptq")
    yield _row("auto-round AWQ", _of(awq.gemm), **said, packing_format="auto_round:auto_awq")


def _awq() -> Iterator[Packing]:
    for shape in (awq.gemm, awq.gemv, awq.gemv_fast, awq.llm_awq, awq.marlin):
        name = shape.__name__
        said = {"quant_method": "awq", "bits": 4, "group_size": 128, "version": name}
        yield _row(f"AWQ {name}", _of(shape), **said)


def _state(out: int) -> Mapping[str, bytes]:
    return {bnb.STATE: bnb.state_of(out, _IN)}


def _nf4(out: int, columns: int, dtype: str, *, nested: bool) -> Tensors:
    stored = bnb.four_bit(out * columns, dtype, nested=nested)
    return {**stored, bnb.STATE: ("U8", [len(_state(out)[bnb.STATE])])}


def _bitsandbytes() -> Iterator[Packing]:
    said: dict[str, Any] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    for dtype in ("U8", "BF16", "F32"):
        for nested in (True, False):
            name = f"bitsandbytes nf4 in {dtype}{', double quantisation' if nested else ''}"
            row = _row(name, _of(_nf4, dtype, nested=nested), **said)
            yield replace(row, contents=_state)
    said = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    yield _row("bitsandbytes int8", _of(bnb.eight_bit), **said)


def _words(out: int, columns: int, bits: int, groups: int, *, padded: bool = False) -> Tensors:
    width = (words.padded_words if padded else words.dense_words)(columns, bits)
    return words.packed(out, width, groups)


def _two_of_four(out: int, columns: int) -> Tensors:
    return {
        "compressed": ("BF16", [out, columns // 2]),
        "bitmask": ("U8", [out, columns // 8]),
        "shape": ("I64", [2]),
    }


def _marlin_24(out: int, columns: int) -> Tensors:
    return {
        "weight_packed": ("I32", [columns // 32, 2 * out]),
        "scale_packed": ("F16", [columns // 128, out]),
        "meta": ("I16", [columns // 32, 2 * out]),
    }


def _compressed_tensors() -> Iterator[Packing]:
    def shape(out: int) -> Mapping[str, bytes]:
        return {"weight_shape": words.numbers(out, _IN)}

    def shape_of_sparse(out: int) -> Mapping[str, bytes]:
        return {"shape": words.numbers(out, _IN)}

    name = "compressed-tensors"
    for bits in (2, 3, 4, 8):
        row = _row(f"{name} int{bits}", _of(_words, bits, 32), **words.scheme(bits, 128))
        yield replace(row, contents=shape)
    old = _of(_words, 3, 32, padded=True)
    row = _row(f"{name} int3 before 0.17", old, **words.scheme(3, 128))
    yield replace(row, contents=shape)
    row = _row(f"{name} int4 by channel", _of(_words, 4, 1), **words.scheme(4))
    yield replace(row, contents=shape)
    w8a8 = _is(weight=("I8", ["out", _IN]), weight_scale=("BF16", ["out", 1]))
    yield _row(f"{name} W8A8", w8a8, **integers.COMPRESSED_TENSORS)
    row = _row(f"{name} sparse 2:4", _of(_two_of_four), quant_method=name)
    yield replace(row, contents=shape_of_sparse)
    yield _row(f"{name} marlin-24", _of(_marlin_24), quant_method=name, format="marlin-24")


def _small_floats() -> Iterator[Packing]:
    methods = {"fbgemm": "fbgemm_fp8", "compressed-tensors": "compressed-tensors"}
    methods |= {"mxfp8": "mxfp8", "modelopt": "modelopt", "quark": "quark"}
    tables = {**{f"FP8 {name}": row for name, row in fp8.ROWS.items()}, **blocks.ROWS}
    for name, stored in tables.items():
        family = name.removeprefix("FP8 ").split()[0]
        yield _row(name, _is(**stored), quant_method=methods.get(family, "fp8"))
    gpt_oss = _is(_blocks=("U8", ["out", 128, 16]), _scales=("U8", ["out", 128]))
    yield _row("MXFP4 of gpt-oss", gpt_oss, quant_method="mxfp4")
    for name, block in (("nvfp4", 16), ("mxfp4", 32)):
        scales = ("U8", ["out", _IN // block])
        rotations = _bare(fp_quant.ROTATIONS)
        pack = _is(qweight=("U8", ["out", _IN // 2]), scales=scales, **rotations)
        yield _row(f"FP-Quant {name}", pack, quant_method="fp_quant", forward_dtype=name)
    for block in (16, 32):
        name = f"fouroversix in blocks of {block}"
        row = _row(name, _of(fouroversix.stored, block), quant_method="fouroversix")
        yield replace(row, contents=_padded_shape)


def _padded_shape(out: int) -> Mapping[str, bytes]:
    told = fouroversix.metadata(out, _IN, out, _IN, 1, 1)
    return {name.removeprefix("a."): content for name, content in told.items()}


def _int4_awq(out: int, columns: int) -> Tensors:
    return {
        "weight": ("U8", [out // 2, columns]),
        "weight_scale": ("BF16", [out, columns // 128]),
        "pre_quant_scale": ("BF16", [columns]),
    }


def _quark_int4(out: int, columns: int) -> Tensors:
    return {
        "weight": ("I32", [columns, out // 8]),
        "weight_scale": ("BF16", [columns // 128, out]),
        "weight_zero_point": ("I32", [columns // 128, out // 8]),
    }


def _modelopt_and_quark() -> Iterator[Packing]:
    said = {"quant_method": "modelopt"}
    yield _row("modelopt int4_awq", _of(_int4_awq), **said, quant_algo="W4A16_AWQ")
    by_channel = _is(weight=("I8", ["out", _IN]), weight_scale=("F32", ["out"]))
    yield _row("modelopt int8", by_channel, **said, quant_algo="W8A8_SQ_PER_CHANNEL")
    yield _row("Quark int4", _of(_quark_int4), **quark.QUARK)
    gemma = _is(weight=("U8", ["out", _IN // 2]), weight_scale=("F32", ["out", 1]))
    yield _row("Gemma 4 bit", gemma, **integers.GEMMA)


def _torchao() -> Iterator[Packing]:
    int4 = _is(_weight_qdata=("U8", ["out", _IN // 2]), _weight_scale=("BF16", [32, "out"]))
    for kind, pack in (("Int4Tensor", int4), ("Int4TilePackedTo4dTensor", _of(_tiles))):

        def entry(out: int, kind: str = kind) -> str:
            return torchao.entry(kind, [out, _IN])

        yield replace(_row(f"torchao {kind}", pack, quant_method="torchao"), entry=entry)
    for dtype in ("F8_E4M3", "I8"):
        pack = _is(_weight_qdata=(dtype, ["out", _IN]), _weight_scale=("F32", ["out", 1]))
        yield _row(f"torchao {dtype}", pack, quant_method="torchao")


def _tiles(out: int, columns: int) -> Tensors:
    return {
        "_weight_qdata": ("I32", [out // 8, columns // 128, 32, 4]),
        "_weight_scale_and_zero": ("BF16", [columns // 128, out, 2]),
    }


def _half_quadratic(out: int, columns: int, bits: int, axis: int) -> Tensors:
    """Groups of 64: as rows along axis 1, as columns along axis 0. Three bits are ten to a word."""
    groups = out * columns // 64
    rows, other = (groups, 64) if axis else (64, groups)
    stored = ("I32", [ceil(rows / 10), other]) if bits == 3 else ("U8", [rows * bits // 8, other])
    return hqq.hqq("a", stored, [groups, 1] if axis else [1, groups])


def _hqq() -> Iterator[Packing]:
    def shape(out: int) -> Mapping[str, bytes]:
        return {"shape": hqq.two(out, _IN)}

    for bits in (8, 4, 3, 2, 1):
        for axis in (0, 1):
            pack = _of(_half_quadratic, bits, axis)
            row = _row(f"HQQ {bits} bit, axis {axis}", pack, **hqq.config(bits, 64))
            yield replace(row, contents=shape)
    yield _row("SINQ 4 bit", _of(_sinq), quant_method="sinq")


def _sinq(out: int, columns: int) -> Tensors:
    groups = out * columns // 64
    return {
        "W_q": ("U8", [groups // 2, 64]),
        "meta.scale": ("F16", [groups, 1]),
        "meta.zero": ("F16", [groups, 1]),
        "meta.scale2": ("F16", [1, columns]),
    }


def _quanto() -> Iterator[Packing]:
    for kind, dtype in (("int8", "I8"), ("float8", "F8_E4M3")):
        row = {"weight._data": (dtype, ["out", _IN]), "weight._scale": ("BF16", ["out", 1])}
        yield _row(f"quanto {kind}", _is(**row), quant_method="quanto", weights=kind)
    for bits in (4, 2):
        said = {"quant_method": "quanto", "weights": f"int{bits}"}
        yield _row(f"quanto int{bits}", _of(_grouped, bits), **said)


def _grouped(out: int, columns: int, bits: int) -> Tensors:
    groups = out * columns // 128
    return quanto.grouped(groups * bits // 8, 128, groups)


def _tables() -> Iterator[Packing]:
    for count, bits in ((1, 16), (2, 8)):
        said = {"in_group_size": 8, "num_codebooks": count, "nbits_per_codebook": bits}
        pack = _of(books.aqlm, books=count, bits=bits)
        yield _row(f"AQLM {count}x{bits}", pack, quant_method="aqlm", **said)
    layers = {Q_PROJ: books.layer(4_096), K_PROJ: books.layer(1_024)}
    yield _row("VPTQ", _of(books.vptq), quant_method="vptq", config_for_layers=layers)
    yield _row("SpQR", _of(books.spqr), quant_method="spqr", bits=3, beta1=16, beta2=16)
    for bits in (2, 3, 4):
        pack = _of(books.higgs, bits)
        yield _row(f"HIGGS {bits} bit", pack, quant_method="higgs", bits=bits, group_size=256)


def _padded() -> Iterator[Packing]:
    eetq = {"weight_scales": ("F16", ["out"])}
    yield _row("EETQ", _is(weight=("I8", [_IN, "out"]), **eetq), quant_method="eetq")
    yield _row("BitNet", _of(padded.bitnet), **padded.BITNET)
    yield _row("EXL2", _of(padded.exl2), quant_method="exl2", bits=4.0)
    for bits in (2, 4):
        yield _row(f"EXL3 {bits} bit", _of(padded.exl3, 16 * bits), quant_method="exl3", bits=bits)
    yield _row("SVDQuant int4", _of(padded.svdquant))
    yield _row("SVDQuant nvfp4", _of(padded.svdquant, fp4=True))


def _affine(out: int, columns: int, bits: int, group: int, offsets: str = "biases") -> Tensors:
    return mlx.affine([out], columns * bits // 32, columns // group, offsets)


def _mlx() -> Iterator[Packing]:
    for bits in (2, 3, 4, 5, 6, 8):
        yield _row(f"MLX {bits} bit", _of(_affine, bits, 64), **mlx.said(64, bits))
    for mode, group, bits in (("mxfp4", 32, 4), ("nvfp4", 16, 4), ("mxfp8", 32, 8)):
        pack = _is(weight=("U32", ["out", _IN * bits // 32]), scales=("U8", ["out", _IN // group]))
        yield _row(f"MLX {mode}", pack, group_size=group, bits=bits, mode=mode)
    metal = _of(_affine, 4, 64, "qbiases")
    yield _row("metal 4 bit", metal, quant_method="metal", bits=4, group_size=64)
