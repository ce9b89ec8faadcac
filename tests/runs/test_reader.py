"""What a run shows: the front, the tables, liveness, the time left."""

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune.errors import RunError
from kdtune.files import dumps, write_json
from kdtune.pareto import Constraint
from kdtune.runs import lock, summarise
from kdtune.runs.front import front_members, is_feasible, objective_values
from kdtune.runs.lock import beat, driver_lock
from kdtune.runs.measures.objectives import MEASURES, Objective, References
from kdtune.runs.reader import Run, open_run
from kdtune.runs.records import ALL, RunRecord
from kdtune.runs.state import ModelState, RunState, fold
from kdtune.runs.time_left import seconds_left


def trial(number: int, state: str = "done", **values: float) -> ModelState:
    return ModelState(f"t{number:04d}", "student", {}, 2, state, 2, values)


def front_ids(trials: list[ModelState], *constraints: Constraint) -> list[str]:
    state = RunState(trials={model.id: model for model in trials})
    objectives = [Objective("accuracy", MEASURES["accuracy"], "all"), Objective("eod", MEASURES["eod"], "s")]
    done, on_front = front_members(state, objectives, constraints)
    return [model.id for model, on in zip(done, on_front, strict=True) if on]


def test_only_trials_that_are_done_feasible_and_defined_can_be_on_the_front() -> None:
    best = {"accuracy": 1.0, "eod": 0.0}
    ended_otherwise = [
        trial(k, state, **best) for k, state in enumerate(("running", "stopped", "failed", "interrupted"))
    ]
    others = [
        trial(4, accuracy=0.9, eod=math.nan),
        trial(5, accuracy=0.9),
        trial(6, accuracy=0.2, eod=0.0),
        trial(7, accuracy=0.8, eod=0.2),
        trial(8, accuracy=0.7, eod=0.1),
        trial(9, accuracy=0.7, eod=0.3),
    ]
    assert front_ids(ended_otherwise) == []
    assert front_ids(ended_otherwise + others, Constraint("accuracy", ">=", 0.5)) == ["t0007", "t0008"]
    assert front_ids(others) == ["t0006", "t0007", "t0008"]


def test_a_constraint_on_what_is_undefined_is_not_met() -> None:
    bound = Constraint("dpd", "<=", 1.0)
    assert not is_feasible(trial(0, dpd=math.nan), [bound])
    assert not is_feasible(trial(0), [bound])
    assert is_feasible(trial(0, dpd=1.0), [bound])
    assert is_feasible(trial(0), [])


measured = st.floats(0, 1) | st.just(math.nan)
states = st.sampled_from(["running", "done", "stopped", "failed", "interrupted"])


@given(st.lists(st.tuples(states, measured, measured), max_size=12), st.randoms())
def test_front_by_brute_force_in_any_order(drawn: list[Any], random: Any) -> None:
    trials = [trial(k, state, accuracy=a, eod=e) for k, (state, a, e) in enumerate(drawn)]

    def allowed(model: ModelState) -> bool:
        return (
            model.state == "done" and model.values["accuracy"] >= 0.25 and not math.isnan(model.values["eod"])
        )

    def dominates(a: ModelState, b: ModelState) -> bool:
        mine = (-a.values["accuracy"], a.values["eod"])
        theirs = (-b.values["accuracy"], b.values["eod"])
        return mine != theirs and mine[0] <= theirs[0] and mine[1] <= theirs[1]

    candidates = [model for model in trials if allowed(model)]
    expected = {m.id for m in candidates if not any(dominates(other, m) for other in candidates)}
    random.shuffle(trials)
    assert set(front_ids(trials, Constraint("accuracy", ">=", 0.25))) == expected


def test_values_of_no_models_keep_their_columns() -> None:
    assert objective_values([], ["a", "b"]).shape == (0, 2)
    assert np.isnan(objective_values([trial(0)], ["a", "b"])).all()


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


def events(*, begun: float, trials: list[tuple[str, int]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"t": begun, "kind": "run", "state": "running"}]
    for number, (state, epoch) in enumerate(trials):
        common = {"t": begun, "kind": "trial", "id": f"t{number:04d}"}
        found.append({**common, "model": "student", "config": {}, "epochs": 10, "state": "running"})
        for trained in range(1, epoch + 1):
            reported = {"t": begun, "kind": "report", "id": common["id"], "epoch": trained}
            found.append({**reported, "values": {}, "seconds": 2.0})
        found.append({**common, "state": state})
    return found


def record(trials: int | None, minutes: float | None = None) -> RunRecord:
    return RunRecord(
        "r", "sweep", 0.0, {"name": "d", "fingerprint": "f"}, ("a",), {}, ("accuracy",), (), (), 10, trials, minutes,
        0, {}, {}, {},
    )  # fmt: skip


def test_time_left_in_closed_form() -> None:
    state = fold(events(begun=0, trials=[("done", 10), ("running", 5)]))
    assert seconds_left(state, record(4), 30.0) == pytest.approx(2.0 * (4 * 10 - 15))
    two = fold(events(begun=0, trials=[("running", 3), ("running", 2), ("stopped", 1)]))
    assert seconds_left(two, record(4), 30.0) == pytest.approx(2.0 * (4 * 10 - 5 - 10) / 2)
    assert seconds_left(state, record(4, minutes=1), 30.0) == pytest.approx(30)
    assert seconds_left(state, record(None, minutes=1), 30.0) == pytest.approx(30)
    assert seconds_left(state, record(None, minutes=1), 90.0) == 0
    assert seconds_left(fold([]), record(4), 30.0) is None
    assert seconds_left(fold(events(begun=0, trials=[])), record(4), 30.0) is None
    state.state = "finished"
    assert seconds_left(state, record(4), 30.0) is None


def test_time_left_where_students_are_trained_as_one() -> None:
    state = fold(events(begun=0, trials=[("running", 2)] * 4))
    for trial in state.trials.values():
        trial.config["student"] = "lenet5"
    cohorts = replace(record(8), machine={"cohort": {"size": 2, "architectures": ["lenet5"]}})
    # Seconds of a report are each student's share: four students in pairs are two trainings at once.
    assert seconds_left(state, cohorts, 30.0) == pytest.approx(2.0 * (8 * 10 - 8) / 2)
    others = replace(record(8), machine={"cohort": {"size": 2, "architectures": ["mlp-16"]}})
    assert seconds_left(state, others, 30.0) == pytest.approx(2.0 * (8 * 10 - 8) / 4)


def test_time_left_of_a_resumed_run_leaves_out_the_night_between() -> None:
    night = 36_000.0
    state = fold(
        [
            *events(begun=0, trials=[("done", 10), ("interrupted", 5)]),
            {"t": 30, "kind": "run", "state": "stopped"},
            {"t": night, "kind": "run", "state": "preparing"},
            {"t": night, "kind": "run", "state": "running"},
        ]
    )
    assert seconds_left(state, record(4), night + 10) == pytest.approx(2.0 * 25)
    assert seconds_left(state, record(None, minutes=2), night + 10) == pytest.approx(110)


def test_a_driver_that_died_without_a_word_is_told_from_its_successor() -> None:
    """After kill -9 the last recorded state is `running`; the next driver records `preparing` first."""
    state = fold(
        [
            *events(begun=0, trials=[("done", 10)]),
            {"t": 500, "kind": "run", "state": "preparing"},
            {"t": 510, "kind": "run", "state": "running"},
        ]
    )
    assert state.trials_started == 510
