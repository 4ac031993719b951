"""Two layers in every packing: names, dtypes and shapes, which the tests of the packings make.

q_proj has 4,096 x 4,096 parameters and k_proj 1,024 x 4,096. The source of each packing's shapes is
cited where the test, or the module that it tests, describes them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    contents: Contents
    entry: Callable[[int], str] | None


def packings() -> Iterator[Packing]:
    for family in (_gptq, _awq, _bitsandbytes, _compressed_tensors, _sparse, _floats, _modelopt):
        yield from family()
    for family in (_torchao, _hqq, _quanto, _tables, _padded, _mlx):
        yield from family()


def _row(
    name: str,
    pack: Pack,
    contents: Contents = lambda _: {},
    entry: Callable[[int], str] | None = None,
    **section: Any,  # noqa: ANN401 - as a config has it
) -> Packing:
    return Packing(name, pack, section, contents, entry)


def _of(shape: Callable[..., Tensors], *settings: Any, **named: Any) -> Pack:  # noqa: ANN401 - passed on
    """What `shape` makes of rows and 4,096 columns; by suffixes, where it made a module `a`."""
    return lambda out: _bare(shape(out, _IN, *settings, **named))


def _bare(tensors: Tensors) -> Tensors:
    return {name.removeprefix("a."): stored for name, stored in tensors.items()}


def _is(**row: tuple[str, Sequence[Any]]) -> Pack:
    """Shapes with "out" for the rows, "out/8" for a part of them and "2*out" for a multiple."""
    return _written(row)


def _written(row: Mapping[str, tuple[str, Sequence[Any]]]) -> Pack:
    def size(side: Any, out: int) -> int:  # noqa: ANN401 - a number, or the name of one
        named = {"out": out, "blocks": out // 128, "out/2": out // 2, "out/8": out // 8}
        return named[side] if isinstance(side, str) else int(side)

    return lambda out: {s: (dtype, [size(n, out) for n in shape]) for s, (dtype, shape) in row.items()}


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
    said = {"quant_method": "awq", "bits": 4, "group_size": 128}
    for shape in (awq.gemm, awq.gemv, awq.gemv_fast, awq.llm_awq, awq.marlin):
        yield _row(f"AWQ {shape.__name__}", _of(shape), **said, version=shape.__name__)


def _bitsandbytes() -> Iterator[Packing]:
    def nf4(dtype: str, *, nested: bool) -> Pack:
        def pack(out: int) -> Tensors:
            stored = bnb.four_bit(out * _IN, dtype, nested=nested)
            return {**stored, bnb.STATE: ("U8", [len(bnb.state_of(out, _IN))])}

        return pack

    said = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    for dtype in ("U8", "BF16", "F32"):
        for nested in (True, False):
            name = f"bitsandbytes nf4 in {dtype}{', double quantisation' if nested else ''}"
            state: Contents = lambda out: {bnb.STATE: bnb.state_of(out, _IN)}  # noqa: E731
            yield _row(name, nf4(dtype, nested=nested), state, **said)
    said = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    yield _row("bitsandbytes int8", _of(bnb.eight_bit), **said)


def _compressed_tensors() -> Iterator[Packing]:
    shape: Contents = lambda out: {"weight_shape": words.numbers(out, _IN)}  # noqa: E731
    for bits in (2, 3, 4, 8):
        dense = words.dense_words(_IN, bits)
        pack: Pack = lambda out, n=dense: _bare(words.packed(out, n, 32))  # type: ignore[misc]  # noqa: E731
        yield _row(f"compressed-tensors int{bits}", pack, shape, **words.scheme(bits, 128))
    old: Pack = lambda out: _bare(words.packed(out, words.padded_words(_IN, 3), 32))  # noqa: E731
    yield _row("compressed-tensors int3 before 0.17", old, shape, **words.scheme(3, 128))
    rows: Pack = lambda out: _bare(words.packed(out, 512, 1))  # noqa: E731
    yield _row("compressed-tensors int4 by channel", rows, shape, **words.scheme(4))
    pack = _is(weight=("I8", ["out", _IN]), weight_scale=("BF16", ["out", 1]))
    yield _row("compressed-tensors W8A8", pack, **integers.COMPRESSED_TENSORS)
