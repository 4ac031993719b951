"""Tensors of a GGUF file at their places in the data.

The data are the tensors in the order of the list, each padded to the alignment: ggml wants every
offset to be exactly the end of what comes before (ggml/src/gguf.cpp). So a tensor's room is known
even where its type is not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from auditor.core.dtypes import Dtype
from auditor.core.findings import listed, quoted
from auditor.core.tensors import Tensor
from auditor.errors import HeaderMalformed, UnknownDtype
from auditor.formats.gguf_bytes import DAMAGED
from auditor.formats.gguf_infos import Info
from auditor.formats.gguf_types import FIRST_SHARED, MAX_TYPE, TYPES, inferred, may_hold, name_of

GGML_NAME_BYTES: Final = 64  # ggml/include/ggml.h, GGML_MAX_NAME, which a name must stay under

Chosen = Mapping[int, Dtype | None]  # by type number; None where only the room tells of the size


class Placed(NamedTuple):
    """The tensors, and oddities that do not forbid to read them."""

    tensors: tuple[Tensor, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Where the tensors of a file lie: so many bytes, and what each tensor is padded to."""

    path: str
    size_bytes: int
    alignment: int

    def padded(self, end: int) -> int:
        return -(-end // self.alignment) * self.alignment

    def place(self, infos: Sequence[Info]) -> Placed:
        """The tensors of `infos`.

        Raises HeaderMalformed where they do not lie one after another or go on past the file,
        UnknownDtype where nothing tells what a type is.
        """
        if not infos:
            return Placed((), ())
        rooms = self._rooms(infos)
        chosen = self._choose(infos, rooms)
        tensors: list[Tensor] = []
        free = 0
        for info, room in zip(infos, rooms, strict=True):
            if info.offset != free:
                raise self._malformed(
                    f"{quoted(info.name)} begins at byte {info.offset:,} of the data, and what is"
                    f" before it ends at {free:,}"
                )
            dtype = chosen[info.type]
            stored_bytes = room if dtype is None else self._bytes(info, dtype)
            dtype = dtype or self._by_room(info, room)
            end = free + stored_bytes
            tensors.append(Tensor(info.name, dtype, info.shape, info.elements, free, end))
            free = self.padded(end)
        if tensors[-1].end > self.size_bytes:
            raise self._cut_off(tensors)
        return Placed(tuple(tensors), tuple(self._warnings(infos, chosen, free)))

    def _rooms(self, infos: Sequence[Info]) -> list[int]:
        """The bytes from each tensor to the next one, or to the end of the file."""
        ends = [*(info.offset for info in infos[1:]), self.size_bytes]
        return [end - info.offset for info, end in zip(infos, ends, strict=True)]

    def _choose(self, infos: Sequence[Info], rooms: Sequence[int]) -> Chosen:
        """The dtype of each type number.

        What follows the last tensor may be more than its padding or less than the file once had:
        its room tells only where its type has no other.
        """
        places: dict[int, list[tuple[Info, int]]] = {}
        for info, room in zip(infos[:-1], rooms[:-1], strict=True):
            places.setdefault(info.type, []).append((info, room))
        last = infos[-1]
        alone = last.type not in places
        if alone:
            places[last.type] = [(last, rooms[-1])]
        return {
            number: self._choose_one(number, where, sure=not (alone and number == last.type))
            for number, where in places.items()
        }

    def _choose_one(
        self, number: int, places: Sequence[tuple[Info, int]], *, sure: bool
    ) -> Dtype | None:
        """The first dtype of that number that fits all places, which may be sure or not.

        Where none does, ggml's own is meant and the file is broken, but for the numbers that forks
        use in their own way.
        """
        known = TYPES.get(number, ())
        for dtype in known:
            if all(self._fits(info, dtype, room) for info, room in places):
                return dtype
        return known[0] if known and (number < FIRST_SHARED or not sure) else None

    def _fits(self, info: Info, dtype: Dtype, room: int) -> bool:
        whole = info.row % dtype.block_elements == 0
        return whole and self.padded(dtype.bytes_for(info.elements)) == room

    def _by_room(self, info: Info, room: int) -> Dtype:
        """A dtype made for the room that the tensor has."""
        if room < 0:
            raise self._malformed(f"what follows {quoted(info.name)} begins {-room:,} bytes before")
        if info.type > MAX_TYPE or not may_hold(info.elements, room, self.alignment):
            raise UnknownDtype(
                self.path,
                f"{quoted(info.name)} is of {name_of(info.type)}, which is not known, and"
                f" {info.elements:,} weights in {room:,} bytes do not tell what it is",
                hint="the file is damaged, or made by a fork of llama.cpp that is not known",
            )
        return inferred(info.type, info.elements, room)

    def _bytes(self, info: Info, dtype: Dtype) -> int:
        if info.row % dtype.block_elements:
            raise self._malformed(
                f"a row of {quoted(info.name)} has {info.row:,} elements, no whole blocks of"
                f" {dtype.name}, which have {dtype.block_elements}"
            )
        return dtype.bytes_for(info.elements)

    def _warnings(self, infos: Sequence[Info], chosen: Chosen, free: int) -> Iterator[str]:
        for number in sorted(number for number, dtype in chosen.items() if dtype is None):
            count = sum(info.type == number for info in infos)
            yield (
                f"{count:,} tensors are of {name_of(number)} (number {number}), whose size ggml"
                " does not tell: their bytes are those up to the next tensor, padding included"
            )
        long = [quoted(i.name) for i in infos if len(i.name.encode()) >= GGML_NAME_BYTES]
        if long:
            yield f"names of {GGML_NAME_BYTES} bytes or more, which ggml refuses: {listed(long)}"
        if self.size_bytes > free:
            yield f"{self.size_bytes - free:,} bytes after the last tensor belong to none"

    def _cut_off(self, tensors: Sequence[Tensor]) -> HeaderMalformed:
        end = tensors[-1].end
        there = sum(tensor.end <= self.size_bytes for tensor in tensors)
        return HeaderMalformed(
            self.path,
            f"{end - self.size_bytes:,} bytes are missing: the tensors take {end:,} and the file"
            f" has {self.size_bytes:,} for them, enough for {there:,} of {len(tensors):,}",
            hint="the file was cut off, or is the first of parts to be joined; compare its sha256"
            " with the Hub's",
        )

    def _malformed(self, reason: str) -> HeaderMalformed:
        return HeaderMalformed(self.path, reason, hint=DAMAGED)
