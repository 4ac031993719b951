import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "build_reports.py"))


def test_the_committed_sample_reports_are_what_this_package_writes() -> None:
    stale = [
        name
        for name, content in SCRIPT["reports"]()
        if (SCRIPT["FOLDER"] / name).read_bytes() != content
    ]
    assert stale == [], "run python scripts/build_reports.py and read what changed"
