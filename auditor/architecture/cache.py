"""Blueprints on disk: a folder of small files, each named by the hash of what it was built from.

    <folder>/3f9a...e1.json.gz       one blueprint, as `core.blueprint.to_json` writes it

Nothing here is needed: what is broken, old or gone is drawn again.
"""

import gzip
import json
import os
import zlib
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from auditor.core.blueprint import Drawing, from_json, to_json

MAX_FOLDER_BYTES: Final = 64 << 20  # a blueprint has 1 to 300 kB: hundreds of architectures
MAX_TEXT_BYTES: Final = 128 << 20  # unpacked; the largest known has 8 MB
_ENDING: Final = ".json.gz"


class BlueprintCache:
    """The blueprints in `folder`, which is made when the first is kept."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_FOLDER_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def read(self, key: str) -> Drawing | None:
        """The blueprint that is kept under `key`; None where there is none that can be read."""
        path = self._path(key)
        try:
            with gzip.open(path) as stream:
                text = stream.read(MAX_TEXT_BYTES)
            drawing = from_json(json.loads(text))
            os.utime(path)  # the least recently used go first
        except (OSError, EOFError, ValueError, RecursionError, zlib.error):
            return None
        return drawing

    def write(self, key: str, drawing: Drawing) -> None:
        """Keeps `drawing`, whole or not at all; a disk that is full or closed is no error."""
        text = json.dumps(to_json(drawing), separators=(",", ":")).encode()
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self._folder, delete=False) as stream:
                stream.write(gzip.compress(text, compresslevel=6, mtime=0))
            Path(stream.name).replace(self._path(key))
            self._make_room()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_ENDING}"

    def _make_room(self) -> None:
        """Drops the least recently used until the folder is within its bound."""
        kept = [(path.stat(), path) for path in self._folder.glob(f"*{_ENDING}")]
        left_bytes = sum(stat.st_size for stat, _ in kept)
        for stat, path in sorted(kept, key=lambda pair: pair[0].st_mtime_ns):
            if left_bytes <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            left_bytes -= stat.st_size
