"""The command line as a person uses it: real processes and real files."""

import io
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from kdtune import launch
from kdtune.cli import main
from kdtune.runs.paths import RunFiles
from kdtune.runs.state import RunState
from kdtune.space.reading import read_space
from tests.conftest import TINY_SPACE
from tests.limits import PATIENCE

SPACE = TINY_SPACE


def processor_seconds() -> float:
    """Return the time that processors have spent on the processes that this one started and saw end."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def kdtune(cwd: Path, *arguments: str, timeout: float = PATIENCE) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if k not in ("KDTUNE_RUNS", "PYTHONWARNINGS")}
    return subprocess.run(
        [sys.executable, "-m", "kdtune.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        check=False,
    )


def refused(cwd: Path, *arguments: str) -> str:
    """Run a command that must be refused; return the message after `kdtune: `."""
    ended = kdtune(cwd, *arguments)
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert "--resume" not in ended.stderr.split("kdtune: ")[-1] or "resume" in " ".join(arguments)
    runs = cwd / "runs"
    assert not runs.exists() or list(runs.iterdir()) == [], "a refused run leaves nothing behind"
    head, mark, message = ended.stderr.partition("kdtune: ")
    assert mark, ended.stderr
    assert "epoch" not in head, "nothing is trained before the check"
    return message.strip()


def space_with(cwd: Path, **changes: Any) -> str:
    path = cwd / "my.yaml"
    path.write_text(yaml.safe_dump({**SPACE, **changes}))
    return "my.yaml"


@pytest.mark.parametrize(
    ("changes", "arguments", "expected"),
    [
        ({"serach": {}}, [], "my.yaml: unknown key 'serach'; did you mean 'search'?"),
        ({"pairs": ["lenet5->mpl-16"]}, [], "pairs: unknown model 'mpl-16'"),
        ({}, ["--address", "127.0.0.1:1"], "--address '127.0.0.1:1': nobody answers"),
    ],
)
def test_what_is_refused_by_the_command_and_by_its_driver(
    tmp_path: Path, changes: Any, arguments: list[str], expected: str
) -> None:
    """One each, as a real process; all the others are in test_bad_input.py."""
    message = refused(tmp_path, "search", space_with(tmp_path, **changes), *arguments)
    assert message.startswith(expected)


def test_weights_that_do_not_fit_are_refused_in_seconds(tmp_path: Path) -> None:
    """The last that is checked before Ray starts; seconds of a processor, and of this machine, which may be busy."""
    import torch

    from kdtune import models

    model = models.build("lenet5", input_shape=(3, 32, 32), n_classes=7)
    torch.save(model.state_dict(), tmp_path / "t.pt")
    began = processor_seconds()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    to_import = processor_seconds() - began
    began = processor_seconds()
    message = refused(tmp_path, "search", space_with(tmp_path, teacher={"weights": "t.pt"}))
    assert "t.pt" in message
    assert processor_seconds() - began < 3 * to_import


def test_a_taken_name_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "precious").write_text("")
    ended = kdtune(tmp_path, "search", space_with(tmp_path), "--name", "mine")
    assert ended.returncode == 2
    assert "exists: choose another --name" in ended.stderr
    assert (tmp_path / "runs" / "mine" / "precious").exists()


def test_help_answers_at_once(tmp_path: Path) -> None:
    """Best of several, of processor time: the machine may be busy, the command is not."""
    times = []
    for _ in range(5):
        began = processor_seconds()
        ended = kdtune(tmp_path, "--help")
        times.append(processor_seconds() - began)
        assert ended.returncode == 0
    assert min(times) < 0.3, f"{min(times):.2f} s"
    for command in ("search", "status", "stop", "spaces", "runs"):
        assert command in ended.stdout


def test_data_go_to_standard_output_and_narration_to_standard_error(tmp_path: Path) -> None:
    listed = kdtune(tmp_path, "runs", "--json")
    assert (json.loads(listed.stdout), listed.returncode) == ([], 0)
    printed = kdtune(tmp_path, "spaces", "trifeature")
    assert yaml.safe_load(printed.stdout)["dataset"]["name"] == "trifeature"
    assert printed.stderr == ""
    assert "properties" in json.loads(kdtune(tmp_path, "spaces", "--schema").stdout)
    text = kdtune(tmp_path, "runs")
    assert text.stdout == ""
    assert "kdtune search" in text.stderr


JSON_COMMANDS = (
    ("runs", "--json"),
    ("spaces", "--json"),
    ("spaces", "adult", "--json"),
    ("spaces", "--schema", "--json"),
    ("models", "--json"),
    ("models", "lenet", "--json"),
)


@pytest.mark.parametrize("arguments", JSON_COMMANDS, ids=" ".join)
def test_json_is_json(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 0
    json.loads(capsys.readouterr().out)


def test_a_ready_space_as_json_is_the_space(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spaces", "adult", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == read_space("adult")[0].to_dict()


@pytest.mark.parametrize("text", [yaml.safe_dump(SPACE), json.dumps(SPACE)], ids=["YAML", "JSON"])
def test_a_space_comes_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["search", "-", "--set", "budget.trials=7", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 7


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"serach: {}", "standard input: unknown key 'serach'"),
        (b"", "standard input: holds nothing"),
        (b"a: [", "standard input: line 1: not YAML"),
        (b"\xff", "standard input: not readable"),
    ],
)
def test_what_standard_input_says_is_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert main(["search", "-"]) == 2
    assert said in capsys.readouterr().err


def test_what_lists_refuses_or_follows_loads_nothing_heavy() -> None:
    modules = "kdtune.commands, kdtune.launch, kdtune.report.export.command, kdtune.terminal.console"
    code = f"import sys, {modules}; print(*{{'torch', 'ray', 'matplotlib', 'pandas', 'optuna'}} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "\n"


def test_quiet_prints_the_result_alone(tmp_path: Path) -> None:
    space = space_with(tmp_path, trivial="keep")
    ended = kdtune(tmp_path, "search", space, "--name", "calm", "--quiet", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["status"]["name"] == "calm"
    listed = kdtune(tmp_path, "export", "calm", "--list", "--quiet")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "Pareto front" in listed.stdout
    refused_loudly = kdtune(tmp_path, "export", "none", "--quiet")
    assert refused_loudly.returncode == 2
    assert "no run 'none'" in refused_loudly.stderr


@pytest.mark.parametrize(
    ("begun", "said"),
    [(False, "stopped before it began: nothing is kept"), (True, "stopped at once; nothing recorded")],
)
def test_a_driver_that_is_stopped_at_once_has_not_failed(
    begun: bool, said: str, small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = RunFiles(tmp_path / "r")
    if begun:
        shutil.copytree(small_run.path, files.root)
    else:
        files.root.mkdir()
    driver: Any = SimpleNamespace(wait=lambda: launch.EXIT_INTERRUPTED)
    code = launch._conclude(files, driver, RunState(), "sweep", lambda files: lambda: None)
    assert (code, said in capsys.readouterr().err) == (launch.EXIT_INTERRUPTED, True)


def test_how_a_driver_died_is_said_in_words(tmp_path: Path) -> None:
    assert [launch._how(code) for code in (-9, 1)] == ["was killed by signal 9", "ended with code 1"]
    log = tmp_path / "driver.log"
    assert launch._log_end(log) == ""
    log.write_text("\n")
    assert launch._log_end(log) == ""
    log.write_text("first\nno memory\n")
    assert launch._log_end(log) == f"the end of {log}:\nfirst\nno memory\n"
