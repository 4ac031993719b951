"""The plan of a model's memory: as lines on a screen, and as JSON."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any, Final

from auditor.core.memory_cache import Ask, Cache, CacheUnknown, Grows, NoCache, Part
from auditor.core.memory_fits import Fit
from auditor.core.memory_loading import AS_STORED
from auditor.core.memory_plan import Plan
from auditor.core.memory_training import NotTrainable, Training
from auditor.core.sizes import binary_size, decimal_size, gibibytes, gigabytes
from auditor.writers.escape import line
from auditor.writers.look import Look
from auditor.writers.page import Page, Piece
from auditor.writers.words import Tone

SCHEMA: Final = 1
MAX_NAME: Final = 80  # characters of one name
MAX_TEXT: Final = 400  # of one sentence
NOT_COUNTED: Final = (
    "activations, the runtime's own memory (a CUDA context takes some hundred MB) and what an"
    " allocator leaves unused"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan of one model. `at` is the revision or commit that was read."""

    model: str
    at: str
    plan: Plan


# -- on a screen


def write_text(plans: Sequence[Planned], stream: IO[bytes]) -> None:
    """One plan after the other, in the manner of a report."""
    look = Look.of(sys.stdout, os.environ) if stream is sys.stdout.buffer else Look()
    page = Page(look)
    for index, planned in enumerate(plans):
        stream.write(b"\n" if index else b"")
        stream.write(page.rendered(_pieces(page, planned)))


def _pieces(page: Page, planned: Planned) -> Iterable[Piece]:
    plan = planned.plan
    yield page.text(f"{line(planned.model, MAX_NAME)} @ {line(planned.at, MAX_NAME)}", bold=True)
    for label, lines in (
        ("weights", _weights(plan)),
        ("cache", _cache(plan)),
        ("together", _together(plan)),
        ("training", [text for each in plan.training for text in _training(each)]),
    ):
        if lines:
            yield page.section(label, [("", page.text(text)) for text in lines])
    if plan.fits:
        yield page.section("fits", [("", page.text(*_fit(fit))) for fit in plan.fits])
    yield page.section("not in it", [("", page.text(NOT_COUNTED, Tone.ASIDE))])


def both(size_bytes: int) -> str:
    """`16.1 GB (15.0 GiB)`."""
    return f"{decimal_size(size_bytes)} ({binary_size(size_bytes)})"


def _weights(plan: Plan) -> list[str]:
    weights = plan.weights
    stored = ", ".join(line(name, MAX_NAME) for name in plan.stored_dtypes)
    lines = [f"{both(weights.stored_bytes)} as stored: {stored}"]
    if not plan.is_complete:
        lines.append("weights are missing or cannot be read: the least that it takes")
    if weights.loaded_as != AS_STORED:
        lines.append(f"{both(weights.loaded_bytes)} loaded as {weights.loaded_as}{_kept(plan)}")
    elif weights.loaded_bytes != weights.stored_bytes:
        lines.append(f"{both(weights.loaded_bytes)} loaded: tied copies are there once")
    if weights.largest is not None:
        name = line(weights.largest.name, MAX_NAME)
        lines.append(f"{both(weights.largest.loaded_bytes)} the largest layer: {name}")
    return lines


def _kept(plan: Plan) -> str:
    """What `--dtype` did not touch."""
    if plan.is_gguf:
        return ": a GGUF file stays what it is"
    if plan.layouts:
        packed = " and ".join(line(name, MAX_NAME) for name in plan.layouts)
        return f": {both(plan.weights.packed_bytes)} of {packed} stay packed"
    return ", scales on top" if plan.weights.loaded_as in {"INT8", "INT4", "FP8"} else ""


def _cache(plan: Plan) -> list[str]:
    match plan.cache:
        case NoCache(reason=reason):
            return [f"none: {line(reason, MAX_TEXT)}"]
        case CacheUnknown(reason=reason):
            return [f"not known: {line(reason, MAX_TEXT)}"]
        case Cache() as cache:
            return _known_cache(plan, cache)


