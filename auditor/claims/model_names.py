"""Names of models: the sizes in them, and whether two names are of one model.

Qwen3-30B-A3B            30B total, 3B active
Llama-4-Scout-17B-16E    17B active (16 experts)
Mixtral-8x7B             nothing: 8 x 7 is not its total
gemma-3n-E4B             4B effective, which no count can give
bloom-1b7, internlm2-1_8b   1.7B, 1.8B
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditor.claims.patterns import Pattern, any_case
from auditor.core.claims import Quantity, Scope, quantity

MAX_RUN_TOKENS: Final = 16  # names of more words are taken in pieces
MAX_NAME_CHARACTERS: Final = 128  # the Hub allows 96; what is longer is prose

_UNITS: Final = {"m": 10**6, "b": 10**9, "t": 10**12}
_EDGE: Final = r"(?<![A-Za-z0-9.])"
_END: Final = r"(?![A-Za-z0-9]|\.[0-9])"
_SIZE: Final = any_case(
    _EDGE
    + r"(?P<kind>[ae])?(?:"
    + r"(?P<number>[0-9]{1,4}(?:\.[0-9]{1,3})?)(?P<unit>[bmt])"
    + r"|(?P<whole>[0-9]{1,2})b(?P<tenths>[0-9])"  # 7b1 is 7.1B
    + r"|(?<=-)(?P<before>[0-9])_(?P<after>[0-9]{1,2})b"  # -1_8b is 1.8B; _3_8b may be two numbers
    + r")"
    + _END
)
_PRODUCT: Final = any_case(_EDGE + r"[0-9]{1,3}x[0-9]{1,3}(?:\.[0-9])?b")
_EXPERTS: Final = any_case(_EDGE + r"[0-9]{1,4}e" + _END)


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
    Reason(word="blip2", why="the size is the language model's: blip2-opt-2.7b"),
    Reason(word="instructblip", why="the size is the language model's"),
    Reason(word="tokens", why="the number counts tokens"),
    Reason(word="words", why="the number counts words"),
)
_NOT_ITS_SIZE: Final = frozenset(reason.word for reason in NOT_ITS_SIZE)
# roberta-base-1B-1 and roberta-med-small-1M-2 have seen a billion and a million words.
_WORDS_SEEN: Final = any_case(r"(?:^|[-_.])roberta-(?:med-)?(?:base|small|large)-$")

_TOKEN: Final = Pattern(
    r"[ae]?[0-9]+(?:[._][0-9]+)?[bmkt](?![a-z0-9])"
    r"|[a-z]+?(?=v[0-9])|v(?=[0-9])|[a-z]+"  # the version of DeBERTaV3 is a word of its own
    r"|[0-9]+(?:[._][0-9]+)*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A size in a name: one or two digits that name a class."""

    quantity: Quantity
    scope: Scope
    detail: str = ""


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
        if not _WORDS_SEEN.search(own, 0, match.start()):
            size = _size(match)
            found[(match["kind"] or "").lower()][size.value] = size
    if found["e"]:
        effective = _only(found["e"])
        return (_effective(effective),) if effective else ()
    total, active = _only(found[""]), _only(found["a"])
    if _EXPERTS.search(own):
        total, active = None, active or total
    return tuple(
        Label(quantity=size, scope=scope)
        for size, scope in ((total, Scope.TOTAL), (active, Scope.ACTIVE))
        if size is not None
    )


def _effective(size: Quantity) -> Label:
    """A size that its makers call effective: what is loaded at once, by a way of their own."""
    return Label(quantity=size, scope=Scope.COMPONENT, detail="effective")


def _size(match: re.Match[str]) -> Quantity:
    if match["number"]:
        digits, unit = match["number"], match["unit"].lower()
    elif match["whole"]:
        digits, unit = f"{match['whole']}.{match['tenths']}", "b"
    else:
        digits, unit = f"{match['before']}.{match['after']}", "b"
    return quantity(digits, _UNITS[unit], written=match[0])


def _only(sizes: dict[int, Quantity]) -> Quantity | None:
    """The one size; billions before the others, which then count something else.

    7B-Instruct-1M has a context of a million tokens, 2B-4T has seen four trillion of them.
    """
    billions = [size for size in sizes.values() if size.written[-1] not in "mMtT"]
    candidates = billions or list(sizes.values())
    return candidates[0] if len(candidates) == 1 else None


def name_tokens(name: str) -> tuple[str, ...]:
    """The words and numbers of a name: `GPT-2` and `gpt2` are both `gpt`, `2`."""
    found = _TOKEN.findall(name[:MAX_NAME_CHARACTERS].lower())
    return tuple(token.replace("_", ".") for token in found)


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
