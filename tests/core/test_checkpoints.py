"""File names to the one checkpoint that is counted, and a reason for everything left out."""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.checkpoints import (
    MAX_FILES,
    MAX_SHARDS,
    SAFETENSORS,
    LeftOut,
    Plan,
    choose,
    format_of,
    resolve_left_out,
)
from auditor.core.repository import RepoFile
from auditor.errors import LimitExceeded, NoWeights, UnsupportedFormat

INDEX = "model.safetensors.index.json"


def files(*paths: str, size_bytes: int | None = 10) -> list[RepoFile]:
    return [RepoFile(path=path, size_bytes=size_bytes) for path in paths]


def plan(*paths: str) -> Plan:
    return choose("org/name", files(*paths, "README.md", "config.json"))


def shards(stem: str, total: int, *, digits: int = 5, ending: str = ".safetensors") -> list[str]:
    return [f"{stem}-{n:05}-of-{total:0{digits}}{ending}" for n in range(1, total + 1)]


def reasons(left_out: Iterable[LeftOut]) -> dict[str, str]:
    """The reason of each path that is left out; each stands there once."""
    told = [(path, left.reason) for left in left_out for path in left.paths]
    assert len({path for path, _ in told}) == len(told)
    return dict(told)


# -- the one that is chosen


def test_a_single_file_is_the_checkpoint() -> None:
    found = plan("model.safetensors")
    assert found.chosen.paths == ("model.safetensors",)
    assert (found.chosen.format, found.chosen.index_path) == (SAFETENSORS, None)
    assert found.chosen.missing_shards == 0
    assert found.chosen.reason == "transformers loads model.safetensors or its shards"
    assert found.left_out == ()


def test_shards_go_with_their_index() -> None:
    found = plan(INDEX, *shards("model", 3))
    assert found.chosen.paths == tuple(shards("model", 3))
    assert (found.chosen.index_path, found.chosen.missing_shards) == (INDEX, 0)


def test_shards_need_no_index() -> None:
    found = plan(*shards("model", 3))
    assert found.chosen.paths == tuple(shards("model", 3))
    assert found.chosen.index_path is None


@pytest.mark.parametrize(
    "names",
    [
        [f"model_{n:05}-of-00072.safetensors" for n in range(1, 73)],  # bloom
        [f"model-{n:05}-of-000163.safetensors" for n in range(1, 164)],  # DeepSeek-V3
        [f"model.safetensors-{n:05}-of-00094.safetensors" for n in range(1, 95)],  # Qwen3.5
        [f"model-{n:06}-of-001234.safetensors" for n in range(1, 1_235)],
    ],
)
def test_shards_are_known_however_they_are_numbered(names: list[str]) -> None:
    found = plan(INDEX, *names)
    assert set(found.chosen.paths) == set(names)
    assert (found.chosen.index_path, found.chosen.missing_shards) == (INDEX, 0)
    assert found.left_out == ()


def test_a_missing_shard_is_counted_as_missing() -> None:
    names = shards("model", 5)
    found = plan(*names[:1], *names[2:])
    assert len(found.chosen.paths) == 4
    assert found.chosen.missing_shards == 1


def test_what_is_whole_wins_over_what_is_not() -> None:
    found = plan("model-00001-of-00002.safetensors", *shards("model.fp16", 2))
    assert found.chosen.paths == tuple(shards("model.fp16", 2))
    assert found.chosen.missing_shards == 0


def test_shards_under_names_that_only_the_index_knows_wait_for_it() -> None:
    names = ("embed.safetensors", "layers-first.safetensors", "layers-last.safetensors")
    listed = files(INDEX, *names, "strange.safetensors", "pytorch_model.bin")
    found = choose("org/name", listed)
    assert (found.chosen.paths, found.chosen.index_path) == ((), INDEX)
    assert reasons(found.left_out) == {"pytorch_model.bin": "a PyTorch copy"}
    assert reasons(resolve_left_out(found, names, listed)) == {
        "pytorch_model.bin": "a PyTorch copy",
        "strange.safetensors": "not named by the index",
    }


def test_an_index_may_stand_beside_the_single_file_that_it_names() -> None:
    # MLX writes `model.safetensors.index.json` whose every entry is `model.safetensors`.
    found = plan("model.safetensors", INDEX)
    assert (found.chosen.paths, found.chosen.index_path) == (("model.safetensors",), INDEX)


