"""Writes the sample reports of reports/examples/ from the snapshots in the package.

    python scripts/build_reports.py            rewrite them
    python scripts/build_reports.py --check    exit with 1 if one is not as it would be written

The reports have no clock and no machine in them: the same package writes the same bytes.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from auditor import audit_many
from auditor.sources.snapshot import SnapshotSource, shipped_snapshots
from auditor.writers.choice import writer_for
from auditor.writers.terminal import TerminalWriter

FOLDER = Path(__file__).parent.parent / "reports" / "examples"
MODELS = (
    "google-bert/bert-large-uncased",
    "google-bert/bert-base-uncased",
    "openai-community/gpt2",
    "FacebookAI/roberta-base",
    "mistralai/Mistral-7B-v0.3",
    "CompVis/stable-diffusion-v1-4",
    "openai/no-such-model",
)


def reports() -> Iterator[tuple[str, bytes]]:
    """Name and content of each sample."""
    outcomes = audit_many(MODELS, source=SnapshotSource(*shipped_snapshots()))
    for form in ("csv", "json"):
        stream = io.BytesIO()
        writer_for(form).write(outcomes, stream)
        yield f"shipped.{form}", stream.getvalue()
    stream = io.BytesIO()
    TerminalWriter().write(outcomes, stream)
    yield "shipped.txt", stream.getvalue()


def main() -> int:
    stale = []
    for name, content in reports():
        path = FOLDER / name
        if path.exists() and path.read_bytes() == content:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    print("changed:" if stale else "nothing changed", ", ".join(stale))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
