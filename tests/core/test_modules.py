"""The tree of modules, and what each holds."""

from architectures import Stored, gpt2, judged, tensors_of
from auditor.core.config import ModelConfig
from auditor.core.modules import MAX_DEPTH, Line, lines_of, module_tree
from auditor.core.role_rules import RULES
from auditor.core.roles import Mark, Role, assign


def lines(
    stored: Stored, *, depth: int | None = None, marks: dict[str, Mark] | None = None
) -> dict[str, Line]:
    tensors = tensors_of(stored)
    assignment = assign(tensors, ModelConfig(), marks or {}, RULES)
    top = module_tree(tensors, assignment, root="org/name")
    return {each.path: each for each in lines_of(top, depth=depth)}


LAYER: Stored = {
    "h.0.attn.bias": ("F32", (1, 1, 8, 8)),
    "h.0.attn.c_attn.weight": ("F32", (4, 12)),
    "h.1.attn.c_attn.weight": ("F16", (4, 12)),
    "ln_f.weight": ("F32", (4,)),
}


def test_a_module_holds_what_lies_below_it() -> None:
    tree = lines(LAYER)
    assert list(tree) == [
        "org/name",
        "h",
        "h.0",
        "h.0.attn",
        "h.0.attn.bias",
        "h.0.attn.c_attn",
        "h.0.attn.c_attn.weight",
        "h.1",
        "h.1.attn",
        "h.1.attn.c_attn",
        "h.1.attn.c_attn.weight",
        "ln_f",
        "ln_f.weight",
    ]
    root = tree["org/name"]
    assert (root.parameters, root.others, root.depth) == (48 + 48 + 4, 64, 0)
    assert (root.amount.tensors, root.amount.stored_bytes) == (4, 4 * (64 + 48 + 4) + 2 * 48)
    assert root.dtypes == ("F16", "F32")
    attention = tree["h.0.attn"]
    assert (attention.parameters, attention.others, attention.depth) == (48, 64, 3)
    assert tree["h.0.attn.bias"].parameters == 0


def test_the_tree_is_cut_at_a_depth() -> None:
    assert list(lines(LAYER, depth=0)) == ["org/name"]
    assert list(lines(LAYER, depth=1)) == ["org/name", "h", "ln_f"]


def test_gpt2s_tree_adds_up_to_its_tally() -> None:
    tensors = gpt2()
    assignment, counted = judged(tensors, {"model_type": "gpt2"})
    top = module_tree(tensors, assignment, root="gpt2")
    (root,) = lines_of(top, depth=0)
    assert (root.parameters, root.others) == (124_439_808, 12_582_912)
    assert root.amount.stored_bytes == counted.stored.stored_bytes


def mark(role: Role | None, low: int, high: int) -> Mark:
    return Mark(role, "packed", "a test", low=low, high=high, stored="qweight", logical="weight")


def test_a_packed_module_holds_what_its_packing_says() -> None:
    stored: Stored = {"a.qweight": ("I32", (2, 2)), "b.weight": ("F32", (3,))}
    tree = lines(stored, marks={"a.qweight": mark(None, 32, 32)})
    assert tree["a"].parameters == 32
    assert tree["a"].amount.elements == 4
    assert tree["org/name"].parameters == 32 + 3


def test_what_a_packing_hides_is_unknown_all_the_way_up_and_not_beside() -> None:
    stored: Stored = {"a.qweight": ("I32", (2, 2)), "b.weight": ("F32", (3,))}
    for hidden in (mark(None, 30, 32), mark(Role.PACKED, 0, 0)):
        tree = lines(stored, marks={"a.qweight": hidden})
        assert tree["a"].parameters is None
        assert tree["org/name"].parameters is None
        assert tree["b"].parameters == 3


def test_a_name_of_nothing_but_dots_makes_no_endless_tree() -> None:
    tree = lines({"." * 100_000: ("F32", (2,)), "x" + ".y" * 100_000: ("F32", (2,))})
    assert max(each.depth for each in tree.values()) == MAX_DEPTH
    assert len(tree) <= 1 + 2 * MAX_DEPTH
