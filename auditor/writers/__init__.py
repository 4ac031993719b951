"""How an audit is told: every writer by name, where it lives, the file endings that ask for it.

A writer's module is imported when it is chosen, so that no report pays for another's libraries.
"""

from typing import Final, NamedTuple


class WriterRow(NamedTuple):
    """One writer of the table."""

    module: str
    type_name: str
    endings: tuple[str, ...]


WRITERS: Final = {
    "terminal": WriterRow("auditor.writers.terminal", "TerminalWriter", (".txt",)),
    "csv": WriterRow("auditor.writers.csv", "CsvWriter", (".csv",)),
    "json": WriterRow("auditor.writers.json", "JsonWriter", (".json",)),
}
