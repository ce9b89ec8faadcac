"""Early stopping: which Ray scheduler a space asks for."""

from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from kdtune.runs.measures import MEASURES
from kdtune.sweep.space import Space


class _Scheduler(ASHAScheduler):
    """Asynchronous successive halving on one measure, without telling Tune of a metric.

    A metric in `TuneConfig` would turn a multi-objective search into a single-objective one.
    """

    def __init__(self, measure: str, **options: Any) -> None:
        direction = MEASURES[measure].direction
        super().__init__(metric=measure, mode=direction, **options)

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Keep this scheduler's own measure, whatever Tune says."""
        return True


def make_scheduler(space: Space) -> TrialScheduler:
    """Return the scheduler; without early stopping, one that lets every trial run to its last epoch."""
    stopping = space.early_stopping
    if stopping.method == "none":
        return FIFOScheduler()
    grace = stopping.grace or max(1, space.budget.epochs // 8)
    return _Scheduler(
        stopping.measure,
        time_attr="epoch",
        max_t=space.budget.epochs,
        grace_period=min(grace, space.budget.epochs),
        reduction_factor=stopping.factor,
    )
