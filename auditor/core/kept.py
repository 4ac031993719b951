"""What is kept between one run and the next.

Bytes are kept because they never change: a blob is named by the hash of its content.
"""

from dataclasses import dataclass

from auditor.core.repository import Traffic
from auditor.core.tensors import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Which bytes: a span of the blob `oid` (LFS sha256 or git blob sha1) of `size_bytes`."""

    oid: str
    size_bytes: int
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The bytes, and what it cost to fetch them."""

    data: bytes
    cost: Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a report is safely written: rows, bytes, and the sha256 of these bytes."""

    rows: int
    size_bytes: int
    sha256: str