def _known_cache(plan: Plan, cache: Cache) -> list[str]:
    ask, size = plan.ask, plan.cache_bytes
    if ask is None or size is None:
        return ["not known: the config does not say how long a context may be; give --context"]
    sequences = f"{ask.batch:,} sequence{'' if ask.batch == 1 else 's'}"
    dtype = f"{ask.cache_dtype.name} ({plan.cache_dtype_reason})"
    lines = [f"{both(size)} for {sequences} of {ask.context:,} tokens in {dtype}"]
    if cache.is_endless:
        lines.append(f"{cache.token_bytes(ask):,} bytes a token more of one sequence")
    lines += [_part(part, ask) for part in cache.parts]
    if cache.longest is not None and ask.context > cache.longest:
        lines.append(f"the config's longest context is {cache.longest:,} tokens")
    return [*lines, *(line(note, MAX_TEXT) for note in cache.notes)]


def _part(part: Part, ask: Ask) -> str:
    """`gpt-oss: 12 layers x 128 tokens x (2 x 8 heads x 64) in BF16: 3.15 MB · window of 128`."""
    layers = f"{part.layers:,} layer{'' if part.layers == 1 else 's'}"
    places = "" if part.grows is Grows.NOT else f" x {part.places(ask):,} places"
    size = decimal_size(part.size_bytes(ask))
    return f"{part.name}: {size} = {layers}{places} x ({part.rule}) in {part.dtype(ask).name}"


def _together(plan: Plan) -> list[str]:
    needed = plan.needed_bytes
    if needed is None or not plan.cache_bytes:
        return []
    return [f"{both(needed)} weights and cache"]


def _training(training: Training | NotTrainable) -> list[str]:
    match training:
        case NotTrainable(name=name, reason=reason):
            return [f"{line(name, MAX_TEXT)}: not known, {line(reason, MAX_TEXT)}"]
        case Training() as known:
            parts = (
                f"weights {decimal_size(known.weight_bytes)}, gradients"
                f" {decimal_size(known.gradient_bytes)}, states {decimal_size(known.state_bytes)}"
            )
            name = line(known.name, MAX_TEXT)
            whole = f"{both(known.total_bytes)} {name}: {known.trained:,} parameters trained"
            return [
                f"{whole}; {parts}",
                f"by rule: {known.rule} ({'; '.join(known.sources)})",
            ]


def _fit(fit: Fit) -> tuple[str, Tone]:
    """The answer first, then the margin, then what else would fit."""
    capacity = fit.capacity
    total = capacity.total_bytes
    name = f"{line(capacity.name, MAX_NAME)} = {decimal_size(total)}, {binary_size(total)}"
    match fit.fits:
        case True:
            answer, tone = f"yes, {both(fit.margin_bytes)} left", Tone.GOOD
        case False:
            answer, tone = f"no, {both(-fit.margin_bytes)} missing", Tone.BAD
        case None:
            answer = f"not known: what is known leaves {both(fit.margin_bytes)}"
            tone = Tone.DOUBT
    return "; ".join((f"{name}: {answer}", *_instead(fit))), tone


def _instead(fit: Fit) -> Iterable[str]:
    if fit.longest_context:
        several = "" if fit.batch == 1 else f"{fit.batch:,} sequences of "
        yield f"{several}up to {fit.longest_context:,} tokens fit"
    elif fit.longest_context == 0:
        yield "no context fits"
    if fit.fits and fit.largest_batch is not None:
        sequences = "sequence" if fit.largest_batch == 1 else "sequences"
        yield f"up to {fit.largest_batch:,} {sequences} of this context at once"
    if fit.dtypes:
        options = ", ".join(f"{o.name} ({both(o.margin_bytes)} left)" for o in fit.dtypes)
        yield f"would fit loaded as {options}"
    elif fit.fits is False:
        yield "no other dtype would do"
    if fit.capacity.caution:
        yield fit.capacity.caution


