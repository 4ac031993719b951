"""The architect of a call: who says what the classes would build, where that can be said.

Without torch and transformers nothing of it is imported.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditor.architecture.installed import is_installed
from auditor.errors import InvalidOption

if TYPE_CHECKING:
    from auditor.core.blueprint import Drawing
    from auditor.core.protocols import Architect

AUTO: Final = "auto"
REQUIRE: Final = "require"
OFF: Final = "off"

NOTE_AFTER_SECONDS: Final = 1.0  # one from the cache takes milliseconds, an import some seconds
NOTE: Final = "building the architecture (importing torch and transformers)"
_FOLDER: Final = "blueprints"

Note = Callable[[str], None]  # shows a text in place of what is usually shown; "" ends it


def check_blueprint(choice: str) -> None:
    """Raises InvalidOption where blueprints are required and nothing here can draw one."""
    if choice == REQUIRE and not is_installed():
        raise InvalidOption(
            "--blueprint require",
            "torch, transformers and accelerate are not installed",
            hint="pip install 'hfaudit[skeleton]'",
        )


@asynccontextmanager
async def architect_of(choice: str, note: Note) -> "AsyncIterator[Architect | None]":
    """One architect for all models of a call; None where none is wanted, or none can be had."""
    if choice == OFF or not is_installed():
        yield None
        return
    from auditor.architecture.architect import Architect as Draws

    async with Draws(cache_folder()) as architect:
        yield _Noted(architect=architect, note=note)


def cache_folder() -> Path:
    """Where blueprints are kept: in HFAUDIT_STORE where that is a folder, else in the user's cache.

    By the XDG Base Directory Specification.
    """
    store = os.environ.get("HFAUDIT_STORE", "")
    if store and "://" not in store:
        return Path(store).expanduser() / _FOLDER
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "hfaudit" / _FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noted:
    """An architect that has a note shown while a blueprint takes long."""

    architect: "Architect"
    note: Note

    async def draw(self, config: Mapping[str, Any], class_name: str | None = None) -> "Drawing":
        import asyncio

        loop = asyncio.get_running_loop()
        later = loop.call_later(NOTE_AFTER_SECONDS, self.note, NOTE)
        try:
            return await self.architect.draw(config, class_name)
        finally:
            later.cancel()
            self.note("")
