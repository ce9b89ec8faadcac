"""What commands print, in terminals that lack characters, width, colour, a reader or a stream: no traceback, ever."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune import output
from kdtune.cli import main
from kdtune.fairness import count
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.writer import RunWriter
from tests.limits import PATIENCE

NAME = "größe-λ"

COMMANDS = {
    "status": ["status", NAME],
    "status-json": ["status", NAME, "--json"],
    "runs": ["runs"],
    "runs-json": ["runs", "--json"],
    "export-list": ["export", NAME, "--list"],
    "export-refused": ["export", "λ→α"],
    "spaces": ["spaces"],
    "space": ["spaces", "adult"],
    "schema": ["spaces", "--schema"],
    "watch-refused": ["watch", NAME],
    "search-refused": ["search", "no→such.yaml"],
    "search-resumed": ["search", "--resume", NAME, "--seed", "1"],
    "study-refused": ["study", "--figures-only", NAME],
    "stop-refused": ["stop", NAME],
    "help": ["search", "--help"],
    "version": ["--version"],
    "wrong-use": ["search", "--trials", "−1"],
}
REFUSED = ("export-refused", "watch-refused", "search-refused", "study-refused", "stop-refused", "wrong-use")
REFUSED += ("search-resumed",)

POSIX = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
TERMINALS: dict[str, tuple[str, dict[str, str]]] = {
    "ascii": ("ascii", {}),
    "cp1252": ("cp1252", {}),
    "cp437": ("cp437", {}),
    "shift-jis": ("shift_jis", {}),
    "no-colour": ("utf-8", {"NO_COLOR": "1", "TERM": "dumb"}),
    "forced-colour": ("ascii", {"FORCE_COLOR": "1", "TERM": "xterm-256color"}),
    "narrow": ("utf-8", {"COLUMNS": "20", "LINES": "5"}),
    "no-width": ("ascii", {"COLUMNS": "0"}),
    "one-column": ("ascii", {"COLUMNS": "1"}),
}


@pytest.fixture(scope="module")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a finished run, whose name, groups and classes are not ASCII."""
    folder = tmp_path_factory.mktemp("läufe")
    files = RunFiles(folder / NAME)
    files.root.mkdir()
    writer = RunWriter(files)
    writer.record(
        RunRecord(
            name=NAME,
            kind="sweep",
            created=1000.0,
            dataset={
                "name": "Größen → λ",
                "fingerprint": "f",
                "splits": {},
                "notes": ["features: 2 (größe, λ)"],
            },
            classes=("groß", "小"),
            attributes={"geschlecht": ("♀", "♂")},
            objectives=("accuracy", "eod"),
            constraints=(),
            pairs=("x->y",),
            epochs=1,
            trials=3,
            minutes=None,
            seed=0,
            space={},
            versions={},
            machine={},
        )
    )
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(2, size=400), rng.integers(2, size=400)
    for number in range(3):
        guesses = np.where(rng.random(400) < 0.6 + number / 10, labels, 1 - labels)
        name = f"t{number:04d}"
        writer.model_started(name, "student", {"pair": "x->y", "temperature": 2.0, "alpha": 0.5}, 1)
        counts = {
            ALL: count(labels, guesses, n_classes=2),
            "geschlecht": count(labels, guesses, groups, n_classes=2, n_groups=2),
        }
        report = Report(
            epoch=1,
            counts=counts,
            time=1001.0,
            seconds=1.0,
            train_loss=0.5,
            validation_loss=0.5,
            learning_rate=0.1,
            disagreement=(),
            scalars={},
        )
        writer.report(name, report, References())
        writer.model_state(name, "done")
    writer.run_state("finished", "fertig – ✓")
    writer.close()
    return folder


def run(folder: Path, arguments: list[str], environment: dict[str, str], redirect: str = "") -> Any:
    """Run kdtune in a shell, which can close streams."""
    command = f'"$0" -m kdtune.cli "$@" {redirect}'
    kept = {
        k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "PYTHONIOENCODING", "NO_COLOR")
    }
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command, sys.executable, *arguments],
        cwd=folder,
        env={**kept, **environment, "KDTUNE_RUNS": str(folder)},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


class Terminal(io.TextIOWrapper):
    """A terminal of a strict encoding, which keeps what is written."""

    def __init__(self, encoding: str) -> None:
        self.kept = io.BytesIO()
        super().__init__(self.kept, encoding=encoding, errors="strict", newline="")

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        self.flush()
        return self.kept.getvalue().decode(self.encoding)


