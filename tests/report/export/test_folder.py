"""The folder of an export: which may be one, and what is left in it when an export fails."""

import os
from pathlib import Path
from typing import Any

import pytest

from kdtune.cli import main
from kdtune.errors import InputError
from kdtune.report.export import run as exporting
from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs.reader import Run


def test_nothing_is_overwritten(small_run: Run, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        run_export(ExportRequest(run=small_run.path, out=tmp_path))
    with pytest.raises(InputError, match="is a file"):
        run_export(ExportRequest(run=small_run.path, out=tmp_path / "kept.txt"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_folder_that_can_t_be_made_is_refused_before_anything_is_evaluated(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(*_: Any) -> Any:
        raise AssertionError("data were loaded")

    monkeypatch.setattr(exporting, "load_data", load)
    monkeypatch.setattr(exporting, "hold_front", load)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    ends = {
        "file": "is a file: name a folder",
        "file/out": "can't be written",
        "/proc/out": "can't be written",
        "n" * 300: "File name too long",
        "link": "is a link: name the folder",
        "nowhere": "is a link: name the folder",
        "empty/..": "is not empty",
    }
    for out, said in ends.items():
        assert main(["export", str(small_run.path), "--out", out]) == 2
        assert said in capsys.readouterr().err
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["export", str(small_run.path), "--out", "."]) == 2
    assert "--out export" in capsys.readouterr().err
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == "empty")
    assert main(["export", str(small_run.path), "--out", str(tmp_path / "empty")]) == 2
    assert f"--out {tmp_path / 'empty' / 'export'}" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["empty", "file", "link", "nowhere"]


def test_what_fails_half_way_leaves_nothing(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> str:
        raise RuntimeError("half way")

    monkeypatch.setattr(exporting, "page", fail)
    with pytest.raises(RuntimeError, match="half way"):
        run_export(ExportRequest(run=small_run.path, out=tmp_path / "deep" / "out"))
    assert list((tmp_path / "deep").iterdir()) == []
