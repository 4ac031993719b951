"""The model card: README.md, its front matter, prose and tables."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final, assert_never

from auditor.claims.markdown import (
    MAX_CARD_CHARACTERS,
    Line,
    Table,
    card_blocks,
    front_matter_end,
    is_row,
    opens_front_matter,
)
from auditor.claims.own_name import ModelName, model_name
from auditor.claims.patterns import Pattern
from auditor.claims.prose import Statement, statements
from auditor.claims.tables import lone_row, table_statements
from auditor.core.claims import Claim, ClaimSource, Published, Scope
from auditor.core.findings import Finding, Severity

name: Final = "card"
CARD: Final = "README.md"
ADAPTER_CONFIG: Final = "adapter_config.json"  # PEFT's
MAX_CLAIMS: Final = 100  # a card that states more is a catalogue
MAX_STATEMENTS: Final = 2_000  # the same figure over and over

# What may begin a line of the front matter: a key, an item, a comment, or an indented rest.
_FRONT_MATTER_LINE: Final = Pattern(
    r"[\"']?[A-Za-z_][A-Za-z0-9_ .-]{0,80}[\"']?\s*:(?:\s|$)|- |-$|#| |[\]})]|\s*$|\.{3}$"
)


def read(published: Published) -> tuple[Claim, ...]:
    """The figures that the card states, each once, where it is first stated."""
    card = published.documents.get(CARD, "")
    model = model_name(published.repository.repo_id)
    adapter = published.repository.file(ADAPTER_CONFIG) is not None
    claims: dict[tuple[object, ...], Claim] = {}
    for number, stated in islice(_stated(card, model), MAX_STATEMENTS):
        statement = _of_adapted(stated) if adapter else stated
        key = (statement.quantity.value, statement.quantity.unit, statement.scope, statement.detail)
        claims.setdefault(key, _claim(number, statement))
        if len(claims) == MAX_CLAIMS:
            break
    return tuple(claims.values())


def _of_adapted(statement: Statement) -> Statement:
    """What a card of an adapter calls the total is that of the model which it adapts."""
    if statement.scope is not Scope.TOTAL:
        return statement
    return replace(statement, scope=Scope.OTHER_MODEL, detail="the adapted model")


def _claim(number: int, statement: Statement) -> Claim:
    return Claim(
        text=statement.text,
        quantity=statement.quantity,
        scope=statement.scope,
        source=ClaimSource.CARD,
        where=f"{CARD}, line {number}",
        detail=statement.detail,
    )


def _stated(card: str, model: ModelName) -> Iterator[tuple[int, Statement]]:
    for block in card_blocks(card):
        match block:
            case Table():
                yield from table_statements(block, model)
            case Line():
                for statement in _in_line(block, model):
                    yield block.number_at(statement.position), statement
            case _:
                assert_never(block)


def _in_line(line: Line, model: ModelName) -> Iterator[Statement]:
    if is_row(line.text) and not line.front_matter:
        statement = lone_row(line.text, model)
        if statement:
            yield statement
            return
    yield from statements(line.text, model, keys_only=line.front_matter)


def card_findings(card: str) -> tuple[Finding, ...]:
    """What is broken in the front matter, so that the Hub shows the card without it.

    It is checked by its lines, not by a YAML parser: the mistakes that happen show in the lines,
    and no parser is fed what a stranger wrote.
    """
    lines = card[:MAX_CARD_CHARACTERS].split("\n")
    if not opens_front_matter(lines):
        return ()
    ends = front_matter_end(lines)
    if not ends:
        return (_broken(1, "the front matter is never closed by a line `---`"),)
    for number, line in enumerate(lines[1:ends], start=2):
        if line.startswith("\t"):
            return (_broken(number, "a tab indents a line of the front matter"),)
        if not _FRONT_MATTER_LINE.match(line):
            return (_broken(number, "a line of the front matter is no `key: value`"),)
    return ()


def _broken(number: int, what: str) -> Finding:
    return Finding(
        code="front-matter-malformed",
        severity=Severity.NOTICE,
        message=f"{CARD}, line {number}: {what}; the rest of the card was read all the same",
    )
