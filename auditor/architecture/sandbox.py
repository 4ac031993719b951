"""What the child process may not do: reach the network, start programs, write files, run on.

No code of a repository is ever run, so nothing should try. These are the walls around what the
libraries do with a stranger's config: a name in it can make them look for a model on the Hub.
"""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Final, NoReturn

from auditor.architecture.limits import Limits

# The libraries' own switches; the walls below hold without them.
_SETTINGS: Final = {
    "ACCELERATE_DISABLE_RICH": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "DIFFUSERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "USE_HUB_KERNELS": "NO",  # they are code from the Hub
}
_SECRETS: Final = ("TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "API_KEY")

# Events of Python's own audit (PEP 578); a hook that raises stops what it is asked about.
_REFUSED_EVENTS: Final = frozenset(
    """
    os.exec os.fork os.forkpty os.posix_spawn os.spawn os.startfile os.system pty.spawn
    shutil.copyfile socket.bind socket.connect socket.getaddrinfo socket.gethostbyname
    socket.sendto subprocess.Popen urllib.Request
    """.split()
)
_MAX_FILE_BYTES: Final = 16 << 20
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def environment(own: Mapping[str, str], scratch: str) -> dict[str, str]:
    """The child's environment: `own` without what may be a secret, and the settings above.

    `scratch` is the one folder that it may write to: libraries probe for one when imported.
    """
    kept = {
        name: value
        for name, value in own.items()
        if not any(word in name.upper() for word in _SECRETS)
    }
    if path := kept.get("PYTHONPATH"):  # the child stands in another folder
        kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
    return kept | _SETTINGS | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch)


def close_walls(scratch: str) -> None:
    """Refuses network, programs and files written outside `scratch` from here on, for good."""
    inside = os.path.realpath(scratch) + os.sep

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in _REFUSED_EVENTS:
            _refuse(event)
        if event == "open" and _is_writing(arguments[2]):
            path = arguments[0]
            if not (isinstance(path, str) and os.path.realpath(path).startswith(inside)):
                _refuse(f"writing to {path}")

    sys.addaudithook(watch)


def _is_writing(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & _WRITING)


def _refuse(what: str) -> NoReturn:
    raise PermissionError(f"{what} is not allowed while a blueprint is drawn")


def limit_memory(limits: Limits) -> None:
    """Allows `memory_bytes` of address space more than there is now, and no large file.

    Windows and macOS have no such limit; the limits on time and on modules hold there too.
    """
    if sys.platform != "linux":
        return
    resource = import_module("resource")
    allowed = _address_space_bytes() + limits.memory_bytes
    _lower(resource, resource.RLIMIT_AS, allowed)
    _lower(resource, resource.RLIMIT_CORE, 0)
    _lower(resource, resource.RLIMIT_FSIZE, _MAX_FILE_BYTES)


def limit_cpu(limits: Limits) -> None:
    """Allows `cpu_seconds` of computing from now on; past that the process is ended."""
    if sys.platform == "win32":
        return
    resource = import_module("resource")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    _lower(resource, resource.RLIMIT_CPU, used + limits.cpu_seconds)


def _lower(resource: object, kind: int, allowed: int) -> None:
    """Sets the soft limit, which may rise again from job to job; never above the hard one."""
    _, hard = resource.getrlimit(kind)  # type: ignore[attr-defined]
    soft = allowed if hard < 0 else min(allowed, hard)
    resource.setrlimit(kind, (soft, hard))  # type: ignore[attr-defined]


def _address_space_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as stream:  # noqa: PTH123 - before the walls
        pages = int(stream.read().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")
