"""Which checkpoints stay while trials end, and how much disk space a sweep says it needs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import Run
from kdtune.runs.state import ModelState, RunState
from kdtune.sweep.trials.checkpoints import CheckpointRetention, Keep, room_needed, say_room
from kdtune.text import byte_size


def dominated(values: np.ndarray) -> list[bool]:
    """Return which rows are dominated, by comparing each with each; both columns are minimised."""
    return [any((b <= a).all() and (b < a).any() for b in values) for a in values]


@pytest.mark.parametrize("keep", ["front", "all", "none"])
@pytest.mark.parametrize("seed", range(5))
def test_after_every_trial_the_files_are_those_asked_for(tmp_path: Path, keep: Keep, seed: int) -> None:
    rng = np.random.default_rng(seed)
    files = RunFiles(tmp_path)
    state, values = RunState(), {}
    retention = CheckpointRetention(keep, files)
    for k in range(60):
        name = f"t{k:04d}"
        files.checkpoint(name).parent.mkdir(parents=True)
        files.checkpoint(name).write_bytes(b"weights")
        (files.model(name) / ".checkpoint.pt.x1y2").write_bytes(b"half")
        ended = rng.choice(["done", "done", "done", "stopped", "failed"])
        state.trials[name] = ModelState(name, "student", {}, 1, str(ended))
        if ended == "done":
            values[name] = rng.integers(0, 12, size=2)
        on = dominated(np.array(list(values.values()))) if values else []
        front = {n for n, out in zip(values, on, strict=True) if not out}
        if k % 7 == 3:  # a driver that died, and the next one
            retention = CheckpointRetention(keep, files)
            retention.delete_superseded(state, list(state.trials), front)
        retention.delete_superseded(state, [name], front)
        there = {path.parent.name for path in tmp_path.rglob("checkpoint.pt")}
        assert there == {"front": front, "all": set(state.trials), "none": set()}[keep]
    if keep != "all":
        assert not list(tmp_path.rglob(".checkpoint.pt.*"))


def test_a_trial_at_work_keeps_its_own(tmp_path: Path) -> None:
    files = RunFiles(tmp_path)
    state = RunState()
    for name, how in (("t0000", "running"), ("t0001", "interrupted"), ("t0002", "done")):
        state.trials[name] = ModelState(name, "student", {}, 1, how)
        files.checkpoint(name).parent.mkdir(parents=True)
        files.checkpoint(name).write_bytes(b"weights")
    CheckpointRetention("none", files).delete_superseded(state, list(state.trials), ["t0002"])
    assert {path.parent.name for path in tmp_path.rglob("checkpoint.pt")} == {"t0000", "t0001"}


def test_a_finished_run_has_the_checkpoints_of_its_front(small_run: Run) -> None:
    there = {path.parent.name for path in (small_run.path / "trials").glob("*/checkpoint.pt")}
    assert there == set(small_run.front().index)


def test_the_estimate_matches_the_files(small_run: Run) -> None:
    """The estimate before the sweep, against the files after it."""
    from kdtune.report.evaluate.evaluation import load_data
    from kdtune.space.reading import parse_space
    from kdtune.sweep.plan import make_plan

    plan = make_plan(parse_space(dict(small_run.record.space), "space"), load_data(small_run))
    checkpoint, _, records = room_needed(plan, 1)
    written = [p.stat().st_size for p in (small_run.path / "trials").glob("*/checkpoint.pt")]
    assert max(written) < 2 * checkpoint + 20_000
    lines = small_run.files.events.read_text().splitlines()
    events = sum(len(line) for line in lines if '"kind":"report","id":"t' in line)
    reports = sum(p.stat().st_size for p in (small_run.path / "trials").glob("*/reports.jsonl"))
    assert records == pytest.approx(events + reports, rel=0.4)


def test_the_line_about_disk_space(
    plan_of: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = say_room(plan_of(budget={"trials": 1000, "epochs": 200}), 2, tmp_path)
    assert re.fullmatch(
        r"disk: [\d.]+ .?B per checkpoint \(kept: at work and on the front\), "
        r"[\d.]+ MB for the records of 1,000 trials; [\d.]+ .B are free",
        line,
    )
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10_000})())
    assert "NOT ENOUGH" in say_room(plan_of(budget={"trials": 1000, "epochs": 200}, keep="all"), 2, tmp_path)


def test_sizes() -> None:
    assert [byte_size(n) for n in (0, 999, 1000, 15_400, 2.5e6, 7e10, 3e13)] == [
        "0 B", "999 B", "1.0 kB", "15 kB", "2.5 MB", "70 GB", "30 TB"
    ]  # fmt: skip
