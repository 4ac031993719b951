"""The record of one audit, and the versioned dict that writers and stores share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final, assert_never

from auditor.core.comparison import Comparison
from auditor.core.findings import Finding
from auditor.core.left_out import LeftOut
from auditor.core.repository import HubFacts, Origin
from auditor.core.shapes import Shape
from auditor.core.sizes import decimal_text, gibibytes, gigabytes, percent
from auditor.core.tally import Amount, Count, Group, LayoutCount, Tally
from auditor.core.tensors import Span
from auditor.core.verdict import Verdict

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """A weight file of the checkpoint that was counted."""

    path: str
    format: str
    oid: str | None
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentCount:
    """A part of the model that is stored apart (unet, vae), with its own count.

    `beside` says why it is not in the total of the whole; empty where it is.
    """

    name: str
    class_name: str
    format: str
    parameters: int | None
    stored_bytes: int
    beside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterFacts:
    """What an adapter is, the model that it belongs to, and how much of the two it trains.

    `base` is the model as adapter_config.json names it. What follows from the base model is None
    where that was not audited; `note` then says why, or in what the figures may be off.
    """

    peft_type: str
    rank: int | None
    base: str
    base_model: str | None = None  # its present name
    base_commit: str | None = None
    base_parameters: int | None = None
    trainable: int | None = None
    all_parameters: int | None = None
    trainable_percent: str | None = None
    printed: str | None = None  # as PEFT's print_trainable_parameters has it
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """On what an audit stands. `weight_bytes` is the size of the weight files, not read."""

    origin: Origin
    note: str
    requests: int
    retries: int
    bytes_read: int
    weight_bytes: int
    spans: tuple[tuple[str, Span], ...]
    headers_by: str  # "ranges", "safetensors-metadata"
    roles_by: str  # "rules"
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Everything that one audit found."""

    model: str
    requested: str
    revision: str | None
    commit: str | None
    verdict: Verdict
    tally: Tally
    counts: tuple[Count, ...]
    memory: Mapping[str, int]  # bytes, by the dtype that the parameters are loaded in
    components: tuple[ComponentCount, ...]
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    files: tuple[FileRead, ...]
    left_out: tuple[LeftOut, ...]
    proof: Proof
    hub: HubFacts | None = None
    shape: Shape = Shape.MODEL
    adapter: AdapterFacts | None = None
    architecture: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFailure:
    """A model that could not be audited, and why."""

    requested: str
    kind: str
    message: str
    hint: str
    model: str | None = None
    revision: str | None = None
    commit: str | None = None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def verdict(self) -> Verdict:
        return Verdict.FAILED


Outcome = AuditRecord | AuditFailure


def deciding(record: AuditRecord) -> Comparison | None:
    """The comparison that the model's verdict rests on: the first that has it.

    None where the verdict rests on nothing documented.
    """
    ranked = sorted(record.comparisons, key=lambda comparison: not comparison.deciding)
    return next((each for each in ranked if each.verdict is record.verdict), None)


def main_dtype(tally: Tally) -> str | None:
    """The dtype that most of the stored bytes have; None where nothing is stored."""
    by_dtype = tally.by_dtype
    return max(sorted(by_dtype), key=lambda name: by_dtype[name].stored_bytes, default=None)


def difference_percent(comparison: Comparison) -> Decimal | None:
    """What there really is less what is documented, in hundredths of what is documented."""
    if comparison.difference is None:
        return None
    return percent(comparison.difference, comparison.claim.quantity.value)


# The keys of `parameters` in the contract, in its order.
PARAMETER_KEYS: Final = (
    "total",
    "trainable",
    "frozen",
    "active",
    "embedding",
    "non_embedding",
    "tied_copies",
    "buffers",
    "auxiliary",
)


def outcome_dict(outcome: Outcome) -> dict[str, Any]:
    """One outcome in the JSON contract, schema `SCHEMA`: dicts, lists, strings and numbers alone.

    A failure has the keys of an audit, with null or nothing in them; an audit's `error` is null.
    Shares in percent are the only numbers with a fraction.
    """
    audited = isinstance(outcome, AuditRecord)
    identity = {
        "model": outcome.model,
        "requested": outcome.requested,
        "revision": outcome.revision,
        "commit": outcome.commit,
        "status": "audited" if audited else "failed",
        "verdict": outcome.verdict.value,
    }
    match outcome:
        case AuditRecord():
            return identity | _body(outcome) | {"error": None}
        case AuditFailure(kind=kind, message=message, hint=hint):
            error = {"kind": kind, "message": message, "hint": hint}
            return identity | _empty_body(outcome) | {"error": error}
        case _:
            assert_never(outcome)


