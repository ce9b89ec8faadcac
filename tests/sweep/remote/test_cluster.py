"""A sweep on a cluster of machines with their own addresses and no common disk; one is added, one is lost."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdtune.runs import open_run
from kdtune.runs.jsonl import read_records
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE
from tests.sweep.chaos import wait_for
from tests.sweep.nodes import cluster

EPOCHS = 8
SPACE: dict[str, Any] = {
    **SMALL_SPACE,
    "dataset": {**SMALL_SPACE["dataset"], "n_train": 1500},
    "pairs": ["lenet5->lenet5"],
    "budget": {"trials": 1000, "epochs": EPOCHS},  # it is stopped when the test has seen everything
    "resources": {},
    "keep": "all",
}


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_machine_is_added_and_one_is_lost(tmp_path: Path) -> None:
    """The first two do not see the run; the third, which is added, does: a shared path."""
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    shared = tmp_path / "temporary files of the third"
    shared.mkdir()
    with cluster(tmp_path) as machines:
        first, second = machines.add(), machines.add()
        search = machines.kdtune("search", "space.yaml", "--name", "far", "--address", machines.address)
        events = tmp_path / "runs" / "far" / "events.jsonl"

        def until(condition: Any, what: str) -> None:
            wait_for(lambda: condition() or search.poll() is not None, 600, what)
            assert search.poll() is None, search.communicate()

        until(
            lambda: _reports(events) and first.trials_at_work() and second.trials_at_work(), "trials on both"
        )
        third = machines.add(temporary=shared)
        until(third.trials_at_work, "a trial on the machine that was added")
        reports = _reports(events)
        until(lambda: _reports(events) > reports + 3 and second.trials_at_work(), "trials in their midst")
        second.die()
        until(lambda: _lost(events), "news of the loss")
        lost = _lost(events)
        until(lambda: all(_state(events, trial) == "done" for trial in lost), "the lost trials elsewhere")
        assert third.trials_at_work()
        stop = machines.kdtune("stop", "far")
        said = stop.communicate(timeout=PATIENCE)
        assert stop.returncode == 0, said
        _, err = search.communicate(timeout=PATIENCE)
        assert search.returncode == 130, err
    assert not list(shared.glob("kdtune-run-*")), "a worker that sees the run copies nothing"
    run = open_run(tmp_path / "runs" / "far")
    trials = run.trials()
    assert set(trials["state"]) <= {"done", "interrupted"}, trials[["state", "message"]]
    assert set(trials.loc[list(lost), "state"]) == {"done"}
    for trial, row in trials.iterrows():
        epochs = [report.epoch for report in run.reports(trial)] if row["epoch"] else []
        assert epochs == list(range(1, row["epoch"] + 1)), "each epoch is there once"
        if row["state"] == "done":
            assert len(epochs) == EPOCHS
            assert run.files.checkpoint(trial).exists(), "the student's weights came back to the run"


def _lost(events: Path) -> set[str]:
    """Return the trials whose worker was lost."""
    return {str(e["id"]) for e in read_records(events) if e["kind"] == "trial" and e.get("failure")}


def _state(events: Path, trial: str) -> str:
    return [str(e["state"]) for e in read_records(events) if e["kind"] == "trial" and e["id"] == trial][-1]


def _reports(events: Path) -> int:
    with contextlib.suppress(OSError):
        return events.read_text().count('"kind":"report","id":"t0')
    return 0
