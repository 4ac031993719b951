"""The blobs of a snapshot file: bytes one after another, each distinct run of them once."""

from auditor.sources.checked_json import Field


class BlobWriter:
    """Gathers blobs; equal ones are kept once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._places: dict[bytes, list[int]] = {}

    def add(self, blob: bytes) -> list[int]:
        """Where `blob` stands: its begin and its end."""
        if blob not in self._places:
            self._places[blob] = [len(self.data), len(self.data) + len(blob)]
            self.data += blob
        return self._places[blob]


class BlobReader:
    """Cuts blobs out again.

    NOTE: a writer's blobs do not overlap, so together they are no longer than the data. A reader
    that took overlapping ones could be made to fill the memory from a small file.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._blobs: dict[tuple[int, int], bytes] = {}
        self._left = len(data)

    def cut(self, field: Field) -> bytes:
        """The blob at the place in `field`. Raises BadSnapshot for a place that is none."""
        begin, end = (number.count() for number in field.row(2))
        if not begin <= end <= len(self._data):
            raise field.bad(f"bytes {begin:,} to {end:,} of {len(self._data):,}")
        if (begin, end) not in self._blobs:
            self._left -= end - begin
            if self._left < 0:
                raise field.bad("the blobs overlap")
            self._blobs[begin, end] = self._data[begin:end]
        return self._blobs[begin, end]