def _body(record: AuditRecord) -> dict[str, Any]:
    decisive = deciding(record)
    tally = record.tally
    parameters = {key: getattr(tally, key) for key in PARAMETER_KEYS}
    return {
        "documented": _comparison(decisive) if decisive else None,
        "parameters": parameters | {"range": _plain(tally.total_range)},
        "stored": {
            "elements": tally.stored.elements,
            "bytes": tally.stored.stored_bytes,
            "dtype": main_dtype(tally),
            "by_dtype": {name: _amount(amount) for name, amount in sorted(tally.by_dtype.items())},
        },
        "memory": {
            name: {"bytes": size, "GB": gigabytes(size), "GiB": gibibytes(size)}
            for name, size in record.memory.items()
        },
        "roles": {role.value: _amount(amount) for role, amount in sorted(tally.by_role.items())},
        "groups": [_group(group) for group in tally.groups],
        "layouts": [_layout(layout) for layout in tally.layouts],
        "counts": [_count(count) for count in record.counts],
        "components": _plain(record.components),
        "claims": [_comparison(comparison) for comparison in record.comparisons],
        "findings": _plain(record.findings),
        "files": _plain(record.files),
        "left_out": [_left_out(left, tally.total) for left in record.left_out],
        "shape": record.shape.value,
        "adapter": _plain(record.adapter),
        "architecture": record.architecture,
        "hub": _plain(record.hub),
        "proof": _plain(record.proof) | {"spans": [_span(*read) for read in record.proof.spans]},
    }


def _empty_body(failure: AuditFailure) -> dict[str, Any]:
    return {
        "documented": None,
        "parameters": dict.fromkeys((*PARAMETER_KEYS, "range")),
        "stored": {"elements": None, "bytes": None, "dtype": None, "by_dtype": {}},
        "memory": {},
        "roles": {},
        "groups": [],
        "layouts": [],
        "counts": [],
        "components": [],
        "claims": [],
        "findings": _plain(failure.findings),
        "files": [],
        "left_out": [],
        "shape": None,
        "adapter": None,
        "architecture": None,
        "hub": None,
        "proof": {each.name: None for each in fields(Proof)},
    }


def bits_per_weight(left: LeftOut, total: int | None) -> str | None:
    """Bits that a weight takes in another quantisation of the same weights: `4.89`.

    Taken over the whole file, its head included. None where weights or bytes are not known.
    """
    if not left.quantisation or not total or left.size_bytes is None:
        return None
    return decimal_text(Fraction(8 * left.size_bytes, total), 2)


def _left_out(left: LeftOut, total: int | None) -> dict[str, Any]:
    return {**_plain(left), "bits_per_weight": bits_per_weight(left, total)}


def _layout(layout: LayoutCount) -> dict[str, Any]:
    """Bits per weight are real ones, with the bookkeeping; a text, so that no digit is lost."""
    bits = layout.bits_per_weight
    return {
        "name": layout.name,
        "modules": layout.modules,
        "parameters": layout.low if layout.low == layout.high else None,
        "range": None if layout.low == layout.high else [layout.low, layout.high],
        "stored_bytes": layout.stored_bytes,
        "bits_per_weight": None if bits is None else decimal_text(bits, 4),
    }


def _plain(value: object) -> Any:  # noqa: ANN401 -- what JSON holds has no narrower type
    """`value` as JSON knows it. A dataclass gives its fields: their names are keys of the contract.

    So a renamed field of FileRead, LeftOut, ComponentCount, Finding, HubFacts or Proof would change
    the contract; tests/core/test_record.py holds every key.
    """
    match value:
        case StrEnum():
            return value.value
        case tuple():
            return [_plain(each) for each in value]
        case Mapping():
            return {key: _plain(value[key]) for key in sorted(value)}
        case _ if is_dataclass(value):
            return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        case _:
            return value


def _span(path: str, span: Span) -> dict[str, Any]:
    return {"path": path, "begin": span.begin, "end": span.end}


def _amount(amount: Amount) -> dict[str, int]:
    return {
        "tensors": amount.tensors,
        "elements": amount.elements,
        "bytes": amount.stored_bytes,
    }


def _group(group: Group) -> dict[str, Any]:
    amount = group.amount
    return {
        "name": group.name,
        "role": group.role.value,
        "trainable": group.trainable,
        "head": group.head,
        "mtp": group.mtp,
        "pattern": group.pattern,
        "reason": group.reason,
        "parameters": amount.low if amount.low == amount.high else None,
        **_amount(amount),
    }


def _count(count: Count) -> dict[str, Any]:
    return {
        "key": count.key,
        "name": count.name,
        "value": count.value,
        "differs_by": [group.name for group in count.differs_by],
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    claim, share = comparison.claim, difference_percent(comparison)
    return {
        "text": claim.text,
        "written": claim.quantity.written,
        "value": claim.quantity.value,
        "scope": claim.scope.value,
        "detail": claim.detail,
        "source": claim.source.value,
        "where": claim.where,
        "verdict": comparison.verdict.value,
        "actual": comparison.actual,
        "difference": comparison.difference,
        "difference_percent": None if share is None else float(share),
        "explanation": comparison.explanation,
        "deciding": comparison.deciding,
        "label": claim.label,
        "certain": claim.certain,
    }
