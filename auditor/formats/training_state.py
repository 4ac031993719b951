"""What a training script saves beside the parameters, told by the paths of a tree's arrays.

Flax's TrainState has `step`, `params` and `opt_state`; flax.optim, until 2022, had `optimizer` with
`target` and `state`; big_vision saves `params` and `opt`.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

Path = tuple[str, ...]

_TRAINING: Final = (
    # where the path begins, what lies there
    (("opt_state",), "the optimizer's state"),
    (("optimizer", "state"), "the optimizer's state"),
    (("opt",), "the optimizer's state"),
    (("ema_params",), "a moving average of the parameters"),
)
_PARAMETERS: Final = (("params",), ("optimizer", "target"), ("target",))


class Split(NamedTuple):
    """The paths of the model's arrays by their place among all, without that of the parameters."""

    kept: dict[int, Path]
    notes: tuple[str, ...]


def without_training(paths: Sequence[Path], elements: Sequence[int]) -> Split:
    """The arrays of the model; notes tell what was left out, of so many elements each.

    Only where the parameters have a place of their own: a module may be called `opt`.
    """
    place = next((p for p in _PARAMETERS if any(path[: len(p)] == p for path in paths)), None)
    if place is None:
        return Split(dict(enumerate(paths)), ())
    left: dict[str, list[int]] = {}
    kept: dict[int, Path] = {}
    for at, path in enumerate(paths):
        why = next((why for start, why in _TRAINING if path[: len(start)] == start), "")
        if why:
            left.setdefault(why, []).append(elements[at])
        else:
            kept[at] = _inside(path, place)
    notes = tuple(
        f"{why} was left out: {sum(out):,} numbers in {len(out):,} arrays"
        for why, out in left.items()
    )
    return Split(kept, notes)


def _inside(path: Path, place: Path) -> Path:
    """Twice inside where a training state holds the collections of the model."""
    while len(path) > len(place) and path[: len(place)] == place:
        path = path[len(place) :]
    return path
