"""Figures that count no one model: bounds, savings, and what is said of any model of a size."""

from typing import Final

from auditor.claims.beside import WINDOW
from auditor.claims.figures import Figure
from auditor.claims.patterns import any_case
from auditor.claims.vocabulary import ABOUT, PARAMETERS

_BOUND: Final = any_case(
    r"(?:(?<![A-Za-z])(?:up to(?: and including)?|over|more than|less than|fewer than|under|below"
    r"|above|at least|at most|greater than|smaller than|larger than|exceeding|beyond|sub"
    r"|mehr als|bis zu|plus de|moins de|más de|menos de|mais de|hasta|até|jusqu'à|oltre"
    r"|более|до|starting (?:from|at|with)|as (?:small|few|little|low|large|many) as)"
    r"|[<>≥≤]|超过|不到|以上|多达)[\s-]*$"
)
# "Running a 70B parameter model needs ...": said of models at large.
_ANY: Final = any_case(
    r"(?<![A-Za-z])(?:run|running|fits?|fitting|loads?|loading|serve|serving|host|hosting|deploy"
    r"|deploying|train|training|fine-?tune|fine-?tuning|quantize|quantizing|copy of"
    r"|tourner|exécuter|ejecutar|correr|executar|rodar|betreiben|ausführen|eseguire)"
    r"\s+(?:an?|any|une?|ein(?:en)?|uma?|unos?)\s+"
    rf"(?:(?:modèle|modelo|modell|model|modello|llm)\s+(?:de|mit|com|con|di|of|with)\s+)?{ABOUT}$"
)
_RUNS: Final = any_case(
    rf"\s*{PARAMETERS}\s+(?:\([^()]*\)\s+)?(?:läuft|benötigt|braucht|passt|nécessite|tourne|requiere"
    r"|necesita|ocupa|cabe|precisa|richiede|multiplied|runs on|fits in)(?![A-Za-z])"
)
# "Tying saves 200 million parameters": what is not there.
_SAVES: Final = any_case(
    r"(?<![A-Za-z])(?:sav(?:es?|ing|ed)|remov(?:es?|ing|ed)|reduc\w+ by|drops|frees|cuts?"
    rf"|eliminat\w+|prun(?:es|ing|ed)|fewer by)\s+{ABOUT}$"
)
_A_MODEL: Final = any_case(r"(?<![A-Za-z])(?:an?|any|every|most)\s+(?:typical\s+|single\s+)?$")
_PRESENTS: Final = any_case(
    r"(?<![A-Za-z])(?:is|are|was|be|'s|we|present\w*|introduc\w+|releas\w+|has|have|had|features?"
    r"|our|this|built|boast\w*|(?:pre-?)?train(?:ed|s)?|announc\w+|open-sourc\w+|offer\w*|provid\w+"
    r"|contain\w*|compris\w+|consists of"
    r"|pairs|combines|holds|namely|ist|hat|est|es|è|é|umfasst|eine?)(?:\s+[\w-]+,?){0,5}?"
    r"\s+(?:an?|une?|ein(?:e[nm]?)?|uma?)\s+(?:[\w-]+,?\s+)?"
    rf"{ABOUT}$"
)
_INDEFINITE: Final = any_case(
    r"(?<![A-Za-z])(?<!and )(?<!or )(?<!und )(?<!et )"  # the second of two is as the first
    rf"(?:an?|une?|ein(?:e[nm]?)?|uma?)\s+(?:[a-z]+,?\s+)?{ABOUT}$"
)
_FOR_EXAMPLE: Final = any_case(r"(?:such as|e\.g\.|z\. ?B\.|say|如|比如|例如)\s*$")
_BEGINS: Final = any_case(
    rf"(?:^|[.!?:]\s+)[\s*+•>|\"'(-]*(?:an?|une?|ein|uma?)\s+(?:[a-z]+,?\s+)?{ABOUT}$"
)
_NEEDS: Final = any_case(
    rf"[\s-]*{PARAMETERS}\s+(?:\w+\s+){{0,2}}?(?:model|network|transformer|llm)\s+"
    r"(?:stored|requires?|needs?|would|takes|occupies|in (?:fp|bf|int|half|full|16|8|4)"
    r"|at (?:fp|bf|int|4|8|16|full|half)|to run|on (?:a |one )?(?:single|consumer))"
)
# "32 GB hold about 56B parameters": said of memory.
_HOLDS: Final = any_case(
    rf"(?<![A-Za-z])(?:holds?|stores?|fits?|accommodates?|fassen|fasst|contenir|caben)\s+{ABOUT}$"
)
_EACH: Final = any_case(
    rf"[\s-]*{PARAMETERS}\s+(?:each|apiece|per expert)(?![A-Za-z])|\s?(?:个)?{PARAMETERS}每"
)
_EACH_BEFORE: Final = any_case(
    r"(?:each|per|every)(?: single)? (?:expert|layer|block|adapter)(?: \w+)?\s*"
    rf"(?:has|contains|with|is|of|:)?\s*{ABOUT}$"
)


def is_of_some_model(line: str, figure: Figure) -> bool:
    """Whether it is of "a 100B-parameter model" that nothing presents: of one like it, not of it.

    At the beginning of a sentence, such words are a tagline.
    """
    before = line[max(0, figure.begin - WINDOW) : figure.begin]
    if not (_INDEFINITE.search(before) or _FOR_EXAMPLE.search(before)):
        return False
    return not (_BEGINS.search(before) or _PRESENTS.search(before))


def is_no_count(line: str, figure: Figure) -> bool:
    """Whether it says how many at most, at least or in each, or speaks of any such model."""
    before = line[max(0, figure.begin - WINDOW) : figure.begin]
    after = line[figure.end : figure.end + WINDOW]
    if after.startswith("+") or _BOUND.search(before) or _ANY.search(before):
        return True
    if _HOLDS.search(before) or _SAVES.search(before) or _RUNS.match(after):
        return True
    if _EACH.match(after) or _EACH_BEFORE.search(before):
        return True
    at_large = _A_MODEL.search(before) and not _PRESENTS.search(before)
    return bool(at_large and _NEEDS.match(after))