@contextlib.contextmanager
def terminal(encoding: str, **environment: str) -> Iterator[tuple[Terminal, Terminal]]:
    """Let a command in this process write to a terminal; yields standard output and standard error."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        patch.setenv("TERM", "xterm")
        for name, value in environment.items():
            patch.setenv(name, value)
        out, err = Terminal(encoding), Terminal(encoding)
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        yield out, err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", TERMINALS)
def test_no_command_fails_because_of_the_terminal(runs_folder: Path, name: str, command: str) -> None:
    encoding, environment = TERMINALS[name]
    with terminal(encoding, KDTUNE_RUNS=str(runs_folder), **environment) as (out, err):
        try:
            code = main(COMMANDS[command])
        except SystemExit as ended:  # argparse
            code = int(ended.code or 0)
    assert code == (2 if command in REFUSED else 0), err.shown()
    if command.endswith("json") or command == "schema":
        json.loads(out.shown())


def test_no_command_fails_in_the_posix_locale(runs_folder: Path) -> None:
    for command in ("status", "export-refused", "help"):
        ended = run(runs_folder, COMMANDS[command], POSIX)
        assert (ended.stdout + ended.stderr).isascii()
        assert ended.returncode == (2 if command in REFUSED else 0), ended.stderr
        assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("command", "redirect"),
    [
        ("status", ">&-"),
        ("export-list", "2>&-"),
        ("status", "<&- >&- 2>&-"),
        ("schema", "| head -c 1"),
        ("help", "| true"),
        ("export-list", "2>&1 >/dev/null | true"),
        ("search-refused", "2>&-"),
        ("search-refused", "2>&1 | true"),
        ("wrong-use", "2>&-"),
    ],
)
def test_no_command_fails_because_a_stream_is_closed(runs_folder: Path, command: str, redirect: str) -> None:
    before = {path: path.read_bytes() for path in runs_folder.rglob("*") if path.is_file()}
    ended = run(runs_folder, COMMANDS[command], {}, redirect)
    said = ended.stdout + ended.stderr
    assert b"Traceback" not in said
    assert b"Exception ignored" not in said
    assert ended.returncode == (2 if command in REFUSED else 0), said
    after = {path: path.read_bytes() for path in runs_folder.rglob("*") if path.is_file()}
    assert after == before, "a file took the place of the closed stream"


@pytest.mark.parametrize("command", ["status", "status-json", "help"])
def test_a_full_disk_below_standard_output_is_an_error(runs_folder: Path, command: str) -> None:
    ended = run(runs_folder, COMMANDS[command], {}, ">/dev/full")
    assert ended.stderr.decode().splitlines()[-1] == "kdtune: standard output: No space left on device"
    assert ended.returncode == 1


def test_a_narrow_terminal_shows_every_number(runs_folder: Path) -> None:
    shown = []
    for columns in ("100", "20"):
        with terminal("utf-8", KDTUNE_RUNS=str(runs_folder), COLUMNS=columns) as (out, _):
            assert main(["status", NAME]) == 0
        shown.append(re.findall(r"0\.\d{3}", out.shown()))
    assert len(shown[0]) > 5
    assert shown[0] == shown[1]


@given(st.text(), st.sampled_from(["ascii", "cp1252", "utf-8", "cp437", "shift_jis", "koi8-r"]))
def test_any_text_can_be_written_in_any_encoding(text: str, encoding: str) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, newline="")
    output._tolerant(stream, "standard output").write(text)
    stream.flush()
    shown = written.getvalue().decode(encoding)
    with contextlib.suppress(UnicodeEncodeError):
        assert text.encode(encoding).decode(encoding) == shown


def test_what_the_encoding_lacks_is_written_as_something_near() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    output._tolerant(stream, None).write("validation → test … 0.1 – ≥ λ")
    stream.flush()
    assert written.getvalue() == b"validation -> test ... 0.1 - >= \\u03bb"


def test_standard_streams_are_given_back() -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(SystemExit):
        main(["--version"])
    assert (sys.stdout, sys.stderr) == before


def test_a_program_s_own_stream_needs_no_more_than_write(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        said = ""

        def write(self, text: str) -> None:
            self.said += text

    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    output.narrate("hello")
    assert stream.said == "hello\n"


def test_of_two_threads_one_may_be_quiet_in_any_order(capsys: pytest.CaptureFixture[str]) -> None:
    begun, ended = threading.Event(), threading.Event()

    def quiet() -> None:
        with output.quieted(True):
            begun.set()
            ended.wait(PATIENCE)
            output.narrate("not said")

    thread = threading.Thread(target=quiet)
    with contextlib.ExitStack() as stack:
        thread.start()
        begun.wait(PATIENCE)
        stack.enter_context(output.quieted(False))
        ended.set()
        thread.join()
        output.narrate("said")
    output.narrate("said later")
    assert capsys.readouterr().err == "said\nsaid later\n"
