"""Which trials the table shows, and in which order."""

import math
from collections.abc import Callable, Sequence

from kdtune.runs.records import TRIAL_STATES
from kdtune.runs.state import ModelState

from .filter import Filter, value
from .store import Store, config_value, numeric
from .view import View


def ordered(store: Store, view: View, keep: Filter | None) -> list[str]:
    """Return the sorted ids of the trials that pass the filter, after the pinned ones, which always pass.

    Trials without a value come last in either direction; ties stay in the order in which the trials started.
    """
    pinned = [model_id for model_id in view.pinned if model_id in store.state.trials]
    trials = [t for t in store.state.trials.values() if t.id not in pinned and (keep is None or keep(t))]
    return pinned + [trial.id for trial in sort(view, trials)]


def sort(view: View, trials: Sequence[ModelState]) -> list[ModelState]:
    """Return trials sorted by the view's column."""
    key = _key(view.sort)
    known: list[tuple[tuple[int, float, str], ModelState]] = []
    unknown: list[ModelState] = []
    for trial in trials:
        found = key(trial)
        if found is None:
            unknown.append(trial)
        else:
            known.append((found, trial))
    known.sort(key=lambda pair: pair[0], reverse=view.descending)
    return [trial for _, trial in known] + unknown


def _key(column: str) -> Callable[[ModelState], tuple[int, float, str] | None]:
    def key(trial: ModelState) -> tuple[int, float, str] | None:
        if column == "state":
            return (TRIAL_STATES.index(trial.state) if trial.state in TRIAL_STATES else 9, 0.0, "")
        if column in trial.config and math.isnan(numeric(config_value(trial, column))):
            return (0, 0.0, str(trial.config[column]))
        number = value(trial, column)
        return None if math.isnan(number) else (0, number, "")

    return key
