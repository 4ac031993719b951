"""A checkpoint held against what its class would build. The classes are made by hand."""

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from architectures import Shape, Stored, bert, gpt2, qwen3_600m, tensors_of
from auditor.core.blueprint import Blueprint
from auditor.core.findings import Finding, Severity
from auditor.core.roles import Role
from auditor.core.second_opinion import SecondOpinion, Standing
from auditor.core.tally import tally
from auditor.core.tensors import Tensor
from blueprints import blueprint, opinion

TOY: dict[str, Shape] = {
    "model.embed_tokens.weight": (100, 8),
    "model.layers.0.mlp.fc1.weight": (32, 8),
    "model.layers.0.mlp.fc1.bias": (32,),
    "model.layers.0.mlp.fc2.weight": (8, 32),
    "model.norm.weight": (8,),
    "lm_head.weight": (100, 8),
}
TOY_PARAMETERS = 800 + 256 + 32 + 256 + 8 + 800


def stored(shapes: dict[str, Shape], dtype: str = "BF16") -> Stored:
    return {name: (dtype, shape) for name, shape in shapes.items()}


def stored_as(tensors: tuple[Tensor, ...]) -> Stored:
    return {tensor.name: (tensor.dtype.name, tensor.shape) for tensor in tensors}


def without(shapes: dict[str, Shape], *names: str) -> dict[str, Shape]:
    return {name: shape for name, shape in shapes.items() if name not in names}


def finding(said: SecondOpinion, code: str) -> Finding:
    (found,) = [each for each in said.findings if each.code == code]
    return found


def codes(said: SecondOpinion) -> set[str]:
    return {each.code for each in said.findings}


def role_of(said: SecondOpinion, name: str) -> Role:
    (bucket,) = [
        bucket
        for bucket in said.assignment.counts
        if bucket.pattern == name and said.assignment.counts[bucket]
    ]
    return said.assignment.rules[bucket].role


# -- agreement


def test_the_same_tensors_on_both_sides_confirm_the_roles() -> None:
    said = opinion(blueprint(TOY), stored(TOY))
    assert said.standing is Standing.CONFIRMED
    assert (said.built, said.trained) == (TOY_PARAMETERS, TOY_PARAMETERS)
    assert (said.unbuilt, said.unstored, said.settled) == (0, 0, 0)
    assert said.findings == ()
    assert said.roles_by == "rules, confirmed by ToyForCausalLM (transformers 5.23.0)"


def test_a_backbones_file_is_confirmed_under_its_own_names() -> None:
    # the base class wrote it: no `model.` before the names
    file = {name.removeprefix("model."): shape for name, shape in TOY.items()}
    assert opinion(blueprint(TOY), stored(file)).standing is Standing.CONFIRMED


def test_the_table_of_rules_keeps_what_the_parameters_are_for() -> None:
    said = opinion(blueprint(TOY), stored(TOY))
    assert role_of(said, "model.embed_tokens.weight") is Role.EMBEDDING
    assert role_of(said, "lm_head.weight") is Role.HEAD


def test_names_in_memory_are_names_too() -> None:
    built = blueprint(TOY, names_in_memory={"lm_head_renamed.weight": "lm_head.weight"})
    file = {**without(TOY, "lm_head.weight"), "lm_head_renamed.weight": (100, 8)}
    assert opinion(built, stored(file)).standing is Standing.CONFIRMED


# -- one side alone


def test_heads_that_the_class_lacks_are_told_with_their_elements() -> None:
    # bert-base-uncased: the file is BertForPreTraining's, the config names BertForMaskedLM
    file = stored_as(bert())
    own = {
        name.replace("gamma", "weight").replace("beta", "bias"): shape
        for name, (_, shape) in file.items()
        if "pooler" not in name and "seq_relationship" not in name
    }
    built = blueprint(own, class_name="BertForMaskedLM")
    said = opinion(built, file, {"model_type": "bert"})
    assert said.standing is Standing.DIFFERS
    # pooler 768 * 768 + 768, next sentence 2 * 768 + 2
    assert said.unbuilt == 590_592 + 1_538 == 592_130
    assert said.built == 109_514_298
    assert tally(said.assignment).total == 110_106_428  # the file's own count stays
    found = finding(said, "not-in-architecture")
    assert found.severity is Severity.NOTICE
    assert "4 tensors, 592,130 elements" in found.message
    assert "`bert.pooler.dense.weight` 589,824" in found.message


