"""Two drivers on one run, two sweeps on one cache, ten readers beside a writer: real processes, at the same time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdtune.runs import open_run
from tests.conftest import SMALL_SPACE
from tests.limits import PATIENCE
from tests.sweep.chaos import cli, wait_for
from tests.sweep.test_end_to_end import assert_same_numbers

SPACE: dict[str, Any] = {**SMALL_SPACE, "pairs": ["lenet5->mlp-16"]}

_READ = """
import sys, time
from kdtune.runs import open_run
folder = sys.argv[1]
most, reads = {}, 0
while True:
    run = open_run(folder)
    # The front before the trials: between two reads a trial may be done, never undone.
    status, front, trials = run.status(), run.front(), run.trials()
    reads += 1
    for trial, row in trials.iterrows():
        assert row["epoch"] >= most.get(trial, 0), f"{trial} went back from {most[trial]} to {row['epoch']}"
        most[trial] = row["epoch"]
        epochs = [report.epoch for report in run.reports(trial)] if row["epoch"] else []
        assert epochs == list(range(1, len(epochs) + 1)) and len(epochs) >= row["epoch"], (trial, epochs)
    assert set(front.index) <= set(trials.index[trials["state"] == "done"])
    if status.state == "finished":
        break
    time.sleep(0.05)
print(reads, len(trials), status.state)
"""


@pytest.fixture
def space_file(tmp_path: Path) -> Path:
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump(SPACE))
    return path


def record_of(folder: Path) -> Any:
    return folder / "run.json"


@pytest.mark.slow
def test_of_two_drivers_that_resume_one_run_at_once_one_is_refused(space_file: Path, tmp_path: Path) -> None:
    """Both find the run without a driver; the lock decides, and the winner is not disturbed."""
    search = cli("search", str(space_file), "--name", "one", cwd=tmp_path)
    folder = tmp_path / "runs" / "one"
    wait_for(lambda: record_of(folder).exists() and (folder / "trials").exists(), what="the first trial")
    third = cli("search", "--resume", "one", cwd=tmp_path)
    refused = third.communicate(timeout=PATIENCE)[1]
    assert third.returncode == 2
    assert "driven by process" in refused
    stop = cli("stop", "one", "--now", cwd=tmp_path)
    said_stop = stop.communicate(timeout=PATIENCE)
    assert stop.returncode == 0, said_stop
    search.communicate(timeout=PATIENCE)
    both = [cli("search", "--resume", "one", cwd=tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=PATIENCE)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], said
    loser = said[[process.returncode for process in both].index(2)]
    assert "driven by process" in loser
    assert "Traceback" not in loser
    run = open_run(folder)
    assert set(run.trials()["state"]) == {"done"}
    assert [t.epoch for t in run.reports("t0003")] == [1, 2]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_sweeps_share_an_empty_cache_at_once_while_ten_read(
    space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both make the same data, speeds and baselines at the same time; ten readers read one of them all the time."""
    monkeypatch.setenv("KDTUNE_CACHE", str(tmp_path / "cache"))
    sweeps = [cli("search", str(space_file), "--name", name, cwd=tmp_path) for name in ("left", "right")]
    folder = tmp_path / "runs" / "left"
    wait_for(record_of(folder).exists, what="the run")
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", _READ, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(10)
    ]
    for sweep in sweeps:
        said = sweep.communicate(timeout=PATIENCE)
        assert sweep.returncode == 0, said
    for reader in readers:
        out, err = reader.communicate(timeout=PATIENCE)
        assert reader.returncode == 0, err
        assert out.split()[1:] == ["4", "finished"]
    left, right = (open_run(tmp_path / "runs" / name) for name in ("left", "right"))
    assert_same_numbers(left, right)
    [weights] = {(run.files.weights("teacher-lenet5")).read_bytes() for run in (left, right)}
    again = cli("search", str(space_file), "--name", "third", "--trials", "1", cwd=tmp_path)
    said = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, said
    third = open_run(tmp_path / "runs" / "third")
    assert all(model.cached for model in third.state().baselines.values())
    assert third.files.weights("teacher-lenet5").read_bytes() == weights


def test_a_run_that_is_being_prepared_is_stopped_by_name(space_file: Path, tmp_path: Path) -> None:
    """Before its data are loaded a run has no record: `kdtune stop` finds it all the same, and nothing is left."""
    search = cli("search", str(space_file), "--name", "early", cwd=tmp_path, env=None)
    folder = tmp_path / "runs" / "early"
    wait_for((folder / "lock").exists, what="the lock")
    stop = cli("stop", "early", cwd=tmp_path)
    out = stop.communicate(timeout=PATIENCE)[1]
    assert stop.returncode == 0, out
    _, err = search.communicate(timeout=PATIENCE)
    assert search.returncode == 130, err
    if "before it began" in err:  # stopped in time, or after the record: both are clean
        assert not folder.exists()
    else:
        assert json.loads((folder / "run.json").read_text())["name"] == "early"


def test_a_name_is_free_again_where_the_driver_was_killed_before_it_began(tmp_path: Path) -> None:
    from kdtune.errors import RunError
    from kdtune.runs.finding import create_run
    from kdtune.runs.lock import driver_lock

    files = create_run(tmp_path, "early", "x")
    with driver_lock(files), pytest.raises(RunError, match="exists"):
        create_run(tmp_path, "early", "x")
    files.log.write_text("killed here")
    assert not create_run(tmp_path, "early", "x").log.exists()
    with driver_lock(files):
        pass
    (files.root / "mine.txt").write_text("not kdtune's")
    with pytest.raises(RunError, match="exists"):
        create_run(tmp_path, "early", "x")
