"""NumPy's dtypes under the names that its files and Flax's give them."""

import re
from collections.abc import Mapping
from typing import Final

from auditor.core.dtypes import DTYPES, Dtype

# numpy.dtype.name, and those of the package ml_dtypes. Its 4-bit numbers take a byte each.
BY_NAME: Final[Mapping[str, Dtype]] = {
    "bool": DTYPES["BOOL"],
    "bool_": DTYPES["BOOL"],
    "int8": DTYPES["I8"],
    "int16": DTYPES["I16"],
    "int32": DTYPES["I32"],
    "int64": DTYPES["I64"],
    "uint8": DTYPES["U8"],
    "uint16": DTYPES["U16"],
    "uint32": DTYPES["U32"],
    "uint64": DTYPES["U64"],
    "float16": DTYPES["F16"],
    "float32": DTYPES["F32"],
    "float64": DTYPES["F64"],
    "complex64": DTYPES["C64"],
    "complex128": DTYPES["C128"],
    "bfloat16": DTYPES["BF16"],
    "float8_e4m3fn": DTYPES["F8_E4M3"],
    "float8_e4m3fnuz": DTYPES["F8_E4M3FNUZ"],
    "float8_e5m2": DTYPES["F8_E5M2"],
    "float8_e5m2fnuz": DTYPES["F8_E5M2FNUZ"],
    "float8_e8m0fnu": DTYPES["F8_E8M0"],
    "int4": DTYPES["I8"],
    "uint4": DTYPES["U8"],
    "void16": DTYPES["BF16"],  # two bytes that NumPy knows no kind for, as which it saves bfloat16
}

# The kinds of numpy's array interface with bits for bytes: `<f4` is float32.
_KINDS: Final = {"f": "float", "i": "int", "u": "uint", "c": "complex", "b": "bool", "V": "void"}
_TYPE: Final = re.compile(r"[<>|=]?(?P<kind>[fiucbV])(?P<size>[1-9]\d?)")


def of_type(text: str) -> Dtype | None:
    """The dtype of an array interface's type string; None for one that is no plain number."""
    found = _TYPE.fullmatch(text)
    if found is None:
        return BY_NAME.get(text)
    kind = _KINDS[found["kind"]]
    return BY_NAME.get(kind if kind == "bool" else f"{kind}{8 * int(found['size'])}")
