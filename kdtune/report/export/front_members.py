"""The members of a run's front, or the reason why there are none to export."""

from collections.abc import Sequence

import numpy as np

from kdtune.errors import InputError, RunError
from kdtune.report.export.pick import Choice
from kdtune.runs.reader import Run, objective_values
from kdtune.runs.state import ModelState, RunState


def refuse_study(run: Run) -> None:
    """Refuse to export a study.

    Raises:
        InputError: the run is one.
    """
    if run.record.kind == "study":
        raise InputError(
            f"run {run.name!r} is a study, whose models are judged over seeds: to make its tables and figures, run "
            f"{run.record.concluding} {run.files.argument}"
        )


def front_states(run: Run, state: RunState) -> list[ModelState]:
    """Return the members of a run's front in a state, best in the first objective first.

    Raises:
        RunError: there are none; the message says why.
    """
    members = run.front_states(state)
    if members:
        return members
    done, _ = run.front_of(state)
    if not done:
        running = sum(trial.state == "running" for trial in state.trials.values())
        if running:
            raise RunError(f"{run.path}: no trial is done yet ({running} are training): wait for the first")
        raise RunError(f"{run.path}: no trial is done: continue with '{run.resuming}'")
    undefined = np.isnan(objective_values(done, run.record.objectives)).any(axis=1)
    reasons, asked = [], False
    if undefined.any():
        reasons.append(f"{int(undefined.sum())} have an undefined objective")
    for constraint in run.record.constraints:
        values = [trial.values.get(constraint.name, float("nan")) for trial in done]
        failing = sum(constraint.violation(value) > 0 for value in values)
        if failing:
            best = min(values, key=constraint.violation)
            reasons.append(f"{failing} break {constraint} (the nearest has {best:.4f})")
            asked |= constraint.name in run.record.space.get("constraints", {})
    remedy = (
        "search longer, or with a weaker bound under 'constraints'"
        if asked or undefined.any()
        else "with more examples more may be resolved; 'trivial: keep' in a new search lets them onto the front"
    )
    raise RunError(
        f"{run.path}: none of the {len(done)} trials done is feasible: {'; '.join(reasons)}: {remedy}"
    )


def choices(run: Run, front: Sequence[ModelState]) -> list[Choice]:
    """Return front members with the values that the search measured, from which `pick` chooses."""
    chosen_by = {} if run.raw else run.chosen_by(run.state())
    return [Choice(trial.id, trial.values, chosen_by.get(trial.id)) for trial in front]
