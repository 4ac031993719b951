"""Which stored name is which of a class's, where the two are spelled differently.

Files of the Hub have the names of the version that wrote them: TensorFlow's words for a norm, the
backbone's names without the prefix that a class with a head gives them, a tower under another
module. What is spelled alike is matched first; then endings, then whole prefixes, each inferred
from the names themselves.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

# Older and newer words for the same parameter (transformers `conversion_mapping.py`, "legacy"; the
# last two are torch's, before and after `torch.nn.utils.parametrizations`).
_ENDINGS: Final = (
    (".gamma", ".weight"),
    (".beta", ".bias"),
    (".weight_g", ".parametrizations.weight.original0"),
    (".weight_v", ".parametrizations.weight.original1"),
)

MAX_ROUNDS: Final = 16  # of inferring a prefix; composite models have about five
MAX_SAMPLES: Final = 256  # names that a prefix is inferred from
MIN_FOUND: Final = 8  # names of a sample that speak for an exchange of quite different prefixes
MAX_PREFIXES: Final = 128  # that are tried on either side
_MAX_DEPTH: Final = 6  # parts of a prefix

_Free = dict[str, None]  # names that no stored one has taken; a dict for its order

Fits = Callable[[str, str], bool]  # a stored name, one of the class's: can they be the same tensor?


class Prefix(NamedTuple):
    """What stored names begin with, and what the class's do in its place."""

    stored: str
    built: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The class's name for each stored one that has one, and the prefixes that were inferred."""

    built: Mapping[str, str]
    prefixes: tuple[Prefix, ...]

    def translated(self, name: str) -> str:
        """`name` as the class would spell it, whether the class has such a tensor or not."""
        fitting = [prefix for prefix in self.prefixes if name.startswith(prefix.stored)]
        if not fitting:
            return name
        longest = max(fitting, key=lambda prefix: len(prefix.stored))
        return longest.built + name[len(longest.stored) :]


def match_names(stored: Sequence[str], built: Collection[str], fits: Fits) -> Matched:
    """The names of `stored` among those of `built`, each of which is given once.

    A name that is spelled alike is taken as it is. One under another prefix must fit too, unless
    most names are under it: then the two are of different sizes.
    """
    matched = {name: name for name in stored if name in built}
    free = dict.fromkeys(name for name in built if name not in matched)
    rest = _match_endings([name for name in stored if name not in matched], free, matched)
    prefixes: list[Prefix] = []
    while rest and free and len(prefixes) < MAX_ROUNDS:
        prefix = _best_prefix(rest, free, fits)
        if prefix is None and 2 * len(rest) > len(stored):
            fits = _any_size
            prefix = _best_prefix(rest, free, fits)
        if prefix is None:
            break
        prefixes.append(prefix)
        rest = _match_prefix(prefix, rest, free, matched, fits)
    return Matched(built=matched, prefixes=tuple(prefixes))


def _any_size(_stored: str, _built: str) -> bool:
    return True


def spellings(name: str) -> Iterator[str]:
    """`name`, then with its ending in older or newer words."""
    yield name
    for old, new in _ENDINGS:
        if name.endswith(old):
            yield name.removesuffix(old) + new
        elif name.endswith(new):
            yield name.removesuffix(new) + old


def _match_endings(names: Sequence[str], free: _Free, matched: dict[str, str]) -> list[str]:
    """Matches those that differ by their ending alone; gives the others."""
    rest = []
    for name in names:
        other = next((spelling for spelling in spellings(name) if spelling in free), None)
        if other is None:
            rest.append(name)
        else:
            matched[name] = other
            del free[other]
    return rest


def _match_prefix(
    prefix: Prefix, names: Sequence[str], free: _Free, matched: dict[str, str], fits: Fits
) -> list[str]:
    rest = []
    for name in names:
        other = _under(prefix, name, free, fits)
        if other is None:
            rest.append(name)
        else:
            matched[name] = other
            del free[other]
    return rest


def _under(prefix: Prefix, name: str, free: Collection[str], fits: Fits) -> str | None:
    """The free name that `name` is with its prefix exchanged."""
    if not name.startswith(prefix.stored):
        return None
    exchanged = prefix.built + name[len(prefix.stored) :]
    return next((s for s in spellings(exchanged) if s in free and fits(name, s)), None)


def _best_prefix(names: Sequence[str], free: Collection[str], fits: Fits) -> Prefix | None:
    """The exchange of prefixes that finds most of a sample of `names`; None where none is sure.

    NOTE: a sample, evenly spaced: a hostile file may have half a million names.
    """
    built = _most_common_prefixes(free)
    found = Counter(
        Prefix(stored, prefix)
        for name in names[:: len(names) // MAX_SAMPLES + 1]
        for stored in _prefixes(name)
        for prefix in built
        if _under(Prefix(stored, prefix), name, free, fits) is not None
    )
    sure = [prefix for prefix, many in found.items() if many >= MIN_FOUND or _is_rearranged(prefix)]
    # Of those that find as many, the one that exchanges least.
    return max(
        sure,
        key=lambda prefix: (found[prefix], -len(prefix.stored) - len(prefix.built), prefix),
        default=None,
    )


def _is_rearranged(prefix: Prefix) -> bool:
    """Whether one side has all of the other's modules, in any order, and perhaps further ones.

    `model.language_model.` in place of `language_model.model.` is one tower in another place,
    however little is found in it. `pooler.` in place of `transform.` may be another module, which
    happens to have a layer of the same name.
    """
    stored, built = Counter(prefix.stored.split(".")), Counter(prefix.built.split("."))
    return stored <= built or built <= stored


def _most_common_prefixes(names: Collection[str]) -> list[str]:
    counted = Counter(prefix for name in names for prefix in _prefixes(name))
    return [prefix for prefix, _ in counted.most_common(MAX_PREFIXES)]


def _prefixes(name: str) -> Iterator[str]:
    """What `name` begins with, up to each of its first dots and none of its later numbers."""
    yield ""
    end = 0
    for depth in range(_MAX_DEPTH):
        begin, end = end, name.find(".", end) + 1
        if not end or (depth and name[begin : end - 1].isdecimal()):
            return
        yield name[:end]
