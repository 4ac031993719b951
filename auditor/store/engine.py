"""Where the store lies, and a connection to it: SQLite in a folder of one's own, or any URL.

SQLite runs in WAL mode: readers do not wait for the writer, and what was committed survives the
death of the process.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from auditor.errors import InvalidOption, StoreError

_HINT: Final = "name another place with --store or HFAUDIT_STORE, or free this one"
_BUSY_MILLISECONDS: Final = 30_000  # another process may be writing; none writes for long
_URL_SIGN: Final = "://"
_MAX_REASON: Final = 200


class Database:
    """A database whose `tables` exist when it is first used. `place` is a folder or a URL."""

    def __init__(self, place: str, file_name: str, tables: MetaData) -> None:
        self.place = place.rpartition("@")[2]  # without a password that a URL may hold
        self._where = (place, file_name)
        self._tables = tables
        self._engine: Engine | None = None

    @property
    def is_sqlite(self) -> bool:
        return self._opened().dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The file that it lies in; None where it is a server's."""
        place, file_name = self._where
        return None if _URL_SIGN in place else Path(place).expanduser() / file_name

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read by. Raises StoreError for whatever fails inside."""
        with self._translated(), self._opened().connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose changes are committed at the end, all or none. Raises StoreError."""
        with self._translated(), self._opened().connect() as connection, connection.begin():
            if self.is_sqlite:
                # At once: a transaction that begins by reading is refused, not queued, when it
                # then wants to write beside another process.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def compact(self) -> None:
        """Gives the room of what was removed back to the file system."""
        if self.is_sqlite:
            with self._translated(), self._opened().connect() as connection:
                connection.exec_driver_sql("VACUUM")

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _opened(self) -> Engine:
        if self._engine is None:
            engine = _engine(*self._where)
            with self._translated():
                self._tables.create_all(engine)
            self._engine = engine
        return self._engine

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise StoreError(self.place, _first_line(error), hint=_HINT) from error


def default_place() -> str:
    """HFAUDIT_STORE, else a folder of the user's own for such data (XDG Base Directory)."""
    if place := os.environ.get("HFAUDIT_STORE"):
        return place
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return str(Path(base).expanduser() / "hfaudit")


def _engine(place: str, file_name: str) -> Engine:
    """Raises InvalidOption for a URL that is none, StoreError for a folder that cannot be made."""
    try:
        engine = create_engine(_url(place, file_name))
    except (ArgumentError, ImportError) as error:
        raise InvalidOption(
            place.rpartition("@")[2],
            f"no database can be opened: {_first_line(error)}",
            hint="give a folder, or a URL such as postgresql+psycopg://user@host/name",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _url(place: str, file_name: str) -> URL:
    if _URL_SIGN in place:
        return make_url(place)
    folder = Path(place).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise StoreError(str(folder), f"it cannot be made: {reason}", hint=_HINT) from error
    return URL.create("sqlite", database=str(folder / file_name))


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's own
    connection.isolation_level = None  # transactions begin where `writing` begins them
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _first_line(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).partition("\n")[0][:_MAX_REASON].rstrip(".")
