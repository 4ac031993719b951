"""File names to the one checkpoint that is counted, and a reason for everything left out."""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.checkpoints import MAX_FILES, MAX_SHARDS, Plan, choose, resolve_left_out
from auditor.core.left_out import LeftOut
from auditor.core.repository import RepoFile
from auditor.core.shapes import Shape
from auditor.core.weight_files import READ_KINDS, SAFETENSORS, format_of
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
        "consolidated.safetensors": "the same weights in the publisher's own layout"
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
    found = plan("7b/1/model.safetensors", "vocab.json")
    assert found.chosen.paths == ("7b/1/model.safetensors",)
    assert found.chosen.reason == (
        "no weights lie at the root; in 7b/1/: transformers loads model.safetensors or its shards"
    )


def test_a_file_at_the_root_that_may_be_anything_does_not_win_over_a_model_in_a_folder() -> None:
    found = plan("7b/1/model.safetensors", "vocabulary.bin")
    assert found.chosen.paths == ("7b/1/model.safetensors",)
    assert found.chosen.reason.startswith("not sure ones at the root; in 7b/1/")
    assert reasons(found.left_out) == {"vocabulary.bin": "a PyTorch copy"}


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


def test_weights_of_a_kind_that_is_not_read_are_unsupported_and_named() -> None:
    with pytest.raises(UnsupportedFormat, match=r"only as NeMo \(model\.nemo\): ") as one:
        plan("model.nemo", "training_args.bin")
    assert one.value.subject == "org/name"
    assert one.value.hint
    with pytest.raises(UnsupportedFormat, match="only as Core ML, Paddle"):
        plan("a.pdparams", "b.mlmodel")


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
        assert not any(format_of(path) in READ_KINDS for path in paths)
        return
    kind = found.chosen.format
    named = found.chosen.paths or tuple(
        path for path in sorted(weights) if format_of(path) == kind and random.random() < 0.5
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


# -- what is asked for


def test_a_folder_that_is_asked_for_is_counted_in_place_of_the_root() -> None:
    listed = files("model.safetensors", "config.json", "14b/model.safetensors", "14b/config.json")
    found = choose("org/name", listed, wanted="14b/")
    assert found.chosen.paths == ("14b/model.safetensors",)
    assert found.chosen.config_path == "14b/config.json"
    assert reasons(found.left_out) == {"model.safetensors": "not asked for"}


def test_a_pattern_that_is_asked_for_names_one_of_several_quantisations() -> None:
    names = [f"llama.{quantisation}.gguf" for quantisation in ("Q8_0", "Q4_K_M", "Q2_K")]
    found = choose("org/name", files(*names), wanted="*Q4_K_M*")
    assert found.chosen.paths == ("llama.Q4_K_M.gguf",)
    assert set(reasons(found.left_out)) == {"llama.Q8_0.gguf", "llama.Q2_K.gguf"}


def test_what_is_asked_for_and_not_there_is_told_with_what_there_is() -> None:
    with pytest.raises(NoWeights, match="no weight file is or lies in 7b") as caught:
        choose("org/name", files("14b/model.safetensors", "model.safetensors"), wanted="7b")
    assert caught.value.hint == "there are weights in 14b, the root"


# -- several kinds


def test_a_kind_that_is_exact_wins_over_one_that_is_not() -> None:
    found = plan("tf_model.h5", "pytorch_model.bin", "flax_model.msgpack", "model.onnx")
    assert (found.chosen.format, found.chosen.paths) == ("PyTorch", ("pytorch_model.bin",))
    assert reasons(found.left_out) == {
        "tf_model.h5": "a TensorFlow copy",
        "flax_model.msgpack": "a Flax copy",
        "model.onnx": "an ONNX copy",
    }


def test_pytorch_shards_go_with_their_index() -> None:
    names = shards("pytorch_model", 3, ending=".bin")
    found = plan("pytorch_model.bin.index.json", *names)
    assert found.chosen.paths == tuple(names)
    assert found.chosen.index_path == "pytorch_model.bin.index.json"


def test_an_index_of_another_kind_is_not_taken() -> None:
    found = plan("pytorch_model.bin.index.json", *shards("model", 2))
    assert found.chosen.index_path is None


def test_the_older_spelling_of_a_variant_s_index_is_known() -> None:
    # diffusers before 0.30: diffusion_pytorch_model.safetensors.fp16.index.json
    index = "diffusion_pytorch_model.safetensors.fp16.index.json"
    found = plan(index, *shards("diffusion_pytorch_model.fp16", 2))
    assert found.chosen.index_path == index


def test_pieces_of_every_tensor_are_one_checkpoint() -> None:
    found = plan("consolidated.00.pth", "consolidated.01.pth", "params.json")
    assert found.chosen.paths == ("consolidated.00.pth", "consolidated.01.pth")
    assert found.chosen.in_pieces
    assert not plan("consolidated.00.pth").chosen.in_pieces


def test_the_data_of_an_onnx_graph_belong_to_it() -> None:
    listed = files("onnx/model.onnx", "onnx/model.onnx_data", "onnx/model.onnx_data_1")
    found = choose("org/name", listed)
    assert found.chosen.paths == ("onnx/model.onnx",)
    assert found.chosen.companion_bytes == 20
    assert found.left_out == ()


def test_onnx_graphs_in_other_precisions_are_copies() -> None:
    names = ["onnx/model_fp16.onnx", "onnx/model_q4.onnx", "onnx/model_quantized.onnx"]
    found = plan("onnx/model.onnx", *names)
    assert found.chosen.paths == ("onnx/model.onnx",)
    assert set(reasons(found.left_out)) == set(names)


def test_an_encoder_and_a_decoder_in_graphs_of_their_own_are_not_added_up() -> None:
    names = [f"onnx/{stem}.onnx" for stem in ("encoder_model", "decoder_model_merged")]
    with pytest.raises(UnsupportedFormat, match="which share matrices") as caught:
        choose("org/t5", files(*names))
    assert "--weights onnx/" in caught.value.hint
    one = choose("org/t5", files(*names), wanted="onnx/encoder_model.onnx")
    assert one.chosen.paths == ("onnx/encoder_model.onnx",)


def test_the_config_beside_the_weights_wins_over_the_one_at_the_root() -> None:
    assert plan("a/model.safetensors").chosen.config_path == "config.json"
    assert plan("a/model.safetensors", "a/config.json").chosen.config_path == "a/config.json"
    listed = files("consolidated.safetensors", "params.json")
    assert choose("org/name", listed).chosen.config_path == "params.json"


# -- quantisations


def test_of_several_quantisations_the_least_quantised_is_counted() -> None:
    listed = [
        RepoFile(path="llama-8b.Q4_K_M.gguf", size_bytes=4_920_739_232),
        RepoFile(path="llama-8b.Q8_0.gguf", size_bytes=8_540_775_840),
        RepoFile(path="llama-8b.Q2_K.gguf", size_bytes=3_179_136_416),
    ]
    found = choose("org/name", listed)
    assert found.chosen.paths == ("llama-8b.Q8_0.gguf",)
    assert found.chosen.reason == "Q8_0, the least quantised of 3 GGUF files"
    assert [(left.quantisation, left.size_bytes) for left in found.left_out] == [
        ("Q2_K", 3_179_136_416),
        ("Q4_K_M", 4_920_739_232),
    ]
    assert reasons(found.left_out)["llama-8b.Q2_K.gguf"] == "the same weights in Q2_K"


def test_a_quantisation_split_into_files_is_one_alternative() -> None:
    split = [f"BF16/llama-BF16-{n:05}-of-00002.gguf" for n in (1, 2)]
    found = plan("llama-Q8_0.gguf", *split)
    assert found.chosen.paths == ("llama-Q8_0.gguf",)
    (left,) = found.left_out
    assert (left.paths, left.quantisation) == (tuple(split), "BF16")


def test_another_model_s_quantisation_is_no_copy() -> None:
    found = plan("tiny.Q8_0.gguf", "tiny-chat.Q8_0.gguf")
    assert set(reasons(found.left_out).values()) == {
        "another set of weights beside the one that is counted"
    }


def test_a_vision_projector_is_not_taken_for_the_model() -> None:
    large = RepoFile(path="mmproj-model-f16.gguf", size_bytes=10_000)
    found = choose("org/name", [large, *files("llava.Q4_K_M.gguf")])
    assert found.chosen.paths == ("llava.Q4_K_M.gguf",)
    assert "mmproj" in "".join(reasons(found.left_out))


# -- pipelines

SD = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.2.2",
    "feature_extractor": ["transformers", "CLIPFeatureExtractor"],
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def pipeline(*paths: str, model_index: object = SD) -> Plan:
    return choose("org/sd", files("model_index.json", *paths), {"model_index.json": model_index})


def test_a_pipeline_is_its_parts_each_with_its_own_config() -> None:
    found = pipeline(
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.bin",
        "unet/config.json",
        "text_encoder/model.safetensors",
        "text_encoder/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "safety_checker/model.safetensors",
        "v1-4.ckpt",
        "v1-4.safetensors",
        "vae_old/diffusion_pytorch_model.safetensors",
    )
    assert found.shape is Shape.PIPELINE
    assert [(part.component, part.class_name, part.config_path) for part in found.parts] == [
        ("safety_checker", "StableDiffusionSafetyChecker", None),
        ("text_encoder", "CLIPTextModel", "text_encoder/config.json"),
        ("unet", "UNet2DConditionModel", "unet/config.json"),
        ("vae", "AutoencoderKL", None),
    ]
    assert [part.component for part in found.parts if part.beside] == ["safety_checker"]
    assert reasons(found.left_out) == {
        "unet/diffusion_pytorch_model.fp16.safetensors": "the fp16 variant of the same weights",
        "unet/diffusion_pytorch_model.bin": "a PyTorch copy",
        "v1-4.ckpt": "the whole pipeline, or parts of it, in one file",
        "v1-4.safetensors": "the whole pipeline, or parts of it, in one file",
        "vae_old/diffusion_pytorch_model.safetensors": "vae_old/ is not named in model_index.json",
    }
    assert found.absent == ()


def test_a_part_without_its_weights_is_absent_and_one_that_never_has_any_is_not() -> None:
    found = pipeline("unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors")
    assert found.absent == ("safety_checker", "vae")


def test_parts_may_be_of_different_kinds() -> None:
    found = pipeline(
        "unet/diffusion_pytorch_model.bin",
        "text_encoder/model.safetensors",
        "vae/diffusion_pytorch_model.bin",
        model_index={key: value for key, value in SD.items() if key != "safety_checker"},
    )
    assert {part.component: part.format for part in found.parts} == {
        "unet": "PyTorch",
        "text_encoder": "safetensors",
        "vae": "PyTorch",
    }


def test_a_pipeline_in_one_file_alone_is_counted_as_that_file() -> None:
    found = pipeline("v1-5-pruned.safetensors")
    assert (found.shape, found.chosen.paths) == (Shape.MODEL, ("v1-5-pruned.safetensors",))


@pytest.mark.parametrize(
    "model_index",
    [
        {},
        [],
        "text",
        {"unet": None},
        {"unet": [None, None]},
        {"unet": [1, 2]},
        {"../unet": ["diffusers", "UNet2DConditionModel"]},
        {"unet": {"a": "b"}},
    ],
)
def test_a_hostile_model_index_leaves_the_choice_to_the_names(model_index: object) -> None:
    found = pipeline("unet/diffusion_pytorch_model.safetensors", model_index=model_index)
    assert (found.shape, len(found.parts)) == (Shape.MODEL, 1)


# -- sentence-transformers


def modules(*rows: tuple[str, str]) -> dict[str, object]:
    value = [
        {"idx": at, "name": str(at), "path": path, "type": kind}
        for at, (path, kind) in enumerate(rows)
    ]
    return {"modules.json": value}


def test_a_sentence_transformer_s_dense_layers_are_parts_of_it() -> None:
    documents = modules(
        ("", "sentence_transformers.models.Transformer"),
        ("1_Pooling", "sentence_transformers.models.Pooling"),
        ("2_Dense", "sentence_transformers.base.modules.dense.Dense"),
        ("3_Normalize", "sentence_transformers.models.Normalize"),
    )
    listed = files(
        "modules.json",
        "config.json",
        "model.safetensors",
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
        "2_Dense/pytorch_model.bin",
    )
    found = choose("org/labse", listed, documents)
    assert found.shape is Shape.SENTENCE_TRANSFORMER
    assert [(part.component, part.paths) for part in found.parts] == [
        ("Transformer", ("model.safetensors",)),
        ("2_Dense", ("2_Dense/model.safetensors",)),
    ]
    assert reasons(found.left_out) == {"2_Dense/pytorch_model.bin": "a PyTorch copy"}


def test_a_sentence_transformer_without_further_weights_is_its_transformer() -> None:
    documents = modules(("", "x.Transformer"), ("1_Pooling", "x.Pooling"))
    found = choose("org/minilm", files("modules.json", "model.safetensors"), documents)
    assert (found.shape, found.chosen.component) == (Shape.MODEL, "")


def test_an_old_sentence_transformer_lies_in_a_folder() -> None:
    documents = modules(("0_Transformer", "x.Transformer"), ("1_Pooling", "x.Pooling"))
    listed = files("modules.json", "0_Transformer/pytorch_model.bin", "0_Transformer/config.json")
    found = choose("org/old", listed, documents)
    assert found.chosen.paths == ("0_Transformer/pytorch_model.bin",)
    assert found.chosen.config_path == "0_Transformer/config.json"


def test_the_routes_of_an_asymmetric_model_are_parts() -> None:
    documents = modules(("", "x.Router"), ("1_Asym", "x.Asym"))
    listed = files(
        "modules.json",
        "1_Asym/query_0_Dense/model.safetensors",
        "1_Asym/doc_0_Dense/model.safetensors",
        "model.safetensors",
    )
    found = choose("org/asym", listed, documents)
    assert [part.component for part in found.parts] == [
        "Router",
        "1_Asym/query_0_Dense",
        "1_Asym/doc_0_Dense",
    ]


# -- adapters


def test_an_adapter_alone_is_an_adapter() -> None:
    found = plan("adapter_config.json", "adapter_model.safetensors")
    assert found.shape is Shape.ADAPTER
    beside = plan("adapter_config.json", "adapter_model.safetensors", "model.safetensors")
    assert (beside.shape, beside.chosen.paths) == (Shape.MODEL, ("model.safetensors",))
