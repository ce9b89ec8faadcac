"""The journal: what happened in words, and time in which nothing ran left out."""

from typing import Any

from kdtune.runs.state import RunState
from tui.state.journal import Journal


def folded(*events: dict[str, Any]) -> tuple[Journal, RunState]:
    journal, state = Journal(), RunState()
    for event in events:
        before, updated = state.state, state.updated
        state.apply(event)
        journal.apply(event, state, before, updated)
    return journal, state


def run(t: float, state: str, message: str = "") -> dict[str, Any]:
    return {"t": t, "kind": "run", "state": state, "message": message}


def trial(t: float, name: str, state: str, **more: Any) -> dict[str, Any]:
    return {
        "t": t,
        "kind": "trial",
        "id": name,
        "model": "student",
        "config": {},
        "epochs": 2,
        "state": state,
        **more,
    }


STARTED = (
    run(0, "preparing", "data: x"),
    run(5, "preparing", "starting Ray"),
    run(10, "running", "2 trials at once"),
)


def test_time_between_two_drivers_is_not_time_spent() -> None:
    journal, state = folded(*STARTED, run(60, "stopped", "on request"), run(1000, "preparing", "data: x"))
    assert journal.elapsed(state, None) == 60
    assert journal.elapsed(state, 1020.0) == 80
    assert "resumed after 15:40 min" in [entry.text for entry in journal.entries]


def test_a_killed_driver_worked_until_its_last_event() -> None:
    journal, state = folded(*STARTED, trial(30, "t0000", "running"), run(500, "preparing", "data: x"))
    assert journal.elapsed(state, 501.0) == 31
    assert [entry.text for entry in journal.entries][-2:] == [
        "the driver ended without a word", "resumed after 7:50 min",
    ]  # fmt: skip


def test_a_driver_killed_while_it_prepared_is_noticed() -> None:
    journal, state = folded(STARTED[0], STARTED[1], run(100, "preparing", "data: x"))
    assert journal.elapsed(state, None) == 5
    assert state.steps == [(100.0, "data: x")]


def test_steps_have_their_durations() -> None:
    _, state = folded(*STARTED[:2])
    assert state.preparation(12.0) == [("data: x", 5.0), ("starting Ray", 7.0)]


def test_growth_of_the_front_and_failures_are_told() -> None:
    journal, _ = folded(
        *STARTED,
        trial(20, "t0000", "running"),
        trial(30, "t0000", "done"),
        {"t": 30, "kind": "front", "done": 1, "hypervolume": 0.5},
        trial(31, "t0001", "running"),
        trial(40, "t0001", "done"),
        {"t": 40, "kind": "front", "done": 2, "hypervolume": 0.5},
        trial(41, "t0002", "failed", message="no\nmemory"),
        trial(42, "t0003", "running"),
        trial(43, "t0003", "interrupted", failure=True, message="killed"),
        trial(44, "t0003", "running"),
        trial(45, "t0003", "done"),
        {"t": 45, "kind": "front", "done": 3, "hypervolume": 0.504},
        run(50, "finished"),
    )
    assert [entry.text for entry in journal.entries] == [
        "started",
        "trials began: 2 trials at once",
        "front begun by t0000 (hv +0.5)",
        "t0002 failed: no\\nmemory",
        "t0003: its worker failed, it is run again: killed",
        "front grew by t0003 (hv +0.004)",
        "finished",
    ]


def test_of_a_cohort_the_student_is_named_that_the_front_grew_by() -> None:
    journal, _ = folded(
        *STARTED,
        trial(30, "t0000", "done"),
        trial(30, "t0001", "done"),
        trial(30, "t0002", "done"),
        {"t": 30, "kind": "front", "done": 1, "hypervolume": 0.5, "by": "t0000"},
        {"t": 30, "kind": "front", "done": 2, "hypervolume": 0.6, "by": "t0001"},
        {"t": 30, "kind": "front", "done": 3, "hypervolume": 0.6, "by": "t0002"},
    )
    assert [(entry.text, entry.model) for entry in journal.entries[-2:]] == [
        ("front begun by t0000 (hv +0.5)", "t0000"),
        ("front grew by t0001 (hv +0.1)", "t0001"),
    ]


def test_time_in_which_the_machine_slept_is_not_time_spent() -> None:
    journal, state = folded(
        *STARTED, {"t": 4000, "kind": "away", "seconds": 3600.0}, trial(4030, "t0000", "running")
    )
    assert journal.elapsed(state, None) == 430
    assert "nothing ran for 1:00 h: the machine slept, or its clock was set" in [
        e.text for e in journal.entries
    ]
    journal, state = folded(
        *STARTED, {"t": -3580, "kind": "away", "seconds": -3600.0}, trial(-3570, "t0000", "running")
    )
    assert journal.elapsed(state, None) == 30
    assert "the machine's clock was set back by 1:00 h" in [entry.text for entry in journal.entries]
