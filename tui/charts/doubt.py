"""Intervals where decisions are made: of the models in the tables and on the front, from their last report."""

import math
from collections.abc import Sequence

from kdtune.runs.state import ModelState
from kdtune.runs.summary import GAPS

from ..background.questions import DoubtOf, Wish
from ..state.noise import EXACT, Interval, share_interval, steps
from .frame import Frame

MOST_MODELS = 64
"""Intervals of so many models are computed for a screen; each takes tens of milliseconds of another process."""


def interval(frame: Frame, model: ModelState, name: str) -> Interval | None:
    """Return the 95 % interval of a model's last value of a measure; None where it is not known."""
    value = model.values.get(name, math.nan)
    if math.isnan(value):
        return None
    if name.startswith(EXACT):
        return value, value
    if name == "accuracy":
        return share_interval(value, frame.examples) if frame.examples else None
    doubt = frame.doubts.get((model.id, model.epoch, name))
    return None if doubt is None or math.isnan(doubt.low) else (doubt.low, doubt.high)


def has_interval(name: str) -> bool:
    """Return whether a measure has an interval."""
    return name == "accuracy" or name.partition("@")[0] in GAPS


def margin(frame: Frame, model: ModelState, name: str) -> float:
    """Return how far the 95 % interval reaches, on its longer side; NaN where it is not known."""
    found = interval(frame, model, name)
    if found is None:
        return math.nan
    value = model.values[name]
    return max(value - found[0], found[1] - value)


def front_steps(frame: Frame, ids: Sequence[str]) -> list[int] | None:
    """Return the step of each of these members of the front, None while intervals are missing."""
    models = [model for i in ids if (model := frame.store.model(i)) is not None]
    names = frame.store.record.objectives
    values = [[model.values.get(name, math.nan) for name in names] for model in models]
    return steps(values, lambda k, o: interval(frame, models[k], names[o])) if models else None


def wish_of(frame: Frame, ids: Sequence[str]) -> Wish | None:
    """Return the wish for the intervals of these models' objectives, the one under the cursor first.

    Of trials that run, only the compared are looked at: their values change with every epoch.
    """
    names = [name for name in frame.store.record.objectives if name.partition("@")[0] in GAPS]
    if not names:
        return None
    store, view = frame.store, frame.view
    models = [
        model
        for i in dict.fromkeys([*view.compared[::-1], *ids])
        if (model := store.model(i)) is not None
        and model.epoch
        and (model.state != "running" or i in view.compared)
    ][:MOST_MODELS]

    def questions() -> list[DoubtOf]:
        return [DoubtOf((model.id, model.epoch, name)) for model in models for name in names]

    return Wish(("objectives", *((model.id, model.epoch) for model in models)), questions)


def front_wish(frame: Frame) -> Wish | None:
    """Return the wish for the intervals of the front and of the baselines."""
    return wish_of(frame, [*sorted(frame.store.front), *(model.id for model in frame.store.baselines)])
