"""The tables. One schema serves SQLite and PostgreSQL; times are seconds since 1970, UTC.

spans      bytes of files that never change: they are named by their content
runs       one batch: what was asked for, and how far it came
lines      every line of its input, in order
outcomes   what became of each model of a run, as the JSON contract, compressed
outputs    how much of each report is safely written
audits     the last audit of each model at a commit, to be used again while nothing changes
names      which repository an id led to when it was last opened, at what cost
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

CACHE: Final = MetaData()
JOURNAL: Final = MetaData()

spans: Final = Table(
    "hfaudit_spans",
    CACHE,
    # NOTE: what a mirror says of a blob is believed of that mirror alone.
    Column("endpoint", String(255), primary_key=True),
    Column("oid", String(64), primary_key=True),
    Column("size_bytes", BigInteger, primary_key=True),
    Column("first_byte", BigInteger, primary_key=True),
    Column("after_byte", BigInteger, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("cost_requests", BigInteger, nullable=False),
    Column("cost_bytes", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Index("hfaudit_spans_by_use", "used_at", "stored_bytes"),  # is summed up without the data
)

runs: Final = Table(
    "hfaudit_runs",
    JOURNAL,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("request", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("loaded_lines", BigInteger),  # null until the whole input is in `lines`
    Column("finished_at", BigInteger),
)

lines: Final = Table(
    "hfaudit_lines",
    JOURNAL,
    Column("run_id", ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("model_key", Text, nullable=False),
    Column("commit_sha", String(64)),  # where the list itself tells it
    Index("hfaudit_lines_by_model", "run_id", "model_key"),
)

outcomes: Final = Table(
    "hfaudit_outcomes",
    JOURNAL,
    Column("run_id", ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("model_key", Text, primary_key=True),
    Column("verdict", String(32), nullable=False),
    Column("error_kind", String(64)),
    Column("data", LargeBinary, nullable=False),
)

outputs: Final = Table(
    "hfaudit_outputs",
    JOURNAL,
    Column("run_id", ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("written_lines", BigInteger, nullable=False),
    Column("written_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),  # of these bytes
)

audits: Final = Table(
    "hfaudit_audits",
    JOURNAL,
    Column("endpoint", String(255), primary_key=True),
    Column("repo_id", String(255), primary_key=True),
    Column("commit_sha", String(64), primary_key=True),
    Column("settings", String(64), primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("opening_requests", BigInteger, nullable=False),
    Column("opening_bytes", BigInteger, nullable=False),
    Column("audited_at", BigInteger, nullable=False),
    Index("hfaudit_audits_by_age", "audited_at"),
)

names: Final = Table(
    "hfaudit_names",
    JOURNAL,
    Column("endpoint", String(255), primary_key=True),
    Column("asked", String(255), primary_key=True),
    Column("repo_id", String(255), nullable=False),
    Column("opening_requests", BigInteger, nullable=False),
    Column("opening_bytes", BigInteger, nullable=False),
)
