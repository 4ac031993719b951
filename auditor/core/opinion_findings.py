"""What is to be said where a checkpoint and its class differ: each kind in one sentence."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from auditor.core.blueprint import Blueprint
from auditor.core.findings import Finding, Severity, listed, quoted
from auditor.core.pairing import Built, Pairing, Part, Stored
from auditor.core.roles import Role, Rule, patterns_of
from auditor.core.settling import Settled

_MAX_SEARCHED: Final = 512  # characters of a name that a library's expression is looked for in


class _Amount(NamedTuple):
    name: str
    elements: int


def other_model(blueprint: Blueprint, pairing: Pairing) -> tuple[Finding, ...]:
    """That the config builds something else: the one thing to say of such a checkpoint."""
    message = (
        f"the config builds something else than the files hold: {blueprint.class_name} has"
        f" {blueprint.total:,} parameters by it, and the files have {pairing.agreed:,} of them"
        f" among their {pairing.held:,}"
    )
    if pairing.misshapen:
        message += f"; {_shapes(pairing.misshapen)}"
    return (
        *_note(blueprint),
        Finding(code="config-builds-other", severity=Severity.WARNING, message=message),
    )


def sides_apart(blueprint: Blueprint, pairing: Pairing, settled: Settled) -> tuple[Finding, ...]:
    """What is on one side alone, what the class settled, and what it could not."""
    name = blueprint.class_name
    return (
        *_note(blueprint),
        *_misshapen(name, pairing),
        *_unbuilt(blueprint, pairing),
        *_unstored(name, pairing),
        *_together(name, pairing),
        *_settled(name, settled),
        *_disputed(name, settled),
        *_frozen(name, pairing),
    )


def _note(blueprint: Blueprint) -> Iterator[Finding]:
    if blueprint.note:
        yield Finding(code="blueprint-note", severity=Severity.INFO, message=blueprint.note)


def _misshapen(class_name: str, pairing: Pairing) -> Iterator[Finding]:
    if pairs := pairing.misshapen:
        elements = sum(built.elements for _, built in pairs)
        message = (
            f"{_tensors(len(pairs))} of {class_name}, {elements:,} elements there, are stored in"
            f" another shape: {_shapes(pairs)}"
        )
        yield Finding(code="shape-differs", severity=Severity.WARNING, message=message)


def _shapes(pairs: Iterable[tuple[Stored, Built]]) -> str:
    largest = sorted(pairs, key=lambda each: -each[1].elements)
    return listed(
        [
            f"{quoted(stored.tensor.name)} is {list(stored.tensor.shape)}, not {list(built.shape)}"
            for stored, built in largest
        ]
    )


def _unbuilt(blueprint: Blueprint, pairing: Pairing) -> Iterator[Finding]:
    """What is stored and no part of the class, by what becomes of it."""
    name = blueprint.class_name
    patterns = [re.compile(pattern) for pattern in blueprint.passed_over]
    parameters = pairing.unbuilt_parameters
    ignored = [each for each in parameters if _is_passed_over(each, patterns)]
    others = [each for each in parameters if not _is_passed_over(each, patterns)]
    buffers = [each for each in pairing.unbuilt if each.rule.role is Role.BUFFER]
    code = "not-in-architecture"
    rows = (
        (others, Severity.NOTICE, f"stored and no part of {name} as this config builds it"),
        (ignored, Severity.NOTICE, f"stored beside {name}, which passes over them on loading"),
        (buffers, Severity.INFO, f"stored as buffers, which {name} does not save"),
    )
    for group, severity, what in rows:
        amounts = [_Amount(each.tensor.name, each.known) for each in group]
        yield from _about(code, severity, what, amounts)


def _is_passed_over(stored: Stored, patterns: Iterable[re.Pattern[str]]) -> bool:
    name = stored.tensor.name[:_MAX_SEARCHED]
    return any(pattern.search(name) for pattern in patterns)


def _unstored(class_name: str, pairing: Pairing) -> Iterator[Finding]:
    what = f"parameters of {class_name} and not stored: loading would initialise them at random"
    amounts = [_Amount(each.name, each.elements) for each in pairing.unstored]
    yield from _about("not-stored", Severity.WARNING, what, amounts)


def _together(class_name: str, pairing: Pairing) -> Iterator[Finding]:
    what = f"stored under other names than {class_name} saves, as many in each module"
    amounts = [
        _Amount(stored.tensor.name, stored.known) for ours, _ in pairing.together for stored in ours
    ]
    yield from _about("names-differ", Severity.INFO, what, amounts)


def _settled(class_name: str, settled: Settled) -> Iterator[Finding]:
    """What the class has otherwise than the rules, by what it is to the class."""
    rows: dict[str, list[_Amount]] = {}
    for stored, mark, rule in settled.changes:
        amount = _Amount(stored.tensor.name, mark.low or stored.tensor.elements)
        rows.setdefault(_in_words(stored, rule), []).append(amount)
    for what, amounts in rows.items():
        sentence = f"{what} {class_name}, which their names alone do not tell"
        yield from _about("roles-settled", Severity.NOTICE, sentence, amounts)


def _in_words(stored: Stored, rule: Rule) -> str:
    match rule.role:
        case Role.BUFFER:
            return "buffers of"
        case Role.TIED_COPY:
            return "further copies of a parameter of"
        case Role.AUXILIARY:
            return "beside the packed parameters of"
        case _ if stored.low != stored.high:
            return "packed parameters, as many as in"
        case _:
            return "trained parameters of" if rule.trainable else "parameters frozen in"


def _disputed(class_name: str, settled: Settled) -> Iterator[Finding]:
    for stored, _ in settled.disputed:
        once = stored.rule.role is Role.TIED_COPY
        does, counted = ("does not tie", "once") if once else ("ties", "twice")
        message = (
            f"{class_name} {does} {quoted(stored.tensor.name)} ({stored.tensor.elements:,}"
            f" elements) and the config says otherwise: it is counted {counted}, as the config has"
            " it, and only the bytes can tell"
        )
        yield Finding(code="tie-disputed", severity=Severity.WARNING, message=message)


def _frozen(class_name: str, pairing: Pairing) -> Iterator[Finding]:
    what = f"frozen in {class_name} (requires_grad=False)"
    amounts = [
        _Amount(stored.tensor.name, built.elements)
        for stored, built in pairing.pairs
        if built.part is Part.FROZEN and not built.original
    ]
    yield from _about("frozen-parameters", Severity.INFO, what, amounts)


def _about(
    code: str, severity: Severity, what: str, amounts: Iterable[_Amount]
) -> Iterator[Finding]:
    """One sentence about all of `amounts`: their sum, and the patterns with most of it."""
    all_of = tuple(amounts)
    if not all_of:
        return
    by_pattern: Counter[str] = Counter()
    for pattern, each in zip(patterns_of(tuple(e.name for e in all_of)), all_of, strict=True):
        by_pattern[pattern] += each.elements
    named = listed([f"{quoted(pattern)} {many:,}" for pattern, many in by_pattern.most_common()])
    verb = "is" if len(all_of) == 1 else "are"
    elements = by_pattern.total()
    message = f"{_tensors(len(all_of))}, {elements:,} elements, {verb} {what}: {named}"
    yield Finding(code=code, severity=severity, message=message)


def _tensors(number: int) -> str:
    return "1 tensor" if number == 1 else f"{number:,} tensors"
