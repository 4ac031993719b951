"""How often the rules alone tell the same as the classes, over all of the installed transformers.

    python -m benchmarks.roles

Needs the extra `skeleton`. Each class is built from its default config on the meta device; what it
saves is taken for a checkpoint, once with every tied matrix under its first name and once under
each, and the rules are asked what its tensors are. Prints a Markdown table, then each exception
with its reason. Ends with 1 where fewer than 99 % of the classes agree.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from importlib.metadata import version
from typing import Final

from auditor.architecture.agreement import Row, agreement
from auditor.architecture.architect import Architect
from auditor.cli.classes import summary_of

_LEAST: Final = Fraction(99, 100)
_WAYS: Final = {"each matrix once": False, "every tied copy stored": True}


async def _rows(names: Sequence[str], *, copies: bool) -> list[Row]:
    async with Architect() as architect:
        wanted = [
            pair for pair in await architect.classes() if not names or not {*names}.isdisjoint(pair)
        ]
        return [row async for row in agreement(architect, wanted, copies=copies)]


def _exceptions(rows: Sequence[Row]) -> Sequence[str]:
    return [
        f"- {row.class_name} ({row.model_type}): {row.difference}"
        + (f"; {row.reason}" if row.reason else "")
        for row in rows
        if row.differing
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="model types or classes; default: all")
    names = parser.parse_args().names
    print(f"transformers {version('transformers')}, torch {version('torch')}\n")
    print("| checkpoint | agreement | seconds |\n|---|---|---|")
    exceptions: dict[str, None] = {}
    enough = True
    for way, copies in _WAYS.items():
        began = time.monotonic()
        rows = asyncio.run(_rows(names, copies=copies))
        print(f"| {way} | {summary_of(rows)} | {time.monotonic() - began:,.0f} |", flush=True)
        exceptions.update(dict.fromkeys(_exceptions(rows)))
        built = [row for row in rows if row.refused is None]
        enough &= bool(built) and sum(row.agrees for row in built) >= _LEAST * len(built)
    print("", *exceptions, sep="\n")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