def test_a_single_file_wins_over_the_same_weights_in_shards() -> None:
    found = plan("model.safetensors", *shards("model", 2), INDEX)
    assert found.chosen.paths == ("model.safetensors",)
    assert set(reasons(found.left_out).values()) == {"the same weights in other pieces"}


@pytest.mark.parametrize(
    "twins",
    [
        ["model.fp16.safetensors"],
        shards("model.fp16", 2),
        shards("model", 2, ending=".fp16.safetensors"),  # the older spelling of diffusers
    ],
)
def test_a_half_precision_twin_is_left_out(twins: list[str]) -> None:
    found = plan("model.safetensors", *twins, "model.safetensors.index.fp16.json")
    assert found.chosen.paths == ("model.safetensors",)
    assert found.chosen.index_path is None
    assert reasons(found.left_out) == dict.fromkeys(twins, "the fp16 variant of the same weights")


def test_a_variant_alone_is_counted() -> None:
    index = "model.safetensors.index.fp16.json"
    found = plan(*shards("model.fp16", 2), index)
    assert found.chosen.paths == tuple(shards("model.fp16", 2))
    assert found.chosen.index_path == index
    assert "fp16 variant" in found.chosen.reason


def test_mistrals_own_file_beside_the_shards_holds_the_same_weights() -> None:
    found = plan("consolidated.safetensors", *shards("model", 3), INDEX)
    assert found.chosen.paths == tuple(shards("model", 3))
    assert reasons(found.left_out) == {
        "consolidated.safetensors": "the same weights in Mistral's own layout"
    }
    assert plan("consolidated.safetensors").chosen.paths == ("consolidated.safetensors",)


@pytest.mark.parametrize(
    ("stem", "loader"),
    [
        ("adapter_model", "PEFT loads adapter_model"),
        ("diffusion_pytorch_model", "diffusers loads diffusion_pytorch_model"),
        ("open_clip_model", "open_clip loads open_clip_model"),
    ],
)
def test_the_names_that_loaders_look_for_win_over_larger_files(stem: str, loader: str) -> None:
    other = RepoFile(path="a_strange_name.safetensors", size_bytes=1_000)
    found = choose("org/name", [other, *files(f"{stem}.safetensors")])
    assert found.chosen.paths == (f"{stem}.safetensors",)
    assert found.chosen.reason == loader
    assert reasons(found.left_out) == {
        other.path: "another set of weights beside the one that is counted"
    }


def test_an_adapter_beside_a_model_is_left_out() -> None:
    found = plan("model.safetensors", "adapter_model.safetensors")
    assert found.chosen.paths == ("model.safetensors",)
    assert "adapter_model.safetensors" in reasons(found.left_out)


def test_of_names_that_no_loader_knows_the_largest_is_counted() -> None:
    small = RepoFile(path="a.safetensors", size_bytes=10)
    large = RepoFile(path="z.safetensors", size_bytes=11)
    found = choose("org/name", [small, large])
    assert found.chosen.paths == ("z.safetensors",)
    assert found.chosen.reason.startswith("the largest of several sets")
    assert choose("org/name", [small]).chosen.reason == "the only safetensors files"


# -- folders


def test_the_root_wins_over_folders() -> None:
    others = {
        "original/model.safetensors": "the publisher's original layout of the same weights",
        "metal/model.safetensors": "a copy for Apple's Metal",
        "checkpoint-500/model.safetensors": "a checkpoint of the training",
        "runs/checkpoint-500/model.safetensors": "a checkpoint of the training",
        "onnx/model.safetensors": "an export for another runtime",
        "gguf/model.safetensors": "an export for another runtime",
        "2_Dense/model.safetensors": "weights in a folder of their own: 2_Dense/",
    }
    found = plan("zebra.safetensors", *others)
    assert found.chosen.paths == ("zebra.safetensors",)
    assert reasons(found.left_out) == others


def test_weights_only_in_a_folder_are_counted_there() -> None:
    found = plan("7b/1/model.safetensors", "pytorch_model.bin")
    assert found.chosen.paths == ("7b/1/model.safetensors",)
    assert found.chosen.reason == (
        "no safetensors file lies at the root; in 7b/1/ transformers loads model.safetensors or"
        " its shards"
    )
    assert reasons(found.left_out) == {"pytorch_model.bin": "a PyTorch copy"}