def test_masks_of_an_older_class_are_buffers_that_this_one_does_not_save() -> None:
    file = stored_as(gpt2())
    own = {name: shape for name, (_, shape) in file.items() if not name.endswith(".attn.bias")}
    said = opinion(blueprint(own, class_name="GPT2LMHeadModel"), file, {"model_type": "gpt2"})
    assert said.standing is Standing.CONFIRMED
    found = finding(said, "not-in-architecture")
    assert found.severity is Severity.INFO
    assert "12 tensors, 12,582,912 elements" in found.message
    assert "`h.*.attn.bias` 12,582,912" in found.message


def test_what_a_class_passes_over_on_loading_is_told_apart() -> None:
    file = {**TOY, "mtp.layers.0.fc.weight": (8, 16), "extra.weight": (3, 3)}
    said = opinion(blueprint(TOY, passed_over=["^mtp.*"]), stored(file))
    assert said.unbuilt == 8 * 16 + 3 * 3
    extra, passed_over = [each for each in said.findings if each.code == "not-in-architecture"]
    assert "`extra.weight` 9" in extra.message
    assert "`mtp.layers.*.fc.weight` 128" in passed_over.message
    assert "passes over" in passed_over.message


def test_parameters_that_are_not_stored_would_be_random() -> None:
    said = opinion(blueprint(TOY), stored(without(TOY, "lm_head.weight", "model.norm.weight")))
    assert said.standing is Standing.DIFFERS
    assert said.unstored == 800 + 8
    found = finding(said, "not-stored")
    assert found.severity is Severity.WARNING
    assert "2 tensors, 808 elements" in found.message
    assert "at random" in found.message


def test_a_buffer_that_is_not_stored_is_no_matter() -> None:
    built = blueprint(TOY, buffers={"final_logits_bias": (1, 100)})
    assert opinion(built, stored(TOY)).standing is Standing.CONFIRMED


def test_a_tensor_of_another_shape_is_named_with_both() -> None:
    file = {**TOY, "model.embed_tokens.weight": (128, 8)}
    said = opinion(blueprint(TOY), stored(file))
    assert said.standing is Standing.DIFFERS
    message = finding(said, "shape-differs").message
    assert "`model.embed_tokens.weight` is [128, 8], not [100, 8]" in message
    assert tally(said.assignment).total == TOY_PARAMETERS + 28 * 8


def test_a_transposed_matrix_has_as_many_elements() -> None:
    file = {**TOY, "model.layers.0.mlp.fc1.weight": (8, 32)}
    assert opinion(blueprint(TOY), stored(file)).standing is Standing.CONFIRMED


def test_a_config_that_builds_another_model_settles_nothing() -> None:
    # an old config whose `d_model` a newer class does not read: every width is the default
    wide = {name: tuple(4 * size for size in shape) for name, shape in TOY.items()}
    built = blueprint(TOY, frozen=set(TOY))
    said = opinion(built, stored(wide))
    assert said.standing is Standing.OTHER_MODEL
    assert tally(said.assignment).trainable == 16 * 2_112 + 4 * 40
    found = finding(said, "config-builds-other")
    assert found.severity is Severity.WARNING
    assert "has 2,152 parameters by it" in found.message
    assert "0 of them among their 33,952" in found.message
    assert "`model.embed_tokens.weight` is [400, 32], not [100, 8]" in found.message
    assert "builds another model" in said.roles_by


def test_a_note_on_how_the_class_was_chosen_is_passed_on() -> None:
    said = opinion(blueprint(TOY, note="the first of three"), stored(TOY))
    assert finding(said, "blueprint-note").message == "the first of three"


# -- other pieces


def test_experts_one_by_one_are_those_of_one_tensor() -> None:
    place = "model.layers.0.mlp.experts"
    fused: dict[str, Shape] = {
        f"{place}.gate_up_proj": (4, 64, 8),
        f"{place}.down_proj": (4, 8, 32),
    }
    apart: dict[str, Shape] = {
        f"{place}.{at}.{name}.weight": shape
        for at in range(4)
        for name, shape in (("gate_proj", (32, 8)), ("up_proj", (32, 8)), ("down_proj", (8, 32)))
    }
    for built, file in ((fused, apart), (apart, fused)):
        said = opinion(blueprint({**TOY, **built}), stored({**TOY, **file}))
        assert said.standing is Standing.CONFIRMED
        assert f"{len(file)} tensors, 3,072 elements" in finding(said, "names-differ").message


