"""The content of files as git and Git LFS see it.

A small file is a git blob, named by the SHA-1 of `blob <size>\\0<content>`. A large one is stored
by LFS (on the Hub: by Xet); git keeps a pointer of three lines to it, see
https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
"""

import gzip
import hashlib
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

LFS_FROM_BYTES: Final = 10 * 1024 * 1024  # what huggingface_hub calls a large file
# The suffixes of the .gitattributes that a new repository on the Hub starts with.
LFS_SUFFIXES: Final = (
    *(".7z", ".arrow", ".bin", ".bz2", ".ckpt", ".ftz", ".gguf", ".gz", ".h5", ".joblib"),
    *(".lfs.txt", ".mlmodel", ".model", ".msgpack", ".npy", ".npz", ".onnx", ".ot", ".parquet"),
    *(".pb", ".pickle", ".pkl", ".pt", ".pth", ".rar", ".safetensors", ".tar", ".tflite"),
    *(".tgz", ".wasm", ".xz", ".zip", ".zst"),
)


@dataclass(frozen=True, slots=True)
class Lfs:
    """Bytes that are stored by LFS whatever their name and size."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Virtual:
    """A file of `size_bytes` that begins with `header` and goes on with zeros, made on demand.

    `islands` are further bytes among the zeros, each with the place where it begins, in order: a
    zip's directory stands at its end.
    """

    header: bytes
    size_bytes: int
    islands: tuple[tuple[int, bytes], ...] = ()

    def __post_init__(self) -> None:
        end = 0
        for begin, data in ((0, self.header), *self.islands):
            if begin < end:
                message = f"bytes from {begin:,} follow bytes to {end:,}"
                raise ValueError(message)
            end = begin + len(data)
        if self.size_bytes < end:
            message = f"a file of {self.size_bytes:,} bytes cannot hold {end:,}"
            raise ValueError(message)


Content: TypeAlias = bytes | Lfs | Virtual


class Blob:
    """One stored file: its size, its names, and any of its bytes.

    `oid` is the SHA-1 that git knows it by: of the content, or of the pointer if LFS holds it.
    """

    def __init__(self, path: str, content: Content) -> None:
        lfs = isinstance(content, Lfs | Virtual) or path.endswith(LFS_SUFFIXES)
        raw = content.content if isinstance(content, Lfs) else content
        self._head = raw.header if isinstance(raw, Virtual) else raw
        self._parts = ((0, self._head), *(raw.islands if isinstance(raw, Virtual) else ()))
        self.size_bytes = raw.size_bytes if isinstance(raw, Virtual) else len(raw)
        self.is_lfs = lfs or self.size_bytes > LFS_FROM_BYTES
        self._virtual = isinstance(raw, Virtual)
        self.oid = _git_oid(self.pointer if self.is_lfs else self._head)

    @cached_property
    def sha256(self) -> str:
        """The LFS oid. That of a virtual file is taken over its size and what is no zero in it."""
        digest = hashlib.sha256(self._head)
        for begin, data in self._parts[1:]:
            digest.update(begin.to_bytes(8, "little") + data)
        if self._virtual:
            digest.update(self.size_bytes.to_bytes(8, "little"))
        return digest.hexdigest()

    @cached_property
    def xet_hash(self) -> str:
        """64 hex digits that name the file on the CDN; not its sha256."""
        return hashlib.sha256(b"xet" + self.sha256.encode()).hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        """The text that git keeps in place of an LFS file."""
        lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}")
        return "\n".join((*lines, f"size {self.size_bytes}\n")).encode()

    @cached_property
    def gzipped(self) -> bytes:
        """The whole content, compressed as a CDN would."""
        return gzip.compress(self.read(0, self.size_bytes), mtime=0)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, fewer at the end of the file."""
        stop = min(stop, self.size_bytes)
        found = bytearray(max(0, stop - start))
        first = bisect_left(self._parts, start, key=lambda part: part[0] + len(part[1]))
        behind = bisect_left(self._parts, stop, key=lambda part: part[0])
        for begin, data in self._parts[first:behind]:
            piece = data[max(0, start - begin) : stop - begin]
            at = max(0, begin - start)
            found[at : at + len(piece)] = piece
        return bytes(found)


def _git_oid(content: bytes) -> str:
    # Git's name for a blob, no protection.
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()
