"""A sweep whose processes all stand still, as in a laptop whose lid is closed; limits are scaled down."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdtune.runs import open_run
from kdtune.runs.jsonl import read_records
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE
from tests.sweep.chaos import Marked, _send, cli, wait_for

SPACE: dict[str, Any] = {
    **SMALL_SPACE,
    "dataset": {**SMALL_SPACE["dataset"], "n_train": 1200},
    "pairs": ["lenet5->mlp-16"],
    "budget": {"trials": 40, "minutes": 5, "epochs": 4},
    "resources": {"workers": 1, "cohort": 1, "max_failures": 0, "stall_seconds": 4},
}
STOPS, SECONDS = 2, 12.0


@pytest.mark.slow
def test_a_sweep_that_stood_still_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    """Each stop is three times as long as a worker may be silent; no trial may fail even once."""
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(SPACE))
    marked = Marked()
    search = cli("search", "s.yaml", "--name", "r", cwd=tmp_path, env=marked.environment)
    reports = tmp_path / "runs" / "r" / "trials"
    wait_for(lambda: search.poll() is not None or reports.exists(), what="the first trial")
    for _ in range(STOPS):
        time.sleep(1.0)
        assert search.poll() is None, search.communicate()
        processes = marked.alive()
        for process in processes:
            _send(process, signal.SIGSTOP)
        time.sleep(SECONDS)
        for process in processes:
            _send(process, signal.SIGCONT)
    _, err = search.communicate(timeout=PATIENCE)
    assert search.returncode == 0, err
    run = open_run(tmp_path / "runs" / "r")
    state = run.state()
    assert [trial.state for trial in state.trials.values()] == ["done"] * 40
    assert {model.failures for model in [*state.trials.values(), *state.baselines.values()]} == {0}
    away = [record["seconds"] for record in read_records(run.files.events) if record["kind"] == "away"]
    assert len(away) == STOPS
    assert all(SECONDS - 6 < seconds < SECONDS + 3 for seconds in away)
