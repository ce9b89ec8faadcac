"""The only objective of each trial at work, by epoch: what Optuna calls intermediate values."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from kdtune.runs.jsonl import Record
from kdtune.runs.measures.objectives import Objective
from kdtune.runs.paths import trial_number


class ObjectiveCurves:
    """Keeps a curve for each trial at work; none where there are several objectives, because Optuna takes none."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._name = objectives[0].name if len(objectives) == 1 else None
        self._curves: dict[int, dict[int, float]] = {}

    def recall(self, events: Iterable[Record], numbers: Collection[int]) -> None:
        """Take in what an earlier driver recorded of these trials."""
        if self._name is None or not numbers:
            return
        for event in events:
            if event.get("kind") == "report":
                number = trial_number(str(event.get("id")))
                if number in numbers and number is not None:
                    self.record(number, int(event["epoch"]), event["values"])

    def record(self, number: int, epoch: int, values: Mapping[str, float | None]) -> None:
        """Add an epoch."""
        if self._name is not None:
            value = values.get(self._name)
            self._curves.setdefault(number, {})[epoch] = math.nan if value is None else float(value)

    def pop(self, number: int) -> dict[int, float]:
        """Return a trial's curve, and forget it."""
        return self._curves.pop(number, {})
