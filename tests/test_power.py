"""Power cuts: what the run says to be done is there, and a resumed sweep finds what an uninterrupted one finds."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from kdtune.distill.checkpoint import read_checkpoint
from kdtune.files import read_json, sha256_of
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import Run, open_run
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE
from tests.power import Disk
from tests.sweep.chaos import Marked, cli, wait_for
from tests.sweep.test_end_to_end import assert_same_numbers

_WRITER = """
import sys
from pathlib import Path
import numpy as np
import torch
from kdtune.distill.checkpoint import write_checkpoint
from kdtune.fairness import count
from kdtune.files import sha256_of
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles, trial_id
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.writer import RunWriter

files = RunFiles(Path(sys.argv[1]) / "r")
files.root.mkdir()
writer = RunWriter(files)
writer.run_state("preparing", "data")
writer.record(RunRecord(
    "r", "sweep", 0.0, {"name": "d", "fingerprint": "f"}, ("x", "y"), {}, ("accuracy",), (), ("a->b",), 3, None,
    None, 0, {}, {}, {},
))
writer.run_state("running")
labels = np.arange(40) % 2
counts = {ALL: count(labels, labels, n_classes=2)}
print("begun", flush=True)
for number in range(10_000):
    name = trial_id(number)
    writer.model_started(name, "student", {"pair": "a->b"}, 3)
    for epoch in (1, 2, 3):
        write_checkpoint(files.checkpoint(name), {"model": torch.randn(5000), "epoch": epoch})
        writer.report(name, Report(epoch, counts, 0.0, 0.1, 0.5, 0.5, 0.01), References())
    writer.model_state(name, "done", weights=sha256_of(files.checkpoint(name)))
    for other in range(number - 5):  # as a sweep that keeps the front only
        files.checkpoint(trial_id(other)).unlink(missing_ok=True)
"""
"""Writes what a sweep writes, as fast as the disk lets it."""


def lost(files: RunFiles, kept: int) -> list[str]:
    """Return what can't be read of the models that the events say to be done; checkpoints of the last few only."""
    done = [model for model in open_run(files.root).state().trials.values() if model.state == "done"]
    found = []
    for k, model in enumerate(done):
        try:
            assert read_json(files.config(model.id))["id"] == model.id
            assert [report.epoch for report in Run(files).reports(model.id)] == [1, 2, 3]
            if k >= len(done) - kept:
                assert sha256_of(files.checkpoint(model.id)) == model.weights
                read_checkpoint(files.checkpoint(model.id))
        except (Exception, AssertionError) as error:
            found.append(f"{model.id}: {error!r}")
    return found


def test_what_is_done_outlives_a_power_cut_at_any_moment(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk.img", tmp_path / "disk", size="24M")
    moments = random.Random(7)
    with disk.mounted() as place:
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(place)], stdout=subprocess.PIPE)
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"begun\n"
            cuts = []
            for k in range(8):
                time.sleep(moments.uniform(0, 0.5))
                cuts.append(disk.cut(tmp_path / f"cut{k}.img", [psutil.Process(writer.pid)]))
        finally:
            writer.kill()
            writer.communicate()
    most = 0
    for cut in cuts:
        with cut.mounted() as place:
            files = RunFiles(place / "r")
            assert lost(files, kept=5) == []
            trials = open_run(files.root).state().trials
            most = max(most, sum(model.state == "done" for model in trials.values()))
        cut.image.unlink()
    assert most >= 2, "the cuts met a run that had something to lose"


CUTS = int(os.environ.get("KDTUNE_POWER_CUTS", "20"))
SEED = int(os.environ.get("KDTUNE_POWER_SEED", "0"))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_sweep_is_resumed_to_the_same_front_after_a_power_cut_at_any_moment(
    small_run: Any, tmp_path: Path
) -> None:
    """The run and the cache lie on the disk that is cut; each copy is resumed."""
    space = tmp_path / "small.yaml"
    space.write_text(yaml.safe_dump(SMALL_SPACE))
    disk = Disk(tmp_path / "disk.img", tmp_path / "disk", size="64M")
    moments = random.Random(SEED)
    cuts: list[tuple[str, Disk]] = []
    while len(cuts) < CUTS:  # a sweep may be over before it is cut so often
        run = f"cut{len(cuts)}"
        cuts += _cut_sweep(space, disk, run, CUTS - len(cuts), moments)
    for run, cut in cuts:
        with cut.mounted() as place:
            environment = {**os.environ, "KDTUNE_CACHE": str(place / "cache")}
            recorded = (place / "runs" / run / "run.json").exists()
            begin = ["search", "--resume", run] if recorded else ["search", str(space), "--name", run]
            again = cli(*begin, cwd=place, env=environment)
            _, err = again.communicate(timeout=900)
            assert again.returncode == 0, f"{cut.image.name}: {err}"
            found = open_run(place / "runs" / run)
            assert_same_numbers(found, small_run)
            assert list(found.front().index) == list(small_run.front().index)
            print(f"{cut.image.name}: {'resumed' if recorded else 'begun anew'}", flush=True)
        cut.image.unlink()


def _cut_sweep(
    space: Path, disk: Disk, run: str, most: int, moments: random.Random
) -> list[tuple[str, Disk]]:
    """Return copies of the disk as cuts leave it while a sweep of this name runs, each with the name."""
    marked, cuts = Marked(), []
    with disk.mounted() as place:
        environment = {**marked.environment, "KDTUNE_CACHE": str(place / "cache")}
        search = cli("search", str(space), "--name", run, cwd=place, env=environment)
        try:
            wait_for((place / "runs" / run).exists, what="the run")
            while search.poll() is None and len(cuts) < most:
                busy = (place / "runs" / run / "baselines").exists()
                time.sleep(moments.uniform(0, 0.4 if busy else 2.5))
                cuts.append(
                    (run, disk.cut(disk.image.with_name(f"{run}-{len(cuts):02d}.img"), marked.alive()))
                )
            _, err = search.communicate(timeout=PATIENCE)
            assert search.returncode == 0, err
        finally:
            marked.kill_all()
    return cuts
