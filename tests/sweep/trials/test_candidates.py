"""Whoever may be on a front is kept, and the front of those who are kept is the front of all."""

import math

import numpy as np
import pytest

from kdtune.pareto import Constraint
from kdtune.runs.front import front_members, is_feasible, may_come_onto_the_front, objective_values
from kdtune.runs.measures.objectives import Objective, front_hypervolume
from kdtune.runs.state import ModelState, RunState
from kdtune.sweep.trials.candidates import Candidates

OBJECTIVES = [Objective.parse(name, {"sex": ("f", "m")}) for name in ("accuracy", "eod")]
BOUNDS = (Constraint("accuracy", ">=", 0.2),)


def student(k: int, rng: np.random.Generator, *, known: bool = True) -> ModelState:
    found = ModelState(f"t{k:04d}", "student", {}, 1, state="done", epoch=1)
    for name in ("accuracy", "eod"):
        found.values[name] = round(rng.random(), 1)  # some are equal
        if known:
            found.seen[name] = round(rng.random(), 1)
    if known:
        found.overfit = float(rng.normal(k / 20, 1.0))
    if rng.random() < 0.1:
        found.values["eod"] = math.nan
    return found


@pytest.mark.parametrize("known", ["all", "none", "most"])
@pytest.mark.parametrize("begun", [0, 30])
def test_the_front_of_candidates_is_the_front_of_all(known: str, begun: int) -> None:
    rng = np.random.default_rng(5)
    everybody = [student(k, rng, known=known == "all" or (known == "most" and k != 40)) for k in range(80)]
    state = RunState(trials={model.id: model for model in everybody[:begun]})
    candidates = Candidates(OBJECTIVES, BOUNDS, everybody[:begun])
    for model in everybody[begun:]:
        before = set(candidates.ids)
        candidates.add(model)
        state.trials[model.id] = model
        # What is let go never comes back, because its weights are deleted.
        assert set(candidates.ids) <= before | {model.id}
        done = list(state.trials.values())
        feasible = np.array([is_feasible(m, BOUNDS) for m in done])
        kept = may_come_onto_the_front(done, OBJECTIVES, feasible)
        assert candidates.ids == [m.id for m, keep in zip(done, kept, strict=True) if keep]
        assert candidates.done == len(done)
        for raw in (False, True):
            members, on = front_members(state, OBJECTIVES, BOUNDS, raw=raw)
            assert {m.id for m, yes in zip(members, on, strict=True) if yes} <= set(candidates.ids)
            if not raw:
                values = objective_values(members, ["accuracy", "eod"])
                assert candidates.hypervolume() == front_hypervolume(values[on], OBJECTIVES)
    assert 0 < len(candidates.ids) < 40


def test_without_students_there_is_no_front() -> None:
    candidates = Candidates(OBJECTIVES, BOUNDS, [])
    assert (candidates.ids, candidates.done, candidates.hypervolume()) == ([], 0, 0.0)
