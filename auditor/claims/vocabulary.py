"""The words that tell what a figure counts, in the languages that cards are written in."""

from dataclasses import dataclass
from typing import Final

from auditor.claims.patterns import Pattern, any_case
from auditor.core.claims import Scope

PARAMETERS: Final = (
    r"(?:(?<![A-Za-z])(?:param(?:eter|ater|ètre|etre|etro)?s?|par[áâ]metros?|parametri"
    r"|parameter(?:n|s?anzahl|zahl))(?![A-Za-zà-ÿ])"
    r"|параметр[\u0430-\u044f]{0,4}|parametr(?:ów|y|ar|ů|e(?:li)?)(?![a-zà-ž])|tham số"
    r"|参数|參數|パラメーター?|파라미터|매개변수)"
)
ABOUT: Final = (
    r"(?:(?:about|around|approximately|approx\.?|roughly|nearly|almost|some|circa|ca\.?|etwa|rund"
    r"|environ|près de|ungefähr|knapp|unos|aproximadamente|cerca de|około|около|约为?|約|大约"
    r"|達|达到?|只有|仅有?|약|an? (?:impressive|massive|total|whopping|mere|modest))\s*"
    r"|[~≈∼]\s*)?"
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
        words=r"non[- ]?emb(?:eddings?|ed\.?|\.)?|backbone|非词?嵌入"
        r"|(?:excluding|without|excl\.?|w/o)(?: the)? embeddings?",
        scope=Scope.NON_EMBEDDING,
    ),
    ScopeWord(words=r"embeddings?", scope=Scope.COMPONENT, detail="embedding"),
    ScopeWord(words=r"q?lora|adapters?", scope=Scope.ADAPTER),
    ScopeWord(
        words=r"activated|activation|active|live|actifs?|actives?|activés?|activos|activados"
        r"|ativos|ativados|attivi|aktive[nr]?|aktivierte[nr]?|активных|激活|啟用|活跃|启用"
        r"|アクティブ|動かす|활성",
        scope=Scope.ACTIVE,
    ),
    ScopeWord(words=r"trainable|learnable|tunable|可训练|训练(?=参数)", scope=Scope.TRAINABLE),
    ScopeWord(
        words=r"in total|total|overall|all|totaux|totales|totais|totali|insgesamt|gesamt|общих"
        r"|总|總",
        scope=Scope.TOTAL,
    ),
)
_COMPILED: Final = tuple(
    (any_case(rf"(?<![A-Za-z-])(?:{row.words})(?![A-Za-z])"), row) for row in SCOPE_WORDS
)
ANY_SCOPE: Final = "(?:" + "|".join(row.words for row in SCOPE_WORDS) + ")"


def scope_in(text: str) -> ScopeWord | None:
    """The first row of SCOPE_WORDS that stands in `text`."""
    if not text:
        return None
    return next((row for pattern, row in _COMPILED if pattern.search(text)), None)


COMPONENTS: Final = (
    r"(?:(?:vision|visual|image|text|audio|speech|video|acoustic|motion|diffusion|mask|point"
    r"|prompt)[- ](?:encoders?|decoder|tower|backbone)"
    r"|(?:language|llm|text)(?:[- ]model)?[- ]backbone|u-?net|refiner|upscaler"
    r"|(?:llm|language(?: model)?) (?:foundation|decoder)|backbone|(?:vision|audio) adapter"
    r"|lora(?: adapters?)?|adapters?|[a-z]*vae|autoencoder|projector|projection(?: layer)?|vocoder"
    r"|connector|resampler|q-?former|draft head"
    r"|multi-token prediction(?: \(mtp\))? module|mtp(?: module| head| layer)?s?|output head"
    r"|lm[- _]head|classification head"
    r"|embedding (?:layer|table|matrix))(?![A-Za-z])"
)

# The folders of a pipeline (diffusers), as cards call their parts; other parts keep their words.
_FOLDERS: Final = {
    "u net": "unet",
    "text encoder": "text_encoder",
    "text encoders": "text_encoders",
    "image encoder": "image_encoder",
    "autoencoder": "vae",
}


def component_name(words: str) -> str:
    """The name of the component that `words` of a card mean: "U-Net" is `unet`."""
    plain = words.lower().replace("-", " ").strip("# ")
    return _FOLDERS.get(plain, "vae" if plain.endswith("vae") else plain)


# Words that a key is made of which names a number of parameters, and nothing else.
_KEY_WORDS: Final = frozenset(
    """
    # n no num number of the total overall model's model all active activated activation
    trainable learnable parameter parameters param params paramater paramaters count counts
    size sizes approx approximate estimated non embedding embeddings nonembedding excluding
    excl without including incl backbone per token in and with lora adapter during inference
    forward pass time used our this llm learned weight weights base full
    nombre de paramètres anzahl der parameter parameterzahl parameteranzahl número parámetros
    parametros numero di parametri parâmetros количество параметров число параметры всего
    actifs totaux gesamt totales totais totali activos ativos attivi aktive
    """.split()
)
_KEY_WORD: Final = Pattern(r"#|[^\W\d_]+(?:'s)?")
_CJK_KEY: Final = Pattern(
    r"(?:模型|總|总|激活|活跃|可训练|非词?嵌入|アクティブ|総|モデル|전체|총|활성|모델|\s)*"
    r"(?:参数|參數|パラメーター?|파라미터|매개변수)"
    r"(?:总量|规模|數量|数量|总数|大小|量|数|數|サイズ|\s?수)?(?:\([^()]{0,20}\))?"
)
_PARAMETERS: Final = any_case(PARAMETERS)
_SIZE_KEYS: Final = (frozenset({"size"}), frozenset({"model", "size"}))


_MAY_COUNT: Final = any_case(
    rf"{PARAMETERS}|activ|total|激活|encoder|decoder|backbone|unet|u-net|vae|size"
    r"|(?:our|this|an?) ~?[0-9]"
    r"|is an? |this |\([0-9.]+\s?(?:b|billion)\)|モデル|모델|模型"
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


def is_model_size_key(key: str) -> bool:
    """Whether `key` is "Model size": what is said in `M`, and not in `MB`, is a count."""
    return frozenset(_KEY_WORD.findall(key.lower())) == _SIZE_KEYS[1]


def is_size_key(key: str) -> bool:
    """Whether `key` is "Size" or "Model size", which may be parameters and may be bytes."""
    return frozenset(_KEY_WORD.findall(key.lower())) in _SIZE_KEYS