# -- JSON


def write_json(plans: Sequence[Planned], stream: IO[bytes]) -> None:
    """`{"schema", "models": [{"model", "revision", "weights", "cache", ...}]}`, bytes whole."""
    models = [{"model": each.model, "revision": each.at, **plan_dict(each.plan)} for each in plans]
    text = json.dumps({"schema": SCHEMA, "models": models}, indent=2)
    stream.write(text.encode() + b"\n")


def sizes(size_bytes: int) -> dict[str, int | str]:
    return {"bytes": size_bytes, "GB": gigabytes(size_bytes), "GiB": gibibytes(size_bytes)}


def plan_dict(plan: Plan) -> dict[str, Any]:
    """The plan as JSON knows it; null for what is not known."""
    weights, needed = plan.weights, plan.needed_bytes
    return {
        "weights": {
            "stored": sizes(weights.stored_bytes),
            "loaded_as": weights.loaded_as,
            "loaded": sizes(weights.loaded_bytes),
            "packed_bytes": weights.packed_bytes,
            "layouts": list(plan.layouts),
            "largest_layer": None if weights.largest is None else asdict(weights.largest),
            "complete": plan.is_complete,
        },
        "dtypes": {name: sizes(size) for name, size in plan.dtypes.items()},
        "cache": _cache_dict(plan),
        "together": None if needed is None else sizes(needed),
        "training": [_training_dict(each) for each in plan.training],
        "fits": [_fit_dict(fit) for fit in plan.fits],
        "not_counted": NOT_COUNTED,
    }


def _cache_dict(plan: Plan) -> dict[str, Any]:
    rule, ask = plan.cache, plan.ask
    if not isinstance(rule, Cache):
        known = isinstance(rule, NoCache)
        return {"known": known, "size": sizes(0) if known else None, "reason": rule.reason}
    if ask is None or plan.cache_bytes is None:
        return {"known": False, "size": None, "reason": "no context is said or asked for"}
    return {
        "known": True,
        "size": sizes(plan.cache_bytes),
        "context": ask.context,
        "longest_context": rule.longest,
        "batch": ask.batch,
        "dtype": ask.cache_dtype.name,
        "dtype_by": plan.cache_dtype_reason,
        "bytes_per_token": rule.token_bytes(ask),
        "parts": [
            {
                "name": part.name,
                "layers": part.layers,
                "elements": part.elements,
                "places": part.places(ask),
                "dtype": part.dtype(ask).name,
                "bytes": part.size_bytes(ask),
                "rule": part.rule,
            }
            for part in rule.parts
        ],
        "notes": list(rule.notes),
    }


def _training_dict(training: Training | NotTrainable) -> dict[str, Any]:
    if isinstance(training, NotTrainable):
        return {"name": training.name, "known": False, "reason": training.reason}
    return {
        **asdict(training),
        "known": True,
        "total": sizes(training.total_bytes),
        "sources": list(training.sources),
    }


def _fit_dict(fit: Fit) -> dict[str, Any]:
    return {
        "name": fit.capacity.name,
        "capacity": sizes(fit.capacity.total_bytes),
        "devices": fit.capacity.devices,
        "source": fit.capacity.source,
        "caution": fit.capacity.caution,
        "needed_bytes": fit.needed_bytes,
        "fits": fit.fits,
        "margin_bytes": fit.margin_bytes,
        "longest_context": fit.longest_context,
        "largest_batch": fit.largest_batch,
        "would_fit_as": {option.name: option.margin_bytes for option in fit.dtypes},
    }


FORMS: Final[Mapping[str, Callable[[Sequence[Planned], IO[bytes]], None]]] = {
    "terminal": write_text,
    "json": write_json,
}
