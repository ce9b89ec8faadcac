"""Events folded into state: order, unknown or damaged events, resumed runs."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune.runs.state import RunState, fold


def run(t: float, state: str, **more: Any) -> dict[str, Any]:
    return {"t": t, "kind": "run", "state": state, **more}


def started(t: float, model_id: str = "t0000", **more: Any) -> dict[str, Any]:
    kind = "trial" if model_id.startswith("t0") else "baseline"
    return {
        "t": t, "kind": kind, "id": model_id, "model": "student", "config": {"alpha": 0.5}, "epochs": 3,
        "state": "running", **more,
    }  # fmt: skip


def report(t: float, epoch: int, model_id: str = "t0000", **values: float | None) -> dict[str, Any]:
    return {"t": t, "kind": "report", "id": model_id, "epoch": epoch, "seconds": 2.0, "values": values}


def ended(t: float, state: str, model_id: str = "t0000", **more: Any) -> dict[str, Any]:
    return {"t": t, "kind": "trial", "id": model_id, "state": state, **more}


def test_a_trial_from_begin_to_end() -> None:
    state = fold(
        [
            run(1, "preparing", message="data"),
            run(2, "running"),
            started(3),
            report(4, 1, accuracy=0.5, eod=None),
            report(5, 2, accuracy=0.6, eod=0.25),
            ended(6, "done"),
            {"t": 7, "kind": "front", "done": 1, "hypervolume": 0.5},
            run(8, "finished"),
        ]
    )
    trial = state.trials["t0000"]
    assert (trial.state, trial.epoch, trial.epochs, trial.seconds) == ("done", 2, 3, 4.0)
    assert trial.values == {"accuracy": 0.6, "eod": 0.25}
    assert (trial.started, trial.ended, trial.config) == (3, 6, {"alpha": 0.5})
    assert (state.state, state.message, state.started, state.updated) == ("finished", "", 1, 8)
    assert state.hypervolume == [(1, 0.5)]
    assert state.unknown == 0
    assert state.model("t0000") is trial
    assert state.model("t0001") is None


def test_null_is_undefined() -> None:
    state = fold([started(1), report(2, 1, eod=None)])
    assert math.isnan(state.trials["t0000"].values["eod"])
    later = {"t": 3, "kind": "values", "id": "t0000", "values": {"class_bias_teacher": None, "dpd": 0.5}}
    state = fold([started(1), report(2, 1), later])
    assert math.isnan(state.trials["t0000"].values["class_bias_teacher"])
    assert (state.trials["t0000"].values["dpd"], state.unknown) == (0.5, 0)


def test_baselines_and_trials_are_kept_apart() -> None:
    state = fold([started(1, "nds-lenet5", cached=True), started(2)])
    assert list(state.baselines) == ["nds-lenet5"]
    assert list(state.trials) == ["t0000"]
    assert state.baselines["nds-lenet5"].cached
    assert not state.trials["t0000"].cached


def test_in_a_study_a_student_is_compared_with_the_baselines_of_its_own_seed() -> None:
    baselines = [
        started(
            1, f"{role}-{network}-s{seed}", model=role, config={"architecture": network, "study_seed": seed}
        )
        for seed in (0, 1)
        for role, network in (("teacher", "a"), ("nds", "b"))
    ]
    config = {"teacher": "a", "student": "b", "study_seed": 1}
    state = fold(
        [*baselines, started(2, config=config), started(2, "t0001", config={**config, "study_seed": 2})]
    )
    student, early = state.trials.values()
    baselines_of_it = [state.reference(student, kind) for kind in ("teacher", "nds")]
    assert baselines_of_it == [state.baselines["teacher-a-s1"], state.baselines["nds-b-s1"]]
    assert state.reference(early, "teacher") is None
    assert state.reference(state.baselines["nds-b-s0"], "teacher") == state.baselines["teacher-a-s0"]


def test_a_resumed_trial_goes_on_where_it_was() -> None:
    state = fold(
        [
            run(0, "running"),
            started(1),
            report(2, 1, accuracy=0.5),
            ended(3, "interrupted"),
            run(4, "stopped"),
            run(100, "preparing"),
            run(101, "running"),
            started(102),
            report(103, 2, accuracy=0.7),
        ]
    )
    trial = state.trials["t0000"]
    assert (trial.state, trial.epoch, trial.ended, trial.started) == ("running", 2, None, 1)
    assert state.started == 0
    assert state.trials_started == 101
    assert state.epochs_settled == 2


def test_message_of_a_failure_is_gone_when_the_trial_runs_again() -> None:
    state = fold([started(1), ended(2, "failed", message="out of memory")])
    assert state.trials["t0000"].message == "out of memory"
    assert fold([started(1), ended(2, "failed", message="x"), started(3)]).trials["t0000"].message == ""


def test_a_trial_that_ended_early_has_no_epochs_left() -> None:
    state = fold([started(1), report(2, 1), ended(3, "stopped"), started(4, "t0001"), report(5, 1, "t0001")])
    assert state.epochs_settled == 3 + 1


@pytest.mark.parametrize(
    "event",
    [
        {"t": 1, "kind": "of a later version"},
        {"t": 1},
        {"kind": "run", "state": "running"},
        {"t": "x", "kind": "run", "state": "running"},
        {"t": 1, "kind": "run"},
        {"t": 1, "kind": "trial", "id": "t0009", "state": "done"},
        {"t": 1, "kind": "report", "id": "t0009", "epoch": 1, "values": {}},
        {"t": 1, "kind": "report", "id": ["t0000"], "epoch": 1, "values": {}},
        {"t": 1, "kind": "report", "id": "t0000", "epoch": float("inf"), "values": {}},
        {"t": 1, "kind": "front", "done": None, "hypervolume": 1},
    ],
)
def test_what_is_not_understood_is_counted_and_changes_nothing_else(event: dict[str, Any]) -> None:
    known = [run(1, "running"), started(2)]
    before, after = fold(known), fold([*known, event])
    assert after.unknown == 1
    after.unknown, after.updated = 0, before.updated
    assert after == before


values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.lists(st.integers())
)
keys = ("t", "id", "state", "epoch", "seconds", "values", "done", "hypervolume", "config", "epochs", "model")


@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional={key: values | st.just({"a": 1}) | st.just({"a": "x"}) for key in keys}
        ).flatmap(
            lambda event: st.sampled_from(["run", "trial", "baseline", "report", "front", None]).map(
                lambda kind: {**event, "kind": kind}
            )
        ),
        max_size=8,
    )
)
def test_no_event_stops_the_fold(events: list[dict[str, Any]]) -> None:
    assert isinstance(fold(events), RunState)


def test_folding_piece_by_piece_is_folding_at_once() -> None:
    events = [
        run(1, "running"),
        started(2),
        report(3, 1, accuracy=0.5),
        started(4, "t0001"),
        ended(5, "done"),
    ]
    for cut in range(len(events)):
        state = fold(events[:cut])
        for event in events[cut:]:
            state.apply(event)
        assert state == fold(events)


def away(t: float, seconds: float) -> dict[str, object]:
    return {"t": t, "kind": "away", "seconds": seconds}


def test_what_began_before_a_sleep_moves_by_its_length() -> None:
    """So the time since then is that at work; what has ended stays where it was."""
    state = fold([run(0, "running"), started(1), ended(4, "done"), started(5, "t0001"), away(1010, 1000)])
    assert state.trials_started == 1000
    assert state.trials["t0001"].started == 1005
    assert (state.trials["t0000"].started, state.trials["t0000"].ended) == (1, 4)
    assert fold([run(0, "running"), away(2, float("inf"))]).unknown == 1
