"""Which students are on the front, or may come onto it."""

from collections.abc import Sequence

import numpy as np

from kdtune.pareto import Constraint
from kdtune.runs.choosing import possible_values, values_to_choose_by
from kdtune.runs.measures.objectives import Objective, front_mask
from kdtune.runs.records import RunRecord
from kdtune.runs.state import ModelState, RunState


def front_members(
    state: RunState, objectives: Sequence[Objective], constraints: Sequence[Constraint], *, raw: bool = False
) -> tuple[list[ModelState], np.ndarray]:
    """Return the trials done, and which of them are feasible and non-dominated (bool [n]).

    Args:
        raw: by the values on validation alone (see `kdtune.runs.choosing`).
    """
    done = [trial for trial in state.trials.values() if trial.state == "done"]
    names = [objective.name for objective in objectives]
    feasible = np.array([is_feasible(trial, constraints) for trial in done], dtype=bool)
    values = objective_values(done, names) if raw else values_to_choose_by(done, names, feasible)
    return done, front_mask(values, objectives, feasible) if done else feasible


def front_of_run(
    state: RunState, record: RunRecord, objectives: Sequence[Objective], *, raw: bool = False
) -> tuple[list[ModelState], np.ndarray]:
    """Return the trials done, and which of them are on the front of the run: of a study none, because it has none.

    A study trains the same configuration for several seeds, so its best single model would be the luckiest one.
    """
    done, on_front = front_members(state, objectives, record.constraints, raw=raw)
    return done, on_front if record.has_front else np.zeros(len(done), dtype=bool)


def may_come_onto_the_front(
    models: Sequence[ModelState], objectives: Sequence[Objective], feasible: np.ndarray
) -> np.ndarray:
    """Return which models are on the front, on that of validation alone, or may be so later, bool [n]."""
    values = possible_values(models, [objective.name for objective in objectives])
    kept = front_mask(values, [*objectives, *objectives], feasible)
    kept |= front_mask(values[:, : len(objectives)], objectives, feasible)  # equals stay on a front together
    return kept


def is_feasible(model: ModelState, constraints: Sequence[Constraint]) -> bool:
    """Return whether a model meets every constraint; an undefined value meets none."""
    return all(c.violation_in(model.values) <= 0 for c in constraints)


def objective_values(models: Sequence[ModelState], names: Sequence[str]) -> np.ndarray:
    """Return the last values of these measures, float [n, len(names)]; NaN where undefined."""
    rows = [[model.values.get(name, float("nan")) for name in names] for model in models]
    return np.array(rows, dtype=float).reshape(len(models), len(names))