def test_a_joint_projection_holds_three() -> None:
    place = "model.layers.0.attn"
    apart: dict[str, Shape] = {f"{place}.{part}.weight": (8, 8) for part in ("q", "k", "v")}
    said = opinion(blueprint({**TOY, **apart}), stored({**TOY, f"{place}.qkv.weight": (24, 8)}))
    assert said.standing is Standing.CONFIRMED


def test_pieces_that_do_not_add_up_are_told_on_both_sides() -> None:
    place = "model.layers.0.attn"
    apart: dict[str, Shape] = {f"{place}.{part}.weight": (8, 8) for part in ("q", "k", "v")}
    said = opinion(blueprint({**TOY, **apart}), stored({**TOY, f"{place}.qkv.weight": (20, 8)}))
    assert (said.unbuilt, said.unstored) == (160, 192)
    assert {"not-in-architecture", "not-stored"} <= codes(said)


# -- roles


def test_what_the_class_freezes_is_not_trainable() -> None:
    built = blueprint(TOY, frozen={"model.norm.weight"})
    said = opinion(built, stored(TOY))
    counted = tally(said.assignment)
    assert (counted.total, counted.trainable) == (TOY_PARAMETERS, TOY_PARAMETERS - 8)
    assert said.settled == 1
    assert "`model.norm.weight` 8" in finding(said, "frozen-parameters").message
    assert "parameters frozen in ToyForCausalLM" in finding(said, "roles-settled").message
    assert role_of(said, "model.norm.weight") is Role.NORM  # it still is one


def test_some_tensors_of_a_kind_may_be_frozen_alone() -> None:
    shapes: dict[str, Shape] = {f"model.layers.{at}.mlp.fc.weight": (8, 8) for at in range(3)}
    said = opinion(blueprint(shapes, frozen={"model.layers.1.mlp.fc.weight"}), stored(shapes))
    assert sum(said.assignment.counts.values()) == 3
    assert tally(said.assignment).frozen == 64


def test_what_the_class_keeps_as_a_buffer_is_no_parameter() -> None:
    own = without(TOY, "model.norm.weight")
    said = opinion(blueprint(own, buffers={"model.norm.weight": (8,)}), stored(TOY))
    counted = tally(said.assignment)
    assert (counted.total, counted.buffers) == (TOY_PARAMETERS - 8, 8)
    assert said.standing is Standing.CONFIRMED
    assert "ToyForCausalLM" in next(
        rule.reason for rule in said.assignment.rules.values() if rule.role is Role.BUFFER
    )


def test_what_passes_for_a_buffer_may_be_a_parameter_of_the_class() -> None:
    file = {**TOY, "model.position_ids": (1, 50)}
    said = opinion(blueprint(file), stored(file))
    assert tally(said.assignment).total == TOY_PARAMETERS + 50
    assert "trained parameters of" in finding(said, "roles-settled").message


# -- ties


TIED = without(TOY, "lm_head.weight")
TIE = {"lm_head.weight": "model.embed_tokens.weight"}


def test_a_head_stored_again_is_a_copy_where_class_and_config_tie_it() -> None:
    said = opinion(blueprint(TIED, ties=TIE), stored(TOY), {"tie_word_embeddings": True})
    assert said.standing is Standing.CONFIRMED
    assert (tally(said.assignment).total, said.built) == (TOY_PARAMETERS - 800, 1_352)


def test_qwen3_600m_stores_its_tied_head_again() -> None:
    file = stored_as(qwen3_600m())
    own = {name: shape for name, (_, shape) in file.items() if name != "lm_head.weight"}
    said = opinion(blueprint(own, ties=TIE), file, {"tie_word_embeddings": True})
    assert said.standing is Standing.CONFIRMED
    assert tally(said.assignment).total == said.built == 596_049_920


def test_the_head_alone_stands_for_the_table_that_it_is_tied_to() -> None:
    file = without(TOY, "model.embed_tokens.weight")
    said = opinion(blueprint(TIED, ties=TIE), stored(file), {"tie_word_embeddings": True})
    assert said.standing is Standing.CONFIRMED
    assert tally(said.assignment).total == said.built == TOY_PARAMETERS - 800


def test_two_copies_without_the_original_are_one_parameter() -> None:
    # BART-like: the table lies in `shared`, and only the encoder's and the decoder's are stored
    own: dict[str, Shape] = {"shared.weight": (100, 8), "decoder.norm.weight": (8,)}
    copies = {f"{side}.embed_tokens.weight": "shared.weight" for side in ("encoder", "decoder")}
    file: dict[str, Shape] = {"decoder.norm.weight": (8,), **dict.fromkeys(copies, (100, 8))}
    said = opinion(blueprint(own, ties=copies), stored(file))
    assert tally(said.assignment).total == said.built == 808
    assert said.standing is Standing.CONFIRMED


