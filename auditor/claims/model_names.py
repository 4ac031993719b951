"""Names of models: the sizes in them, and whether two names are of one model.

Qwen3-30B-A3B            30B total, 3B active
Llama-4-Scout-17B-16E    17B active (16 experts)
Mixtral-8x7B             nothing: 8 x 7 is not its total
gemma-3n-E4B             nothing: an effective size, which no count can give
bloom-1b7, internlm2-1_8b   1.7B, 1.8B
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditor.core.claims import Quantity, Scope, quantity

MAX_RUN_TOKENS: Final = 16  # names of more words are taken in pieces
MAX_NAME_CHARACTERS: Final = 128  # the Hub allows 96; what is longer is prose

_UNITS: Final = {"m": 10**6, "b": 10**9}
_EDGE: Final = r"(?<![A-Za-z0-9.])"
_END: Final = r"(?![A-Za-z0-9]|\.[0-9])"
_SIZE: Final = re.compile(
    _EDGE
    + r"(?P<kind>[ae])?(?:"
    + r"(?P<number>[0-9]{1,4}(?:\.[0-9]{1,3})?)(?P<unit>[bm])"
    + r"|(?P<whole>[0-9]{1,2})b(?P<tenths>[0-9])"  # 7b1 is 7.1B
    + r"|(?<=-)(?P<before>[0-9])_(?P<after>[0-9]{1,2})b"  # -1_8b is 1.8B; _3_8b may be two numbers
    + r")"
    + _END,
    re.IGNORECASE,
)
_PRODUCT: Final = re.compile(_EDGE + r"[0-9]{1,3}x[0-9]{1,3}(?:\.[0-9])?b", re.IGNORECASE)
_EXPERTS: Final = re.compile(_EDGE + r"[0-9]{1,4}e" + _END, re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A word in a name whose sizes are not this checkpoint's own count."""

    word: str
    why: str


NOT_ITS_SIZE: Final = (
    Reason(word="lora", why="the size is the base model's"),
    Reason(word="qlora", why="the size is the base model's"),
    Reason(word="adapter", why="the size is the base model's"),
    Reason(word="peft", why="the size is the base model's"),
    Reason(word="eagle", why="a draft head named after the model it drafts for"),
    Reason(word="eagle2", why="a draft head named after the model it drafts for"),
    Reason(word="eagle3", why="a draft head named after the model it drafts for"),
    Reason(word="medusa", why="a draft head named after the model it drafts for"),
    Reason(word="clip", why="the number counts image and text pairs: metaclip-b32-400m"),
    Reason(word="metaclip", why="the number counts image and text pairs: metaclip-b32-400m"),
    Reason(word="openclip", why="the number counts image and text pairs"),
    Reason(word="tokens", why="the number counts tokens"),
    Reason(word="words", why="the number counts words"),
)
_NOT_ITS_SIZE: Final = frozenset(reason.word for reason in NOT_ITS_SIZE)
# After a size in words a number is something else: roberta-base-1B-1 has seen a billion words.
_AFTER_BASE: Final = re.compile(r"(?:^|[-_.])base[-_]$", re.IGNORECASE)

_TOKEN: Final = re.compile(r"[ae]?[0-9]+(?:\.[0-9]+)?[bmk](?![a-z0-9])|[a-z]+|[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A size in a name: one or two digits that name a class."""

    quantity: Quantity
    scope: Scope


def base_name(repo_id: str) -> str:
    """The name without its organisation, or the last folder of a path."""
    return repo_id.replace("\\", "/").rstrip("/").rpartition("/")[2][:MAX_NAME_CHARACTERS]


def labels(repo_id: str) -> tuple[Label, ...]:
    """The sizes in the name that say how large the model is; none where that is ambiguous."""
    own = base_name(repo_id)
    if _PRODUCT.search(own) or not _NOT_ITS_SIZE.isdisjoint(re.split(r"[-_.\s]", own.lower())):
        return ()
    found: dict[str, dict[int, Quantity]] = {"": {}, "a": {}, "e": {}}
    for match in _SIZE.finditer(own):
        if not _AFTER_BASE.search(own, 0, match.start()):
            size = _size(match)
            found[(match["kind"] or "").lower()][size.value] = size
    if found["e"]:
        return ()
    total, active = _only(found[""]), _only(found["a"])
    if _EXPERTS.search(own):
        total, active = None, active or total
    return tuple(
        Label(quantity=size, scope=scope)
        for size, scope in ((total, Scope.TOTAL), (active, Scope.ACTIVE))
        if size is not None
    )


def _size(match: re.Match[str]) -> Quantity:
    if match["number"]:
        digits, unit = match["number"], match["unit"].lower()
    elif match["whole"]:
        digits, unit = f"{match['whole']}.{match['tenths']}", "b"
    else:
        digits, unit = f"{match['before']}.{match['after']}", "b"
    return quantity(digits, _UNITS[unit], written=match[0])


def _only(sizes: dict[int, Quantity]) -> Quantity | None:
    """The one size; billions before millions, which then count a context (7B-Instruct-1M)."""
    billions = [size for size in sizes.values() if size.written[-1] not in "mM"]
    candidates = billions or list(sizes.values())
    return candidates[0] if len(candidates) == 1 else None


def name_tokens(name: str) -> tuple[str, ...]:
    """The words and numbers of a name: `GPT-2` and `gpt2` are both `gpt`, `2`."""
    return tuple(_TOKEN.findall(name[:MAX_NAME_CHARACTERS].lower()))


def runs_of(tokens: Sequence[str]) -> frozenset[str]:
    """Every piece of a name, written as one word: what may name the same model."""
    return frozenset(
        "".join(tokens[begin:end])
        for begin in range(len(tokens))
        for end in range(begin + 1, min(begin + MAX_RUN_TOKENS, len(tokens)) + 1)
    )


def is_telling(tokens: Sequence[str]) -> bool:
    """Whether it names anything: a number alone or a single letter does not."""
    return any(len(token) > 1 and not token.replace(".", "").isdigit() for token in tokens)