def test_a_folder_of_weights_wins_over_checkpoints_of_the_training() -> None:
    found = plan("checkpoint-9000/model.safetensors", "final/model.safetensors")
    assert found.chosen.paths == ("final/model.safetensors",)


def test_an_index_belongs_to_the_shards_of_its_own_folder() -> None:
    found = plan(*(f"a/{name}" for name in shards("model", 2)), f"b/{INDEX}")
    assert found.chosen.paths == tuple(f"a/{name}" for name in shards("model", 2))
    assert found.chosen.index_path is None


# -- other formats


def test_copies_for_other_frameworks_are_left_out_by_kind() -> None:
    # What google-bert/bert-base-uncased holds.
    found = plan(
        "model.safetensors",
        "pytorch_model.bin",
        "tf_model.h5",
        "flax_model.msgpack",
        "rust_model.ot",
        "model.onnx",
        "coreml/fill-mask/float32_model.mlpackage/Data/model.mlmodel",
        "openvino_model.bin",
    )
    assert reasons(found.left_out) == {
        "pytorch_model.bin": "a PyTorch copy",
        "tf_model.h5": "a TensorFlow copy",
        "flax_model.msgpack": "a Flax copy",
        "rust_model.ot": "a Rust copy",
        "model.onnx": "an ONNX copy",
        "openvino_model.bin": "an OpenVINO copy",
        "coreml/fill-mask/float32_model.mlpackage/Data/model.mlmodel": (
            "an export for another runtime"
        ),
    }


@pytest.mark.parametrize(
    "path",
    [
        "training_args.bin",
        "checkpoint-500/optimizer.pt",
        "checkpoint-500/optimizer.bin",
        "checkpoint-500/scheduler.pt",
        "checkpoint-500/rng_state_0.pth",
        "checkpoint-500/scaler.pt",
        "sampler.bin",
        "training_state/optimizer_state.safetensors",
        "global_step100/bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt",
        "openvino_tokenizer.bin",
        "Optimizer.PT",
        "tokenizer.json",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors.part-aa",
        "README.md",
        "",
    ],
)
def test_what_holds_no_weights_is_no_weight_file(path: str) -> None:
    assert format_of(path) is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("model.safetensors", SAFETENSORS),
        ("MODEL.SAFETENSORS", SAFETENSORS),
        ("pytorch_model-00001-of-00002.bin", "PyTorch"),
        ("original/consolidated.00.pth", "PyTorch"),
        ("llama-2-7b.Q4_K_M.gguf", "GGUF"),
        ("onnx/model.onnx_data", "ONNX"),
        ("openvino/openvino_model.bin", "OpenVINO"),
        ("optimizer/model.bin", "PyTorch"),
    ],
)
def test_a_weight_file_is_known_by_its_ending(path: str, kind: str) -> None:
    assert format_of(path) == kind


def test_weights_of_another_kind_alone_are_unsupported_and_named() -> None:
    with pytest.raises(UnsupportedFormat, match=r"only as PyTorch \(pytorch_model\.bin\)") as one:
        plan("pytorch_model.bin", "training_args.bin")
    assert one.value.subject == "org/name"
    assert one.value.hint
    with pytest.raises(UnsupportedFormat, match="only as GGUF, PyTorch"):
        plan("a.bin", "b.gguf")


@pytest.mark.parametrize("paths", [(), ("tokenizer.json", "training_args.bin", "optimizer.pt")])
def test_a_repository_without_weights_says_so(paths: tuple[str, ...]) -> None:
    with pytest.raises(NoWeights, match="no weight files") as caught:
        plan(*paths)
    assert caught.value.hint


# -- sizes


def test_a_size_is_the_sum_and_unknown_where_one_is() -> None:
    listed = files("model.safetensors", "a.bin", "b.bin")
    (left,) = choose("org/name", listed).left_out
    assert left.size_bytes == 20
    listed.append(RepoFile(path="c.bin", size_bytes=None))
    (left,) = choose("org/name", listed).left_out
    assert left.size_bytes is None


# -- the index has the last word


