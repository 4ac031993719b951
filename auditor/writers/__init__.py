"""How an audit is told: every writer by name, where it lives, the file endings that ask for it.

A writer's module is imported when it is chosen, so that no report pays for another's libraries.
"""

from typing import Final, NamedTuple


class WriterRow(NamedTuple):
    """One writer of the table."""

    module: str
    type_name: str
    endings: tuple[str, ...]
    library: str = ""  # what takes long to import; loaded ahead while the answers travel


WRITERS: Final = {
    "terminal": WriterRow("auditor.writers.terminal", "TerminalWriter", (".txt",), "rich.console"),
    "csv": WriterRow("auditor.writers.csv", "CsvWriter", (".csv",), "pandas"),
    "json": WriterRow("auditor.writers.json", "JsonWriter", (".json",)),
}
