"""That a batch runs once at a time: a second process would write into the same report.

The lock is a transaction on an empty SQLite file, which the system releases when its holder dies.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

from auditor.errors import StoreError


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Holds the lock on `what` (a report's absolute path) on this machine for as long as it lasts.

    Raises StoreError if another process holds it, or no lock can be had.
    """
    name = f"hfaudit-{sha256(what.encode()).hexdigest()[:32]}.lock"
    try:
        with closing(_locked(Path(tempfile.gettempdir()) / name)):
            yield
    except sqlite3.Error as error:
        raise StoreError(
            what,
            "another process is at this batch" if "locked" in str(error) else str(error),
            hint="wait for it, end it, or name another report with --output",
        ) from error


def _locked(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
