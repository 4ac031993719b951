import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders import safetensors_file
from command import Ran, environment, hfaudit
from hub import UNLIMITED, Faults, Hub, Limits, Plan, Repo, Settings

COUNT = 120


def files(rows: int, card: str = "") -> dict[str, bytes]:
    made = {
        "config.json": b'{"model_type": "gpt2"}',
        "model.safetensors": safetensors_file({"wte.weight": ("F32", [10, rows])}),
    }
    return {**made, "README.md": card.encode()} if card else made


def repositories() -> list[Repo]:
    """COUNT models, half of which share their files; some that fail."""
    return [
        *(Repo(f"org/m{n:03}", files(1 + n % (COUNT // 2))) for n in range(COUNT)),
        Repo("org/new-name", files(4, "A model with 7B parameters.\n"), aliases=("old-name",)),
        Repo("org/gated", files(4), gated="manual"),
        Repo("org/empty", {"README.md": b"# Nothing here\n"}),
    ]


def entries() -> list[str]:
    """Every model, duplicates, another spelling, an alias, and what fails."""
    names = [f"org/m{n:03}" for n in range(COUNT)]
    return [
        *names[:40],
        *("old-name", "no model!", "org/gated", "org/m000", "org/empty", "org/nothing"),
        *names[40:],
        *("org/new-name", "org/m001@main", "org/m119"),
    ]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub(repositories()) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "list.txt").write_text("\n".join(entries()))
    return tmp_path / "home"


def batch(hub: Hub, home: Path, *args: str, **extra: str) -> Ran:
    extra = {"HF_ENDPOINT": hub.endpoint, "HFAUDIT_STORE": str(home / "store"), **extra}
    return hfaudit("batch", *args, home=home, **extra)


def table(data: str | bytes) -> list[dict[str, str]]:
    text = data if isinstance(data, str) else data.decode()
    return list(csv.DictReader(io.StringIO(text)))


def reset(hub: Hub, **settings: Any) -> None:
    """Forgets what was asked; from now on there is no rate limit unless one is set."""
    hub.set(Settings(**{"limits": UNLIMITED, **settings}))
    hub.reset_log()


@pytest.fixture(autouse=True)
def _quiet_hub(hub: Hub) -> None:
    reset(hub)


# -- the whole of it


def test_a_list_gives_one_row_a_line_in_order_and_the_worst_exit_code(hub: Hub, home: Path) -> None:
    ran = batch(hub, home, "list.txt", "-o", "r.csv", "-o", "r.jsonl", "-o", "r.json")
    assert ran.code == 3
    assert ran.out == ""
    rows = table((home / "r.csv").read_bytes())
    assert [row["requested"] for row in rows] == entries()
    assert {row["error_kind"] for row in rows} == {
        *("", "invalid-model", "gated", "no-weights", "not-found"),
    }
    lines = (home / "r.jsonl").read_text().splitlines()
    assert [json.loads(line)["requested"] for line in lines] == entries()
    assert json.loads((home / "r.json").read_bytes())["outcomes"] == [
        json.loads(line) for line in lines
    ]


def test_the_csv_is_the_one_that_an_audit_of_these_models_writes(hub: Hub, home: Path) -> None:
    names = ["org/m001", "old-name", "org/gated", "org/nothing"]
    (home / "few.txt").write_text("\n".join(names))
    batch(hub, home, "few.txt", "-o", "batch.csv")
    hfaudit("audit", *names, "-o", "audit.csv", home=home, HF_ENDPOINT=hub.endpoint)
    assert (home / "batch.csv").read_bytes() == (home / "audit.csv").read_bytes()


def test_duplicates_and_aliases_are_read_once(hub: Hub, home: Path) -> None:
    (home / "few.txt").write_text("old-name\norg/new-name\norg/new-name\norg/new-name@main\n")
    ran = batch(hub, home, "few.txt")
    assert [row["model"] for row in table(ran.out)] == ["org/new-name"] * 4
    read = [r for r in hub.requests if r.host == "cdn"]
    assert len(read) == 1
    opened = [r.path for r in hub.requests if r.path.startswith("/api/models/")]
    assert sorted(opened) == ["/api/models/old-name", *["/api/models/org/new-name"] * 2]


def test_a_second_pass_reads_nothing_but_what_changed(hub: Hub, home: Path) -> None:
    repo = Repo("org/moving", files(3))
    hub.add(repo)
    (home / "few.txt").write_text("org/moving\norg/m001\norg/gated\norg/empty\n")
    batch(hub, home, "few.txt", "-o", "r.csv")
    repo.commit(files(5))
    hub.reset_log()
    batch(hub, home, "few.txt", "-o", "r.csv")
    paths = [record.path for record in hub.requests if record.host == "hub"]
    of_files = [path for path in paths if "/resolve" in path]
    assert {path for path in of_files if "gated" not in path} == {
        f"/org/moving/resolve/{repo.main.sha}/model.safetensors"
    }
    assert table((home / "r.csv").read_bytes())[0]["parameters_total"] == "50"


def test_the_headers_of_a_file_are_read_once_for_all_that_hold_it(hub: Hub, home: Path) -> None:
    (home / "one.txt").write_text("org/m000\n")
    (home / "two.txt").write_text(f"org/m{COUNT // 2:03}\n")  # has the same files
    batch(hub, home, "one.txt")
    hub.reset_log()
    ran = batch(hub, home, "two.txt")
    assert [row["parameters_total"] for row in table(ran.out)] == ["10"]
    assert len(hub.requests) == 1
    hub.reset_log()
    batch(hub, home, "two.txt", "--fresh", "--no-cache")
    assert len(hub.requests) > 1


@pytest.mark.parametrize(
    ("name", "text", "args"),
    [
        ("ids.csv", "rank,base,model\n1,x,org/m001\n2,y,org/m002\n", ()),
        ("ids.csv", "rank,base,model\n1,org/m001,x\n2,org/m002,y\n", ("--column", "base")),
        ("ids.json", '["org/m001", {"modelId": "org/m002"}]', ()),
        ("ids.jsonl", '{"id": "org/m001"}\n{"id": "org/m002"}\n', ()),
        ("ids", "# ours\n\norg/m001\norg/m002\n", ()),
    ],
)
def test_lists_of_every_kind_are_read(
    hub: Hub, home: Path, name: str, text: str, args: tuple[str, ...]
) -> None:
    (home / name).write_text(text)
    ran = batch(hub, home, name, *args)
    assert [row["model"] for row in table(ran.out)] == ["org/m001", "org/m002"]
    assert ran.code == 0


def test_a_list_may_come_from_standard_input(hub: Hub, home: Path) -> None:
    env = environment(home, HF_ENDPOINT=hub.endpoint, HFAUDIT_STORE=str(home / "store"))
    for args in (("-",), ()):
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "auditor", "batch", *args, "-q"],
            input=b"org/m001\norg/m002\n",
            capture_output=True,
            env=env,
            cwd=home,
            check=False,
        )
        assert [row["model"] for row in table(done.stdout)] == ["org/m001", "org/m002"]
        assert done.stderr == b""


def test_a_list_of_the_hub_is_audited_and_a_second_pass_is_its_pages_alone(
    hub: Hub, home: Path
) -> None:
    args = ("--author", "org", "--search", "m00", "-o", "r.csv")
    assert batch(hub, home, *args).code == 0
    first = (home / "r.csv").read_bytes()
    assert [row["model"] for row in table(first)] == [f"org/m{n:03}" for n in range(10)]
    hub.reset_log()
    batch(hub, home, *args)
    assert [record.path for record in hub.requests] == ["/api/models"]
    assert (home / "r.csv").read_bytes() == first


def test_a_second_pass_over_an_unchanged_list_writes_the_same_report(hub: Hub, home: Path) -> None:
    batch(hub, home, "list.txt", "-o", "r.csv")
    first = (home / "r.csv").read_bytes()
    batch(hub, home, "list.txt", "-o", "r.csv")
    assert (home / "r.csv").read_bytes() == first


def test_a_second_pass_over_given_ids_is_one_small_request_each(hub: Hub, home: Path) -> None:
    (home / "some.txt").write_text("org/m001\norg/m002\n")
    batch(hub, home, "some.txt", "-o", "r.csv")
    hub.reset_log()
    batch(hub, home, "some.txt", "-o", "r.csv")
    assert [(record.path, record.query) for record in hub.requests] == [
        ("/api/models/org/m001", "expand=sha"),
        ("/api/models/org/m002", "expand=sha"),
    ]


# -- killed


def start(hub: Hub, home: Path, *args: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "auditor", "batch", *args],
        env=environment(home, HF_ENDPOINT=hub.endpoint, HFAUDIT_STORE=str(home / "store")),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for_rows(path: Path, rows: int, running: "subprocess.Popen[bytes]") -> None:
    while running.poll() is None:
        if path.exists() and path.read_bytes().count(b"\n") > rows:
            return
        time.sleep(0.01)


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again_it_writes_what_it_writes_undisturbed(
    hub: Hub, home: Path, seed: int
) -> None:
    args = ("list.txt", "-o", "r.csv", "-o", "r.jsonl", "--jobs", "4")
    batch(hub, home, *args, HFAUDIT_STORE=str(home / "other"))
    undisturbed = [(home / name).read_bytes() for name in ("r.csv", "r.jsonl")]
    for name in ("r.csv", "r.jsonl"):
        (home / name).unlink()
    dice = random.Random(seed)  # noqa: S311 - any moment will do
    reset(hub, latency_seconds=0.01)
    kills = 0
    for at in (0, 10, 50, 90):
        running = start(hub, home, *args)
        wait_for_rows(home / "r.csv", at, running)
        time.sleep(dice.uniform(0, 0.4))
        kills += running.poll() is None
        running.kill()
        running.communicate()
        data = (home / "r.csv").read_bytes() if (home / "r.csv").exists() else b""
        assert undisturbed[0].startswith(data)
        assert not data or data.endswith(b"\n")
    assert kills
    ran = batch(hub, home, *args)
    assert ran.code == 3
    for name, data in zip(("r.csv", "r.jsonl"), undisturbed, strict=True):
        assert (home / name).read_bytes().splitlines() == data.splitlines()


def test_a_report_that_was_deleted_in_between_is_written_again(hub: Hub, home: Path) -> None:
    args = ("list.txt", "-o", "r.csv", "--max-failures", "2")
    assert batch(hub, home, *args).code == 3  # stopped
    (home / "r.csv").unlink()
    batch(hub, home, "list.txt", "-o", "r.csv")
    assert [row["requested"] for row in table((home / "r.csv").read_bytes())] == entries()


def test_half_a_row_of_a_dead_process_is_cut(hub: Hub, home: Path) -> None:
    assert batch(hub, home, "list.txt", "-o", "r.csv", "--max-failures", "2").code == 3
    with (home / "r.csv").open("ab") as stream:
        stream.write(b"org/m000,half a r")
    batch(hub, home, "list.txt", "-o", "r.csv")
    assert [row["requested"] for row in table((home / "r.csv").read_bytes())] == entries()


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_summary_and_the_same_command_goes_on(
    hub: Hub, home: Path, number: int
) -> None:
    reset(hub, latency_seconds=0.05)
    running = start(hub, home, "list.txt", "-o", "r.csv", "--jobs", "2")
    wait_for_rows(home / "r.csv", 3, running)
    running.send_signal(number)
    began = time.monotonic()
    _, err = running.communicate(timeout=60)
    assert time.monotonic() - began < 30  # a busy machine; it is a second elsewhere
    assert running.returncode == 130
    assert "interrupted; the same command goes on from here" in err.decode()
    assert "Traceback" not in err.decode()
    before = {row["requested"] for row in table((home / "r.csv").read_bytes())}
    reset(hub)
    batch(hub, home, "list.txt", "-o", "r.csv")
    asked = {record.path.removeprefix("/api/models/") for record in hub.requests}
    assert not {name for name in before if name.startswith("org/m1")} & asked
    assert [row["requested"] for row in table((home / "r.csv").read_bytes())] == entries()


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_it_while_nobody_answers_and_while_the_list_has_no_end(
    hub: Hub, home: Path
) -> None:
    reset(hub, latency_seconds=600)
    running = start(hub, home, "list.txt", "-o", "r.csv")
    while not hub.requests:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == 130
    waiting = subprocess.Popen(
        [sys.executable, "-m", "auditor", "batch", "-", "-o", "s.csv"],
        env=environment(home, HF_ENDPOINT=hub.endpoint, HFAUDIT_STORE=str(home / "store")),
        cwd=home,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    while not (home / "store" / "journal.sqlite").exists():
        time.sleep(0.02)
    time.sleep(1)
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(timeout=30) == 130
    assert waiting.stdin is not None
    waiting.stdin.close()


@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_one_report_is_not_written_by_two_processes(hub: Hub, home: Path) -> None:
    reset(hub, latency_seconds=600)
    running = start(hub, home, "list.txt", "-o", "r.csv")
    while not hub.requests:
        time.sleep(0.02)
    ran = batch(hub, home, "list.txt", "-o", "r.csv")
    assert ran.code == 3
    assert "another process is at this batch" in ran.err
    running.kill()
    running.communicate()


# -- trouble


def test_a_hub_that_fails_now_and_then_loses_no_model(hub: Hub, home: Path) -> None:
    names = [f"org/m{n:03}" for n in range(60)]
    (home / "some.txt").write_text("\n".join(names))
    batch(hub, home, "some.txt", "-o", "good.csv", HFAUDIT_STORE=str(home / "other"))
    faults = Faults(rates={"503": 0.02, "reset": 0.02, "truncated": 0.02}, seed=3)
    reset(hub, faults=(faults,))
    batch(hub, home, "some.txt", "-o", "bad.csv")
    good, bad = (table((home / name).read_bytes()) for name in ("good.csv", "bad.csv"))
    for row in (*good, *bad):
        del row["requests"], row["bytes_read"]  # retries are counted
    assert good == bad


def test_the_rate_limit_is_waited_for_and_nothing_is_refused(hub: Hub, home: Path) -> None:
    plans = {"anonymous": Plan(api=20, resolvers=60)}
    (home / "some.txt").write_text("\n".join(f"org/m{n:03}" for n in range(30)))
    reset(hub, limits=Limits(plans=plans, window_seconds=3))
    time.sleep(3)  # another test may have used up the window
    ran = batch(hub, home, "some.txt", "--jobs", "8")  # so many pass before the limit is known
    assert {row["status"] for row in table(ran.out)} == {"audited"}
    assert {record.status for record in hub.requests} <= {200, 206, 302, 307}


def test_fail_fast_stops_at_the_first_failure(hub: Hub, home: Path) -> None:
    ran = batch(hub, home, "list.txt", "-o", "r.csv", "--fail-fast", "--jobs", "1")
    assert ran.code == 3
    assert "too many failures" in ran.err
    rows = table((home / "r.csv").read_bytes())
    assert [row["status"] for row in rows][-1] == "failed"
    assert len(rows) < len(entries())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("nothing.txt",), "no such file"),
        (("list.txt", "-o", "r.xlsx"), "ends in .xlsx"),
        (("list.txt", "-o", "nowhere/r.csv"), "does not exist"),
        (("list.txt", "-o", "list.txt", "-f", "csv"), "it is the list itself"),
        (("list.txt", "-o", "r.csv", "-o", "r.csv"), "asked for twice"),
        (("list.txt", "--column", "model"), "no column"),
        (("list.txt", "--jobs", "0"), "--jobs"),
        (("list.txt", "--store", "nodatabase://x"), "no database can be opened"),
    ],
)
def test_a_command_line_that_cannot_be_meant_exits_with_2(
    hub: Hub, home: Path, args: tuple[str, ...], message: str
) -> None:
    ran = batch(hub, home, *args)
    assert ran.code == 2
    assert message in ran.err
    assert (home / "list.txt").read_text().startswith("org/m000")


