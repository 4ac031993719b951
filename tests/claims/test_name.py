import pytest

from auditor.claims import name
from auditor.core.claims import ClaimSource, Published, Scope
from auditor.core.repository import Origin, RepoFile, Repository

MILLION = 10**6
BILLION = 10**9


def sizes(repo_id: str, *paths: str) -> dict[Scope, int]:
    files = tuple(RepoFile(path=path, size_bytes=1) for path in paths)
    repository = Repository(
        repo_id=repo_id,
        requested=repo_id,
        revision=None,
        commit=None,
        origin=Origin.MEMORY,
        files=files,
    )
    claims = name.read(Published(repository=repository))
    assert all(claim.label and claim.source is ClaimSource.NAME for claim in claims)
    return {claim.scope: claim.quantity.value for claim in claims}


@pytest.mark.parametrize(
    ("repo_id", "total"),
    [
        ("meta-llama/Llama-2-7b-hf", 7 * BILLION),
        ("Qwen/Qwen2.5-0.5B-Instruct", 500 * MILLION),
        ("facebook/opt-350m", 350 * MILLION),
        ("EleutherAI/gpt-neo-1.3B", 1_300 * MILLION),
        ("bigscience/bloomz-7b1", 7_100 * MILLION),
        ("internlm/internlm2-1_8b", 1_800 * MILLION),
        ("openlm-research/open_llama_3b_v2", 3 * BILLION),
        ("facebook/esm2_t33_650M_UR50D", 650 * MILLION),
        ("Qwen/Qwen2.5-7B-Instruct-1M", 7 * BILLION),  # the 1M is its context
        ("microsoft/BitNet-b1.58-2B-4T", 2 * BILLION),  # trained on 4T tokens
        ("casperhansen/llama-3-70b-instruct-awq-4bit", 70 * BILLION),
        ("/models/llama/Llama-3.2-1B/", 1 * BILLION),
        ("stabilityai/stablelm-3b-4e1t", 3 * BILLION),  # four epochs of a trillion tokens
        ("TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T", 1_100 * MILLION),
        ("EleutherAI/pythia-1.4b-deduped-v0", 1_400 * MILLION),
        ("facebook/m2m100_418M", 418 * MILLION),
        ("Efficient-Large-Model/Sana_1600M_1024px", 1_600 * MILLION),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", 49 * BILLION),
        ("minishlab/potion-base-8M", 8 * MILLION),
        ("RWKV/v6-Finch-1B6-HF", 1_600 * MILLION),
        ("inclusionAI/Ling-1T", 1_000 * BILLION),
        ("turboderp/Llama-3.1-8B-Instruct-exl2-4.0bpw", 8 * BILLION),
    ],
)
def test_a_size_in_the_name_is_a_label_of_the_total(repo_id: str, total: int) -> None:
    assert sizes(repo_id) == {Scope.TOTAL: total}


@pytest.mark.parametrize(
    ("repo_id", "expected"),
    [
        ("Qwen/Qwen3-30B-A3B", {Scope.TOTAL: 30 * BILLION, Scope.ACTIVE: 3 * BILLION}),
        ("Qwen/Qwen1.5-MoE-A2.7B", {Scope.ACTIVE: 2_700 * MILLION}),
        (
            "ibm-granite/granite-3.1-3b-a800m-base",
            {Scope.TOTAL: 3 * BILLION, Scope.ACTIVE: 800 * MILLION},
        ),
        ("meta-llama/Llama-4-Scout-17B-16E", {Scope.ACTIVE: 17 * BILLION}),
        ("tencent/Hunyuan-A13B-Instruct", {Scope.ACTIVE: 13 * BILLION}),
        (
            "baidu/ERNIE-4.5-300B-A47B-Base-PT",
            {Scope.TOTAL: 300 * BILLION, Scope.ACTIVE: 47 * BILLION},
        ),
    ],
)
def test_active_sizes_are_labels_of_the_active_parameters(
    repo_id: str, expected: dict[Scope, int]
) -> None:
    assert sizes(repo_id) == expected


@pytest.mark.parametrize(
    "repo_id",
    [
        "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "lmsys/vicuna-v1.5",
        "meta-llama/Llama-3.1-Instruct",
        "example/model-4bit-128k",
        "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
        "facebook/metaclip-b32-400m",
        "nyu-mll/roberta-base-1B-1",
        "nyu-mll/roberta-med-small-1M-2",
        "microsoft/phi-1_5",
        "google/t5-v1_1-xxl",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "microsoft/Phi-3-mini-128k-instruct",
        "openbmb/MiniCPM-MoE-8x2B",
        "Salesforce/blip2-opt-2.7b",
        "apple/DFN5B-CLIP-ViT-H-14-378",
        "google/siglip-so400m-patch14-384",
        "google/bert_uncased_L-12_H-768_A-12",
        "facebook/wav2vec2-base-960h",
        "openai/clip-vit-large-patch14-336",
        "deepseek-ai/DeepSeek-V3",
        "google/switch-c-2048",
        "example/mpt-1b-redpajama-200b",  # a size and a number of tokens: which is which?
        "allenai/OLMoE-1B-7B-0924",
        "example/eagle3-llama-8b",
        "example/llama-7b-lora",
        "example/llama_2_7B_or_3_8b",
        "",
    ],
)
def test_what_is_no_size_of_the_model_or_could_be_two_is_not_read(repo_id: str) -> None:
    assert sizes(repo_id) == {}


def test_an_effective_size_is_no_count_of_the_file() -> None:
    repository = Repository(
        repo_id="google/gemma-3n-E4B-it",
        requested="google/gemma-3n-E4B-it",
        revision=None,
        commit=None,
        origin=Origin.MEMORY,
        files=(),
    )
    (claim,) = name.read(Published(repository=repository))
    assert (claim.quantity.value, claim.scope, claim.detail) == (
        4 * BILLION,
        Scope.COMPONENT,
        "effective",
    )


def test_an_adapter_is_named_after_the_model_that_it_adapts() -> None:
    assert sizes("me/llama-2-7b-chatty", "adapter_config.json", "adapter_model.safetensors") == {}


def test_a_name_of_a_million_characters_is_read_no_further_than_an_id_can_go() -> None:
    assert sizes("a/" + "x-" * 10**6 + "7b") == {}
