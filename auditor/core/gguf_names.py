"""What the name of a GGUF file says: its quantisation, and whether it is a model at all.

    llama-2-7b-chat.Q4_K_M.gguf                            Q4_K_M
    UD-Q4_K_XL/DeepSeek-R1-UD-Q4_K_XL-00001-of-00009.gguf  UD-Q4_K_XL
    qwen2.5-7b-instruct-fp16.gguf                          FP16
    gpt-oss-20b-mxfp4.gguf                                 MXFP4
    mmproj-model-f16.gguf                                  a vision or audio encoder

Names are a custom and no rule: the types of ggml and their mixtures (llama.cpp, llama_ftype), those
of ik_llama.cpp, and Unsloth's `UD-` and further sizes.
"""

import re
from typing import Final

_SIZES: Final = "XXS|XS|S|M|L|XL|XXL"
_QUANTISATION: Final = re.compile(
    rf"""
    (?<![A-Za-z0-9])                                    # a word of its own, or after a _
    (?: (?:UD-)? (?:
          I?Q\d_ (?:K|NL|0_[48]_[48]|[01]) (?:_(?:{_SIZES}))?   # Q4_K_M, Q8_0, IQ4_NL, Q4_0_4_8
        | IQ\d_ (?:{_SIZES}|KSS|KS|KT|KL|BN)                 # IQ3_XXS, ik_llama.cpp's IQ4_KS
        | TQ\d_\d | I2_S | NVFP4 | MXFP4 (?:_MOE)?
        | B?F16 | F32 | F64 | FP16 | FP32
        | Q[2-8]                                             # Microsoft's `-q4`
        ) (?:_R\d{{1,2}})?                                   # interleaved rows of ik_llama.cpp
    )
    (?![A-Za-z0-9])
    """,
    re.VERBOSE | re.IGNORECASE,
)

_AUXILIARY: Final = tuple(
    (re.compile(f"(?:{pattern})[^/]*$"), reason)
    # in a path of small letters with a / before it; why such a file is no model
    for pattern, reason in (
        (
            r"(?<![a-z0-9])mm[-_]?proj(?![a-z0-9])",
            "an encoder of images or sound, which goes beside the language model",
        ),
        (
            r"/(?:ggml-)?(?:lora|adapter)[-_.]|[-_.](?:lora|adapter)(?:[-_.](?:b?f16|fp16|f32))?\.gguf",
            "an adapter, which goes on top of the model",
        ),
        (
            r"/imatrix(?![a-z0-9])|(?<![a-z0-9])imatrix\.gguf",
            "an importance matrix, by which quantisations are made",
        ),
        (r"/ggml-vocab-|[-_.]vocab(?:-only)?\.gguf", "a vocabulary without a model"),
        (
            r"/(?:mtp|dflash|dspark|eagle3?)-|/(?:mtp|dspark)/",
            "a draft of a few layers, which guesses for the model",
        ),
    )
)


def quantisation_of(path: str) -> str:
    """The quantisation that `path` names, in capitals (`Q4_K_M`); empty where it names none.

    The last such word is taken (as @huggingface/tasks does), of the file's own name before its
    folders'.
    """
    found = _QUANTISATION.findall(path)
    return found[-1].upper() if found else ""


def is_auxiliary(path: str) -> str:
    """Why the GGUF file at `path` is no model by its name; empty where it may be one."""
    lowered = "/" + path.lower()
    return next((reason for pattern, reason in _AUXILIARY if pattern.search(lowered)), "")
