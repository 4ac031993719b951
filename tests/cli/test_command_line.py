import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from builders import Tensors, safetensors_file
from command import Ran, environment, hfaudit
from hub import Account, Hub, Repo, Settings

TINY: Tensors = {"wte.weight": ("F32", [10, 4]), "h.0.attn.bias": ("F32", [1, 1, 8, 8])}
PLAIN = {"model.safetensors": safetensors_file({"wte.weight": ("F32", [10, 4])})}
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens


def files(card: str = "", **extra: bytes) -> dict[str, bytes]:
    made = {
        "config.json": b'{"model_type": "gpt2"}',
        "model.safetensors": safetensors_file(TINY),
        **extra,
    }
    return {**made, "README.md": card.encode()} if card else made


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    repos = [
        Repo("org/agrees", files("A model with 40 parameters.\n", **PLAIN)),
        Repo("org/differs", files("A model with 7B parameters.\n")),
        Repo("org/new-name", files(), aliases=("old-name",)),
        Repo("org/gated", files(), gated="manual"),
        Repo("org/private", files(), private=True),
        Repo("org/off", files(), disabled=True),
        Repo("org/empty", {"README.md": b"# Nothing here\n"}),
        Repo("org/pickle", {"pytorch_model.bin": b"\x80\x02"}),
        Repo("org/nemo", {"model.nemo": b"tar"}),
        Repo("org/evil", {"model.safetensors": safetensors_file({"\x1b[31m\u202e": ("F32", [3])})}),
    ]
    tokens = {"hf_reader": Account(name="reader", plan="free")}
    with Hub(repos, Settings(tokens=tokens)) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def ask(hub: Hub, home: Path, *args: str, **extra: str) -> Ran:
    return hfaudit(*args, home=home, HF_ENDPOINT=hub.endpoint, **extra)


def put(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)


# -- the answer and its exit code


def test_a_model_that_agrees_exits_with_0_and_reports_to_stdout_alone(hub: Hub, home: Path) -> None:
    ran = ask(hub, home, "org/agrees")
    assert ran.code == 0
    assert "AGREES" in ran.out
    assert ran.err == ""


def test_a_model_that_differs_exits_with_1(hub: Hub, home: Path) -> None:
    ran = ask(hub, home, "org/differs")
    assert ran.code == 1
    assert "DIFFERS" in ran.out


def test_an_undocumented_model_exits_with_0_and_with_1_if_strict(home: Path) -> None:
    put(home / "silent", files())
    assert hfaudit("./silent", home=home).code == 0
    assert hfaudit("./silent", "--strict", home=home).code == 1


def test_the_audit_command_is_the_default(hub: Hub, home: Path) -> None:
    plain = ask(hub, home, "-f", "json", "org/agrees")
    named = ask(hub, home, "audit", "-f", "json", "org/agrees")
    assert plain == named
    assert plain.outcomes[0]["parameters"]["total"] == 40


def test_a_model_is_found_under_its_old_name_and_both_names_are_told(hub: Hub, home: Path) -> None:
    (outcome,) = ask(hub, home, "-f", "json", "old-name").outcomes
    assert (outcome["requested"], outcome["model"]) == ("old-name", "org/new-name")
    assert len(outcome["commit"]) == 40


def test_a_url_of_the_endpoint_and_a_revision_behind_an_at_name_models(
    hub: Hub, home: Path
) -> None:
    ran = ask(hub, home, "-f", "json", f"{hub.endpoint}/org/agrees/tree/main", "org/agrees@main")
    assert [each["model"] for each in ran.outcomes] == ["org/agrees", "org/agrees"]


def test_a_folder_is_audited_without_any_network(home: Path) -> None:
    put(home / "model", files())
    (outcome,) = hfaudit("-f", "json", "./model", home=home, HF_ENDPOINT=NOWHERE).outcomes
    assert outcome["parameters"]["total"] == 40
    assert outcome["proof"]["requests"] == 0


# -- errors


@pytest.mark.parametrize(
    ("model", "kind", "hint"),
    [
        ("org/missing", "not-found", "HF_TOKEN"),
        ("org/private", "not-found", "HF_TOKEN"),
        ("org/gated", "gated", "/org/gated"),
        ("org/off", "disabled", ""),
        ("org/agrees@no-such-branch", "revision-not-found", ""),
        ("org/empty", "no-weights", ""),
        ("org/pickle", "header-malformed", ""),
        ("org/nemo", "unsupported-format", "convert"),
    ],
)
def test_each_trouble_has_its_own_kind_and_a_next_step(
    hub: Hub, home: Path, model: str, kind: str, hint: str
) -> None:
    ran = ask(hub, home, "-f", "json", model)
    (outcome,) = ran.outcomes
    assert ran.code == 3
    assert outcome["error"]["kind"] == kind
    assert outcome["error"]["hint"]
    assert hint in outcome["error"]["hint"]
    assert "Traceback" not in ran.err


