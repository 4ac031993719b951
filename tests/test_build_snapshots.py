"""The shipped snapshots: rebuilt, held against published totals, read by safetensors itself."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from importlib import import_module
from importlib.resources import files
from math import prod
from pathlib import Path
from types import ModuleType

import pytest
from safetensors import safe_open

from auditor.core.identity import HubRef
from auditor.core.repository import Origin
from auditor.core.tensors import Span
from auditor.sources.snapshot import ReplayedRepository, SnapshotSource, shipped_snapshots

SCRIPTS = Path(__file__).parents[1] / "scripts"
BERT_BASE = "google-bert/bert-base-uncased"
BERT_LARGE = "google-bert/bert-large-uncased"
GPT2 = "openai-community/gpt2"
ROBERTA = "FacebookAI/roberta-base"
MISTRAL = "mistralai/Mistral-7B-v0.3"
PIPELINE = "CompVis/stable-diffusion-v1-4"

# Of a layer of BERT or CLIP: four square matrices with biases, two matrices of the feed-forward
# network with biases, two norms of two vectors.
BASE_LAYER = 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
LARGE_LAYER = 4 * (1024 * 1024 + 1024) + 2 * 1024 * 4096 + 4096 + 1024 + 4 * 1024

# Of a GPT-2 layer, its mask of 1,024 x 1,024 included.
GPT2_LAYER = 768 * 2304 + 2304 + 768 * 768 + 768 + 2 * 768 * 3072 + 3072 + 768 + 4 * 768 + 1024**2

# Of a Mistral layer: queries and output, keys and values of 8 heads, three matrices of the
# feed-forward network, two norms.
MISTRAL_LAYER = 2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 14336 * 4096 + 2 * 4096

STORED = {
    # embeddings, layers, pooler, heads: transform, norm, bias, next sentence
    BERT_BASE: {
        "F32": (30522 + 512 + 2 + 2) * 768
        + 12 * BASE_LAYER
        + (768 + 1) * 768
        + (768 + 1) * 768
        + (2 * 768 + 30522 + 2 * 768 + 2)
    },
    BERT_LARGE: {
        "F32": (30522 + 512 + 2 + 2) * 1024
        + 24 * LARGE_LAYER
        + 1_049_600
        + (1_049_600 + 2_048 + 30_522 + 2_050)
    },
    GPT2: {"F32": (50257 + 1024 + 2) * 768 + 12 * GPT2_LAYER},
    # embeddings, layers, head: bias, dense, norm; the positions are numbers
    ROBERTA: {
        "F32": (50265 + 514 + 1 + 2) * 768 + 12 * BASE_LAYER + 50265 + 769 * 768 + 2 * 768,
        "I64": 514,
    },
    MISTRAL: {"BF16": 2 * 32768 * 4096 + 32 * MISTRAL_LAYER + 4096},
}
PUBLISHED = {
    BERT_BASE: 110_106_428,
    BERT_LARGE: 336_226_108,
    GPT2: 137_022_720,
    ROBERTA: 124_697_433 + 514,
    MISTRAL: 7_248_023_552,
}

# Of each model of the pipeline: what is stored by dtype, and the size of a published file that
# holds the same tensors.
PARTS = {
    # huggingface.js parse-safetensors-metadata.spec.ts; the LFS pointer of a mirror
    "unet/diffusion_pytorch_model.safetensors": ({"F32": 859_520_964}, 3_438_167_536),
    # tokens and positions, layers, last norm; positions as numbers. stable-diffusion-xl-base-0.9
    "text_encoder/model.safetensors": (
        {"F32": (49408 + 77) * 768 + 12 * BASE_LAYER + 2 * 768, "I64": 77},
        492_265_880,
    ),
    # forums.fast.ai, topic 101515; stabilityai/sd-vae-ft-mse
    "vae/diffusion_pytorch_model.safetensors": ({"F32": 83_653_863}, 334_643_276),
    # class, patches, positions, layers, two norms; projection; 20 concepts with thresholds; the
    # positions as numbers. vinesmsuic/magicbrush-jul7
    "safety_checker/model.safetensors": (
        {
            "F32": (1 + 3 * 14 * 14 + 257) * 1024
            + 24 * LARGE_LAYER
            + 4 * 1024
            + 768 * 1024
            + 20 * (768 + 1),
            "I64": 257,
        },
        1_215_981_832,
    ),
}
THREE = 859_520_964 + 123_060_480 + 83_653_863  # all but the safety checker


def shipped(repo_id: str) -> ReplayedRepository:
    return asyncio.run(SnapshotSource(*shipped_snapshots()).open(HubRef(repo_id=repo_id)))


def weight_paths(model: ReplayedRepository) -> list[str]:
    """The weight files that are held: Mistral's own is only listed."""
    paths = [file.path for file in model.repository.files]
    return [path for path in paths if path.endswith(".safetensors") and "consolidated" not in path]


