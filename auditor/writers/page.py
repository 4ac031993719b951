"""Lines on a screen: labels at the left, text that wraps under itself, made with rich."""

import io
import re
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Final, TypeAlias

from auditor.writers.look import Look
from auditor.writers.words import Tone

if TYPE_CHECKING:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

Piece: TypeAlias = "Text | Table | Padding"

INDENT: Final = 2
LABEL: Final = 10

# NOTE: rich breaks lines at every kind of space. This character holds `1.34 GB` together and is
# a space again once the lines are made; escape.line lets no private character through.
_GLUE: Final = "\ue000"
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|[kMGT]i?B\b)")

STYLES: Final = {
    Tone.GOOD: "bold green",
    Tone.BAD: "bold red",
    Tone.DOUBT: "yellow",
    Tone.PLAIN: "",
    Tone.ASIDE: "dim",
}

# For streams that cannot carry Unicode.
_ASCII: Final = str.maketrans(
    {
        "·": "|",
        "…": "...",
        "→": "->",
        "×": "x",  # noqa: RUF001
        "−": "-",  # noqa: RUF001
        "–": "-",  # noqa: RUF001
        "—": "-",
        "≤": "<=",
        "≥": ">=",
        "±": "+/-",
        "§": "sec. ",
        "‘": "'",  # noqa: RUF001
        "’": "'",  # noqa: RUF001
        "“": '"',
        "”": '"',
        "\N{REPLACEMENT CHARACTER}": "?",
    }
)


class Page:
    """Makes pieces of a page for one look, and turns them into bytes."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.glued = look.width // 2 - 4  # characters of an item that fit every column of text

    def text(self, content: str, tone: Tone = Tone.PLAIN, *, bold: bool = False) -> "Text":
        """`content` as it stands: nothing in it is markup."""
        from rich.text import Text

        style = " ".join(part for part in (STYLES[tone], "bold" if bold else "") if part)
        held = _BEFORE_UNIT.sub(_GLUE, content)
        return Text(self._within(held), style=style, overflow="fold")

    def _within(self, content: str) -> str:
        if self.look.unicode:
            return content
        glue_kept = content.translate(_ASCII).split(_GLUE)
        return _GLUE.join(p.encode("ascii", "backslashreplace").decode() for p in glue_kept)

    def items(self, items: Sequence[str], tone: Tone = Tone.PLAIN) -> "Text":
        """`a · b · c`, broken between items and not inside a short one."""
        shown = [item for item in items if item]
        if len(shown) > 1:
            shown = [
                item.replace(" ", _GLUE) if len(item) <= self.glued else item for item in shown
            ]
        return self.text(f"{_GLUE}· ".join(shown), tone)

    def columns(self, *cells: "Text", widths: Sequence[int]) -> "Table":
        """Cells side by side: all but the last as wide as told, the last takes what is left."""
        from rich.table import Table

        grid = Table.grid(padding=(0, 3, 0, 0))
        for width in widths:
            grid.add_column(width=width)
        grid.add_column()
        grid.add_row(*cells)
        return grid

    def section(
        self, label: str, rows: Iterable[tuple[str, Piece]], tone: Tone = Tone.ASIDE
    ) -> "Table":
        """Rows of a mark and a text, with the label before the first."""
        from rich.table import Table

        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=INDENT + max(LABEL, len(label)))
        grid.add_column(width=1)
        grid.add_column()
        for index, (mark, body) in enumerate(rows):
            name = self.text(" " * INDENT + label if index == 0 else "", tone)
            grid.add_row(name, self.text(mark), body)
        return grid

    def table(
        self, head: Sequence[str], rows: Iterable[Sequence["Text"]], *, right: Sequence[str]
    ) -> "Table":
        """Rows under a head; the second column takes what the others leave."""
        from rich.table import Table

        table = Table(
            box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=STYLES[Tone.ASIDE]
        )
        for index, name in enumerate(head):
            table.add_column(
                self.text((" " * INDENT if index == 0 else "") + name),
                justify="right" if name in right else "left",
                no_wrap=index != 1,
                overflow="fold",
            )
        for first, *others in rows:
            first.pad_left(INDENT)
            table.add_row(first, *others)
        return table

    def indented(self, text: "Text") -> "Padding":
        from rich.padding import Padding

        return Padding(text, (0, 0, 0, INDENT))

    def rendered(self, pieces: Iterable[Piece]) -> bytes:
        """The pieces one under the other, without blanks at the ends of lines."""
        buffer = io.StringIO()
        console = self._console(buffer, self.look.width)
        for piece in pieces:
            console.print(piece)
        return self._bytes("\n".join(each.rstrip() for each in buffer.getvalue().split("\n")))

    def unbroken(self, rows: Sequence[Sequence["Text"]], *, right: Sequence[int]) -> bytes:
        """Rows of cells, one under the other and each line as long as it is."""
        widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
        buffer = io.StringIO()
        console = self._console(buffer, self.look.width)
        for row in rows:
            whole = self.text("")
            for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
                pad = cell.pad_left if index in right else cell.pad_right
                pad(width - cell.cell_len)
                whole.append_text(cell).append("  ")
            whole.rstrip()
            console.print(whole, soft_wrap=True)
        return self._bytes(buffer.getvalue())

    def _bytes(self, text: str) -> bytes:
        return text.replace(_GLUE, " ").encode()

    def _console(self, stream: IO[str], width: int) -> "Console":
        from rich.console import Console

        return Console(
            file=stream,
            width=width,
            height=25,  # given with the width, else rich takes 80 columns on a dumb terminal
            color_system="standard" if self.look.colour else None,
            force_terminal=self.look.colour,
            force_jupyter=False,
            no_color=False,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
        )
