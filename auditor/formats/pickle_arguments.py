"""The bytes of a pickle, and how its opcodes write numbers, texts and lengths in them."""

from struct import unpack
from typing import Final

from auditor.formats.pickle_values import CutPickle, NotPickle

MAX_INTEGER_BYTES: Final = 128  # torch's magic number has ten
MAX_INTEGER_DIGITS: Final = 300
_MEMO_KEYS: Final = 1 << 32


class Arguments:
    """Takes arguments from `data`, each from where the one before it ended: at byte `at`.

    All raise CutPickle where the data end, NotPickle where they are no such argument.
    """

    def __init__(self, data: bytes) -> None:
        self.at = 0
        self.data = data

    def take(self, count: int) -> bytes:
        begin = self.at
        if begin + count > len(self.data):
            reason = f"it ends within {count:,} bytes that begin at {begin:,}"
            raise CutPickle(reason, begin + count)
        self.at = begin + count
        return self.data[begin : self.at]

    def counted(self, width: int) -> bytes:
        """As many bytes as an unsigned number of `width` bytes before them says."""
        return self.take(self.unsigned(width))

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            reason = f"it ends within a line that begins at {self.at:,}"
            raise CutPickle(reason, len(self.data) + 1)
        line, self.at = self.data[self.at : end], end + 1
        return line

    def unsigned(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def signed(self, raw: bytes) -> int:
        if len(raw) > MAX_INTEGER_BYTES:
            raise NotPickle(f"an integer of {len(raw):,} bytes")
        return int.from_bytes(raw, "little", signed=True)

    def double(self) -> float:
        number: float = unpack(">d", self.take(8))[0]
        return number

    def decimal(self) -> int:
        line = self.line()
        if len(line) > MAX_INTEGER_DIGITS:
            raise NotPickle(f"an integer of {len(line):,} digits")
        try:
            return int(line.removesuffix(b"L"))
        except ValueError as error:
            raise NotPickle("an integer that is none") from error

    def decimal_or_bool(self) -> int | bool:
        """Protocol 0 has no booleans of their own."""
        number = self.data[self.at : self.at + 3]
        return {b"00\n": False, b"01\n": True}.get(number, self.decimal())

    def decimal_fraction(self) -> float:
        try:
            return float(self.line())
        except ValueError as error:
            raise NotPickle("a number that is none") from error

    def memo_key(self) -> int:
        key = self.decimal()
        if not 0 <= key < _MEMO_KEYS:
            raise NotPickle("an object is referred to by no number of 32 bits")
        return key

    def text(self, raw: bytes, encoding: str = "utf-8") -> str:
        try:
            return raw.decode(encoding, "surrogatepass")
        except UnicodeDecodeError as error:
            raise NotPickle("a text that is no Unicode") from error

    def old_text(self, raw: bytes) -> str:
        """A string of Python 2, which had bytes for texts: UTF-8, else Latin-1."""
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")
