"""The time that the trials will still take, and from when it is counted."""

from dataclasses import replace
from typing import Any

import pytest

from kdtune.runs.records import RunRecord
from kdtune.runs.state import fold
from kdtune.runs.time_left import seconds_left


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
