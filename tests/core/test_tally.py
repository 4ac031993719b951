"""The count itself: by role, dtype and group, and every honest way to count the same file."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from architectures import bert, deepseek_v3, gpt2, gpt_neox, judged, qwen3_600m, tensors_of
from auditor.core.config import ModelConfig
from auditor.core.role_rules import RULES
from auditor.core.roles import Mark, Role, assign
from auditor.core.tally import Amount, Count, Group, Tally, counts_of, merged, tally
from strategies import tensors

Stored = dict[str, tuple[str, tuple[int, ...]]]


def count(stored: Stored, *, complete: bool = True) -> Tally:
    assignment = assign(tensors_of(stored), ModelConfig(), {}, RULES)
    return tally(assignment, complete=complete)


def by_key(counted: Tally) -> dict[str, Count]:
    found = counts_of(counted)
    assert len({each.key for each in found}) == len(found)
    return {each.key: each for each in found}


def group(counted: Tally, name: str) -> Group:
    return next(each for each in counted.groups if each.name == name)


# -- published models


def test_berts_heads_are_told_part_by_part() -> None:
    _, counted = judged(bert(layers=24, width=1_024), {"model_type": "bert"})
    heads = {each.name: each.amount.elements for each in counted.groups if each.head}
    assert heads == {
        "transform": 1_024 * 1_024 + 1_024,  # 1,049,600
        "bias": 30_522,
        "norm": 2 * 1_024,
        "next sentence": 2 * 1_024 + 2,
    }
    assert sum(heads.values()) == 1_084_220
    assert by_key(counted)["backbone"].value == 335_141_888


def test_pythias_card_leaves_both_matrices_out() -> None:
    # EleutherAI/pythia-70m: 70,426,624 parameters, 18,915,328 of them no embedding
    tensors_ = gpt_neox(layers=6, width=512, vocab=50_304, rotary=8, masks=None)
    _, counted = judged(tensors_, {"model_type": "gpt_neox"})
    assert (counted.total, counted.non_embedding) == (70_426_624, 18_915_328)
    assert counted.embedding == 2 * 50_304 * 512


def test_gpt2s_masks_are_the_largest_group_that_is_no_parameter() -> None:
    _, counted = judged(gpt2(), {"model_type": "gpt2"})
    masks = group(counted, "causal masks")
    assert masks.amount == Amount(
        tensors=12, elements=12 * 1_024**2, stored_bytes=48 * 1_024**2, low=0, high=0
    )
    assert masks.pattern == "h.*.attn.bias"
    assert by_key(counted)["stored"].differs_by == (masks,)
    assert by_key(counted)["stored"].value == 137_022_720


def test_a_tied_copy_is_a_count_of_its_own() -> None:
    _, counted = judged(qwen3_600m(), {"model_type": "qwen3", "tie_word_embeddings": True})
    counts = by_key(counted)
    assert counts["total"].value == 596_049_920
    assert counts["stored"].value == 751_632_384
    assert "with_tied_copies" not in counts  # it would repeat what is stored
    assert [each.role for each in counts["stored"].differs_by] == [Role.TIED_COPY]


def test_an_extra_layer_can_be_left_out() -> None:
    _, counted = judged(deepseek_v3(layers=4, experts=8), {"model_type": "deepseek_v3"})
    counts = by_key(counted)
    beside = counts["without_mtp"]
    assert all(each.mtp for each in beside.differs_by)
    assert counts["total"].value - beside.value == sum(
        each.amount.elements for each in beside.differs_by
    )


# -- small checkpoints


def test_stored_elements_and_bytes_are_counted_by_dtype_and_by_role() -> None:
    counted = count(
        {
            "model.embed_tokens.weight": ("BF16", (10, 4)),
            "model.layers.0.mlp.up_proj.weight": ("BF16", (8, 4)),
            "model.layers.1.mlp.up_proj.weight": ("BF16", (8, 4)),
            "model.norm.weight": ("F32", (4,)),
            "embeddings.position_ids": ("I64", (1, 6)),
        }
    )
    assert counted.stored.tensors == 5
    assert counted.stored.elements == 40 + 32 + 32 + 4 + 6
    assert counted.stored.stored_bytes == 2 * 104 + 4 * 4 + 8 * 6
    assert {name: each.stored_bytes for name, each in counted.by_dtype.items()} == {
        "BF16": 208,
        "I64": 48,
        "F32": 16,
    }
    assert list(counted.by_dtype) == ["BF16", "I64", "F32"]  # the most bytes first
    assert {role: each.elements for role, each in counted.by_role.items()} == {
        Role.WEIGHT: 64,
        Role.NORM: 4,
        Role.EMBEDDING: 40,
        Role.BUFFER: 6,
    }
    assert (counted.total, counted.buffers, counted.scalars) == (108, 6, 0)


def test_groups_stand_by_size_and_show_the_name_that_holds_most() -> None:
    counted = count(
        {
            "a.bias": ("F32", (3,)),
            "layers.0.small.weight": ("F32", (2, 2)),
            "layers.0.large.weight": ("F32", (9, 9)),
            "layers.1.large.weight": ("F32", (9, 9)),
        }
    )
    assert [(each.name, each.pattern) for each in counted.groups] == [
        ("weights", "layers.*.large.weight"),
        ("biases", "a.bias"),
    ]


def test_a_scalar_is_a_parameter_and_is_also_counted_apart() -> None:
    # The Hub's own counter leaves tensors of rank 0 out.
    counted = count({"logit_scale": ("F32", ()), "weight": ("F32", (2, 2))})
    assert (counted.total, counted.scalars) == (5, 1)
    assert by_key(counted)["stored_without_scalars"].value == 4


def test_an_empty_checkpoint_holds_nothing() -> None:
    counted = count({})
    assert (counted.total, counted.stored, counted.groups) == (0, Amount(), ())
    assert counts_of(counted)[0].value == 0


def test_an_empty_tensor_holds_no_parameters() -> None:
    assert count({"weight": ("F32", (0, 7))}).total == 0


# -- what is not known


def test_a_checkpoint_with_a_missing_shard_has_no_total() -> None:
    counted = count({"weight": ("F32", (2, 2))}, complete=False)
    assert (counted.total, counted.trainable, counted.embedding) == (None, None, None)
    assert counted.total_range is None
    assert counted.non_embedding is None
    assert counted.stored.elements == 4


def packed(role: Role | None, low: int = 0, high: int = 0) -> Tally:
    tensors_ = tensors_of({"a.qweight": ("I32", (2, 2)), "b.weight": ("F32", (3, 3))})
    mark = Mark(
        role,
        "packed",
        "a test",
        layout="GPTQ",
        low=low,
        high=high,
        stored="qweight",
        logical="weight",
    )
    return tally(assign(tensors_, ModelConfig(), {"a.qweight": mark}, RULES))


def test_weights_in_an_unknown_packing_leave_the_total_unknown() -> None:
    counted = packed(Role.PACKED)
    assert (counted.total, counted.total_range) == (None, None)
    assert [each.key for each in counts_of(counted)] == ["stored"]


def test_a_packing_that_is_known_counts_what_it_holds() -> None:
    counted = packed(None, low=32, high=32)
    assert (counted.total, counted.stored.elements) == (32 + 9, 4 + 9)
    assert [(each.name, each.modules, each.low) for each in counted.layouts] == [("GPTQ", 1, 32)]
    assert counted.layouts[0].bits_per_weight == 4  # 16 bytes for 32 weights


def test_a_packing_that_leaves_a_range_gives_a_range() -> None:
    counted = packed(None, low=30, high=32)
    assert (counted.total, counted.total_range) == (None, (39, 41))
    assert counted.layouts[0].bits_per_weight is None


# -- laws


@settings(max_examples=50)
@given(tensors())
def test_the_parts_add_up_to_the_whole(stored: Stored) -> None:
    counted = count(stored)
    for parts in (counted.by_dtype, counted.by_role):
        assert sum(parts.values(), start=Amount()) == counted.stored
    assert sum((each.amount for each in counted.groups), start=Amount()) == counted.stored
    assert counted.total is not None
    assert counted.total + counted.buffers + counted.auxiliary == counted.stored.elements
    assert counted.trainable is not None
    assert counted.frozen is not None
    assert counted.trainable + counted.frozen == counted.total


@settings(max_examples=50)
@given(tensors(), st.integers(0, 8))
def test_counting_two_shards_is_counting_one_checkpoint(stored: Stored, cut: int) -> None:
    names = list(stored)
    halves: list[Any] = [
        {name: stored[name] for name in part} for part in (names[:cut], names[cut:])
    ]
    # Roles may hang on a neighbour in the other shard, what is stored does not.
    first, second = (count(half).stored for half in halves)
    assert first + second == count(stored).stored


@settings(max_examples=50)
@given(tensors())
def test_a_count_differs_from_the_total_by_the_groups_it_names(stored: Stored) -> None:
    counted = count(stored)
    assert counted.total is not None
    for each in counts_of(counted):
        apart = sum(other.count for other in each.differs_by)
        if each.key == "stored_without_scalars":
            apart -= counted.scalars
        assert each.value in {counted.total - apart, counted.total + apart}


# -- several checkpoints that are parts of one whole


def test_the_parts_of_a_whole_add_up_and_groups_of_one_rule_are_one() -> None:
    first = count({"a.weight": ("F32", (4, 3)), "a.bias": ("F32", (4,))})
    second = count({"b.weight": ("F16", (5, 3)), "position_ids": ("I64", (1, 7))})
    whole = merged([first, second])
    assert (whole.total, whole.trainable, whole.frozen, whole.buffers) == (31, 31, 0, 7)
    assert whole.stored.stored_bytes == 16 * 4 + 15 * 2 + 7 * 8
    assert {name: amount.elements for name, amount in whole.by_dtype.items()} == {
        "F32": 16,
        "I64": 7,
        "F16": 15,
    }
    assert group(whole, "weights").amount.elements == 12 + 15
    assert merged([first]) == first


def test_a_whole_with_an_unknown_part_is_unknown() -> None:
    known = count({"a.weight": ("F32", (4, 3))})
    unknown = count({"b.weight": ("F32", (4, 3))}, complete=False)
    whole = merged([known, unknown])
    assert (whole.total, whole.total_range, whole.trainable) == (None, None, None)
    assert whole.stored.elements == 24
    assert merged([known], complete=False).total is None


def test_a_whole_with_a_part_between_bounds_lies_between_bounds() -> None:
    mark = Mark(None, "packed", "why", layout="GPTQ", low=10, high=14, stored="q", logical="w")
    packed = assign(tensors_of({"a.q": ("I32", (2,))}), ModelConfig(), {"a.q": mark}, RULES)
    whole = merged([tally(packed), tally(packed), count({"b.weight": ("F32", (4, 3))})])
    assert (whole.total, whole.total_range) == (None, (32, 40))
    (layout,) = whole.layouts
    assert (layout.modules, layout.low, layout.high) == (2, 20, 28)
