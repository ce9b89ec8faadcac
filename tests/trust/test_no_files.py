"""What is no file, in the place of every file that kdtune reads: it keeps nobody waiting, and hides no other run."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from kdtune.cli import main
from kdtune.errors import KdtuneError
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import open_run
from tests.limits import at_most
from tests.test_bad_input import run as make_run
from tests.trust.readers import READERS
from tests.trust.tried import tried


@pytest.mark.parametrize("name", READERS)
def test_a_folder_or_a_link_to_nowhere_in_its_place(name: str, fresh: Callable[[str], Path]) -> None:
    reader = READERS[name]
    path = fresh(name)
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))
    tried(reader, path)
    path.unlink(missing_ok=True)
    path.mkdir()
    tried(reader, path)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


def holes(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 42)


NO_FILES = (fifo, device, terminal, unix_socket)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("put", NO_FILES)
def test_what_is_no_file_keeps_no_reader_waiting(
    name: str, put: Callable[[Path], None], fresh: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FIFO waits for a writer that never comes; /dev/zero never ends."""
    reader = READERS[name]
    path = fresh(name)
    path.unlink()
    monkeypatch.chdir(path.parent)  # the name of a socket may have 107 letters
    put(path)
    with at_most(20):
        tried(reader, path)


OF_A_RUN = (
    "run.json", "events.jsonl", "heartbeat.json", "lock", "stop", "driver.log", "study.journal", "study.journal.lock",
    ".at-work.json", "validation.safetensors", "known.json", "trackers/tensorboard.json",
    "trials/t0000/config.json", "trials/t0000/reports.jsonl", "trials/t0000/checkpoint.pt", "cohorts/b0000-x.pt",
    "trials/t0000/predictions.safetensors", "trials/t0000/model.safetensors",
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(new_folder: Callable[[], Path]) -> Path:
    """Return a folder with a finished run."""
    folder = new_folder()
    make_run(states=("done", "failed"))(folder)
    return folder / "runs" / "r"


@pytest.mark.parametrize("name", OF_A_RUN)
@pytest.mark.parametrize("put", [*NO_FILES, holes])
def test_a_run_from_elsewhere_hides_no_other_and_keeps_nobody_waiting(
    name: str,
    put: Callable[[Path], None],
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = RunFiles(tmp_path / "runs" / "r")
    for copied in ("r", "mine"):
        shutil.copytree(finished, files.root.with_name(copied))
    path = files.root / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    monkeypatch.chdir(path.parent)
    put(path)
    monkeypatch.chdir(tmp_path)
    with at_most(30):
        for words in ("status r", "status", "runs", "stop r"):
            assert main(words.split()) in (0, 2)
        capsys.readouterr()
        assert main(["runs", "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        assert rows["mine"]["state"] == "finished"
        assert set(rows) == {"mine", "r"}
        follow(files)


def follow(files: RunFiles) -> None:
    """Read what the monitor reads of a run, as its thread does."""
    from tui.sources import Live

    try:
        live = Live(files, open_run(files.root).record)
    except KdtuneError:
        return
    for _ in range(20):
        try:
            live._read()
        except KdtuneError:
            break
    live._examine()
    live._unread.count(0)
    live.log()
    live.reports("t0000", [])
    live.report("t0000", 1)
