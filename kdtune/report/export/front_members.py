"""The members of a run's front, or the reason why there are none to export."""

from collections.abc import Sequence

from kdtune.errors import InputError, RunError
from kdtune.report.export.pick import Choice
from kdtune.runs.empty_front import why_empty
from kdtune.runs.reader import Run
from kdtune.runs.state import ModelState, RunState


def refuse_study(run: Run) -> None:
    """Refuse to export a study.

    Raises:
        InputError: the run is one.
    """
    if not run.record.has_front:
        raise InputError(
            f"run {run.name!r} is a study, whose models are judged over seeds: to make its tables and figures, run "
            f"{run.record.concluding(run.files.argument)}"
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
    raise RunError(f"{run.path}: {why_empty(run.record, done)}")


def choices(run: Run, front: Sequence[ModelState]) -> list[Choice]:
    """Return front members with the values that the search measured, from which `pick` chooses."""
    chosen_by = {} if run.raw else run.chosen_by(run.state())
    return [Choice(trial.id, trial.values, chosen_by.get(trial.id)) for trial in front]
