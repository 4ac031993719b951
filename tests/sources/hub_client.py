"""What the tests of the Hub source share: one event loop per act, and small weight files."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from auditor.core.identity import HubRef
from auditor.core.tensors import Span
from auditor.sources.hub import HubRepository, HubSource, Manners
from hub import Virtual

T = TypeVar("T")

SIZE_BYTES = 1_000_000_000  # of a virtual weight file: nobody reads it whole by accident


def with_source(
    endpoint: str,
    act: Callable[[HubSource], Awaitable[T]],
    *,
    token: str | bool | None = False,
    **manners: Any,
) -> T:
    """What `act` gives with a source of its own, closed afterwards."""

    async def main() -> T:
        source = HubSource(endpoint, token, manners=Manners(**manners))
        try:
            return await act(source)
        finally:
            await source.aclose()

    return asyncio.run(main())


def with_model(
    endpoint: str,
    act: Callable[[HubRepository], Awaitable[T]],
    *,
    repo_id: str = "org/name",
    revision: str = "main",
    token: str | bool | None = False,
    **manners: Any,
) -> T:
    """What `act` gives with the model open."""

    async def main(source: HubSource) -> T:
        return await act(await source.open(HubRef(repo_id=repo_id, revision=revision)))

    return with_source(endpoint, main, token=token, **manners)


def opened(endpoint: str, repo_id: str = "org/name", **options: Any) -> HubRepository:
    """The model, opened and left alone."""

    async def act(model: HubRepository) -> HubRepository:
        return model

    return with_model(endpoint, act, repo_id=repo_id, **options)


def file_of(endpoint: str, path: str = "config.json", **options: Any) -> bytes:
    """One small file of the model."""

    async def act(model: HubRepository) -> bytes:
        return await model.read_file(path, limit_bytes=1_000_000)

    return with_model(endpoint, act, **options)


def span_of(
    endpoint: str, begin: int, end: int, path: str = "model.safetensors", **options: Any
) -> bytes:
    """One span of a weight file of the model."""

    async def act(model: HubRepository) -> bytes:
        return await model.read_span(path, Span(begin, end))

    return with_model(endpoint, act, **options)


def weights(*names: str, size_bytes: int = SIZE_BYTES) -> Virtual:
    """A safetensors file with F32 tensors of 6 elements, and zeros up to `size_bytes`."""
    return Virtual(framed(header(*names)), size_bytes)


def header(*names: str) -> dict[str, Any]:
    """A safetensors header with an F32 tensor of shape [2, 3], 24 bytes, for each name."""
    return {
        name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [24 * at, 24 * at + 24]}
        for at, name in enumerate(names)
    }


def framed(entries: dict[str, Any]) -> bytes:
    """A header as it stands in the file: its length in eight bytes, then itself."""
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text