def test_a_token_that_the_hub_refuses_is_told_as_such(hub: Hub, home: Path) -> None:
    ran = ask(hub, home, "-f", "json", "org/agrees", HF_TOKEN="hf_wrong")
    assert ran.outcomes[0]["error"]["kind"] == "bad-token"
    assert ran.code == 3


def test_one_model_that_fails_costs_the_others_nothing(hub: Hub, home: Path) -> None:
    report = home / "report.csv"
    ran = ask(hub, home, "org/missing", "org/agrees", "org/differs", "-o", str(report))
    rows = list(csv.DictReader(io.StringIO(report.read_text(encoding="utf-8"))))
    assert ran.code == 3
    assert [row["status"] for row in rows] == ["failed", "audited", "audited"]
    assert [row["parameters_total"] for row in rows] == ["", "40", "40"]


def test_an_id_that_is_none_costs_the_others_nothing(hub: Hub, home: Path) -> None:
    ran = ask(hub, home, "-f", "json", "", "org/agrees", "../up@main", "a/b/c")
    assert [each["status"] for each in ran.outcomes] == ["failed", "audited", "failed", "failed"]
    assert ran.code == 3


@pytest.mark.parametrize("model", ["", "   ", "a/b/c", "x" * 97, "a..b", "org/m@", "org/m@a b"])
def test_a_call_without_a_single_id_is_a_wrong_command_line(home: Path, model: str) -> None:
    ran = hfaudit(model, home=home, HF_ENDPOINT=NOWHERE)
    assert ran.code == 2
    assert ran.out == ""
    assert "  -> " in ran.err
    assert "Traceback" not in ran.err


def test_a_hub_out_of_reach_is_no_reason_to_use_a_shipped_snapshot(home: Path) -> None:
    ran = hfaudit("-f", "json", "gpt2", home=home, HF_ENDPOINT=NOWHERE)
    (outcome,) = ran.outcomes
    assert ran.code == 3
    assert outcome["error"]["kind"] == "unreachable"
    assert "--offline" in outcome["error"]["hint"]


@pytest.mark.parametrize(
    "args",
    [
        ("gpt2", "--endpoint", "not a url"),
        ("gpt2", "-f", "yaml"),
        ("gpt2", "-o", "report.docx"),
        ("gpt2", "-o", "no/such/folder/report.csv"),
        ("gpt2", "-o", ""),
        ("gpt2", "--snapshot", "no-such-file"),
        ("gpt2", "--no-such-option"),
        ("audit",),
        ("tensors", "gpt2", "--depth", "-1"),
        ("snapshot", "gpt2"),
        (),
    ],
)
def test_a_wrong_command_line_exits_with_2_before_anything_is_read(
    home: Path, args: tuple[str, ...]
) -> None:
    ran = hfaudit(*args, home=home, HF_ENDPOINT=NOWHERE)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.strip()
    assert "Traceback" not in ran.err


# -- forms


@pytest.mark.parametrize(
    ("name", "begin"), [("r.csv", b"model,"), ("r.json", b"{"), ("r.txt", b"org/")]
)
def test_the_ending_of_the_output_tells_the_form(
    hub: Hub, home: Path, name: str, begin: bytes
) -> None:
    ran = ask(hub, home, "org/agrees", "-o", str(home / name))
    assert ran.out == ""
    assert (home / name).read_bytes().startswith(begin)


def test_a_named_form_outranks_the_ending(hub: Hub, home: Path) -> None:
    ask(hub, home, "org/agrees", "-f", "json", "-o", str(home / "r.csv"))
    assert json.loads((home / "r.csv").read_bytes())["schema"] == 1


def test_a_dash_is_standard_output(hub: Hub, home: Path) -> None:
    assert ask(hub, home, "org/agrees", "-f", "csv", "-o", "-").out.startswith("model,")


def test_a_pipe_gets_no_escape_sequences_and_a_hostile_name_is_harmless(
    hub: Hub, home: Path
) -> None:
    ran = ask(hub, home, "org/evil", "-v")
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out
    tree = ask(hub, home, "tensors", "org/evil", "--all")
    assert "\x1b" not in tree.out
    assert "\u202e" not in tree.out


def test_quiet_is_a_line_for_each_model(hub: Hub, home: Path) -> None:
    ran = ask(hub, home, "-q", "org/agrees", "org/differs")
    assert len(ran.out.splitlines()) == 2


# -- offline


@pytest.mark.parametrize("switch", ["option", "environment"])
def test_offline_a_shipped_snapshot_answers_and_says_what_it_is(home: Path, switch: str) -> None:
    args = ["--offline"] if switch == "option" else []
    extra = {} if switch == "option" else {"HF_HUB_OFFLINE": "1"}
    ran = hfaudit(
        *args, "-f", "json", "bert-large-uncased", home=home, HF_ENDPOINT=NOWHERE, **extra
    )
    (outcome,) = ran.outcomes
    assert ran.code == 0
    # Devlin et al. 2018: 24 layers of 1024 with a vocabulary of 30,522; with both pre-training
    # heads 335,141,888 + 1,084,220.
    assert outcome["parameters"]["total"] == 336_226_108
    assert outcome["proof"]["origin"] == "snapshot-reconstructed"
    assert outcome["commit"] is None


