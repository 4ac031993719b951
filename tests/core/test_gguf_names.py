"""The quantisation in the names of GGUF files, as those who publish them write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.gguf_names import is_auxiliary, quantisation_of

NAMES = {
    # TheBloke
    "llama-2-7b-chat.Q4_K_M.gguf": "Q4_K_M",
    "llama-2-7b-chat.Q2_K.gguf": "Q2_K",
    "llama-2-7b-chat.Q5_0.gguf": "Q5_0",
    "mixtral-8x7b-instruct-v0.1.Q3_K_M.gguf": "Q3_K_M",
    # before they were written in capitals
    "llama-2-7b.q4_K_M.gguf": "Q4_K_M",
    # bartowski
    "Meta-Llama-3.1-8B-Instruct-IQ4_XS.gguf": "IQ4_XS",
    "Meta-Llama-3.1-8B-Instruct-IQ3_XXS.gguf": "IQ3_XXS",
    "Meta-Llama-3.1-8B-Instruct-Q3_K_XL.gguf": "Q3_K_XL",
    "Meta-Llama-3.1-8B-Instruct-Q6_K_L.gguf": "Q6_K_L",
    "Meta-Llama-3.1-8B-Instruct-Q4_0_4_8.gguf": "Q4_0_4_8",
    "Meta-Llama-3.1-8B-Instruct-f32.gguf": "F32",
    "google_gemma-3-4b-it-bf16.gguf": "BF16",
    "Qwen-Q8_0/Qwen-Q8_0-00001-of-00003.gguf": "Q8_0",
    # mradermacher
    "Model-8B.i1-IQ2_XXS.gguf": "IQ2_XXS",
    "Model-8B.IQ4_NL.gguf": "IQ4_NL",
    "Model-8B.f16.gguf": "F16",
    # unsloth
    "UD-Q4_K_XL/model-UD-Q4_K_XL-00001-of-00003.gguf": "UD-Q4_K_XL",
    "DeepSeek-R1-UD-IQ1_S/DeepSeek-R1-UD-IQ1_S-00001-of-00003.gguf": "UD-IQ1_S",
    "BF16/Qwen3-BF16-00001-of-00030.gguf": "BF16",
    "Qwen3-30B-A3B-UD-TQ1_0.gguf": "UD-TQ1_0",
    "unsloth.Q8_0.gguf": "Q8_0",
    # ggml-org, LM Studio
    "gpt-oss-20b-mxfp4.gguf": "MXFP4",
    "gpt-oss-20b-MXFP4_MOE.gguf": "MXFP4_MOE",
    "gemma-3-4b-it-Q4_K_M.gguf": "Q4_K_M",
    "stories260K.gguf": "",
    # Qwen, Microsoft, Google, PrismML
    "qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf": "Q4_K_M",
    "qwen2.5-7b-instruct-fp16-00001-of-00004.gguf": "FP16",
    "Phi-3-mini-4k-instruct-q4.gguf": "Q4",
    "ggml-model-i2_s.gguf": "I2_S",
    "gemma-3-4b-it-q4_0.gguf": "Q4_0",
    "Bonsai-8B-Q1_0.gguf": "Q1_0",
    # ik_llama.cpp
    "DeepSeek-V3-0324-IQ4_KSS-00001-of-00005.gguf": "IQ4_KSS",
    "Kimi-K2-smol-IQ2_KS.gguf": "IQ2_KS",
    "DeepSeek-R1-IQ4_K_R4-00001-of-00010.gguf": "IQ4_K_R4",
    # more words than one, and none at all
    "Model.f16.q4_k.gguf": "Q4_K",
    "Model-Q4_K_M-imat.gguf": "Q4_K_M",
    "model_q8_0.gguf": "Q8_0",
    "Q4_K_M/model-00001-of-00003.gguf": "Q4_K_M",
    "Q8_0/model-Q4_K_M.gguf": "Q4_K_M",
    "model.gguf": "",
    "Q4bot.gguf": "",
    "if16x.gguf": "",
    "Qwen2-7B-Instruct.gguf": "",
    "model-2026Q4.gguf": "",
}


@pytest.mark.parametrize("path", NAMES)
def test_the_last_quantisation_in_the_name_is_found(path: str) -> None:
    assert quantisation_of(path) == NAMES[path]


@given(st.text(max_size=60))
def test_what_is_found_stands_in_the_name(path: str) -> None:
    found = quantisation_of(path)
    assert found in path.upper() or found.lower() in path.lower()


AUXILIARY = {
    "mmproj-model-f16.gguf": "an encoder of images or sound",
    "mmproj-BF16.gguf": "an encoder of images or sound",
    "gemma/mmproj-google_gemma-3-4b-it-f16.gguf": "an encoder of images or sound",
    "llava-llama-3-8b-v1_1-mmproj-f16.gguf": "an encoder of images or sound",
    "Qwen2.5-VL-7B.mmproj-Q8_0.gguf": "an encoder of images or sound",
    "my-lora.gguf": "an adapter",
    "My-LoRA-F16.gguf": "an adapter",
    "ggml-adapter-model.gguf": "an adapter",
    "imatrix.gguf": "an importance matrix",
    "imatrix_unsloth.gguf": "an importance matrix",
    "Meta-Llama-3-8B-imatrix.gguf": "an importance matrix",
    "models/ggml-vocab-llama-bpe.gguf": "a vocabulary without a model",
    "llama-vocab-only.gguf": "a vocabulary without a model",
    "mtp-gemma-4-31B-it.gguf": "a draft",
    "MTP/gemma-4-31B-it-Q8_0-MTP.gguf": "a draft",
    "dflash-Qwen3.6-27B.gguf": "a draft",
}
MODELS = (
    "llama-2-7b-chat.Q4_K_M.gguf",
    "gpt4-alpaca-lora-30B.Q4_K_M.gguf",  # merged long ago
    "alpaca-lora-7b.q4_0.gguf",
    "Model-7B-imatrix-Q4_K_M.gguf",  # quantised by one
    "Qwen3.6-27B-MTP-Q4_K_M.gguf",  # with the module inside
    "mmproject-7b.gguf",
    "mmproj-files/llama-7b-Q4_0.gguf",
    "lora/llama-7b-Q4_0.gguf",
)


@pytest.mark.parametrize("path", AUXILIARY)
def test_a_file_that_is_no_model_says_why(path: str) -> None:
    assert is_auxiliary(path).startswith(AUXILIARY[path])


@pytest.mark.parametrize("path", [*MODELS, *NAMES])
def test_a_model_is_none_of_these(path: str) -> None:
    assert is_auxiliary(path) == ""
