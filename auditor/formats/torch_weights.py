"""Which part of a checkpoint holds its weights, by what trainers call the parts.

A file of weights alone is a dictionary of tensors. A trainer saves it under a key, beside what it
needs to go on (an optimizer's state is twice the weights) and often beside a smoothed copy:

    {"state_dict": {...}, "optimizer_states": [...], "epoch": 3}                        Lightning
    {"model": {...}, "ema": {...}, "optimizer": {...}, "args": Namespace(...)}

The key that was gone through is no part of the tensors' names, as loaders have it. Where nothing
tells the parts apart, all of them count, under their full names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from auditor.core.findings import listed, quoted
from auditor.formats.pickle_values import Made, Value
from auditor.formats.torch_globals import class_of
from auditor.formats.torch_objects import ObjectReader
from auditor.formats.torch_parts import few_keys, is_mapping, may_hold
from auditor.formats.torch_weight import Weight, weigh

MAX_LEVELS: Final = 4  # dictionaries around the weights; trainers have one or two


class Sort(Enum):
    WEIGHTS = auto()
    MODEL = auto()  # weights, unless something unknown beside them may belong to them
    COPY = auto()
    TRAINING = auto()


OPTIMIZER_STATE: Final = "an optimizer's state"

_ROWS: Final = (
    # keys, what lies there, in words; of several weights the first
    (r"(?:model_)?state_dict|model_state|model_weights", Sort.WEIGHTS, "the weights"),
    (r"model|module|net|network|params|weights|generator|teacher", Sort.MODEL, "the weights"),
    (r"(?:\w*_)?ema(?:_\w*)?|shadow_params", Sort.COPY, "a smoothed copy of the weights"),
    (r"averaged_model|swa_\w+|student", Sort.COPY, "another copy of the weights"),
    (r"\w*optim\w*|opt|opt_state\w*|\w+_opt", Sort.TRAINING, OPTIMIZER_STATE),
    (r"\w*sched\w*", Sort.TRAINING, "a schedule of learning rates"),
    (r"\w*scaler\w*|amp(?:_\w+)?", Sort.TRAINING, "the state of a loss scaler"),
    (r"\w*rng\w*|random_states?", Sort.TRAINING, "states of random generators"),
    (r"callbacks|loops|\w*loss|extra_state", Sort.TRAINING, "what the trainer keeps"),
)
_SORTS: Final = tuple((re.compile(keys), sort, words) for keys, sort, words in _ROWS)

# What an optimizer keeps of each parameter (torch/optim), wherever it lies.
_MOMENTS: Final = frozenset({"exp_avg", "exp_avg_sq", "momentum_buffer", "square_avg"})
_OPTIMIZER: Final = frozenset({"state", "param_groups"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The object that holds the weights, and those of its parts (by id) that are none of them."""

    root: Value
    skipped: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


class _Part(NamedTuple):
    """A part that holds tensors. `is_tensor`: it is one itself."""

    name: str
    value: Value
    sort: Sort | None
    words: str
    weight: Weight
    is_tensor: bool


def choose_weights(root: Value, objects: ObjectReader) -> Chosen:
    """What of `root` to count, going into dictionaries as long as one part is told by its key."""
    notes: list[str] = []
    for _ in range(MAX_LEVELS):
        parts = _heavy_parts(root, objects)
        best = _best(parts)
        if best is None:
            training = [each for each in parts if each.sort is Sort.TRAINING and not each.is_tensor]
            skipped = frozenset(id(each.value) for each in training)
            return Chosen(root=root, skipped=skipped, notes=(*notes, *_left_out(training)))
        notes.append(f"the weights are what lies under {quoted(best.name)}")
        notes += _left_out([each for each in parts if each is not best])
        root = best.value
    return Chosen(root=root, notes=tuple(notes))


def is_optimizer(value: Value) -> bool:
    """Whether it is an optimizer or its state by what it is, whatever it is called."""
    if isinstance(value, Made) and class_of(value).startswith("torch.optim."):
        return True
    keys = few_keys(value)
    return keys >= _OPTIMIZER or not keys.isdisjoint(_MOMENTS)


def _heavy_parts(root: Value, objects: ObjectReader) -> list[_Part]:
    """The parts of a dictionary that hold tensors; what several of them hold, the weights have."""
    if not is_mapping(root):
        return []
    parts = objects.opener.parts_of(root) or ()
    rows = [(part, _sort_of(part.name)) for part in parts if may_hold(part.value)]
    rows.sort(key=lambda row: row[1][0])
    seen: set[int] = set()
    weighed = [
        _Part(
            name=part.name if type(part.name) is str else "",
            value=part.value,
            sort=sort,
            words=words,
            weight=weigh(part.value, objects, seen),
            is_tensor=objects.read(part.value) is not None,
        )
        for part, (_, sort, words) in rows
    ]
    return [part for part in weighed if part.weight]


def _sort_of(key: Value) -> tuple[int, Sort | None, str]:
    """The first row that the key fits, and its number."""
    if type(key) is str:
        for at, (keys, sort, words) in enumerate(_SORTS):
            if keys.fullmatch(key):
                return at, sort, words
    return len(_SORTS), None, "beside the weights, and not counted with them"


def _best(parts: Sequence[_Part]) -> _Part | None:
    """The one part that holds the weights, if its key tells."""
    inner = [part for part in parts if not part.is_tensor]
    best = next((part for part in inner if part.sort is Sort.WEIGHTS), None)
    if best is not None:
        return best
    known = {Sort.COPY, Sort.TRAINING}
    models = [part for part in inner if part.sort is Sort.MODEL]
    copies = [part for part in inner if part.sort is Sort.COPY]
    unknown = [part for part in parts if part.sort not in known and part not in models[:1]]
    return None if unknown else next(iter((*models, *copies)), None)


def _left_out(parts: Sequence[_Part]) -> list[str]:
    """One sentence for each kind of what was left out."""
    kinds: dict[str, list[_Part]] = {}
    for part in parts:
        kinds.setdefault(part.words, []).append(part)
    return [
        f"left out, {words}: {listed([quoted(each.name) for each in alike])}"
        f" ({sum((each.weight for each in alike), start=Weight()).words})"
        for words, alike in kinds.items()
    ]
