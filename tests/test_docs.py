"""The documentation: what comes from the program is current, and links lead somewhere."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from auditor.cli import exits

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("docs", "reports", "benchmarks")
    for path in (ROOT / folder).rglob("*.md")
)
FRONT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
README = (ROOT / "README.md").read_text()
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def test_generated_pages_and_the_output_under_commands_are_current() -> None:
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(ROOT / "scripts" / "build_docs.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT / "docs",
    )
    assert done.returncode == 0, f"run python scripts/build_docs.py\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", [*FRONT, *PAGES])
def test_every_link_leads_to_a_file(page: str) -> None:
    path = ROOT / page
    targets = [target.partition("#")[0] for target in _LINK.findall(path.read_text())]
    inside = [target for target in targets if target and "://" not in target]
    assert [target for target in inside if not (path.parent / target).exists()] == []


def test_the_index_names_every_page_of_the_documentation() -> None:
    index = ROOT / "docs" / "README.md"
    named = {(index.parent / target).resolve() for target in _LINK.findall(index.read_text())}
    pages = {ROOT / page for page in PAGES if page.startswith("docs/")} - {index}
    assert pages - named == set()


def test_the_test_command_of_the_readme_is_what_ci_runs() -> None:
    commands = re.findall(r"^```sh\n(.+)\n```$", README, re.MULTILINE)
    assert len(commands) == 2
    run = (ROOT / ".ci" / "run").read_text()
    assert run.splitlines()[-1] == commands[1]
    assert commands[1] in (ROOT / "CONTRIBUTING.md").read_text()


def test_the_readme_has_the_exit_codes_of_the_program() -> None:
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)]
    assert codes == [exits.AGREES, exits.DIFFERS, exits.USAGE, exits.INCOMPLETE]


def test_the_contents_page_of_contributing_names_the_environments_of_tox() -> None:
    tox, contributing = ((ROOT / name).read_text() for name in ("tox.ini", "CONTRIBUTING.md"))
    environments = set(re.findall(r"^\[testenv:([\w.]+)\]", tox, re.MULTILINE))
    assert environments <= set(re.findall(r"^\| `([\w.]+)`", contributing, re.MULTILINE))


def test_the_python_that_the_readme_asks_for_is_the_oldest_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (version,) = re.findall(r"Python (\d+\.\d+) or newer", README)
    assert project["requires-python"] == f">={version}"
