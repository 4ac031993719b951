"""Blueprints for configs: from the cache, else drawn by a child process that stays for the next.

    async with Architect(cache_folder) as architect:
        drawing = await architect.draw(config)          # Blueprint | NoBlueprint

The child is started for the first config that the cache does not know. A hostile config costs at
most the limits' seconds and bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from auditor.architecture.cache import BlueprintCache
from auditor.architecture.canonical import canonical, key_of
from auditor.architecture.draughtsman import Answer, Draughtsman
from auditor.architecture.installed import is_installed
from auditor.architecture.limits import Limits
from auditor.core.blueprint import Blueprint, Drawing, NoBlueprint, Refusal, from_json

_NOT_INSTALLED: Final = NoBlueprint(
    refusal=Refusal.NOT_INSTALLED,
    reason="torch, transformers and accelerate are not installed; the extra `skeleton` brings them",
)
_OF_DIFFUSERS: Final = "_class_name"

# Refusals that stay as they are as long as the libraries do.
_LASTING: Final = frozenset({Refusal.UNKNOWN_CLASS, Refusal.NO_CLASS})


class Architect:
    """Draws blueprints, one after another. Without a `cache_folder` none of them is kept."""

    def __init__(self, cache_folder: Path | None = None, *, limits: Limits | None = None) -> None:
        self._cache = None if cache_folder is None else BlueprintCache(cache_folder)
        self._draughtsman = Draughtsman(limits or Limits())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Lets the child go."""
        await self._draughtsman.aclose()

    async def draw(self, config: Mapping[str, Any], class_name: str | None = None) -> Drawing:
        """What the class that `config` names would build, or `class_name` in its place.

        `config` is a parsed config.json, a stranger's. Whatever is in it, nothing is raised.
        """
        if not is_installed():
            return _NOT_INSTALLED
        key = key_of(config, class_name, _versions(config))
        drawing = self._cache.read(key) if self._cache else None
        if drawing is None:
            request = {"config": canonical(config), "class_name": class_name}
            drawing = _drawing(await self._draughtsman.ask(request))
            if self._cache and (isinstance(drawing, Blueprint) or drawing.refusal in _LASTING):
                self._cache.write(key, drawing)
        return _beside_remote_code(drawing) if config.get("auto_map") else drawing

    async def classes(self) -> Sequence[tuple[str, str]]:
        """Every (model type, class name) pair that transformers' auto classes know."""
        answer = await self._draughtsman.ask({"classes": True})
        return [(kind, name) for kind, name in answer.get("classes", ())]

    async def default_config(self, model_type: str) -> Mapping[str, Any] | None:
        """The config.json of a model of that type whose author changed nothing.

        None where the type's own defaults do not fit one another.
        """
        answer = await self._draughtsman.ask({"default_config": model_type})
        config = answer.get("config")
        return config if isinstance(config, dict) else None


def _drawing(answer: Answer) -> Drawing:
    try:
        return from_json(answer)
    except ValueError as error:
        return NoBlueprint(refusal=Refusal.OVER_LIMIT, reason=f"its answer was none: {error}")


def _versions(config: Mapping[str, Any]) -> dict[str, str]:
    """Those of the libraries that build the class."""
    libraries = ("transformers", "diffusers") if _OF_DIFFUSERS in config else ("transformers",)
    return {name: _version(name) for name in libraries}


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _beside_remote_code(drawing: Drawing) -> Drawing:
    """`drawing` for a repository that brings code of its own, which is not run."""
    if isinstance(drawing, Blueprint):
        note = f"the repository's own code was not run; this is {drawing.library}'s class"
        return replace(drawing, note="; ".join(filter(None, (drawing.note, note))))
    if drawing.refusal in _LASTING:
        return NoBlueprint(refusal=Refusal.REMOTE_CODE, reason=f"remote code: {drawing.reason}")
    return drawing
