"""The model card: README.md, its front matter, prose and tables."""

from collections.abc import Iterator, Sequence
from typing import Final

from auditor.claims.markdown import Line, card_lines
from auditor.claims.prose import Statement, statements
from auditor.claims.subjects import ModelName, model_name
from auditor.claims.tables import is_delimiter, is_row, table_statements
from auditor.core.claims import Claim, ClaimSource, Published

name: Final = "card"
CARD: Final = "README.md"
MAX_CLAIMS: Final = 100  # a card that states more is a catalogue


def read(published: Published) -> tuple[Claim, ...]:
    """The figures that the card states, each once, where it is first stated."""
    card = published.documents.get(CARD, "")
    model = model_name(published.repository.repo_id)
    claims: dict[tuple[object, ...], Claim] = {}
    for number, statement in _stated(tuple(card_lines(card)), model):
        key = (statement.quantity.value, statement.quantity.unit, statement.scope, statement.detail)
        claims.setdefault(key, _claim(number, statement))
        if len(claims) == MAX_CLAIMS:
            break
    return tuple(claims.values())


def _claim(number: int, statement: Statement) -> Claim:
    return Claim(
        text=statement.text,
        quantity=statement.quantity,
        scope=statement.scope,
        source=ClaimSource.CARD,
        where=f"{CARD}, line {number}",
        detail=statement.detail,
    )


def _stated(lines: Sequence[Line], model: ModelName) -> Iterator[tuple[int, Statement]]:
    index = 0
    while index < len(lines):
        line = lines[index]
        end = _table_end(lines, index)
        if end:
            yield from table_statements(line, lines[index + 2 : end], model)
        elif is_row(line.text) and not line.front_matter:
            yield from table_statements(None, (line,), model)
        else:
            for statement in statements(line.text, model, keys_only=line.front_matter):
                yield line.number, statement
        index = end or index + 1


def _table_end(lines: Sequence[Line], index: int) -> int:
    """The index after the table whose header stands at `index`; 0 if none begins there."""
    header = lines[index]
    if index + 1 >= len(lines) or "|" not in header.text:
        return 0
    below = lines[index + 1]
    if below.number != header.number + 1 or not is_delimiter(below.text):
        return 0
    end = index + 2
    while (
        end < len(lines)
        and lines[end].number == lines[end - 1].number + 1
        and "|" in lines[end].text
    ):
        end += 1
    return end
