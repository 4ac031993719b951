"""The one place that knows columns: what they are called, what they hold, where it stands.

Each column is a path into the outcome's dict (the JSON contract), so that no tabular format can say
anything else than JSON says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from auditor.core.claims import ClaimSource, Scope
from auditor.core.record import Outcome, outcome_dict

Cell = int | float | str | None


class Kind(StrEnum):
    """What the cells of a column are. An integer is as large as it is; no cell is rounded."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: `key` is the path in the outcome's dict, with the additions of `_seen`."""

    name: str
    kind: Kind
    key: str
    meaning: str


_T, _I, _D = Kind.TEXT, Kind.INTEGER, Kind.DECIMAL

COLUMNS: Final = tuple(
    Column(name=name, kind=kind, key=key, meaning=meaning)
    for name, kind, key, meaning in (
        # Which model
        ("model", _T, "model", "the repository's present name, after renames; a folder's path"),
        ("requested", _T, "requested", "what was asked for, as it was written"),
        ("revision", _T, "revision", "the branch, tag or commit that was asked for"),
        ("commit", _T, "commit", "the full sha that everything was read at"),
        # The answer
        ("status", _T, "status", "`audited` or `failed`"),
        ("verdict", _T, "verdict", "how the documented figure stands to the count"),
        # What is there
        (
            "parameters_total",
            _I,
            "parameters.total",
            "distinct logical parameters: ties once, no buffers, no bookkeeping; empty if unknown",
        ),
        (
            "parameters_low",
            _I,
            "parameters.low",
            "the least it can be, where the total is not known exactly",
        ),
        ("parameters_high", _I, "parameters.high", "the most it can be, likewise"),
        ("parameters_trainable", _I, "parameters.trainable", "of the total, those trained"),
        ("parameters_frozen", _I, "parameters.frozen", "of the total, those never trained"),
        (
            "parameters_active",
            _I,
            "parameters.active",
            "used for one token by a mixture of experts",
        ),
        (
            "parameters_embedding",
            _I,
            "parameters.embedding",
            "of the total, those in embedding tables",
        ),
        ("parameters_non_embedding", _I, "parameters.non_embedding", "the total without those"),
        ("tied_copies", _I, "parameters.tied_copies", "stored elements that repeat another tensor"),
        ("buffers", _I, "parameters.buffers", "stored elements that are state, not parameters"),
        ("auxiliary", _I, "parameters.auxiliary", "stored elements that a quantiser needs"),
        ("stored_elements", _I, "stored.elements", "elements in the files, as stored"),
        ("stored_bytes", _I, "stored.bytes", "bytes of tensor data, without headers"),
        ("dtype", _T, "stored.dtype", "the dtype that most of these bytes have"),
        ("memory_f32_bytes", _I, "memory.F32.bytes", "all parameters at 32 bits"),
        ("memory_bf16_bytes", _I, "memory.BF16.bytes", "all parameters at 16 bits"),
        ("memory_int8_bytes", _I, "memory.INT8.bytes", "all parameters at 8 bits"),
        ("memory_int4_bytes", _I, "memory.INT4.bytes", "all parameters at 4 bits"),
        # What is documented
        ("documented", _I, "documented.value", "the figure that decided the verdict"),
        ("documented_figure", _T, "documented.written", "the same as it was written: `340M`"),
        ("documented_scope", _T, "documented.scope", "what that figure counts"),
        (
            "documented_source",
            _T,
            "documented.source",
            "who says so: card, name, hub, index, header, registry or list",
        ),
        ("documented_where", _T, "documented.where", "the place in that source"),
        ("documented_text", _T, "documented.text", "the passage it was read from"),
        ("real", _I, "documented.actual", "the count that this figure is about"),
        ("difference", _I, "documented.difference", "real less documented"),
        (
            "difference_percent",
            _D,
            "documented.difference_percent",
            "the same in percent of the documented figure, signed",
        ),
        ("explanation", _T, "documented.explanation", "why the two agree or differ"),
        # Every source's own figure for the whole model, the first that it gives
        ("card_figure", _I, "figures.card", "the model card's figure for the whole model"),
        ("name_figure", _I, "figures.name", "the size in the model's name"),
        ("registry_figure", _I, "figures.registry", "the published figure, with a citation"),
        ("list_figure", _I, "figures.list", "the figure in the list that you gave"),
        ("index_total", _I, "figures.index", "the total in the shard index's metadata"),
        ("header_total", _I, "figures.header", "the total in a weight file's metadata"),
        ("hub_total", _I, "figures.hub", "the Hub's own number"),
        # On what it stands
        ("findings", _T, "codes", "codes of the oddities found, joined by `;`"),
        ("files", _I, "counted_files", "weight files counted"),
        ("files_left_out", _I, "left_out_files", "weight files left out as alternatives"),
        ("weight_bytes", _I, "proof.weight_bytes", "size of the counted files"),
        ("bytes_read", _I, "proof.bytes_read", "bytes received for this audit"),
        ("requests", _I, "proof.requests", "requests made, redirects and retries included"),
        ("origin", _T, "proof.origin", "where the bytes came from"),
        # What went wrong
        ("error_kind", _T, "error.kind", "the stable name of the error"),
        ("error", _T, "error.message", "whom it is about and what is wrong"),
        ("error_hint", _T, "error.hint", "what to do next"),
    )
)

_PATHS: Final = tuple(tuple(column.key.split(".")) for column in COLUMNS)


def row(outcome: Outcome) -> tuple[Cell, ...]:
    """One cell for each of COLUMNS. None is unknown; text is as it was found, not yet escaped."""
    return row_of(outcome_dict(outcome))


def row_of(outcome: Mapping[str, Any]) -> tuple[Cell, ...]:
    """The same of an outcome by the JSON contract."""
    seen = _seen(outcome)
    return tuple(_at(seen, path) for path in _PATHS)


def _at(seen: Mapping[str, Any], path: tuple[str, ...]) -> Cell:
    value: Any = seen
    for step in path:
        if value is None:
            return None
        value = value.get(step)
    cell: Cell = value
    return None if cell == "" else cell


def _seen(outcome: Mapping[str, Any]) -> Mapping[str, Any]:
    """The outcome with what has no path of its own in the contract."""
    low, high = outcome["parameters"]["range"] or (None, None)
    audited = outcome["status"] == "audited"
    return {
        **outcome,
        "parameters": outcome["parameters"] | {"low": low, "high": high},
        "figures": _figures(outcome),
        "codes": ";".join(dict.fromkeys(finding["code"] for finding in outcome["findings"])),
        "counted_files": len(outcome["files"]) if audited else None,
        "left_out_files": sum(len(left["paths"]) for left in outcome["left_out"])
        if audited
        else None,
    }


def _figures(outcome: Mapping[str, Any]) -> Mapping[str, int | None]:
    """By source, the first figure it gives for the whole model; the Hub's also without a claim."""
    hub = outcome["hub"]
    figures: dict[str, int | None] = {ClaimSource.HUB.value: hub["total"]} if hub else {}
    for claim in outcome["claims"]:
        if claim["scope"] == Scope.TOTAL.value and figures.get(claim["source"]) is None:
            figures[claim["source"]] = claim["value"]
    return figures
