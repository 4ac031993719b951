"""The process that draws blueprints: a request on each line of stdin, an answer on each of stdout.

    -> {"limits": {...}}                                 once, first
    <- {"ready": true}                              or  {"refusal": "not-installed", ...}
    -> {"config": {...}, "class_name": null}             in canonical form
    <- {"schema": 1, "class_name": ..., ...}        or  {"refusal": "unknown-class", ...}
    -> {"classes": true}
    <- {"classes": [["bert", "BertModel"], ...]}
    -> {"default_config": "bert"}
    <- {"config": {...}}

torch and transformers are imported once for all of them. Run as a program, not imported.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from typing import IO, Any, Final

from auditor.architecture import sandbox
from auditor.architecture.installed import NEEDED
from auditor.architecture.limits import Limits
from auditor.architecture.refused import Refused
from auditor.core.blueprint import NoBlueprint, Refusal, to_json

MAX_REQUEST_BYTES: Final = 32 << 20  # huggingface.js reads configs up to 10 MB
# What every class imports first: taken now, so that no config's time is spent on it.
_LATER: Final = (
    "transformers.modeling_utils",
    "transformers.models.auto.modeling_auto",
    "auditor.architecture.skeleton",
)
_OUT_OF_MEMORY: Final = 3  # exit status: what was imported may be half made


def main() -> None:
    """Answers until stdin ends."""
    requests, answers = _own_streams()
    limits = Limits(**json.loads(requests.readline(MAX_REQUEST_BYTES))["limits"])
    missing = _imported()
    if missing is not None:
        _answer(answers, to_json(missing))
        return
    sandbox.limit_memory(limits)
    sandbox.close_walls(tempfile.gettempdir())
    _answer(answers, {"ready": True})
    while line := requests.readline(MAX_REQUEST_BYTES):
        sandbox.limit_cpu(limits)
        _answer(answers, _answered(json.loads(line), limits, answers))


def _own_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Pipes for ourselves; what libraries print goes nowhere."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nowhere, stream)
    return requests, answers


def _answer(answers: IO[bytes], value: Mapping[str, Any]) -> None:
    answers.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
    answers.flush()


def _imported() -> NoBlueprint | None:
    """Imports what draws. None where all of it is there."""
    for name in (*NEEDED, *_LATER):
        try:
            import_module(name)
        except ImportError as error:
            reason = f"{error.name or name} is not installed"
            return NoBlueprint(refusal=Refusal.NOT_INSTALLED, reason=reason)
    return None


def _answered(request: Mapping[str, Any], limits: Limits, answers: IO[bytes]) -> dict[str, Any]:
    skeleton = import_module("auditor.architecture.skeleton")
    if "classes" in request:
        return {"classes": list(import_module("auditor.architecture.classes").all_classes())}
    if "default_config" in request:
        return {"config": skeleton.default_config(request["default_config"])}
    try:
        return to_json(skeleton.draw(request["config"], request["class_name"], limits))
    except Refused as refused:
        return to_json(refused.drawing)
    except RecursionError:
        return to_json(_over("more modules in one another than Python calls functions"))
    except MemoryError:
        reason = f"more than {limits.memory_bytes >> 20:,} MiB of memory to build it"
        _answer(answers, {**to_json(_over(reason)), "leaving": True})
        sys.exit(_OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001 - libraries are imported here, which may do anything
        return to_json(_failed(error))


def _failed(error: Exception) -> NoBlueprint:
    """What no one foresaw, said rather than died of: the next config may be better."""
    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return NoBlueprint(refusal=Refusal.REJECTED, reason=reason)


def _over(reason: str) -> NoBlueprint:
    return NoBlueprint(refusal=Refusal.OVER_LIMIT, reason=reason)


if __name__ == "__main__":
    main()
