"""Which students are on the front: those done, feasible and dominated by none."""

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kdtune.pareto import Constraint
from kdtune.runs.front import front_members, is_feasible, objective_values
from kdtune.runs.measures.objectives import MEASURES, Objective
from kdtune.runs.state import ModelState, RunState


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
