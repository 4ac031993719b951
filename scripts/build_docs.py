"""Writes what the documentation can take from the program itself.

    python scripts/build_docs.py            # writes it
    python scripts/build_docs.py --check    # only says which pages are not what would be written

Pages of docs/reference say what the tables of the program say. In all others, what stands under a
command in a `console` block is what that command prints, run without network or cache.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from importlib import import_module
from inspect import cleandoc
from itertools import groupby
from pathlib import Path
from typing import Final

import click

from auditor.claims.registry import published_figures
from auditor.cli.main import COMMANDS, DEFAULT
from auditor.core.dtypes import DTYPES
from auditor.core.role_rules import RULES
from auditor.core.roles import PARAMETER_ROLES, Rule
from auditor.core.verdict import DEFAULT_POLICY, MEANING, SEVERITY, Verdict, differs
from auditor.errors import HfauditError, InvalidInput
from auditor.sources.recording import Recording
from auditor.sources.snapshot import shipped_snapshots

ROOT: Final = Path(__file__).parents[1]
TARGET: Final = ROOT / "docs" / "reference"
_MARK: Final = "<!-- Written by scripts/build_docs.py; `tox -e docs` fails where it is not. -->"

sys.path.insert(0, str(ROOT / "tests"))  # the hostile files are made there
from hostile import CASES, Case  # noqa: E402 - needs the line above

Page = Callable[[], Iterable[str]]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; cells are Markdown."""
    yield _row(head)
    yield _row(["---"] * len(head))
    for row in rows:
        yield _row(row)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def code(text: str) -> str:
    return f"`{text}`"


def plain(text: str) -> str:
    """Text as Markdown that shows it and means nothing else."""
    return escape(text.replace("\\", "\\\\").replace("*", "\\*"), quote=False)


def words(text: str) -> str:
    """A sentence of ours as Markdown: what stands in backticks is code, the rest is text."""
    return "`".join(
        part if inside else plain(part)
        for part, inside in zip(text.split("`"), _alternately(), strict=False)
    )


def _alternately() -> Iterator[bool]:
    while True:
        yield False
        yield True


# -- the pages


