"""JSON from strangers: read as RFC 8259 writes it, and refused with NotJson, nothing else.

Python's own reader lets pass what others refuse: `NaN`, numbers past any double, halves of a
surrogate pair (which raise only when they are printed), doubled keys (the last one wins). And it
leaves by other doors: RecursionError where lists are nested deeply, ValueError where a number has
more digits than `sys.get_int_max_str_digits`.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

# Lists and objects in one another, as serde_json allows them, which reads safetensors headers. The
# deepest honest text, a config, has about ten.
MAX_DEPTH: Final = 127

LARGE_BYTES: Final = 65_536  # from here on `large_json` is worth its import

_CONTAINERS: Final = (list, dict)
_TOO_DEEP: Final = "nested too deeply"
# In the text of sound JSON: the escape of half a surrogate pair. Strings alone have backslashes.
_LONE_SURROGATE: Final = re.compile(
    rb"(?:[^\\]++"
    rb"|\\(?:[^u]"  # any other escape, `\\` among them
    rb"|u(?![dD][89a-fA-F])"
    rb"|u[dD][89abAB]..\\u[dD][c-fC-F]))*+"  # a whole pair
    rb"\\u",
    re.DOTALL,
)


class NotJson(ValueError):
    """Its text says what is wrong, and where."""


class Object(list[tuple[str, Any]]):
    """A JSON object as its pairs in the order of the text, doubled keys and all."""

    __slots__ = ()


def value_bound(raw: bytes) -> int:
    """A count of values that the JSON text `raw` cannot exceed by more than one.

    To be asked before parsing: a value takes two bytes of text at least and about 64 of memory.
    """
    return sum(raw.count(mark) for mark in (b"[", b"{", b","))


def parse(raw: bytes, hook: Callable[[list[tuple[str, Any]]], Any] = Object) -> Any:  # noqa: ANN401
    """The JSON value of `raw`; each object is what `hook` makes of its pairs, the innermost first.

    Numbers are int and float. Raises NotJson.
    """
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=hook, parse_constant=_no_constant, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 at byte {error.start:,}") from error
    except json.JSONDecodeError as error:
        what = error.msg[:1].lower() + error.msg[1:]
        raise NotJson(f"not JSON: {what} at character {error.pos:,}") from error
    except RecursionError as error:
        raise NotJson(_TOO_DEEP) from error
    except NotJson:
        raise
    except ValueError as error:  # see sys.get_int_max_str_digits
        raise NotJson("a number of too many digits") from error
    if _is_too_deep(value):
        raise NotJson(_TOO_DEEP)
    if b"\\u" in raw and (lone := _LONE_SURROGATE.match(raw)):
        raise NotJson(f"not Unicode: half a surrogate pair at byte {lone.end() - 2:,}")
    return value


def _is_too_deep(value: Any) -> bool:  # noqa: ANN401
    nested = [value]
    for _ in range(MAX_DEPTH):
        nested = [inner for outer in nested for inner in _nested(outer)]
        if not nested:
            return False
    return True


def _nested(value: Any) -> list[Any]:  # noqa: ANN401
    """The lists and objects that `value` holds; what a hook made of them otherwise is none."""
    if isinstance(value, Object):
        return [inner for _, inner in value if isinstance(inner, _CONTAINERS)]
    if isinstance(value, dict):
        return [inner for inner in value.values() if isinstance(inner, _CONTAINERS)]
    if isinstance(value, list):
        return [inner for inner in value if isinstance(inner, _CONTAINERS)]
    return []


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"not JSON: {name} for a number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotJson("a number past the largest double")
    return number