def test_a_further_name_in_the_file_counts_as_stored() -> None:
    file = without(TOY, "model.embed_tokens.weight")
    aliases = {"model.embed_tokens.weight": "lm_head.weight"}
    said = opinion(blueprint(TIED, ties=TIE), stored(file), aliases=aliases)
    assert said.unstored == 0


def test_a_tie_that_only_the_class_knows_is_settled_by_it() -> None:
    # DETR's kin share one box head among all layers
    shapes: dict[str, Shape] = {f"bbox_embed.{at}.weight": (4, 8) for at in range(3)}
    own = {"bbox_embed.0.weight": (4, 8), **TOY}
    ties = {f"bbox_embed.{at}.weight": "bbox_embed.0.weight" for at in (1, 2)}
    said = opinion(blueprint(own, ties=ties), stored({**TOY, **shapes}))
    assert tally(said.assignment).total == TOY_PARAMETERS + 32
    assert tally(said.assignment).tied_copies == 64
    assert "further copies" in finding(said, "roles-settled").message


@pytest.mark.parametrize("tied_by_class", [True, False])
def test_class_and_config_at_odds_over_a_tie_leave_it_as_the_config_has_it(
    *, tied_by_class: bool
) -> None:
    # flan-T5: transformers 5 ties what the config says is not tied, and the file holds both
    built = blueprint(TIED, ties=TIE) if tied_by_class else blueprint(TOY)
    config = {"tie_word_embeddings": not tied_by_class}
    said = opinion(built, stored(TOY), config)
    assert said.standing is Standing.DIFFERS
    assert tally(said.assignment).total == TOY_PARAMETERS - (0 if tied_by_class else 800)
    assert "only the bytes can tell" in finding(said, "tie-disputed").message


@pytest.mark.parametrize("equal", [True, False])
def test_compared_bytes_outrank_class_and_config(*, equal: bool) -> None:
    built = blueprint(TIED, ties=TIE)
    config = {"tie_word_embeddings": not equal}
    said = opinion(built, stored(TOY), config, equal={"lm_head.weight": equal})
    assert tally(said.assignment).total == TOY_PARAMETERS - (800 if equal else 0)
    assert "tie-disputed" not in codes(said)


# -- packed weights

GPTQ = {
    "model_type": "toy",
    "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128},
}


