"""Which part of a checkpoint counts: the weights once, and no trainer's state."""

from typing import Any

import pytest

from auditor.core.tensors import Header
from torch_files import read, saved, shapes
from torch_pickles import Call, Name, Storage, Tensors, module, ordered, view


def names(header: Header) -> list[str]:
    return list(shapes(header))


def state_dict(t: Tensors) -> Call:
    return ordered({"fc.weight": t(2, 3), "fc.bias": t(2)})


def adam(t: Tensors) -> dict[str, Any]:
    moments = {"step": t(), "exp_avg": t(2, 3), "exp_avg_sq": t(2, 3)}
    return {"state": {0: moments}, "param_groups": [{"lr": 0.1, "params": [0]}]}


@pytest.mark.parametrize(
    "key", ["state_dict", "model_state_dict", "model", "module", "net", "params", "generator"]
)
def test_the_weights_are_told_by_their_key_which_is_no_part_of_their_names(key: str) -> None:
    t = Tensors()
    header = read(saved({"epoch": 3, key: state_dict(t), "args": None}))
    assert names(header) == ["fc.weight", "fc.bias"]
    assert header.notes == (f"the weights are what lies under `{key}`",)


def test_an_optimizers_state_is_left_out_and_how_much_it_is_is_told() -> None:
    t = Tensors()
    value = {"state_dict": state_dict(t), "optimizer_states": [adam(t)], "lr_schedulers": [{}]}
    header = read(saved(value))
    assert names(header) == ["fc.weight", "fc.bias"]
    assert header.notes == (
        "the weights are what lies under `state_dict`",
        # Two moments of 2 x 3 and a step of one element.
        "left out, an optimizer's state: `optimizer_states` (13 elements in 3 tensors)",
    )


def test_a_smoothed_copy_is_an_alternative_and_not_added() -> None:
    t = Tensors()
    header = read(saved({"params_ema": state_dict(t), "params": state_dict(t)}))
    assert names(header) == ["fc.weight", "fc.bias"]
    assert header.notes == (
        "the weights are what lies under `params`",
        "left out, a smoothed copy of the weights: `params_ema` (8 elements in 2 tensors)",
    )


def test_a_copy_counts_where_it_is_all_that_there_is() -> None:
    t = Tensors()
    header = read(saved({"model": None, "ema": state_dict(t), "optimizer": None}))
    assert names(header) == ["fc.weight", "fc.bias"]
    assert header.notes == ("the weights are what lies under `ema`",)


def test_a_trainers_own_numbers_beside_the_weights_are_left_out() -> None:
    t = Tensors()
    value = {
        "model": state_dict(t),
        "rng_state": t(5, dtype="uint8"),
        "scaler": {"scale": t()},
        "lr_scheduler": {"base": t(2)},
        "callbacks": {"average": {"w": t(3)}},
        "dino_loss": {"center": t(4)},
    }
    header = read(saved(value))
    assert names(header) == ["fc.weight", "fc.bias"]
    assert len(header.notes) == 5  # callbacks and loss in one


def test_containers_around_the_weights_are_gone_through_as_long_as_keys_tell() -> None:
    t = Tensors()
    value = {"model": {"state_dict": state_dict(t), "config": {}}, "epoch": 1}
    assert names(read(saved(value))) == ["fc.weight", "fc.bias"]


def test_modules_of_nested_dictionaries_keep_their_full_names() -> None:
    """Megatron nests its state dict; `model` is the container, `language_model` a module."""
    t = Tensors()
    value = {"model": {"language_model": {"embedding": {"weight": t(4)}, "encoder": {"w": t(2)}}}}
    assert names(read(saved(value))) == [
        "language_model.embedding.weight",
        "language_model.encoder.w",
    ]


def test_where_nothing_tells_the_parts_apart_all_count_under_full_names() -> None:
    t = Tensors()
    value = {"g": {"w": t(2)}, "d": {"w": t(3)}, "g_optim": adam(t)}
    header = read(saved(value))
    assert names(header) == ["g.w", "d.w"]
    assert header.notes == ("left out, an optimizer's state: `g_optim` (13 elements in 3 tensors)",)


def test_a_model_beside_something_that_may_belong_to_it_keeps_its_full_names() -> None:
    t = Tensors()
    value = {"model": {"w": t(2)}, "lm_head": {"w": t(3)}, "optimizer": adam(t)}
    header = read(saved(value))
    assert names(header) == ["model.w", "lm_head.w"]


def test_what_stands_beside_a_state_dict_is_told() -> None:
    t = Tensors()
    header = read(saved({"state_dict": state_dict(t), "queue": t(7)}))
    assert names(header) == ["fc.weight", "fc.bias"]
    assert header.notes[1] == (
        "left out, beside the weights, and not counted with them: `queue` (7 elements in 1 tensor)"
    )


def test_a_flat_state_dict_is_not_searched_for_a_trainers_keys() -> None:
    t = Tensors()
    flat = ordered({"model": t(2), "optimizer": t(3), "scaler": t(4), "ema.weight": t(5)})
    header = read(saved(flat))
    assert names(header) == ["model", "optimizer", "scaler", "ema.weight"]
    assert header.notes == ()


def test_an_optimizer_is_known_by_what_it_holds_wherever_it_lies() -> None:
    t = Tensors()
    optimizer = Call(Name("torch.optim.adam", "Adam"), (), {"state": {"x": t(9)}}, new=True)
    value = {
        "stage1": {"w": t(1), "o": adam(t)},
        "stage2": {"w": t(2), "moments": {"exp_avg": t(2)}, "whole": optimizer},
    }
    header = read(saved(value))
    assert names(header) == ["stage1.w", "stage2.w"]
    assert header.notes == ("left out, an optimizer's state: 24 elements in 5 tensors",)
    assert header.gaps == ()


def test_a_file_of_an_optimizer_alone_has_no_weights() -> None:
    header = read(saved(adam(Tensors())))
    assert header.tensors == ()
    assert header.notes == ("left out, an optimizer's state: 13 elements in 3 tensors",)


def test_a_module_that_was_saved_beside_a_trainers_state_is_told_by_its_key() -> None:
    t = Tensors()
    net = module(Name("my", "Net"), parameters={"w": t(2)})
    header = read(saved({"ema": None, "model": net, "train_args": {"lr": 1}}))
    assert names(header) == ["w"]


def test_weights_that_an_optimizer_refers_to_first_are_still_the_models() -> None:
    t = Tensors()
    weights = state_dict(t)
    trainer = {
        "optimizer": {"state": {}, "param_groups": [{"params": [weights]}]},
        "model": weights,
    }
    assert names(read(saved(trainer))) == ["fc.weight", "fc.bias"]


def test_tied_names_within_the_weights_are_aliases_and_those_left_out_are_not() -> None:
    shared = Storage("0", 6, "float32")
    first, second = view(shared, (2, 3)), view(shared, (2, 3))
    value = {"state_dict": {"wte": first, "lm_head": second}, "ema_state_dict": {"wte": first}}
    header = read(saved(value))
    assert header.aliases == {"lm_head": "wte"}
    assert names(header) == ["wte"]
