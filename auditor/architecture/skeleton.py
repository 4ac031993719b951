"""A model's blueprint, drawn from its skeleton: the class built on torch's meta device.

Meta tensors have a shape and no memory, so that a model of 671 billion parameters takes a second
and a few megabytes. Only for the child process.

NOTE: with `include_buffers=True`, accelerate builds all of it on the meta device at once. Its
default makes every tensor in memory first, and moving parameters one by one unties the tied ones.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

from auditor.architecture import classes
from auditor.architecture.inventory import blueprint_of
from auditor.architecture.limits import Limits, too_much
from auditor.architecture.refused import Refused
from auditor.core.blueprint import Blueprint, Refusal

_DIFFUSERS: Final = "_class_name"  # what its configs name their class by
_MAX_REASON: Final = 300  # characters of another library's message


def draw(config: Mapping[str, Any], class_name: str | None, limits: Limits) -> Blueprint:
    """The blueprint of a config in canonical form. Raises Refused."""
    asked = too_much(config, limits)
    if asked is not None:
        raise Refused(Refusal.OVER_LIMIT, asked)
    if _DIFFUSERS in config:
        build, note, library = _of_diffusers(config, class_name)
    else:
        build, note, library = _of_transformers(config, class_name)
    model = _built(build, library, limits)
    return blueprint_of(model, library, note, limits.saved_names)


def _of_transformers(
    config: Mapping[str, Any], class_name: str | None
) -> tuple[Callable[[], Any], str, str]:
    try:
        chosen = classes.choose(config, class_name)
    except (Refused, MemoryError, RecursionError):
        raise
    except Exception as error:  # the config's own class may raise anything
        raise _rejected(classes.library(), error) from error
    return (lambda: chosen.cls(chosen.config)), chosen.note, classes.library()


def _of_diffusers(
    config: Mapping[str, Any], class_name: str | None
) -> tuple[Callable[[], Any], str, str]:
    try:
        diffusers = import_module("diffusers")
    except ImportError as error:
        reason = "a class of diffusers, which is not installed"
        raise Refused(Refusal.MISSING_LIBRARY, reason) from error
    library = f"diffusers {diffusers.__version__}"
    name = str(class_name or config[_DIFFUSERS])
    cls: Any = getattr(diffusers, name.removeprefix("Flax"), None)
    if not _is_model(cls, diffusers.ModelMixin):
        raise Refused(Refusal.UNKNOWN_CLASS, f"class {name[:_MAX_REASON]} is not in {library}")
    return (lambda: cls.from_config(dict(config))), "", library


def _is_model(cls: object, base: type) -> bool:
    return isinstance(cls, type) and issubclass(cls, base)


def _built(build: Callable[[], Any], library: str, limits: Limits) -> Any:  # noqa: ANN401
    """What `build` makes, on the meta device. Raises Refused."""
    init_empty_weights = import_module("accelerate").init_empty_weights
    try:
        with _counted(limits), init_empty_weights(include_buffers=True):
            return build()
    except (Refused, MemoryError, RecursionError):
        raise
    except ImportError as error:
        reason = _message(error).partition(". ")[0]  # how to install it comes after
        raise Refused(Refusal.MISSING_LIBRARY, reason) from error
    except Exception as error:  # a class may raise anything over a config it does not expect
        raise _rejected(library, error) from error


def _rejected(library: str, error: Exception) -> Refused:
    reason = f"{library} cannot build it: {type(error).__name__}: {_message(error)}"
    return Refused(Refusal.REJECTED, reason)


def _message(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 1] + "…"


@contextmanager
def _counted(limits: Limits) -> Iterator[None]:
    """Refuses a model of more modules than any has, while they are being made."""
    modules = import_module("torch.nn.modules.module")
    made = 0

    def count(*_: object) -> None:
        nonlocal made
        made += 1
        if made > limits.modules:
            reason = f"more than {limits.modules:,} modules; no model has so many"
            raise Refused(Refusal.OVER_LIMIT, reason)

    hooks = [
        modules.register_module_module_registration_hook(count),
        modules.register_module_parameter_registration_hook(count),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def default_config(model_type: str) -> dict[str, Any] | None:
    """A config of that type as `save_pretrained` writes it when nobody changed anything."""
    config_class = classes.config_class_of(model_type)
    if config_class is None:
        return None
    try:
        saved = json.loads(config_class().to_json_string(use_diff=True))
    except Exception:  # noqa: BLE001 - some types have no defaults that fit one another
        return None
    return {**saved, "model_type": model_type}
