"""Drivers of one run directory, one after the other."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import ALL, RunRecord
from kdtune.runs.writer import RunWriter
from kdtune.sweep.clock import WorkClock
from kdtune.sweep.trials.optuna_study import open_study
from kdtune.sweep.trials.trial_manager import TrialManager
from tests.sweep.trials.simulated_sweep import PAIR, Sweep, report


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: here drivers die, and the machine does not."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def begin(plan_of: Any, tmp_path: Path, quick_disk: None) -> Iterator[Callable[..., Sweep]]:
    """Yield a function that starts a driver on one run directory; called again, it is the next driver."""
    now = [1000.0, 1e9]  # by the monotonic clock and by the wall clock
    writers: list[RunWriter] = []

    def start(cohort: int = 1, folder: str = "", **changes: Any) -> Sweep:
        fused = frozenset({"linear"}) if cohort > 1 else frozenset()
        plan = replace(plan_of(**changes), cohort=cohort, fused=fused)
        files = RunFiles(tmp_path / folder)
        writer = RunWriter(files)
        writers.append(writer)
        writer.record(
            RunRecord(
                "r", "sweep", 0.0, {"name": "d", "fingerprint": "f"}, plan.dataset.classes, plan.dataset.attributes,
                tuple(o.name for o in plan.objectives), plan.constraints, (PAIR,), 2, 6, None, 0, {}, {}, {},
            )
        )  # fmt: skip
        study = open_study(files.journal, plan.objectives)
        asked = [False]
        references = {PAIR: References(report(1).counts[ALL], report(1).counts[ALL])}
        clock = WorkClock(lambda: now[0], lambda: now[1])
        manager = TrialManager(plan, files, writer, study, references, stopping=lambda: asked[0], clock=clock)
        return Sweep(manager, files, writer, study, asked, now)

    yield start
    for writer in writers:
        writer.close()
