"""JSON values that know where they stand, so that an error can say what is wrong with which."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from auditor.errors import BadSnapshot

DAMAGED: Final = "the snapshot is damaged or none; record it again with `hfaudit snapshot`"

# All headers of the largest models (half a million tensors) are some 60 MB of JSON.
MAX_JSON_BYTES: Final = 64 * 1024 * 1024


def parse_json(text: bytes, what: str, subject: str) -> object:
    """The JSON value in `text`. Raises BadSnapshot, also for one too long or too deep to parse."""
    if len(text) > MAX_JSON_BYTES:
        raise BadSnapshot(
            subject,
            f"{what} has {len(text):,} bytes; at most {MAX_JSON_BYTES:,} are parsed",
            hint="record fewer models in one file",
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadSnapshot(subject, f"{what} is no JSON: {error}", hint=DAMAGED) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value of a snapshot's manifest. Every reader raises BadSnapshot for a value of no use."""

    value: object
    where: str
    subject: str

    def bad(self, reason: str) -> BadSnapshot:
        """The error for this field: `models[0].files: ...`."""
        return BadSnapshot(
            self.subject,
            f"{self.where}: {reason}",
            hint=DAMAGED,
        )

    def __getitem__(self, key: str) -> "Field":
        """The member `key` of an object; a missing one is like null."""
        return self._inner(self._object().get(key), f".{key}")

    @property
    def is_null(self) -> bool:
        return self.value is None

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.bad(f"a text was expected, not {_kind(self.value)}")
        return self.value

    def text_or_none(self) -> str | None:
        return None if self.is_null else self.text()

    def count(self) -> int:
        """An integer that is not negative."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < 0:
            raise self.bad(f"a count was expected, not {_kind(self.value)}")
        return self.value

    def count_or_none(self) -> int | None:
        return None if self.is_null else self.count()

    def truth(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.bad(f"true or false was expected, not {_kind(self.value)}")
        return self.value

    def items(self) -> tuple["Field", ...]:
        """The fields of an array."""
        if not isinstance(self.value, list):
            raise self.bad(f"an array was expected, not {_kind(self.value)}")
        return tuple(self._inner(item, f"[{at}]") for at, item in enumerate(self.value))

    def row(self, columns: int) -> tuple["Field", ...]:
        """The fields of an array of exactly `columns`."""
        items = self.items()
        if len(items) != columns:
            raise self.bad(f"{columns} columns were expected, not {len(items)}")
        return items

    def entries(self) -> Iterator[tuple[str, "Field"]]:
        """Name and field of each member of an object."""
        for key, value in self._object().items():
            yield key, self._inner(value, f"[{key!r:.80}]")

    def _object(self) -> Mapping[str, object]:
        if not isinstance(self.value, dict):
            raise self.bad(f"an object was expected, not {_kind(self.value)}")
        return self.value

    def _inner(self, value: object, step: str) -> "Field":
        return Field(value=value, where=f"{self.where}{step}".lstrip("."), subject=self.subject)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a truth", int: "a number"}
    return "nothing" if value is None else names.get(type(value), "a fraction")
