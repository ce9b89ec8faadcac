"""What each tracker's adapter does, and the names and values that all of them are given."""

import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

from kdtune.runs.state import ModelState

SWEEP = "sweep"
"""Under this name a tracker shows the run as a whole, beside its models."""

PROJECT = "kdtune"
"""Project or experiment for runs, unless the tracker's own environment variable names another."""

_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_. -]")


class Tracker(Protocol):
    """Writes to one tracker: each model is a run of its own, and one more stands for the sweep.

    Whatever the tracker's library raises leaves these methods as it is; `kdtune.trackers.feed` reports it.
    """

    @property
    def where(self) -> str:
        """Where a person finds what is logged: a folder or an address, and the project."""
        ...

    def log(self, model: ModelState, values: Mapping[str, float], time: float) -> None:
        """Log the measures of a model's last epoch, `model.epoch`."""
        ...

    def end(self, model: ModelState, time: float) -> None:
        """Log that a model has ended: `model.state` is done, stopped or failed."""
        ...

    def log_sweep(self, done: int, values: Mapping[str, float], time: float) -> None:
        """Log values of the whole sweep after `done` trials."""
        ...

    def end_sweep(self, state: str, front: tuple[str, ...], time: float) -> None:
        """Log that the sweep has ended, and which trials are on the Pareto front."""
        ...

    def close(self) -> None:
        """Write out what is still held back, and close everything."""
        ...


def metric_names(values: Mapping[str, float]) -> dict[str, float]:
    """Return the defined values under names that every tracker takes: `eod@race` becomes `eod/race`.

    Trackers take letters, digits, `_`, `-`, `.`, blanks and `/`. Where two names would become one, the later of them
    in alphabetical order gets a number.
    """
    named: dict[str, float] = {}
    for name in sorted(values):
        if math.isfinite(values[name]):
            base, _, rest = name.partition("@")
            plain = "/".join(_NOT_A_NAME.sub("_", part) for part in (base, rest) if part)
            free, number = plain, 2
            while free in named:
                free, number = f"{plain}-{number}", number + 1
            named[free] = values[name]
    return named


def settings(model: ModelState) -> dict[str, Any]:
    """Return what a model was trained with, as plain values by name; its kind and id come first."""
    plain = {
        str(key): value for key, value in model.config.items() if isinstance(value, bool | int | float | str)
    }
    return {"model": model.id, "kind": model.kind, "epochs": model.epochs, **plain}