def test_offline_a_model_that_nothing_here_holds_is_told_as_such(home: Path) -> None:
    ran = hfaudit("--offline", "-f", "json", "org/unheard-of", home=home)
    assert ran.code == 3
    assert ran.outcomes[0]["error"]["kind"] == "not-cached"


# -- snapshots


def test_a_recorded_audit_replays_to_the_same_report(hub: Hub, home: Path) -> None:
    models = ("old-name", "org/differs", "org/missing")
    recorded = ask(hub, home, "snapshot", *models, "-o", "models.snapshot")
    assert recorded.code == 3  # one is missing, and that is recorded as well
    live = ask(hub, home, "-f", "json", *models)
    replayed = hfaudit(
        "--snapshot", "models.snapshot", "-f", "json", *models, home=home, HF_ENDPOINT=NOWHERE
    )
    assert replayed.code == live.code == 3
    for was, now in zip(live.outcomes, replayed.outcomes, strict=True):
        for outcome in (was, now):
            if outcome["proof"]:
                del outcome["proof"]["origin"], outcome["proof"]["note"]
        assert was == now


def test_a_broken_snapshot_is_told_as_such(home: Path) -> None:
    (home / "broken").write_bytes(b"no snapshot")
    ran = hfaudit("--snapshot", "broken", "gpt2", home=home)
    assert ran.code == 2
    assert "broken" in ran.err


# -- the tree


def test_the_tree_of_modules_adds_up(home: Path) -> None:
    ran = hfaudit("tensors", "--offline", "gpt2", "--depth", "1", "-f", "json", home=home)
    (model,) = json.loads(ran.out)["models"]
    by_path = {each["module"]: each for each in model["modules"]}
    # GPT-2 small: vocabulary 50,257 and 1,024 positions of 768; 12 layers of 12 d^2 + 13 d.
    assert by_path["wte"]["parameters"] == 50_257 * 768
    assert by_path["wpe"]["parameters"] == 1_024 * 768
    assert by_path["h"]["parameters"] == 12 * (12 * 768 * 768 + 13 * 768)
    assert by_path["h"]["other_elements"] == 12 * 1_024 * 1_024
    assert by_path["ln_f"]["parameters"] == 2 * 768
    assert model["modules"][0]["parameters"] == 124_439_808


# -- the command itself


def test_the_version_is_that_of_the_package(home: Path) -> None:
    ran = hfaudit("--version", home=home)
    assert ran.code == 0
    assert ran.out.startswith("hfaudit 0.")


def test_both_console_scripts_lead_to_the_same_door() -> None:
    ours = {each.name: each.value for each in entry_points(group="console_scripts")}
    assert ours["hfaudit"] == ours["hf-audit"] == "auditor.cli.main:run"


def test_help_lists_options_commands_and_an_example(home: Path) -> None:
    ran = hfaudit("--help", home=home)
    assert ran.code == 0
    for word in ("--offline", "--snapshot", "--strict", "tensors", "snapshot", "Examples"):
        assert word in ran.out


def test_help_imports_nothing_heavy(home: Path) -> None:
    heavy = ("pandas", "huggingface_hub", "rich", "numpy", "asyncio", "safetensors")
    script = (
        "import sys\nfrom auditor.cli.main import main\n"
        "main.main(['--help'], prog_name='hfaudit', standalone_mode=False)\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], capture_output=True, check=True, env=environment(home)
    )
    assert done.stderr.decode().strip() == "[]"


def test_shell_completion_is_there_for_bash(home: Path) -> None:
    ran = hfaudit(home=home, _HFAUDIT_COMPLETE="bash_source")
    assert ran.code == 0
    assert "complete" in ran.out


@pytest.mark.skipif(shutil.which("head") is None, reason="needs a POSIX shell's head")
def test_a_reader_that_leaves_early_is_no_error(home: Path) -> None:
    done = subprocess.run(  # noqa: S602 - a pipe is the point
        f"{sys.executable} -m auditor --offline -v gpt2 roberta-base | head -n 1",
        shell=True,
        capture_output=True,
        check=True,
        env=environment(home),
    )
    assert done.stderr == b""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_a_hanging_audit_without_a_traceback(home: Path) -> None:
    with Hub([Repo("org/model", files())], Settings(latency_seconds=60)) as server:
        running = subprocess.Popen(
            [sys.executable, "-m", "auditor", "org/model"],
            env=environment(home, HF_ENDPOINT=server.endpoint),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while not server.requests:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=10)
    assert running.returncode == 130
    assert out == b""
    assert err.decode().strip() == "hfaudit: interrupted"
