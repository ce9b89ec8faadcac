"""Deleting a run: asked for, complete, and nothing beyond its folder."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kdtune.cli import main
from kdtune.errors import DiskError, RunError
from kdtune.runs.deleting import delete_run
from kdtune.runs.lock import driver_lock
from kdtune.runs.paths import RunFiles

MakeRun = Callable[[str], RunFiles]


@pytest.fixture
def made(make_run: Callable[..., tuple[RunFiles, Any]]) -> MakeRun:
    """Return a function that makes a run which nobody writes any more."""

    def make(name: str) -> RunFiles:
        files, writer = make_run(name)
        writer.close()
        return files

    return make


def command(tmp_path: Path, *arguments: str) -> int:
    return main(["runs", "--runs-dir", str(tmp_path), *arguments])


def test_a_run_is_gone_and_others_stay(
    made: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, other = made("mine"), made("other")
    (files.root / "export").mkdir()
    assert command(tmp_path, "--delete", "mine", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": [str(files.root)]}
    assert [item.name for item in tmp_path.iterdir()] == ["other"]
    assert other.record.exists()


def test_what_a_link_leads_to_is_kept(made: MakeRun, tmp_path: Path) -> None:
    files = made("mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    (files.root / "link").symlink_to(outside)
    (files.root / "file").symlink_to(outside / "kept.txt")
    alias = tmp_path / "alias"
    alias.symlink_to(files.root)
    with pytest.raises(RunError, match="is a link"):
        delete_run(RunFiles(alias))
    assert files.record.exists()
    delete_run(files)
    assert (outside / "kept.txt").read_text() == "kept"
    assert not files.root.exists()


def test_a_run_that_is_driven_is_kept(
    made: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, other = made("mine"), made("other")
    with driver_lock(files):
        assert command(tmp_path, "--delete", "other", "--delete", "mine", "--yes") == 2
    assert "driven by process" in capsys.readouterr().err
    assert files.record.exists()
    assert other.record.exists(), "none is deleted where one must not be"


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("yes", 0), ("", 1), ("no", 1), (None, 1)])
def test_it_asks(
    made: MakeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str | None,
    code: int,
) -> None:
    files = made("mine")

    def answered() -> str:
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answered)
    assert command(tmp_path, "--delete", "mine") == code
    assert files.root.exists() == (code == 1)
    assert f"delete {files.root} (" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--delete", "mine"], "say --yes"),
        (["--delete", "none", "--yes"], "no run 'none'"),
        (["--delete", "folder", "--yes"], "no run.json there"),
        (["--yes"], "name a run with --delete"),
    ],
)
def test_what_is_refused(
    made: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    files = made("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("kept")
    assert command(tmp_path, *arguments) == 2
    assert said in capsys.readouterr().err
    assert files.record.exists()
    assert (tmp_path / "folder" / "thesis.txt").exists()


def test_the_run_of_the_current_folder_is_deleted_whole(
    made: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, other = made("mine"), made("other")
    monkeypatch.chdir(files.root)
    assert main(["runs", "--delete", ".", "--yes"]) == 0
    assert [item.name for item in tmp_path.iterdir()] == ["other"]
    assert other.record.exists()


def test_a_run_that_can_t_be_moved_is_kept_and_nothing_is_left_beside_it(
    made: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = made("mine")

    def busy(*_: object) -> None:
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr("os.rename", busy)
    with pytest.raises(DiskError):
        delete_run(files)
    assert [item.name for item in tmp_path.iterdir()] == ["mine"]
    assert files.record.exists()
