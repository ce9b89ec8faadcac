"""A sweep on a cluster of machines with their own addresses and no common disk; one is added, one is lost."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdtune.runs import open_run
from kdtune.runs.jsonl import read_records
from tests.conftest import SMALL_SPACE
from tests.sweep.chaos import wait_for
from tests.sweep.nodes import cluster

EPOCHS = 12
SPACE: dict[str, Any] = {
    **SMALL_SPACE,
    "dataset": {**SMALL_SPACE["dataset"], "n_train": 2000},
    "pairs": ["lenet5->lenet5"],
    "budget": {"trials": 12, "epochs": EPOCHS},
    "resources": {},
}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_machine_is_added_and_one_is_lost(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    with cluster(tmp_path) as machines:
        first, second = machines.add(), machines.add()
        search = machines.kdtune("search", "space.yaml", "--name", "far", "--address", machines.address)
        events = tmp_path / "runs" / "far" / "events.jsonl"

        def until(condition: Any, what: str) -> None:
            wait_for(lambda: condition() or search.poll() is not None, 600, what)
            assert search.poll() is None, search.communicate()

        until(lambda: first.trials_at_work() and second.trials_at_work(), "trials on both machines")
        third = machines.add()
        until(third.trials_at_work, "a trial on the machine that was added")
        reports = _reports(events)
        until(lambda: _reports(events) > reports + 3, "trials in their midst")
        assert second.trials_at_work()
        second.die()
        _, err = search.communicate(timeout=1200)
        assert search.returncode == 0, err
        status = machines.kdtune("status", "far", "--json")
        assert status.wait(timeout=120) == 0
    run = open_run(tmp_path / "runs" / "far")
    trials = run.trials()
    assert set(trials["state"]) == {"done"}, trials[["state", "message"]]
    assert len(trials) == SPACE["budget"]["trials"]
    for trial in trials.index:
        assert [report.epoch for report in run.reports(trial)] == list(range(1, EPOCHS + 1))
        assert run.files.checkpoint(trial).exists(), "the student's weights came back to the run"
    retried = [e for e in read_records(events) if e["kind"] == "trial" and "lost" in e.get("message", "")]
    assert retried, "a trial was at work on the machine that was lost"


def _reports(events: Path) -> int:
    with contextlib.suppress(OSError):
        return events.read_text().count('"kind":"report","id":"t')
    return 0
