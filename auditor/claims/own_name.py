"""The model that a repository is about, and whether a text names it or another one.

bert-base-uncased       named by "BERT-Base", not by "BERT-Large"
llama-2-7b-hf           named by "Llama 2", not by "Llama-2-70B"
convnext-base-224       named by "ConvNeXt-B"
snowflake-arctic-embed-l-v2.0      named by "snowflake-arctic-l-v2.0"
CroissantLLMBase        named by "CroissantLLM"
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Final

from auditor.claims.model_names import base_name, is_telling, labels, name_tokens, runs_of
from auditor.claims.patterns import Pattern
from auditor.core.claims import Scope

_SIZE: Final = Pattern(r"[ae]?[0-9.]+[bmkt]")
_VERSION: Final = Pattern(r"[0-9.]+")
_SIZE_WORDS: Final = (
    *("tiny", "nano", "mini", "micro", "small", "base", "medium", "large", "huge", "giant"),
    *("xsmall", "xlarge", "xxlarge", "xl", "xxl", "pro", "lite"),
)
_LEAST_SHARED: Final = 7  # letters that two spellings of one name share; fewer are common to many
_LEAST_FIRST: Final = 3
_SAME_SIZE: Final = Fraction(10, 100)  # 7.24B is the size that a name calls 7b
_CLASS_FACTOR: Final = 2  # no model of twice the size or half of it is called so


@dataclass(frozen=True, kw_only=True)
class ModelName:
    """What the repository's name says of its model."""

    tokens: tuple[str, ...]
    total: int | None  # the size in the name
    active: int | None = None

    @cached_property
    def runs(self) -> frozenset[str]:
        """Every piece of the name."""
        return runs_of(self.tokens)

    def is_named_by(self, text: str) -> bool:
        """Whether `text` says nothing but what stands in this model's name."""
        return self.closeness(text) > 0

    def is_akin_to(self, text: str) -> bool:
        """Whether `text` begins as this name does: Ling-Lite and Ling-Plus are of one family."""
        first = next(iter(name_tokens(text)), "")
        return len(first) >= _LEAST_FIRST and first == next(iter(self.tokens), "")

    def closeness(self, text: str) -> int:
        """How much of this model's name `text` says; 0 if it names another.

        Pieces of the name come before words picked out of it.
        """
        tokens = name_tokens(text.rpartition("/")[2] or text)
        if not is_telling(tokens):
            return 0
        joined = "".join(tokens)
        if joined in self.runs or self._with_a_version(tokens) or self._with_a_size(text, tokens):
            return 2 * len(joined)
        return 2 * len(joined) - 1 if self._is_picked_out(tokens) else 0

    def is_of_size_word(self, word: str) -> bool | None:
        """Whether this model is the "large" one; None where its name has no such word."""
        own = [token for token in self.tokens if token in _SIZE_WORDS]
        return word.lower() in own if own else None

    def is_size(self, value: int) -> bool:
        """Whether `value` is the size in the name, or a finer way to write it."""
        return self.total is not None and abs(value - self.total) <= _SAME_SIZE * self.total

    def is_far_from(self, value: int) -> bool:
        """Whether no model of `value` parameters would bear this name."""
        if self.total is None:
            return False
        smaller, larger = sorted((value, self.total))
        return larger > _CLASS_FACTOR * smaller

    def _with_a_size(self, text: str, tokens: tuple[str, ...]) -> bool:
        """Whether a name is this one with a size added: OpenChat-3.5-7B is openchat_3.5."""
        sizes = [token for token in tokens if _SIZE.fullmatch(token)]
        if not sizes or any(_SIZE.fullmatch(token) for token in self.tokens):
            return False
        apart = all(re.search(rf"[-_ ]{re.escape(size)}", text.lower()) for size in sizes)
        return apart and self._is_picked_out([token for token in tokens if token not in sizes])

    def _with_a_version(self, tokens: Sequence[str]) -> bool:
        """Whether a name is all of this one with a version added: AuraFlow v0.1 is AuraFlow."""
        if any(token[0].isdigit() for token in self.tokens):
            return False
        length = len(self.tokens)
        added = tokens[length:]
        return (
            tuple(tokens[:length]) == self.tokens
            and added[:1] == ("v",)
            and all(_VERSION.fullmatch(token) for token in added[1:])
        )

    def _is_picked_out(self, tokens: Sequence[str]) -> bool:
        """Whether each word stands in this name, in whatever order, with others between."""
        own = list(self.tokens)
        for token in tokens:
            same = next((word for word in own if _is_same(token, word)), None)
            if same is None and (pair := self._drawn_together(token)):
                own = [word for word in own if word not in pair]
            elif same is None:
                return False
            else:
                own.remove(same)
        return is_telling(tokens)

    def _drawn_together(self, token: str) -> tuple[str, str] | None:
        """The two words of this name that `token` is short for: XLMR is XLM-RoBERTa."""
        pairs = pairwise(self.tokens)
        return next((pair for pair in pairs if token == pair[0] + pair[1][0]), None)


def _is_same(token: str, own: str) -> bool:
    """Whether a word of a text is a word of this model's name, or another spelling of it."""
    if token == own or token.removesuffix(".0") == own.removesuffix(".0"):
        return True
    if len(token) == 1 and own in _SIZE_WORDS:
        return own.startswith(token)
    shorter, longer = sorted((token, own), key=len)
    return len(shorter) >= _LEAST_SHARED and shorter in longer


def model_name(repo_id: str) -> ModelName:
    sizes = {label.scope: label.quantity.value for label in labels(repo_id)}
    return ModelName(
        tokens=name_tokens(base_name(repo_id)),
        total=sizes.get(Scope.TOTAL),
        active=sizes.get(Scope.ACTIVE),
    )