def dtypes() -> Iterator[str]:
    yield "# Dtypes"
    yield ""
    yield from _text("""
        The dtypes that are read, and how many elements a block of whole bytes holds. A file with
        any other is refused as `unknown-dtype`. Only numbers of kind `float` and `complex` can be
        trained; a `scale` is an exponent without a mantissa, only ever the scale of something else.
        """)
    yield ""
    yield from table(
        ("dtype", "kind", "elements", "in bytes", "bits each", "source"),
        (
            (
                code(dtype.name),
                dtype.kind.value,
                str(dtype.block_elements),
                str(dtype.block_bytes),
                str(8 * dtype.block_bytes // dtype.block_elements),
                plain(dtype.source),
            )
            for dtype in DTYPES.values()
        ),
    )


def roles() -> Iterator[str]:
    yield "# Roles"
    yield ""
    yield from _text(f"""
        What each stored tensor is for. The first row that fits a tensor's name settles it; a
        quantiser's packings and tied copies are recognised before. Numbers between dots are layers
        and stand as `*`. {len(RULES)} rows; the last fits everything.

        Parameters are the tensors of the roles {_listed(sorted(PARAMETER_ROLES))}. The others hold
        none: a `buffer` is state, a `tied_copy` repeats another tensor, `auxiliary` numbers are a
        quantiser's bookkeeping, and in `packed` ones it is not known how many there are.
        """)
    for name, rules in groupby(RULES, key=lambda rule: rule.role.value):
        yield ""
        yield f"## {name}"
        yield ""
        yield from table(("what", "which", "why"), map(_rule, rules))


def _rule(rule: Rule) -> tuple[str, str, str]:
    name = words(rule.name) + ("" if rule.trainable or rule.role.value == "buffer" else ", frozen")
    return name, "; ".join(_conditions(rule)) or "whatever is left", words(rule.reason)


def _conditions(rule: Rule) -> Iterator[str]:
    for verb, parts in (
        ("begins with", rule.begins),
        ("contains", rule.contains),
        ("ends with", rule.ends),
    ):
        if parts:
            yield f"{verb} {_any_of(parts)}"
    if rule.types:
        yield f"in models of type {_any_of(sorted(rule.types))}"
    if rule.test:
        said = (rule.test.__doc__ or "").strip().partition("\n")[0].removesuffix(".")
        yield words(said) if said else _name_of(rule.test)


def _name_of(test: Callable[..., bool]) -> str:
    """`_is_square_mask` in words; a test without a name looks at the shape or at other tensors."""
    name: str = getattr(test, "__name__", "")
    if not name.isidentifier():
        return "by its shape or its neighbours"
    return name.strip("_").replace("_", " ")


def _any_of(names: Sequence[str]) -> str:
    return " or ".join(", ".join(map(code, names)).rsplit(", ", 1))


def _listed(names: Sequence[str]) -> str:
    return " and ".join(", ".join(map(code, names)).rsplit(", ", 1))


def verdicts() -> Iterator[str]:
    yield "# Verdicts"
    yield ""
    yield from _text(f"""
        How a documented figure stands to the count that it is about: the first that holds, from the
        best agreement down. A model's verdict is the worst of those that decide. A size in a name
        is a label: it decides where it agrees, and where it is off by more than a factor of
        {DEFAULT_POLICY.label_factor}.
        """)
    yield ""
    order = (*SEVERITY, *(verdict for verdict in Verdict if verdict not in SEVERITY))
    yield from table(
        ("verdict", "meaning", "exit code"),
        ((code(verdict.value), words(MEANING[verdict]), _exit_code(verdict)) for verdict in order),
    )
    yield ""
    yield from _text(f"""
        `near` reaches to {_percent(DEFAULT_POLICY.near)} of the documented figure,
        `rounds-loosely` and `truncated` to {_percent(DEFAULT_POLICY.loosely)} and
        {_percent(DEFAULT_POLICY.truncated)}. An integer that is written out to the last digit is
        `exact` or a `mismatch`, however small the difference. `other-scope` needs a count that
        gives the figure by chance in fewer than {_percent(DEFAULT_POLICY.moderate_coincidence)} of
        cases.
        """)


def _percent(share: object) -> str:
    return f"{float(str(share).split('/')[0]) * 100 / float(str(share).split('/')[1]):g} %"


def _exit_code(verdict: Verdict) -> str:
    if verdict is Verdict.FAILED:
        return "3"
    if verdict in {Verdict.UNDOCUMENTED, Verdict.UNVERIFIABLE}:
        return "0; 1 with `--strict`"
    return "1" if differs(verdict) else "0"


def errors() -> Iterator[str]:
    yield "# Errors"
    yield ""
    yield from _text("""
        Every reason why a model, a call or a report can fail. `kind` is the stable name in reports
        (`error.kind` in JSON, `error_kind` in CSV). A message says whom it is about and what is
        wrong; the hint behind the arrow says what to do next.
        """)
    meanings = dict(_meanings())
    for parent in HfauditError.__subclasses__():
        kinds = list(_tree(parent))
        yield ""
        yield f"## {parent.kind}: {plain(meanings[parent.__name__])}"
        if len(kinds) == 1:
            continue
        yield ""
        yield from table(
            ("kind", "class", "when"),
            (
                (code(kind.kind), code(kind.__name__), plain(meanings[kind.__name__]))
                for kind in kinds[1:]
            ),
        )
    yield ""
    yield from _text(f"""
        An {code(InvalidInput.kind)} on its own ends the call with exit code 2 before anything is
        read; beside models that can be audited it is a failed row like every other, and the code
        is 3.
        """)


def _tree(kind: type[HfauditError]) -> Iterator[type[HfauditError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def _meanings() -> Iterator[tuple[str, str]]:
    """What the drawn tree of auditor/errors.py says of each class."""
    drawn = import_module("auditor.errors").__doc__ or ""
    for line in drawn.splitlines():
        name, _, meaning = line.lstrip(" │├└─").partition(" ")
        if meaning.startswith(" "):
            yield name, meaning.strip()
    yield "OutputError", "the report could not be written"


def hostile() -> Iterator[str]:
    yield "# Hostile safetensors files"
    yield ""
    yield from _text("""
        A header is text that a stranger wrote. Before a tensor is counted, the whole header and the
        size of the file are held against the rules of the format, as the reference reader
        (`safetensors/src/tensor.rs`) does, and in two places more strictly. Nothing of the data is
        needed for that, so a file of 100 GB is checked with 100 kB of it, or a little more where
        its header is long.

        A file that is refused is an outcome of its own, `failed`, with the reason; the other models
        of the call are audited.
        """)
    yield ""
    yield "## Decisions"
    yield ""
    yield from _text("""
        * **A doubled key is refused**, wherever it is read, though the reference reader accepts two
          tensors of one name and keeps the last. The README of the format forbids it, readers
          differ in which of the two they keep, and so one file would have two counts; no report of
          such a file could be true for all who load it.
        * **An entry is an object, a dtype is a string.** The reference also takes
          `["F32", [2], [0, 8]]` and `{"dtype": {"F32": null}}`, which its JSON library happens to
          read alike. No writer makes such files.
        * **An unknown dtype is an outcome of its own**, `unknown-dtype`, not a broken file: new
          dtypes will come, and then the header is sound and this program is old.
        * **Unknown keys in an entry, `__metadata__` of null, and white space before the header are
          accepted** with a warning, as the reference accepts them: what counts is said by the keys
          that are known.
        * **`-0` is the whole number 0.** The reference's JSON library reads a fraction and refuses
          it; no writer makes it, and no count depends on it.
        * **Names are text.** Terminal escapes, line breaks, markup, paths and formulas in a name
          are accepted, for the file is sound, and made harmless where they are shown.
        * **What a file says of its own total is a claim**, not a count: `total_parameters` in the
          metadata is compared with the tensors, never used in their place.
        * **What is no safetensors file is named**: a git-lfs pointer, an HTML page, a pickle, a zip
          archive, a GGUF file. These are what is found under the name `model.safetensors` when a
          download went wrong.
        """)
    yield ""
    yield f"## All {len(CASES)} cases"
    yield ""
    yield from _text("""
        Made by `tests/hostile.py` and read by the tests, here and (where it is installed) by the
        reference reader. "As the reference" means that both accept or both refuse.
        """)
    yield ""
    yield from table(("case", "here", "as the reference", "from"), map(_case, CASES))


def _case(case: Case) -> tuple[str, str, str, str]:
    refusal = f"{code(case.error.kind)}: {words(case.reason or '')}"
    alike = f"no: {words(case.differs)}" if case.differs else "yes"
    return (
        plain(case.name),
        "accepted" if case.reason is None else refusal,
        alike,
        plain(case.source),
    )


def command_line() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield "    hfaudit [OPTIONS] MODEL..."
    yield "    hfaudit COMMAND [OPTIONS] MODEL..."
    yield ""
    yield from _text(f"""
        `hf-audit` and `python -m auditor` are the same; with the first, `hf extensions install`
        gives `hf audit`. Without a command, `{DEFAULT}` is meant. A MODEL is `name`, `org/name`,
        `org/name@revision`, a Hub URL, or a local folder; a folder of that name wins over the Hub.
        Reports go to standard output, everything else to standard error.
        """)
    for name, what in COMMANDS.items():
        command: click.Command = getattr(import_module(f"auditor.cli.{name}"), name)
        options = [each for each in command.params if isinstance(each, click.Option)]
        yield ""
        yield f"## hfaudit {name}"
        yield ""
        yield words(what)
        yield ""
        yield from table(
            ("option", "what it does"),
            ((_option(each, click.Context(command)), _help(each)) for each in options),
        )


def _option(option: click.Option, context: click.Context) -> str:
    names = ", ".join(map(code, option.opts))
    return names if option.is_flag else f"{names} {code(option.make_metavar(context))}"


def _help(option: click.Option) -> str:
    default = f" Default: {code(str(option.default))}." if option.show_default else ""
    return words(option.help or "") + default


def shipped() -> Iterator[str]:
    yield "# Shipped snapshots"
    yield ""
    yield from _text("""
        What `--offline` can audit without a cache. `reconstructed` means: built from the published
        architecture (names, shapes and dtypes of the tensors), without weights, card or commit, by
        `scripts/build_snapshots.py`, which writes nothing unless every published total comes out to
        the last element. `fetched` means: recorded from the Hub.
        """)
    yield ""
    rows = (
        (
            code(recording.repository.repo_id),
            snapshot.provenance.value,
            words(recording.repository.note),
        )
        for snapshot in shipped_snapshots()
        for recording in snapshot.models
        if isinstance(recording, Recording)
    )
    yield from table(("model", "kind", "on what it stands"), rows)


def registry() -> Iterator[str]:
    yield "# Published figures"
    yield ""
    yield from _text("""
        The figures that ship with the program, each with its citation
        (`auditor/claims/registry.csv`). `seen` was read in the source and may decide a verdict;
        `unseen` and `retracted` ones are shown and decide nothing.
        """)
    yield ""
    yield from table(
        ("model", "figure", "scope", "source", "date", "certainty"),
        (
            (
                code(each.model),
                plain(each.quantity.written),
                each.scope.value,
                plain(each.source),
                each.date,
                each.certainty.value,
            )
            for each in published_figures()
        ),
    )


def _text(text: str) -> Iterator[str]:
    """The paragraphs and list items of `text`, filled anew: what was put in has its own length."""
    for number, paragraph in enumerate(cleandoc(text).split("\n\n")):
        if number:
            yield ""
        for item in re.split(r"\n(?=\* )", paragraph):
            yield from textwrap.wrap(
                " ".join(item.split()),
                100,
                subsequent_indent="  " if item.startswith("* ") else "",
                break_long_words=False,
                break_on_hyphens=False,
            )


# -- commands and what they print

_CONSOLE: Final = re.compile(r"^```console\n\$ hfaudit (.+)\n(?:.*\n)*?```$", re.MULTILINE)


def replayed(text: str) -> str:
    """`text` with the output of each command as it is now."""
    return _CONSOLE.sub(lambda found: _run(found[1]), text)


def _run(arguments: str) -> str:
    others = ("HF_", "PYTHON", "COLUMNS", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(  # noqa: S603 - our own command
            (str(Path(sys.executable).with_name("hfaudit")), *shlex.split(arguments)),
            env={**kept, "HOME": home, "HF_HOME": home, "NO_COLOR": "1"},
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
    return f"```console\n$ hfaudit {arguments}\n{done.stdout}{done.stderr}```"


def with_commands() -> list[Path]:
    """The pages that are written by hand."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if page.parent != TARGET or page.name not in PAGES]


PAGES: Final[dict[str, Page]] = {
    "command-line.md": command_line,
    "dtypes.md": dtypes,
    "errors.md": errors,
    "hostile-safetensors.md": hostile,
    "published-figures.md": registry,
    "roles.md": roles,
    "shipped-snapshots.md": shipped,
    "verdicts.md": verdicts,
}


def rendered(page: Page) -> str:
    return "\n".join((_MARK, "", *page())) + "\n"


def current() -> Iterator[tuple[Path, str]]:
    """Every page with the text that it should have."""
    for name, page in PAGES.items():
        yield TARGET / name, rendered(page)
    for path in with_commands():
        yield path, replayed(path.read_text(encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = []
    for path, text in current():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not check:
            path.write_text(text, encoding="utf-8")
    print(f"{'not current' if check else 'written'}: {', '.join(stale) or 'none'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
