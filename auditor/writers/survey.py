"""A survey as rows: CSV, or JSON by lines. One row a model, in the order of the list."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from auditor.core.listing import Listed
from auditor.writers.escape import csv_cell

HEAD: Final = (
    "model",
    "commit",
    "suspicion",
    "reason",
    "hub_total",
    "gguf_total",
    "name_figure",
    "published_figure",
    "dtypes",
    "model_type",
    "architecture",
    "quantised_by",
    "library",
    "pipeline_tag",
    "gated",
    "downloads",
)


class SurveyRow(Protocol):
    """What is written of one model."""

    @property
    def listed(self) -> Listed: ...

    @property
    def suspicion(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def figures(self) -> Mapping[str, str]: ...


def cells(row: SurveyRow) -> dict[str, Any]:
    """The columns of HEAD; None is unknown."""
    listed = row.listed
    facts = listed.facts
    return {
        "model": listed.repo_id,
        "commit": listed.commit,
        "suspicion": str(row.suspicion),
        "reason": row.reason or None,
        "hub_total": facts.total,
        "gguf_total": listed.gguf_total,
        "name_figure": row.figures.get("name"),
        "published_figure": row.figures.get("registry"),
        "dtypes": " ".join(sorted(facts.parameters)) or None,
        "model_type": listed.model_type or None,
        "architecture": next(iter(listed.architectures), None),
        "quantised_by": listed.quantised_by or None,
        "library": facts.library,
        "pipeline_tag": facts.pipeline_tag,
        "gated": facts.gated,
        "downloads": listed.downloads,
    }


def csv_head() -> bytes:
    return (",".join(HEAD) + "\n").encode()


def csv_rows(rows: Iterable[SurveyRow]) -> bytes:
    """Whole lines, without the head."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        values = cells(row).values()
        writer.writerow([csv_cell(v) if isinstance(v, str) else v for v in values])
    return text.getvalue().encode()


def json_lines(rows: Iterable[SurveyRow]) -> bytes:
    """An object a line, ASCII."""
    return "".join(json.dumps(cells(row)) + "\n" for row in rows).encode()


Rows = Callable[[Iterable[SurveyRow]], bytes]
FORMS: Final[Mapping[str, tuple[Callable[[], bytes], Rows]]] = {
    "csv": (csv_head, csv_rows),
    "jsonl": (lambda: b"", json_lines),
}