def stored(model: ReplayedRepository, paths: list[str], folder: Path) -> Counter[str]:
    """Elements by dtype, as safetensors itself finds them."""
    counted: Counter[str] = Counter()
    for path in paths:
        with safe_open(sparse_copy(model, path, folder), framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                tensor = file.get_slice(name)
                counted[tensor.get_dtype()] += prod(tensor.get_shape())
    return counted


def sparse_copy(model: ReplayedRepository, path: str, folder: Path) -> Path:
    """The file on disk, its zeros left as a hole."""
    size_bytes = model.repository.file(path).size_bytes  # type: ignore[union-attr]
    assert size_bytes is not None
    length = int.from_bytes(asyncio.run(model.read_span(path, Span(0, 8))), "little")
    copy = folder / path.replace("/", "-")
    with copy.open("wb") as stream:
        stream.write(asyncio.run(model.read_span(path, Span(0, 8 + length))))
        stream.truncate(size_bytes)
    return copy


def small_file(model: ReplayedRepository, path: str) -> dict[str, object]:
    text = asyncio.run(model.read_file(path, limit_bytes=100_000))
    parsed: dict[str, object] = json.loads(text)
    return parsed


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return scripts_module("reconstructed.recordings", monkeypatch)


def scripts_module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module(name)


def test_what_is_shipped_is_what_the_script_builds() -> None:
    """Behind the gzip, that is: what zlib makes of it differs between its versions."""
    command = [sys.executable, str(SCRIPTS / "build_snapshots.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_shipped_is_small() -> None:
    sizes = [
        len(entry.read_bytes()) for entry in files("auditor.data").iterdir() if entry.is_file()
    ]
    assert sum(sizes) < 100_000


@pytest.mark.parametrize("repo_id", STORED)
def test_safetensors_itself_reads_every_file_and_finds_the_published_total(
    repo_id: str, tmp_path: Path
) -> None:
    model = shipped(repo_id)
    counted = stored(model, weight_paths(model), tmp_path)
    assert counted == STORED[repo_id]
    assert counted.total() == PUBLISHED[repo_id]


@pytest.mark.parametrize("path", PARTS)
def test_every_model_of_the_pipeline_has_its_published_total_and_size(
    path: str, tmp_path: Path
) -> None:
    model = shipped(PIPELINE)
    of_its_own, size_bytes = PARTS[path]
    assert stored(model, [path], tmp_path) == of_its_own
    assert model.repository.file(path).size_bytes == size_bytes  # type: ignore[union-attr]


def test_the_pipeline_says_what_its_folders_are() -> None:
    model = shipped(PIPELINE)
    assert sorted(PARTS) == weight_paths(model)
    index = small_file(model, "model_index.json")
    assert index["_class_name"] == "StableDiffusionPipeline"
    named = {path.partition("/")[0] for path in PARTS}
    assert index.keys() - named == {
        *("_class_name", "_diffusers_version"),
        *("feature_extractor", "scheduler", "tokenizer"),  # no weights
    }
    for folder in named:
        config = small_file(model, f"{folder}/config.json")
        classes = [config.get("_class_name"), *config.get("architectures", [])]  # type: ignore[misc]
        assert index[folder][1] in classes  # type: ignore[index]


def test_the_pipelines_names_are_those_of_its_time(tmp_path: Path) -> None:
    """diffusers before 0.16 and transformers before 4.31 wrote them."""
    names: set[str] = set()
    for path in PARTS:
        copy = sparse_copy(shipped(PIPELINE), path, tmp_path)
        with safe_open(copy, framework="numpy") as file:
            names |= {f"{path.partition('/')[0]}/{name}" for name in file.keys()}  # noqa: SIM118 - not a mapping
    assert names >= {
        "unet/up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_out.0.bias",
        "vae/decoder.mid_block.attentions.0.proj_attn.weight",
        "vae/encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
        "text_encoder/text_model.embeddings.position_ids",
        "safety_checker/vision_model.vision_model.pre_layrnorm.weight",
        "safety_checker/special_care_embeds_weights",
    }
    assert "unet/down_blocks.3.attentions.0.norm.weight" not in names  # the innermost attends not


@pytest.mark.parametrize("repo_id", [*STORED, PIPELINE])
def test_a_reconstruction_invents_no_commit_no_hash_and_no_card(repo_id: str) -> None:
    repository = shipped(repo_id).repository
    assert repository.commit is None
    assert repository.origin is Origin.SNAPSHOT_RECONSTRUCTED
    assert {file.oid for file in repository.files} == {None}
    assert repository.file("README.md") is None
    assert f"{PUBLISHED.get(repo_id, THREE):,}" in repository.note


@pytest.mark.parametrize("repo_id", [BERT_BASE, BERT_LARGE, GPT2, ROBERTA])
def test_the_hubs_figure_is_the_one_that_a_source_quotes(repo_id: str) -> None:
    hub = shipped(repo_id).repository.hub
    assert hub is not None
    assert (hub.total, hub.parameters) == (PUBLISHED[repo_id], STORED[repo_id])


@pytest.mark.parametrize("repo_id", [MISTRAL, PIPELINE])
def test_the_hubs_figure_is_unknown_where_no_source_quotes_it(repo_id: str) -> None:
    assert shipped(repo_id).repository.hub is None


def test_files_have_the_size_of_the_published_ones() -> None:
    assert shipped(BERT_BASE).repository.file("model.safetensors").size_bytes == 440_449_768  # type: ignore[union-attr]
    sizes = {file.path: file.size_bytes for file in shipped(MISTRAL).repository.files}
    assert [sizes[path] for path in weight_paths(shipped(MISTRAL))] == [
        4_949_453_792,
        4_999_819_336,
        4_546_807_800,
    ]
    assert sizes["model.safetensors.index.json"] == 23_950


def test_the_index_of_the_sharded_model_names_the_tensors_of_each_shard(tmp_path: Path) -> None:
    model = shipped(MISTRAL)
    index = small_file(model, "model.safetensors.index.json")
    assert index["metadata"] == {"total_size": 2 * PUBLISHED[MISTRAL]}  # two bytes each
    found: dict[str, str] = {}
    for path in weight_paths(model):
        with safe_open(sparse_copy(model, path, tmp_path), framework="numpy") as file:
            found |= dict.fromkeys(file.keys(), path)
    assert index["weight_map"] == found
    assert len(found) == 291


def test_the_names_are_those_of_the_real_files(tmp_path: Path) -> None:
    names = {}
    for repo_id in (BERT_LARGE, GPT2, ROBERTA):
        copy = sparse_copy(shipped(repo_id), "model.safetensors", tmp_path)
        with safe_open(copy, framework="numpy") as file:
            names[repo_id] = set(file.keys())
    assert "bert.embeddings.LayerNorm.beta" in names[BERT_LARGE]
    assert "bert.encoder.layer.23.output.dense.bias" in names[BERT_LARGE]
    assert "cls.predictions.decoder.weight" not in names[BERT_LARGE]
    assert "h.11.attn.bias" in names[GPT2]
    assert "lm_head.weight" not in names[GPT2]
    assert "roberta.embeddings.position_ids" in names[ROBERTA]
    assert "lm_head.decoder.weight" not in names[ROBERTA]
    assert [len(names[repo_id]) for repo_id in (BERT_LARGE, GPT2, ROBERTA)] == [
        5 + 24 * 16 + 2 + 7,  # embeddings, layers, pooler, heads
        2 + 12 * 13 + 2,  # embeddings, layers with a mask each, last norm
        1 + 5 + 12 * 16 + 5,  # positions, embeddings, layers, head
    ]


def test_the_configs_are_json_with_the_published_hyperparameters() -> None:
    config = small_file(shipped(BERT_LARGE), "config.json")
    assert (config["model_type"], config["hidden_size"], config["num_hidden_layers"]) == (
        "bert",
        1024,
        24,
    )


def test_a_total_that_does_not_come_out_stops_the_script(recordings: ModuleType) -> None:
    model = import_module("reconstructed").MODELS[0]
    wrong = replace(model, published=(replace(model.published[0], elements=110_106_429),))
    with pytest.raises(ValueError, match=r"110,106,428, 110,106,429 in huggingface\.js"):
        recordings.recording(wrong)


def test_a_file_size_that_does_not_come_out_stops_the_script(recordings: ModuleType) -> None:
    model = import_module("reconstructed").MODELS[0]
    wrong = replace(model, file_sizes={"model.safetensors": 1})
    with pytest.raises(ValueError, match=r"model.safetensors of 440,449,768 bytes"):
        recordings.recording(wrong)


def test_shards_are_filled_in_order_and_a_tensor_too_large_for_any_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = scripts_module("reconstructed.files", monkeypatch)
    sizes = (3, 3, 4, 20, 1)
    held = tuple(
        files.Stored(name=f"{at}", dtype="U8", shape=(size,)) for at, size in enumerate(sizes)
    )
    filled = [[part.elements for part in shard] for shard in files.shards(held, 10)]
    assert filled == [[3, 3, 4], [20], [1]]
