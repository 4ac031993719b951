"""JSON: `{"schema": 1, "outcomes": [...]}`, the contract that docs/outcome.schema.json writes down.

Text from a repository stands as it was found. The file is ASCII, everything else is escaped, so
that not even half of a surrogate pair in a tensor's name can break the file or its reader.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import IO, Any

from auditor.core.record import SCHEMA, Outcome, outcome_dict


@dataclass(frozen=True, slots=True)
class JsonWriter:
    """One object per model, in the order of the outcomes. Equal outcomes give equal bytes."""

    @property
    def name(self) -> str:
        return "json"

    @property
    def endings(self) -> tuple[str, ...]:
        return (".json",)

    def write(self, outcomes: Sequence[Outcome], stream: IO[bytes]) -> None:
        write_json(map(outcome_dict, outcomes), stream)


def write_json(outcomes: Iterable[Mapping[str, Any]], stream: IO[bytes]) -> None:
    """The report of outcomes of the contract, one by one: a long list is never held as one text."""
    stream.write(f'{{\n  "schema": {SCHEMA},\n  "outcomes": ['.encode())
    index = -1
    for index, outcome in enumerate(outcomes):
        text = json.dumps(outcome, indent=2, ensure_ascii=True)
        stream.write(("," if index else "").encode() + b"\n" + indent(text, "    ").encode())
    stream.write(b"]\n}\n" if index < 0 else b"\n  ]\n}\n")
