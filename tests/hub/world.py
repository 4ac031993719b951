"""What every route may need: the repositories, the settings, the two addresses."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hub.access import Account
from hub.faults import Faults, Mischief
from hub.limits import Limiter, Limits
from hub.log import Log
from hub.messages import Request
from hub.repos import Catalogue, Repo
from hub.signing import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the server behaves.

    `latency_seconds` passes before the first byte of each answer. `page_entries` and `page_models`
    are the largest pages of a tree (a twentieth of it with `expand`) and of a list of models.
    `collections` are lists of ids by slug.
    `sharded_metadata` switches the safetensors-metadata endpoint, which mirrors do not have.
    `xet_links` adds the Link header that makes huggingface_hub download by hf_xet, which wants a
    storage service that is not here; snapshot_download, which goes by the xetHash of the tree,
    needs HF_HUB_DISABLE_XET=1 anyway. A dripping body comes in 8 pieces or more, of at most
    `drip_bytes` each. Port 0 means any free one.
    """

    tokens: Mapping[str, Account] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    faults: tuple[Faults, ...] = ()
    latency_seconds: float = 0.0
    page_entries: int = 1000
    page_models: int = 1000
    gzip: bool = True
    sharded_metadata: bool = True
    xet_links: bool = False
    signed_url_seconds: float = 3600.0
    hang_seconds: float = 3600.0
    drip_bytes: int = 4096
    drip_pause_seconds: float = 0.02
    collections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    port: int = 0
    cdn_port: int = 0


DEFAULTS: Final = Settings()


@dataclass(slots=True)
class World:
    """The state of one server, used by its event loop alone."""

    settings: Settings
    repos: Catalogue = field(default_factory=Catalogue)
    limiter: Limiter = field(default_factory=Limiter)
    mischief: Mischief = field(default_factory=Mischief)
    log: Log = field(default_factory=Log)
    signer: Signer = field(default_factory=Signer)
    transports: set[asyncio.Transport] = field(default_factory=set)
    crashes: list[BaseException] = field(default_factory=list)
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that was led to its repository. `tail` is the path after the id, still quoted."""

    world: World
    request: Request
    account: Account | None
    repo: Repo
    tail: list[str]