def test_a_store_that_is_damaged_is_told(hub: Hub, home: Path) -> None:
    (home / "store").mkdir()
    (home / "store" / "journal.sqlite").write_bytes(b"no database" * 1_000)
    ran = batch(hub, home, "list.txt", "-o", "r.csv")
    assert ran.code == 3
    assert "not a database" in ran.err
    assert "--store" in ran.err


# -- what it says


def test_the_summary_counts_answers_and_names_the_reasons(hub: Hub, home: Path) -> None:
    ran = batch(hub, home, "list.txt", "-o", "r.csv")
    assert f"{len(entries())} lines, {COUNT + 6} models -> r.csv" in ran.err
    assert "gated 1, invalid-model 1, no-weights 1, not-found 1" in ran.err
    assert "requests" in ran.err


def test_quiet_says_nothing(hub: Hub, home: Path) -> None:
    assert batch(hub, home, "list.txt", "-o", "r.csv", "-q").err == ""


def test_snapshots_and_folders_are_audited_in_a_batch_as_well(hub: Hub, home: Path) -> None:
    (home / "model").mkdir()
    for name, data in files(7).items():
        (home / "model" / name).write_bytes(data)
    (home / "some.txt").write_text("./model\ngpt2\n./model\n")
    ran = batch(hub, home, "some.txt", "--offline")
    totals = [row["parameters_total"] for row in table(ran.out)]
    assert totals == ["70", "124439808", "70"]
    assert not hub.requests


