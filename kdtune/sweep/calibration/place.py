"""Where something is measured: in this process, unless trials run elsewhere."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from kdtune.sweep.plan import Plan


class Place(Protocol):
    """Calls a function where trials run, and returns what it returns."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the function with these arguments."""


def here(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in this process."""
    return function(*arguments)


@dataclass(frozen=True)
class Setting:
    """What decides how fast a model trains, and is small enough to be sent elsewhere.

    Attributes:
        shape: of one example, without the batch.
        threads: of a trial.
        steps: of a student's training.
    """

    shape: tuple[int, ...]
    n_classes: int
    batch_size: int
    threads: int
    steps: int = 0

    @classmethod
    def of(cls, plan: Plan) -> "Setting":
        """Return the setting of a sweep's trials."""
        threads = max(1, int(plan.space.resources.cpus_per_trial))
        dataset, train = plan.dataset, plan.space.train_config()
        steps = train.epochs * math.ceil(len(dataset.train.labels) / train.batch_size)
        return cls(dataset.input_shape, dataset.n_classes, train.batch_size, threads, steps)