def test_a_file_that_the_index_names_is_not_left_out() -> None:
    names = shards("model", 2)
    listed = files(INDEX, *names, "extra.safetensors")
    found = choose("org/name", listed)
    assert reasons(found.left_out).keys() == {"extra.safetensors"}
    with_extra = resolve_left_out(found, [*names, "extra.safetensors"], listed)
    assert with_extra == ()
    without_last = resolve_left_out(found, names[:1], listed)
    assert reasons(without_last) == {
        "extra.safetensors": "another set of weights beside the one that is counted",
        names[1]: "not named by the index",
    }


def test_what_is_left_out_keeps_its_reason_once_the_index_is_read() -> None:
    names = ["embed.safetensors", "rest.safetensors"]
    listed = files(INDEX, *names, "original/model.safetensors", "onnx/model.onnx")
    found = choose("org/name", listed)
    assert reasons(resolve_left_out(found, names, listed)) == {
        "original/model.safetensors": "the publisher's original layout of the same weights",
        "onnx/model.onnx": "an export for another runtime",
    }


# -- limits


def test_more_files_than_a_repository_may_have_are_refused() -> None:
    file = RepoFile(path="model.safetensors", size_bytes=1)
    with pytest.raises(LimitExceeded, match="200,001 files; at most 200,000 are looked at"):
        choose("org/name", [file] * (MAX_FILES + 1))


def test_more_shards_than_any_model_has_are_refused() -> None:
    names = [f"model-{n:06}-of-{MAX_SHARDS + 1:06}.safetensors" for n in range(MAX_SHARDS + 1)]
    with pytest.raises(LimitExceeded, match="10,001 shards"):
        choose("org/name", files(*names))


@pytest.mark.parametrize(
    "path",
    ["-" * 4_000 + ".safetensors", "-00001-of-" * 400 + ".safetensors", "/" * 4_000 + "x.pt"],
)
def test_a_hostile_name_is_looked_at_in_no_time(path: str) -> None:
    choose("org/name", files("model.safetensors", *[f"{n}{path}" for n in range(100)]))


# -- laws

FOLDERS = ("", "original/", "checkpoint-7/", "onnx/", "unet/", "a/b/")
STEMS = ("model", "consolidated", "adapter_model", "weird", "model.fp16", "tokenizer")
ENDINGS = (
    ".safetensors",
    "-00001-of-00002.safetensors",
    "-00002-of-00002.safetensors",
    ".bin",
    ".gguf",
    ".json",
    ".safetensors.index.json",
)
PATHS = st.builds(
    "{}{}{}".format, st.sampled_from(FOLDERS), st.sampled_from(STEMS), st.sampled_from(ENDINGS)
)


@settings(max_examples=50)
@given(st.lists(PATHS, unique=True, max_size=12), st.randoms())
def test_every_weight_file_is_counted_or_left_out_and_none_is_both(
    paths: list[str], random: Random
) -> None:
    weights = {path for path in paths if format_of(path)}
    try:
        found = choose("org/name", files(*paths))
    except (NoWeights, UnsupportedFormat):
        assert not any(format_of(path) == SAFETENSORS for path in paths)
        return
    named = found.chosen.paths or tuple(
        path for path in sorted(weights) if format_of(path) == SAFETENSORS and random.random() < 0.5
    )
    told = reasons(resolve_left_out(found, named, files(*paths)))
    assert set(named) | set(told) == weights
    assert not set(named) & set(told)
    assert all(told.values())


@settings(max_examples=50)
@given(st.lists(PATHS, unique=True, max_size=12), st.randoms())
def test_the_order_of_files_changes_nothing(paths: list[str], random: Random) -> None:
    shuffled = list(paths)
    random.shuffle(shuffled)
    try:
        expected = choose("org/name", files(*paths))
    except (NoWeights, UnsupportedFormat):
        return
    assert choose("org/name", files(*shuffled)) == expected


def test_a_pipeline_is_refused_and_none_of_its_parts_is_taken_for_the_whole() -> None:
    with pytest.raises(UnsupportedFormat, match="pipeline"):
        choose(
            "org/pipeline",
            files(
                "model_index.json",
                "unet/diffusion_pytorch_model.safetensors",
                "text_encoder/model.safetensors",
            ),
        )
