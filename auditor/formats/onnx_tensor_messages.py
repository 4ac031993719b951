"""The message of one tensor of an ONNX file: what it says of its numbers, which are skipped.

    TensorProto   1 dims  2 data_type  4 float_data  5 int32_data  7 int64_data  8 name  9 raw_data
                  10 double_data  11 uint64_data  13 external_data  14 data_location
    SparseTensor  1 values  2 indices  3 dims

onnx/onnx.in.proto of onnx 1.23.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from auditor.errors import LimitExceeded
from auditor.formats.cursor import Cursor, Reading
from auditor.formats.protobuf_messages import Reader, Wanted
from auditor.formats.protobuf_wire import KINDS, LENGTH, VARINT, Field, signed

MAX_TENSORS: Final = 200_000  # a graph of 100,000 nodes has fewer than half as many

_EXTERNAL: Final = 1  # TensorProto.DataLocation
# The fields of numbers, by how many bytes each takes; a varint takes one at least.
_VALUE_BYTES: Final = {4: 4, 5: 1, 7: 1, 10: 8, 11: 1}
_VARINTS: Final = frozenset({5, 7, 11})
_VALUES: Final = tuple((number, kind) for number in _VALUE_BYTES for kind in KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorMessage:
    """A TensorProto. `raw` is the place of raw_data in the file.

    `values` is how many numbers its typed fields hold: exactly or, of packed varints, at most.
    `external` tells where the numbers are that lie in another file.
    """

    name: str = ""
    dims: tuple[int, ...] = ()
    data_type: int = 0
    raw: tuple[int, int] | None = None
    values: int = 0
    values_exact: bool = True
    external: Mapping[str, str] | None = None


class TensorReader(Reader):
    """Reads tensors, up to a limit of them."""

    def __init__(self, cursor: Cursor) -> None:
        super().__init__(cursor)
        self._tensors = 0
        self._wanted: Wanted = {
            (1, VARINT): None,
            (1, LENGTH): self.numbers,
            (2, VARINT): None,
            (8, LENGTH): self.text,
            (9, LENGTH): None,
            (13, LENGTH): self.pair,
            (14, VARINT): None,
            **dict.fromkeys(_VALUES),
        }

    def tensor(self, at: Field) -> Reading[TensorMessage]:
        self._tensors += 1
        if self._tensors > MAX_TENSORS:
            raise LimitExceeded(self.cursor.path, f"more than {MAX_TENSORS:,} tensors")
        found = yield from self.message(at, self._wanted)
        alone = [signed(dimension.value) for dimension in found.all((1, VARINT))]
        packed = [dimension for numbers in found.all((1, LENGTH)) for dimension in numbers]
        raw = found.last((9, LENGTH))
        values = found.all(*_VALUES)
        outside = found.number(14) == _EXTERNAL
        return TensorMessage(
            name=found.text(8),
            dims=(*alone, *packed),
            data_type=found.number(2),
            raw=None if raw is None else (raw.begin, raw.end),
            values=sum(map(_most_values, values)),
            values_exact=not any(v.kind == LENGTH and v.number in _VARINTS for v in values),
            external=dict(found.all((13, LENGTH))) if outside else None,
        )

    def sparse(self, at: Field) -> Reading[TensorMessage]:
        """The values of a sparse tensor: those that are not zero."""
        found = yield from self.message(at, {(1, LENGTH): self.tensor})
        values: TensorMessage = found.last((1, LENGTH), TensorMessage())
        return values


def _most_values(at: Field) -> int:
    """How many numbers a typed field holds, at most."""
    return at.length // _VALUE_BYTES[at.number] if at.kind == LENGTH else 1
