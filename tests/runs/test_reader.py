"""What a run shows: the tables, the summary, what is refused, liveness."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdtune.errors import RunError
from kdtune.files import dumps, write_json
from kdtune.runs import lock, summarise
from kdtune.runs.lock import beat, driver_lock
from kdtune.runs.measures.objectives import References
from kdtune.runs.reader import Run, open_run
from kdtune.runs.records import ALL


@pytest.fixture
def finished(make_run: Any, make_report: Any) -> Run:
    """Three trials done, one failed, one baseline."""
    files, writer = make_run()
    writer.run_state("running")
    for k, name in enumerate(("teacher-x", "t0000", "t0001", "t0002")):
        writer.model_started(
            name, "teacher" if k == 0 else "student", {"alpha": k / 4, "architecture": "x"}, 2
        )
        for epoch in (1, 2):
            writer.report(name, make_report(epoch, seed=10 * k + epoch), References())
        writer.model_state(name, "done")
    writer.model_started("t0003", "student", {"alpha": 1.0}, 2)
    writer.model_state("t0003", "failed", "loss is nan")
    writer.run_state("finished")
    writer.close()
    return Run(files)


def test_tables(finished: Run) -> None:
    trials = finished.trials()
    assert list(trials.index) == ["t0000", "t0001", "t0002", "t0003"]
    assert trials["alpha"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert trials.loc["t0003", "message"] == "loss is nan"
    assert not trials.loc["t0003", "feasible"]
    front = finished.front()
    assert front["accuracy"].tolist() == sorted(front["accuracy"], reverse=True)
    assert set(front.index) == set(trials.index[trials["front"]])
    assert list(finished.baselines().index) == ["teacher-x"]
    last = finished.report("t0001")
    assert last is not None
    assert trials.loc["t0001", "accuracy"] == last.counts[ALL].accuracy


def test_summary_agrees_with_the_tables(finished: Run) -> None:
    summary = summarise(finished)
    assert [member.id for member in summary.front] == list(finished.front().index)
    assert summary.status.front == tuple(sorted(finished.front().index))
    assert summary.status.trials["done"] == 3
    assert summary.status.trials["failed"] == 1
    sizes = finished.reports("teacher-x")[0].counts["sex"].group_sizes.tolist()
    assert summary.group_sizes == {"sex": dict(zip(("f", "m"), sizes, strict=True))}
    examples = finished.reports("teacher-x")[0].counts["sex"].examples.tolist()
    by_class = {g: dict(zip("abc", row, strict=True)) for g, row in zip("fm", examples, strict=True)}
    assert summary.group_classes == {"sex": by_class}
    assert summary.undefined == ()


def test_doubt_is_of_the_epoch_that_the_value_is_of(finished: Run, make_report: Any) -> None:
    """A report may be written before its event: its interval must not be shown beside the older value."""
    before = summarise(finished).baselines[0].doubts
    with open(finished.files.reports("teacher-x"), "a") as file:
        file.write(dumps(make_report(3, seed=99).to_dict()) + "\n")
    assert summarise(finished).baselines[0].doubts == before


def test_reports_that_are_gone_cost_the_doubt_only(finished: Run) -> None:
    for name in ("teacher-x", "t0000", "t0001", "t0002"):
        finished.files.reports(name).write_text("")
    summary = summarise(finished)
    assert summary.front
    assert all(member.doubts == {} for member in summary.front)
    assert summary.group_sizes == {}


def test_a_run_without_results_has_empty_tables_with_their_columns(make_run: Any) -> None:
    files, writer = make_run()
    run = Run(files)
    assert len(run.trials()) == len(run.front()) == len(run.baselines()) == 0
    assert {"state", "accuracy", "eod", "feasible", "front"} <= set(run.trials().columns)
    writer.model_started("t0000", "student", {}, 2)
    assert list(run.trials().index) == ["t0000"]
    assert np.isnan(run.trials().loc["t0000", "eod"])
    assert len(run.front()) == 0
    assert run.status().hypervolume == 0.0
    assert summarise(run).front == ()
    writer.close()


def test_unknown_models_are_refused(finished: Run) -> None:
    for name in ("t0009", "teacher-y"):
        with pytest.raises(RunError, match=f"no trial or baseline '{name}'"):
            finished.reports(name)
    with pytest.raises(RunError, match="not the name"):
        finished.reports("../..")


def test_open_run_reads_the_record_at_once(finished: Run, tmp_path: Path) -> None:
    assert open_run(finished.path).name == "r"
    assert open_run("r", runs_dir=tmp_path).record.epochs == 2
    finished.files.record.write_text("{}")
    with pytest.raises(RunError, match="no 'schema'"):
        open_run(finished.path)


def test_a_run_is_called_as_its_folder_is_now(finished: Run) -> None:
    renamed = finished.path.rename(finished.path.with_name("renamed"))
    run = open_run(renamed)
    assert json.loads(run.files.record.read_text())["name"] == "r"
    assert {run.name, run.record.name, run.status().name} == {"renamed"}


def test_nothing_is_running_once_the_driver_is_gone(make_run: Any) -> None:
    files, writer = make_run()
    writer.run_state("running", "1 trial at once")
    writer.model_started("t0000", "student", {}, 2)
    writer.close()
    beat(files)
    run = Run(files)
    with driver_lock(files):
        assert (run.status().message, run.status().tally) == ("1 trial at once", "1 running, 0 done")
    assert (run.status().state, run.status().message) == ("lost", "its driver is gone")
    assert run.status().tally == "0 done, 1 interrupted"


def test_liveness(make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_CHANGE_SECONDS", 0.3)
    files, writer = make_run()
    writer.run_state("running")
    run = Run(files)
    beat(files)
    assert run.status().state == "lost", "nobody on this machine holds the lock, whatever the heartbeat says"
    elsewhere = {"time": time.time(), "pid": 1, "host": "elsewhere"}
    write_json(files.heartbeat, elsewhere)
    assert run.status().state == "running", "a driver on another machine, heard of a moment ago"
    old = {"time": time.time() - 2 * lock.LOST_AFTER_SECONDS, "pid": 1, "host": "h"}
    write_json(files.heartbeat, old)
    assert run.status().state == "lost"
    assert run.status().seconds_left is None
    with driver_lock(files):
        assert run.status().state == "running", "a machine that slept: the driver still holds the lock"
    writer.run_state("finished")
    assert run.status().state == "finished"
    writer.close()