def packed(name: str, out: int, inward: int) -> Stored:
    """A layer as GPTQ packs it: eight weights of 4 bits in an I32, scales for every 128."""
    return {
        f"{name}.qweight": ("I32", (inward // 8, out)),
        f"{name}.qzeros": ("I32", (inward // 128, out // 8)),
        f"{name}.scales": ("F16", (inward // 128, out)),
        f"{name}.g_idx": ("I32", (inward,)),
    }


def test_a_packed_layer_is_held_against_the_plain_one_by_its_count() -> None:
    built = blueprint({"model.layers.0.mlp.up_proj.weight": (512, 256)})
    said = opinion(built, packed("model.layers.0.mlp.up_proj", 512, 256), GPTQ)
    assert said.standing is Standing.CONFIRMED
    assert tally(said.assignment).total == 512 * 256


def test_a_bias_of_zeros_is_bookkeeping_unless_the_class_has_it() -> None:
    layer = "model.layers.0.self_attn.q_proj"
    file = {**packed(layer, 256, 256), f"{layer}.bias": ("F16", (256,))}
    config = {**GPTQ, "model_type": "llama"}
    weight: dict[str, Shape] = {f"{layer}.weight": (256, 256)}
    without_bias = opinion(blueprint(weight), file, config)
    assert tally(without_bias.assignment).total == 256 * 256
    with_bias = opinion(blueprint({**weight, f"{layer}.bias": (256,)}), file, config)
    assert tally(with_bias.assignment).total == 256 * 256 + 256


def test_a_packing_that_nobody_knows_holds_what_the_class_has_there() -> None:
    layer = "model.layers.0.mlp.up_proj"
    file: Stored = {
        f"{layer}.codes": ("I16", (64, 128)),
        f"{layer}.table": ("I16", (16, 4)),
        f"{layer}.steps": ("F16", (512,)),  # by its name a weight
        "model.norm.weight": ("BF16", (8,)),
    }
    config = {"model_type": "toy", "quantization_config": {"quant_method": "new-one"}}
    built = blueprint({f"{layer}.weight": (512, 256), "model.norm.weight": (8,)})
    said = opinion(built, file, config)
    counted = tally(said.assignment)
    assert counted.total == 512 * 256 + 8
    assert counted.auxiliary == 16 * 4 + 512
    assert said.standing is Standing.CONFIRMED


def test_an_unknown_packing_is_not_held_against_more_than_its_own_module() -> None:
    file: Stored = {
        "model.codes": ("I16", (64, 128)),
        "model.norm.weight": ("BF16", (1_000,)),
    }
    config = {"model_type": "toy", "quantization_config": {"quant_method": "new-one"}}
    built = blueprint({"model.layers.0.up_proj.weight": (8, 8), "model.norm.weight": (1_000,)})
    said = opinion(built, file, config)
    assert tally(said.assignment).total is None
    assert said.unstored == 64


# -- hostile


def test_a_plain_weight_beside_a_packed_one_of_the_same_name_is_told() -> None:
    layer = "model.layers.0.mlp.up_proj"
    file = {**packed(layer, 512, 256), f"{layer}.weight": ("F16", (512, 256))}
    built = blueprint({f"{layer}.weight": (512, 256), "model.norm.weight": (8,)})
    said = opinion(built, file, GPTQ)
    assert said.unbuilt == 512 * 256


NAMES = st.lists(st.sampled_from(["a", "layers", "0", "1", "weight", "bias", ""]), max_size=6).map(
    ".".join
)
SHAPES = st.lists(st.integers(0, 9), max_size=3).map(tuple)
TENSORS = st.dictionaries(NAMES, SHAPES, max_size=12)


def _blueprints() -> st.SearchStrategy[Blueprint]:
    return st.builds(
        blueprint,
        TENSORS,
        frozen=st.sets(NAMES),
        buffers=TENSORS,
        ties=st.dictionaries(NAMES, NAMES),
        names_in_memory=st.dictionaries(NAMES, NAMES),
    )


@given(_blueprints(), TENSORS)
def test_every_stored_tensor_keeps_exactly_one_role(
    built: Blueprint, shapes: dict[str, Shape]
) -> None:
    file = stored(shapes)
    said = opinion(built, file)
    assert sum(said.assignment.counts.values()) == len(file)
    assert set(said.assignment.counts) == set(said.assignment.rules)
    for tensor in tensors_of(file):
        said.assignment.rule_of(tensor)  # each has one
    counted = tally(said.assignment)
    assert counted.stored.elements == sum(prod(shape) for shape in shapes.values())
    assert (counted.total or 0) <= counted.stored.elements


def test_a_class_confirms_itself_whatever_it_is() -> None:
    said = opinion(blueprint(TOY, frozen=set(TOY)), stored(TOY))
    assert tally(said.assignment).trainable == 0
    assert said.settled == len(TOY)


def test_the_name_that_the_class_counts_by_is_the_parameter_whatever_the_rules_take_for_it() -> (
    None
):
    # the class has the head first and the table as its further name; the rules have it otherwise
    own = {name: shape for name, shape in TOY.items() if name != "model.embed_tokens.weight"}
    built = blueprint(own, ties={"model.embed_tokens.weight": "lm_head.weight"})
    for equal in ({}, dict.fromkeys(("lm_head.weight", "model.embed_tokens.weight"), True)):
        said = opinion(built, stored(TOY), {"tie_word_embeddings": True}, equal=equal)
        assert tally(said.assignment).total == TOY_PARAMETERS - 800
        assert tally(said.assignment).tied_copies == 800


def test_a_copy_by_the_class_whose_bytes_differ_is_no_agreement() -> None:
    built = blueprint(TIED, ties=TIE)
    said = opinion(
        built, stored(TOY), {"tie_word_embeddings": True}, equal={"lm_head.weight": False}
    )
    assert said.standing is Standing.DIFFERS


def test_the_class_gives_counts_of_its_own_and_none_of_another_model() -> None:
    said = opinion(blueprint(TOY), stored(TOY))
    counts = {count.key: count.value for count in said.counts}
    # without the head of 800
    assert counts == {
        "class": TOY_PARAMETERS,
        "class_trainable": TOY_PARAMETERS,
        "class_backbone": TOY_PARAMETERS - 800,
    }
    other = opinion(blueprint({"model.other.weight": (10_000, 8)}), stored(TOY))
    assert other.standing is Standing.OTHER_MODEL
    assert other.counts == ()