# -- the cache


def test_the_cache_is_told_pruned_and_cleared(hub: Hub, home: Path) -> None:
    (home / "one.txt").write_text("org/m001\n")
    batch(hub, home, "one.txt")

    def cache(*args: str) -> Ran:
        return hfaudit("cache", *args, home=home, HFAUDIT_STORE=str(home / "store"))

    told = cache("info")
    assert "2 spans of 2 files" in told.out  # the config and the header
    assert "1 audits" in told.out
    assert cache("prune").code == 2
    assert "removed: 0 spans" in cache("prune", "--unused", "3").err
    assert "removed: 2 spans" in cache("prune", "--limit", "0").err
    assert "removed: 0 spans, 1 audits" in cache("clear").err


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_list(hub: Hub, home: Path) -> None:
    # Nothing here needs the network: ids that are none, and one id many times over.
    with (home / "long.txt").open("w") as stream:
        for number in range(100_000):
            stream.write("not/a/model/either\n" if number % 4 else f"no model {number}\n")
    # NOTE: not getrusage: its peak is that of the process that was forked, too, before it became
    # this one, and pytest may be large.
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from auditor.cli.main import main\n"
        "main.main(sys.argv[1:], prog_name='hfaudit', standalone_mode=False)\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(status.partition('VmHWM:')[2].split()[0], file=sys.stderr)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script, "batch", "long.txt", "-o", "r.csv", "-q"],
        capture_output=True,
        env=environment(home, HF_ENDPOINT=hub.endpoint, HFAUDIT_STORE=str(home / "store")),
        cwd=home,
        check=True,
    )
    assert (home / "r.csv").read_bytes().count(b"\n") == 100_001
    assert int(done.stderr.split()[-1]) < 400_000  # kB
