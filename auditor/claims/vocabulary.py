"""The words that tell what a figure counts, in the languages that cards are written in."""

import re
from dataclasses import dataclass
from typing import Final

from auditor.core.claims import Scope

PARAMETERS: Final = (
    r"(?:(?<![A-Za-z])(?:param(?:eter|ater|ètre|etre|etro)?s?|par[áâ]metros?|parametern|parametri)"
    r"(?![A-Za-zà-ÿ])|параметр[\u0430-\u044f]{0,4}|参数|參數|パラメーター?|파라미터|매개변수)"
)
ABOUT: Final = (
    r"(?:(?:about|around|approximately|approx\.?|roughly|nearly|almost|some|circa|ca\.|etwa|rund"
    r"|environ|ungefähr|unos|aproximadamente|cerca de|circa|约为?|約|大约|達|达到?|只有|仅)\s*"
    r"|[~≈]\s*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeWord:
    """Words beside a figure and what it then counts; no scope means that it is no count."""

    words: str
    scope: Scope | None
    detail: str = ""


# The first that is found wins.
SCOPE_WORDS: Final = (
    ScopeWord(words=r"non[- ]?trainable|frozen|fewer|less|more|additional|extra|new", scope=None),
    ScopeWord(words=r"effective", scope=Scope.COMPONENT, detail="effective"),
    ScopeWord(
        words=r"non[- ]?embeddings?|backbone|非嵌入"
        r"|(?:excluding|without|excl\.?|w/o)(?: the)? embeddings?",
        scope=Scope.NON_EMBEDDING,
    ),
    ScopeWord(words=r"embeddings?", scope=Scope.COMPONENT, detail="embedding"),
    ScopeWord(words=r"q?lora|adapters?", scope=Scope.ADAPTER),
    ScopeWord(
        words=r"activated|activation|active|live|actifs?|actives?|activés?|activos|activados|ativos|ativados"
        r"|attivi|aktive[nr]?|aktivierte[nr]?|激活|活跃|启用|アクティブ|動かす|활성",
        scope=Scope.ACTIVE,
    ),
    ScopeWord(words=r"trainable|learnable|tunable|可训练", scope=Scope.TRAINABLE),
    ScopeWord(
        words=r"in total|total|overall|all|totaux|totales|totais|totali|insgesamt|总|總",
        scope=Scope.TOTAL,
    ),
)
_COMPILED: Final = tuple(
    (re.compile(rf"(?<![A-Za-z-])(?:{row.words})(?![A-Za-z])", re.IGNORECASE), row)
    for row in SCOPE_WORDS
)
ANY_SCOPE: Final = "(?:" + "|".join(row.words for row in SCOPE_WORDS) + ")"


def scope_in(text: str) -> ScopeWord | None:
    """The first row of SCOPE_WORDS that stands in `text`."""
    if not text:
        return None
    return next((row for pattern, row in _COMPILED if pattern.search(text)), None)


COMPONENTS: Final = (
    r"(?:(?:vision|visual|image|text|audio|speech|video|acoustic|motion|diffusion)[- ]"
    r"(?:encoders?|decoder|tower|backbone)|(?:language|llm)(?: model)?[- ]backbone|u-?net"
    r"|lora(?: adapters?)?|adapters?|vae|autoencoder|projector|vocoder"
    r"|multi-token prediction(?: \(mtp\))? module|mtp module|output head|lm[- _]head"
    r"|embedding (?:layer|table|matrix))(?![A-Za-z])"
)

# Words that a key is made of which names a number of parameters, and nothing else.
_KEY_WORDS: Final = frozenset(
    """
    # n no num number of the total overall model's model all active activated activation
    trainable learnable parameter parameters param params paramater paramaters count counts
    size sizes approx approximate estimated non embedding embeddings nonembedding excluding
    excl without including incl backbone per token in and with lora adapter nombre de
    paramètres anzahl der parameter número parámetros parametros numero di parametri
    parâmetros
    actifs totaux gesamt totales totais totali activos ativos attivi
    """.split()
)
_KEY_WORD: Final = re.compile(r"#|[^\W\d_]+(?:'s)?")
_CJK_KEY: Final = re.compile(
    r"(?:模型)?(?:总|總|激活|可训练|非嵌入)*(?:参数|參數|パラメーター?)"
    r"(?:总量|规模|數量|数量|总数|大小|量|数|數)?(?:\([^()]{0,20}\))?"
)
_PARAMETERS: Final = re.compile(PARAMETERS, re.IGNORECASE)
_SIZE_KEYS: Final = (frozenset({"size"}), frozenset({"model", "size"}))


_MAY_COUNT: Final = re.compile(
    rf"{PARAMETERS}|activ|total|激活|encoder|decoder|unet|u-net|vae|size", re.IGNORECASE
)


def may_count(line: str) -> bool:
    """Whether a line has any word that could make a figure of it a count."""
    return _MAY_COUNT.search(line) is not None


def mentions_parameters(text: str) -> bool:
    return _PARAMETERS.search(text) is not None


def is_parameter_key(key: str) -> bool:
    """Whether `key` names a number of parameters: "Number of Parameters (Non-Embedding)"."""
    stripped = key.strip()
    if _CJK_KEY.fullmatch(stripped):
        return True
    words = _KEY_WORD.findall(stripped.lower())
    return mentions_parameters(stripped) and _KEY_WORDS.issuperset(words)


def is_size_key(key: str) -> bool:
    """Whether `key` is "Size" or "Model size", which may be parameters and may be bytes."""
    return frozenset(_KEY_WORD.findall(key.lower())) in _SIZE_KEYS
