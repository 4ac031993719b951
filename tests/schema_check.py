"""Checks a value against the few words of JSON Schema that docs/outcome.schema.json uses.

Stricter than the standard in two ways: a key that the schema does not describe is an error, and so
is a word of the schema that is not known here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_ASIDE = {"$schema", "$defs", "title", "description"}


def errors(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[str]:
    return list(_errors(value, schema, root, "$"))


def _errors(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str
) -> Iterator[str]:
    for word, wanted in schema.items():
        if word == "$ref":
            yield from _errors(value, root["$defs"][wanted.rpartition("/")[2]], root, at)
        elif word == "anyOf":
            if all(errors(value, each, root) for each in wanted):
                yield f"{at}: none of {len(wanted)} forms"
        elif word in {"properties", "additionalProperties", "items"}:
            continue
        elif word not in _ASIDE and not _WORDS[word](wanted, value):
            yield f"{at}: {word} {wanted!r}"
    yield from _inside(value, schema, root, at)


def _has_type(wanted: Any, value: Any) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    return any(_is(value, name) for name in names)


_WORDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": _has_type,
    "const": lambda wanted, value: bool(value == wanted),
    "enum": lambda wanted, value: value in wanted,
    "required": lambda wanted, value: all(key in value for key in wanted),
    "minimum": lambda wanted, value: value is None or bool(value >= wanted),
    "pattern": lambda wanted, value: re.search(wanted, value) is not None,
    "minItems": lambda wanted, value: len(value) >= wanted,
    "maxItems": lambda wanted, value: len(value) <= wanted,
}


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


def _inside(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str
) -> Iterator[str]:
    if isinstance(value, list) and "items" in schema:
        for index, each in enumerate(value):
            yield from _errors(each, schema["items"], root, f"{at}[{index}]")
    if isinstance(value, dict) and ("properties" in schema or "additionalProperties" in schema):
        described = schema.get("properties", {})
        for key, each in value.items():
            if key in described:
                yield from _errors(each, described[key], root, f"{at}.{key}")
            elif "additionalProperties" in schema:
                yield from _errors(each, schema["additionalProperties"], root, f"{at}.{key}")
            else:
                yield f"{at}: key {key!r} is not described"
