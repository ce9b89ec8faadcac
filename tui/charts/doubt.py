"""Intervals where decisions are made: of the models in the tables and on the front, from their last report."""

import math
from collections.abc import Sequence

from kdtune.fairness import GAP_QUANTITIES
from kdtune.runs.comparison.resolution import EXACT, rounded_up
from kdtune.runs.state import ModelState

from ..background.questions import DoubtOf, ResolutionOf, Wish
from ..drawing.text import short
from ..state.noise import Interval, share_interval
from .frame import Frame
from .ranks import whole_front

_BIAS = "class_bias_"

MOST_MODELS = 64
"""Intervals of so many models are computed for a screen; each takes tens of milliseconds of another process."""


def interval(frame: Frame, model: ModelState, name: str) -> Interval | None:
    """Return the 95 % interval of a model's last value of a measure; None where it is not known."""
    value = model.values.get(name, math.nan)
    if math.isnan(value):
        return None
    if name in EXACT:
        return value, value
    if name == "accuracy":
        return share_interval(value, frame.examples) if frame.examples else None
    doubt = frame.doubts.get((model.id, model.epoch, name))
    return None if doubt is None or math.isnan(doubt.low) else (doubt.low, doubt.high)


def has_interval(name: str) -> bool:
    """Return whether a measure has an interval."""
    return name == "accuracy" or name.startswith(_BIAS) or name.partition("@")[0] in GAP_QUANTITIES


def margin(frame: Frame, model: ModelState, name: str) -> float:
    """Return how far the 95 % interval reaches, on its longer side; NaN where it is not known."""
    found = interval(frame, model, name)
    if found is None:
        return math.nan
    value = model.values[name]
    return max(value - found[0], found[1] - value)


def front_steps(frame: Frame) -> dict[str, int]:
    """Return the steps of the front's members as far as they are known: those of one do not differ beyond noise."""
    found = frame.resolution
    if found is None:
        return {}
    return {member: k for k, step in enumerate(found.steps) for member in step if member in frame.store.front}


def against(frame: Frame, model_id: str, role: str) -> str:
    """Return how a member of the front compares with its NDS or teacher: `+EOD −acc`, `= dominated`.

    `?` if nothing of it has a test, and nothing if it is not known.
    """
    found = None if frame.resolution is None else frame.resolution.versus(model_id, role)
    if found is None:
        return ""
    signs = [f"+{short(name)}" for name in found.beats_in] + [f"−{short(name)}" for name in found.worse_in]
    none = "=" if any(difference.tested for difference in found.differences) else "?"
    return " ".join([*(signs or [none]), *(["dominated"] if found.dominates else [])])


def resolution_wish(frame: Frame) -> Wish | None:
    """Return the wish to know what of the front is beyond noise."""
    run, members = frame.run, tuple(whole_front(frame.store))
    if run is None or not members:
        return None
    # As `kdtune status` counts, rounded up so that not every trial that ends asks anew.
    baselines = len(frame.store.baselines)
    done = rounded_up(frame.store.counts()["done"] + baselines) - baselines
    return Wish(("resolution", members, done), lambda: [ResolutionOf(run, members, done)])


def wish_of(frame: Frame, ids: Sequence[str]) -> Wish | None:
    """Return the wish for the intervals of these models' objectives, the one under the cursor first.

    Of trials that run, only the compared are looked at: their values change with every epoch.
    """
    names = [name for name in frame.store.record.objectives if name != "accuracy" and has_interval(name)]
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
        return [q for model in models for name in names if (q := _question(frame, model, name)) is not None]

    return Wish(("objectives", *((model.id, model.epoch) for model in models)), questions)


def _question(frame: Frame, model: ModelState, name: str) -> DoubtOf | None:
    """Return the question for an interval; None for a class bias that has no reference."""
    key = (model.id, model.epoch, name)
    if not name.startswith(_BIAS):
        return DoubtOf(key)
    reference = frame.store.reference(model, name.removeprefix(_BIAS))
    if reference is None or reference.id == model.id or not reference.epoch or model.kind == "teacher":
        return None
    return DoubtOf(key, against=(reference.id, reference.epoch))


def front_wish(frame: Frame) -> Wish | None:
    """Return the wish for what of the front is beyond noise, and for the intervals of it and of the baselines."""
    wishes = [
        resolution_wish(frame),
        wish_of(frame, [*sorted(frame.store.front), *(model.id for model in frame.store.baselines)]),
    ]
    there = [wish for wish in wishes if wish is not None]
    if not there:
        return None
    return Wish(tuple(w.state for w in there), lambda: [q for wish in there for q in wish.questions()])
