"""A run that somebody else made: links, FIFOs and devices in the place of files, while it is exported or resumed."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from kdtune.errors import KdtuneError, RunError
from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import Run, open_run
from kdtune.space.reading import Resources
from kdtune.sweep.driver import SweepRequest, run_sweep
from kdtune.sweep.replicates import replicate
from tests.limits import at_most


@pytest.fixture
def elsewhere(small_run: Run, tmp_path: Path) -> RunFiles:
    """Return a copy of a finished run."""
    shutil.copytree(small_run.path, tmp_path / "small")
    return RunFiles(tmp_path / "small")


@pytest.mark.parametrize("name", ["replicates", "replicates/t0000-s1"])
def test_replicates_are_neither_written_nor_deleted_through_a_link(
    name: str, tmp_path: Path, make_dataset: Any
) -> None:
    files = RunFiles(tmp_path / "run")
    precious = tmp_path / "home" / "t0000-s1"
    precious.mkdir(parents=True)
    (precious / "diary.txt").write_text("mine")
    place = files.root / name
    place.parent.mkdir(parents=True)
    place.symlink_to(precious if "/" in name else precious.parent)
    with pytest.raises(RunError, match=f"{name}: is a link"):
        replicate(
            files, make_dataset(), [], 1, seed=0, extras=(), resources=Resources(), say=lambda words: None
        )
    assert (precious / "diary.txt").read_text() == "mine"
    assert os.listdir(precious) == ["diary.txt"]


def in_place(files: RunFiles, name: str, kind: str) -> None:
    """Put a FIFO or a device in the place of a run's file; `MEMBER` stands for the first student on the front."""
    path = files.root / name.replace("MEMBER", open_run(files.root).status().front[0])
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")


MODELS = (
    "trials/MEMBER/config.json", "trials/MEMBER/reports.jsonl", "trials/MEMBER/checkpoint.pt",
    "baselines/teacher-resnet8/config.json", "baselines/teacher-resnet8/reports.jsonl",
    "baselines/teacher-resnet8/model.safetensors",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["fifo", "device"])
@pytest.mark.parametrize("name", ["run.json", "events.jsonl", *MODELS])
def test_an_export_keeps_nobody_waiting(elsewhere: RunFiles, name: str, kind: str) -> None:
    if "resnet8" in name and "teacher-resnet8" not in os.listdir(elsewhere.root / "baselines"):
        pytest.skip("no member of the front learnt from it")
    in_place(elsewhere, name, kind)
    with (
        at_most(60),
        pytest.raises(KdtuneError, match=r"a FIFO, not a file|a device, not a file|no students"),
    ):
        run_export(ExportRequest(run=elsewhere.root, out=elsewhere.root.parent / "out"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fifo", "device"])
@pytest.mark.parametrize(
    "name",
    ["run.json", "events.jsonl", "study.journal", "study.journal.lock", "lock", "heartbeat.json", *MODELS],
)
def test_resuming_keeps_nobody_waiting(elsewhere: RunFiles, name: str, kind: str, ray_session: None) -> None:
    """It is refused, or what can't be read is made again."""
    in_place(elsewhere, name, kind)
    refused = ""
    with at_most(180):
        try:
            run_sweep(SweepRequest(elsewhere, None))
        except KdtuneError as error:
            refused = str(error)
    assert len(refused.splitlines()) <= 3
    if not refused:
        run = open_run(elsewhere.root)
        assert run.status().state == "finished"
        assert set(run.trials()["state"]) == {"done"}
