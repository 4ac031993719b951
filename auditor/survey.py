"""A look at many models by what the Hub lists of them, without a header: which deserve an audit.

A thousand models cost one request. What is listed is not measured: the Hub's total counts every
stored element, packed integers, buffers and copies too. So nothing here is a verdict about a model;
it says where name, published figures and the Hub's own number do not go together, and why that may
be harmless.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from auditor.claims import hub_findings, name, registry
from auditor.core.claims import Claim, Published, Scope
from auditor.core.comparison import Comparison, compare
from auditor.core.listing import Listed, ListQuery
from auditor.core.repository import Origin, Repository
from auditor.core.tally import Count
from auditor.core.verdict import DEFAULT_POLICY, Policy, differs

# Dtypes whose elements may hold several weights each (GPTQ and AWQ, bitsandbytes, MLX, MXFP4).
_PACKING: Final = frozenset({"I32", "U32", "U8", "I8", "I16", "F4"})
_PACKED_SHARE: Final = 20  # in a hundred stored elements; a model's position ids are far fewer
_GGUF_FACTOR: Final = 2  # a GGUF total this many times another is another model's


class Suspicion(StrEnum):
    """Why a model deserves an audit; `none` where nothing was found or nothing can be said."""

    NAME = "name-differs"
    PUBLISHED = "published-differs"
    INCONSISTENT = "hub-total-inconsistent"
    GGUF = "gguf-differs"
    PACKED = "packed"
    UNCOUNTED = "not-counted"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """One model of a survey. `comparisons` hold the figures against the Hub's own number."""

    listed: Listed
    suspicion: Suspicion
    reason: str
    comparisons: tuple[Comparison, ...] = ()

    @property
    def figures(self) -> Mapping[str, str]:
        """The figures as they were written, by who gives them; the first that each gives."""
        written: dict[str, str] = {}
        for each in self.comparisons:
            written.setdefault(each.claim.source.value, each.claim.quantity.written)
        return written

    @property
    def is_suspect(self) -> bool:
        """Whether a full audit may find something: a figure differs, or the number is no count."""
        return self.suspicion not in {Suspicion.NONE, Suspicion.UNCOUNTED}


class ListSource(Protocol):
    """Where lists of models come from."""

    def list_models(
        self, query: ListQuery, *, fields: tuple[str, ...]
    ) -> AsyncIterator[tuple[Listed, ...]]: ...


async def survey(
    source: ListSource,
    query: ListQuery,
    fields: tuple[str, ...],
    *,
    policy: Policy = DEFAULT_POLICY,
) -> AsyncIterator[tuple[Surveyed, ...]]:
    """The models of `query`, a page at a time, in the Hub's order. Raises SourceError."""
    async for page in source.list_models(query, fields=fields):
        yield tuple(surveyed(listed, policy) for listed in page)


def surveyed(listed: Listed, policy: Policy = DEFAULT_POLICY) -> Surveyed:
    """What one model's entry in a list gives away. Pure."""
    total = listed.facts.total or listed.gguf_total
    comparisons = tuple(_compared(listed, total, policy)) if total else ()
    suspicion, reason = next(_suspicions(listed, total, comparisons), (Suspicion.NONE, ""))
    return Surveyed(listed=listed, suspicion=suspicion, reason=reason, comparisons=comparisons)


def _compared(listed: Listed, total: int, policy: Policy) -> Iterator[Comparison]:
    """Each figure that is about the whole model against the Hub's number."""
    counts = (Count(key="total", name="the Hub's number", value=total),)
    for claim in _claims(listed):
        if claim.scope is Scope.TOTAL:
            yield compare(claim, counts, policy)


def _claims(listed: Listed) -> Iterator[Claim]:
    repository = Repository(
        repo_id=listed.repo_id,
        requested=listed.repo_id,
        revision=None,
        commit=listed.commit,
        origin=Origin.HUB,
        files=(),
        hub=listed.facts,
    )
    published = Published(repository=repository)
    yield from name.read(published)
    yield from registry.read(published)


def _suspicions(
    listed: Listed, total: int | None, comparisons: tuple[Comparison, ...]
) -> Iterator[tuple[Suspicion, str]]:
    """The reasons for an audit, the gravest first."""
    for finding in hub_findings(listed.facts):
        yield Suspicion.INCONSISTENT, finding.message
    stated, gguf = listed.facts.total, listed.gguf_total
    if stated and gguf and not stated <= _GGUF_FACTOR * gguf <= _GGUF_FACTOR**2 * stated:
        yield (
            Suspicion.GGUF,
            f"the GGUF file has {gguf:,} parameters, the safetensors files {stated:,} elements",
        )
    packed = _packed(listed)
    if not packed:
        for comparison in comparisons:
            if comparison.deciding and differs(comparison.verdict):
                kind = Suspicion.NAME if comparison.claim.label else Suspicion.PUBLISHED
                where = comparison.claim.where
                yield (
                    kind,
                    f"{comparison.claim.quantity.written} ({where}): {comparison.explanation}",
                )
    else:
        yield Suspicion.PACKED, packed
    if total is None:
        yield Suspicion.UNCOUNTED, "the Hub lists no number of parameters"


def _packed(listed: Listed) -> str:
    """Why the Hub's number is no number of parameters; empty where nothing says so."""
    parameters = listed.facts.parameters
    integers = sum(number for dtype, number in parameters.items() if dtype in _PACKING)
    if 100 * integers < _PACKED_SHARE * sum(parameters.values()) or not integers:
        return ""
    by = f" by {listed.quantised_by}" if listed.quantised_by else ""
    return f"{integers:,} stored elements are integers, packed{by}: the Hub's number is no count"
