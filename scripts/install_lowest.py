"""Installs the lowest allowed version of each direct dependency into the Python that runs it.

    python scripts/install_lowest.py

Run by `tox -e lowest`. What those depend on is left to pip.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
_FLOOR = re.compile(r"(?P<name>[A-Za-z0-9._-]+)>=(?P<version>[0-9.]+)")


def floors(requirements: Iterable[str]) -> Iterator[str]:
    """`name==version` for each `name>=version`. Raises ValueError for any other form."""
    for requirement in requirements:
        match = _FLOOR.fullmatch(requirement)
        if match is None:
            raise ValueError(f"no plain lower bound: {requirement}")
        yield f"{match['name']}=={match['version']}"


def main() -> None:
    requirements = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *floors(requirements)]
    subprocess.run(command, check=True)  # noqa: S603 - our own pyproject.toml


if __name__ == "__main__":
    main()
