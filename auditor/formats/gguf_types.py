"""The numbers by which GGUF files name their types, and what to make of a number not in the table.

The numbers are ggml's (ggml/include/ggml.h, enum ggml_type). Forks of llama.cpp have added their
own, above ggml's or in its gaps, and ggml has since filled some of the gaps. In all of them a shape
says how many weights there are, whatever the type: so the count is known, and the bytes are those
up to where the next tensor begins.
"""

from functools import lru_cache
from typing import Final

from auditor.core.dtypes import DTYPES, Dtype, Kind

_NAMES: Final = {
    **dict(enumerate("F32 F16 Q4_0 Q4_1".split())),
    **dict(enumerate("Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K".split(), start=6)),
    **dict(enumerate("IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ2_S IQ4_XS".split(), start=16)),
    **dict(enumerate("I8 I16 I32 I64 F64 IQ1_M BF16".split(), start=24)),
    **dict(enumerate("Q4_0_4_4 Q4_0_4_8 Q4_0_8_8 TQ1_0 TQ2_0".split(), start=31)),
    **dict(enumerate("IQ4_NL_4_4 IQ4_NL_4_8 IQ4_NL_8_8".split(), start=36)),
    **dict(enumerate("MXFP4 NVFP4 Q1_0 Q2_0".split(), start=39)),
}
# The first that fits the file is taken. Q8_1's two scales were of 32 bits, and are so in gguf-py.
TYPES: Final[dict[int, tuple[Dtype, ...]]] = {
    number: (DTYPES[name],) for number, name in _NAMES.items()
} | {9: (DTYPES["Q8_1"], DTYPES["Q8_1_F32"])}

# From here on forks have used ggml's numbers for types of their own: ik_llama.cpp at first 34 to
# 37, bitnet.cpp 36 and more, others whatever came after ggml's last.
FIRST_SHARED: Final = 34
MAX_TYPE: Final = 1_023  # the highest known is ik_llama.cpp's 399

# Types of forks, which files are named after: ik_llama.cpp, ggml/include/ggml.h. Their sizes are
# not in here, as rows and tensors have scales of their own.
_FORKS: Final = {
    36: "I2_S",
    133: "Q6_0",
    134: "IQ1_BN",
    135: "IQ2_BN",
    137: "IQ2_K",
    138: "IQ3_K",
    139: "IQ4_K",
    140: "IQ5_K",
    141: "IQ6_K",
    144: "IQ4_KS",
    145: "IQ2_KS",
    146: "IQ4_KSS",
    151: "Q8_KV",
    152: "IQ5_KS",
    153: "IQ2_KT",
    154: "IQ3_KT",
    155: "IQ4_KT",
    156: "IQ3_KS",
    157: "IQ2_KL",
    158: "IQ1_KT",
    202: "Q4_0_R8",
    206: "Q5_0_R4",
    208: "Q8_0_R8",
    210: "Q2_K_R4",
    211: "Q3_K_R4",
    212: "Q4_K_R4",
    213: "Q5_K_R4",
    214: "Q6_K_R4",
    216: "IQ2_XXS_R4",
    217: "IQ2_XS_R4",
    218: "IQ3_XXS_R4",
    219: "IQ1_S_R4",
    220: "IQ4_NL_R4",
    221: "IQ3_S_R4",
    222: "IQ2_S_R4",
    223: "IQ4_XS_R8",
    229: "IQ1_M_R4",
    230: "BF16_R16",
    233: "Q6_0_R4",
    335: "IQ2_BN_R4",
    337: "IQ2_K_R4",
    338: "IQ3_K_R4",
    339: "IQ4_K_R4",
    340: "IQ5_K_R4",
    344: "IQ4_KS_R4",
    398: "Q8_KV_R8",
    399: "Q8_K_R8",
}

_FEWEST_BITS: Final = 1  # of a weight: no packing holds it in less
_MOST_BITS: Final = 64


def name_of(number: int) -> str:
    """What a type that is not ggml's is called."""
    return _FORKS.get(number, f"ggml type {number}")


def may_hold(elements: int, stored_bytes: int, alignment: int) -> bool:
    """Whether so many weights can be in so many bytes, which may be padded to the alignment."""
    bits = 8 * stored_bytes
    return _FEWEST_BITS * elements <= bits <= _MOST_BITS * elements + 8 * (alignment - 1)


@lru_cache(maxsize=4_096)  # the same object for the same size: dtypes are compared by identity
def inferred(number: int, elements: int, stored_bytes: int) -> Dtype:
    """A dtype of which so many elements fill so many bytes, as far as the file tells."""
    return Dtype(
        name=name_of(number),
        kind=Kind.FLOAT,
        block_elements=max(elements, 1),
        block_bytes=stored_bytes,
        source="the place of the next tensor in the file",
    )
