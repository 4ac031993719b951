"""The walls around the child process, each tried in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.architecture.sandbox import environment


def inside(scratch: Path, code: str) -> str:
    """What is printed by `code`, run behind the walls."""
    program = (
        "import os, sys\n"
        "from auditor.architecture.sandbox import close_walls\n"
        f"close_walls({str(scratch)!r})\n"
        f"try:\n    {code}\nexcept PermissionError as error:\n    print(error)\n"
        "else:\n    print('done')\n"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "socket.getaddrinfo"),
        ("import socket; socket.socket().connect(('127.0.0.1', 9))", "socket.connect"),
        ("import socket; socket.socket().bind(('127.0.0.1', 0))", "socket.bind"),
        ("import subprocess; subprocess.run([sys.executable, '-c', ''])", "subprocess.Popen"),
        ("os.system('true')", "os.system"),
        ("os.execv(sys.executable, ['python'])", "os.exec"),
        ("os.fork()", "os.fork"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_network_and_programs_are_out_of_reach(tmp_path: Path, code: str, event: str) -> None:
    assert inside(tmp_path, code) == f"{event} is not allowed while a blueprint is drawn"


def test_files_are_written_to_the_scratch_folder_alone(tmp_path: Path) -> None:
    scratch, other = tmp_path / "scratch", tmp_path / "other"
    scratch.mkdir()
    other.mkdir()
    assert inside(scratch, f"open({str(scratch / 'a')!r}, 'w')") == "done"
    for refused in (other / "a", scratch / ".." / "other" / "b"):
        assert "is not allowed" in inside(scratch, f"open({str(refused)!r}, 'a')")
    assert "is not allowed" in inside(scratch, f"os.open({str(other / 'c')!r}, os.O_CREAT)")
    assert list(other.iterdir()) == []
    assert inside(scratch, f"open({__file__!r})") == "done"


def test_the_child_gets_no_secret() -> None:
    own = {
        "PATH": "/bin",
        "HF_TOKEN": "t",
        "HUGGING_FACE_HUB_TOKEN": "t",
        "AWS_SECRET_ACCESS_KEY": "s",
        "DATABASE_PASSWORD": "p",
        "HF_HUB_OFFLINE": "0",
    }
    made = environment(own, "/scratch")
    assert made["PATH"] == "/bin"
    assert not set(made.values()) & {"t", "s", "p"}
    assert made["HF_HUB_OFFLINE"] == "1"
    assert made["TMPDIR"] == "/scratch"


def test_the_child_stands_elsewhere_and_finds_the_same_modules() -> None:
    own = {"PYTHONPATH": os.pathsep.join(["here", "/there"])}
    assert environment(own, "/scratch")["PYTHONPATH"].split(os.pathsep) == [
        str(Path("here").absolute()),
        "/there",
    ]
