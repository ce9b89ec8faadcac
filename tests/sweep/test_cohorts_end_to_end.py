"""Real sweeps whose students are trained as one: stopped early, killed and resumed, and against one by one."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

import kdtune
from kdtune.runs import open_run
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE
from tests.sweep.chaos import wait_for
from tests.sweep.test_end_to_end import assert_same_numbers, epochs_reported, kdtune_cli

SPACE: dict[str, Any] = {
    **SMALL_SPACE,
    "pairs": ["lenet5->lenet5", "lenet5->mlp-16"],
    "search": {
        "temperature": {"low": 1, "high": 40, "log": True},
        "alpha": {"low": 0, "high": 1},
        "lr": {"low": 1.0e-3, "high": 1.0e-2, "log": True},
    },
    "budget": {"trials": 8, "epochs": 4},
    "early_stopping": {"method": "moasha", "grace": 1},
    "resources": {"workers": 1, "cohort": 6},
    "keep": "all",
}


@pytest.fixture(scope="module")
def uninterrupted(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return kdtune.search(SPACE, name="cohorts", directory=tmp_path_factory.mktemp("runs"))


def test_students_are_trained_as_one_and_counted_one_by_one(uninterrupted: Any) -> None:
    assert uninterrupted.record.machine["cohort"] == {"size": 6, "architectures": ["lenet5", "mlp-16"]}
    trials = uninterrupted.trials()
    assert len(trials) == 8
    assert set(trials["state"]) == {"done", "stopped"}
    assert {"lenet5", "mlp-16"} == set(trials["student"])
    for trial, row in trials.iterrows():
        epochs = [report.epoch for report in uninterrupted.reports(trial)]
        assert epochs == list(range(1, row["epoch"] + 1))
        assert (uninterrupted.files.checkpoint(trial)).exists()
    assert not any((uninterrupted.files.root / "cohorts").iterdir())
    assert "1 cohort of up to 6 trials at once" in uninterrupted.files.events.read_text()


def test_what_stopped_early_cost_no_further_epoch(uninterrupted: Any) -> None:
    stopped = uninterrupted.trials().query("state == 'stopped'")
    assert len(stopped) > 0
    assert (stopped["epoch"] < 4).all()


def test_killed_and_resumed_equals_uninterrupted(uninterrupted: Any, tmp_path: Path) -> None:
    """Kill -9 the driver in the middle of a cohort that some have left already."""
    space = tmp_path / "space.yaml"
    space.write_text(yaml.safe_dump(SPACE))
    search = kdtune_cli("search", str(space), "--name", "killed", cwd=tmp_path, start_new_session=True)
    files = tmp_path / "runs" / "killed"
    wait_for(lambda: epochs_reported(files / "events.jsonl") >= 9)
    driver = json.loads((files / "heartbeat.json").read_text())["pid"]
    os.kill(driver, signal.SIGKILL)
    search.communicate(timeout=PATIENCE)
    assert search.returncode == 1
    resumed = kdtune_cli("search", "--resume", "killed", cwd=tmp_path)
    _, err = resumed.communicate(timeout=PATIENCE)
    assert resumed.returncode == 0, err
    assert_same_numbers(open_run(files), uninterrupted)
