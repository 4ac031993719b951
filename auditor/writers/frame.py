"""Rows as a pandas frame: the one module that knows pandas, imported when it is called."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from auditor.writers.escape import without_actors
from auditor.writers.rows import COLUMNS, Cell, Kind, row_of

if TYPE_CHECKING:
    from pandas import DataFrame

_DTYPES: Final = {Kind.TEXT: "string", Kind.INTEGER: "Int64", Kind.DECIMAL: "Float64"}
_INT64: Final = range(-(2**63), 2**63)


def frame(
    outcomes: Iterable[Mapping[str, Any]], *, text: Callable[[str], str] = without_actors
) -> "DataFrame":
    """One line for each outcome, the columns of `rows.COLUMNS`, with pandas' nullable dtypes.

    The outcomes are dicts of the JSON contract. `text` makes what comes from a repository harmless
    for where the frame goes. A column with a number past 64 bits (a card may claim any) holds
    Python's integers instead.
    """
    import pandas  # noqa: ICN001 -- heavy: only who asks for a table pays for it

    cells = list(zip(*(row_of(outcome) for outcome in outcomes), strict=True))
    columns = cells or [()] * len(COLUMNS)
    return pandas.DataFrame(
        {
            column.name: pandas.Series(_escaped(values, text), dtype=_dtype(column.kind, values))
            for column, values in zip(COLUMNS, columns, strict=True)
        }
    )


def _escaped(values: Iterable[Cell], text: Callable[[str], str]) -> list[Cell]:
    return [text(value) if isinstance(value, str) else value for value in values]


def _dtype(kind: Kind, values: Iterable[Cell]) -> Any:  # noqa: ANN401 -- pandas' stubs want literals
    if kind is Kind.INTEGER and not all(
        value in _INT64 for value in values if isinstance(value, int)
    ):
        return "object"
    return _DTYPES[kind]
