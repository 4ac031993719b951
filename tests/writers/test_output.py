import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import indent
from typing import IO

import pytest

from auditor.errors import OutputError
from auditor.writers.output import write_whole

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
posix = pytest.mark.skipif(os.name != "posix", reason="modes, links and devices of POSIX")


def hello(stream: IO[bytes]) -> None:
    stream.write(b"hello\n")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_whole(tmp_path / "report.csv", hello)
    assert (tmp_path / "report.csv").read_bytes() == b"hello\n"
    assert names_in(tmp_path) == ["report.csv"]


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_bytes(b"a longer text that was there before")
    write_whole(tmp_path / "report.csv", hello)
    assert (tmp_path / "report.csv").read_bytes() == b"hello\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_a_write_that_is_cut_off_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def half(stream: IO[bytes]) -> None:
        stream.write(b"half of it")
        raise error

    (tmp_path / "report.csv").write_bytes(b"old")
    with pytest.raises(error):
        write_whole(tmp_path / "report.csv", half)
    assert (tmp_path / "report.csv").read_bytes() == b"old"
    assert names_in(tmp_path) == ["report.csv"]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    def full(stream: IO[bytes]) -> None:
        stream.write(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError, match="the disk is full") as told:
        write_whole(tmp_path / "report.csv", full)
    assert told.value.hint == "free some space, or choose another place"
    assert names_in(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_device_that_is_full_is_told() -> None:
    with pytest.raises(OutputError, match="/dev/full: the disk is full"):
        write_whole("/dev/full", hello)


def test_a_folder_that_is_missing_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(OutputError, match="the folder does not exist") as told:
        write_whole(missing / "report.csv", hello)
    assert told.value.hint == f"make it first: mkdir -p {missing.resolve()}"


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"):
        write_whole(tmp_path, hello)
    with pytest.raises(OutputError, match="it is a folder"):
        write_whole(f"{tmp_path}/new/", hello)
    assert names_in(tmp_path) == []


def test_a_file_is_no_folder_to_write_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="a part of the path is no folder"):
        write_whole(tmp_path / "file" / "report.csv", hello)


def test_a_name_that_is_too_long_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the name is too long"):
        write_whole(tmp_path / ("n" * 300), hello)
    assert names_in(tmp_path) == []


@posix
def test_a_name_as_long_as_a_name_may_be_is_written(tmp_path: Path) -> None:
    write_whole(tmp_path / ("n" * 255), hello)
    assert names_in(tmp_path) == ["n" * 255]


@posix
def test_an_existing_file_keeps_its_mode(tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    report.write_bytes(b"")
    report.chmod(0o640)
    write_whole(report, hello)
    assert stat.S_IMODE(report.stat().st_mode) == 0o640


@posix
def test_a_new_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    write_whole(tmp_path / "report.csv", hello)
    assert (tmp_path / "report.csv").stat().st_mode == (tmp_path / "other").stat().st_mode


@posix
@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_what_may_not_be_written_is_left_alone(tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    report.write_bytes(b"old")
    report.chmod(0o444)
    with pytest.raises(OutputError, match="not allowed to write there"):
        write_whole(report, hello)
    assert report.read_bytes() == b"old"


@posix
def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write_whole(tmp_path / "link.csv", hello)
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"hello\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, hello)
    reader.join()
    assert read == [b"hello\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


PYTHON = [sys.executable, "-c"]
PROGRAM = """
from auditor.writers.output import write_standard_output
write_standard_output(lambda stream: [stream.write(b"line\\n" * 1000) for _ in range(1000)])
"""


def test_standard_output_gets_all_of_it() -> None:
    done = subprocess.run([*PYTHON, PROGRAM], capture_output=True, check=True)  # noqa: S603 -- ours
    assert done.stdout == b"line\n" * 1_000_000


def test_a_reader_that_leaves_early_is_no_error() -> None:
    with subprocess.Popen(  # noqa: S603 -- ours
        [*PYTHON, PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


SHOWS_ERRORS = f"""
import sys
from auditor.errors import OutputError
try:
{indent(PROGRAM, "    ")}
except OutputError as error:
    sys.stderr.write(str(error))
"""


@posix
@pytest.mark.parametrize(
    ("redirection", "message"),
    [
        pytest.param(
            ">/dev/full",
            b"standard output: the disk is full",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device"),
        ),
        (">&-", b"standard output: it is closed"),
    ],
)
def test_a_standard_output_that_cannot_be_written_is_told_once(
    redirection: str, message: bytes
) -> None:
    command = ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', *PYTHON, SHOWS_ERRORS]
    done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603 -- ours
    assert done.stderr == message
