"""Exports that are killed, and exports side by side: a folder is there whole, or not at all."""

import contextlib
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import kdtune
from kdtune.runs.reader import Run
from tests.limits import PATIENCE
from tests.sweep.chaos import cli

pytestmark = pytest.mark.slow


def is_whole(out: Path) -> None:
    students = sorted(path.parent.name for path in out.glob("*/config.json"))
    assert students
    for name in students:
        assert kdtune.load_student(out / name).config["id"] == name
    for name in ("report.html", "front.csv", "figures"):
        assert (out / name).exists()


def test_an_export_that_is_killed_leaves_nothing_under_its_name(small_run: Run, tmp_path: Path) -> None:
    """At four moments between its start and its end; the next one deletes what was left aside."""
    run = tmp_path / "small"
    shutil.copytree(small_run.path, run)
    begun = time.monotonic()
    whole = cli("export", str(run), "--out", str(tmp_path / "whole"), cwd=tmp_path)
    _, said = whole.communicate(timeout=PATIENCE)
    assert whole.returncode == 0, said
    took = time.monotonic() - begun
    out = tmp_path / "out"
    moments = random.Random(0)
    for _ in range(4):
        export = cli("export", str(run), "--out", str(out), cwd=tmp_path)
        with contextlib.suppress(subprocess.TimeoutExpired):
            export.communicate(timeout=took * moments.uniform(0.3, 1.0))
        export.kill()
        export.communicate()
        if out.exists():
            is_whole(out)
            shutil.rmtree(out)
    last = cli("export", str(run), "--out", str(out), cwd=tmp_path)
    _, said = last.communicate(timeout=PATIENCE)
    assert last.returncode == 0, said
    is_whole(out)
    assert sorted(os.listdir(tmp_path)) == ["out", "small", "whole"]


def test_two_exports_at_once_into_one_folder(small_run: Run, tmp_path: Path) -> None:
    """One of them stays, whole; the other one says that its place is taken."""
    both = [
        cli("export", str(small_run.path), "--out", str(tmp_path / "out"), cwd=tmp_path) for _ in range(2)
    ]
    ended = [(process.communicate(timeout=PATIENCE)[1], process.returncode) for process in both]
    assert sorted(code for _, code in ended) in ([0, 2], [0, 0])
    for said, code in ended:
        assert "Traceback" not in said
        assert code == 0 or "is in the way" in said or "is not empty" in said
    is_whole(tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]
