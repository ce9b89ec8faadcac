"""Asynchronous successive halving: which students go on, by one measure or by all objectives. It does not use Ray.

For one measure this is Li et al. (2018, arXiv 1810.05934), in the form that never waits and never resumes a stopped
trial; for several it is Schmucker et al. (2021, arXiv 2106.12639): non-dominated rank, then an ε-net within the rank.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from kdtune.pareto import epsilon_net, non_dominated_rank
from kdtune.runs.jsonl import Record
from kdtune.runs.paths import trial_number
from kdtune.sweep.plan import Plan


class Halving:
    """Judges trials as they reach rungs: at each rung, the best 1/factor of those that have reached it so far go on.

    Only trials that meet all bounds compete on the objectives, because a trial that has learnt nothing treats all
    groups alike. Below them rank trials that break a bound, by the sum of their violations, and below these, trials
    with an undefined value. Trials that are equal share the fate of the best of them.

    The judgement depends only on what was reported earlier; the order in which trials arrive at a rung matters only
    because of that. A trial is judged once per rung: reporting again changes nothing.

    Args:
        rungs: epochs at which trials are judged, ascending.
        directions: "max" or "min" for each of the values.
    """

    def __init__(self, rungs: Sequence[int], factor: float, directions: Sequence[str]) -> None:
        self.rungs = tuple(rungs)
        self._factor = factor
        self._directions = tuple(directions)
        self._rungs = {epoch: _Rung(len(directions)) for epoch in self.rungs}
        self._stopped: set[int] = set()

    def stopped(self, number: int) -> bool:
        """Return whether this trial lagged behind at one of its rungs."""
        return number in self._stopped

    def recall(
        self, number: int, epoch: int, values: Sequence[float], violations: Sequence[float] = ()
    ) -> None:
        """Record what an ended trial reported after an epoch: it counts for others, but is not judged itself."""
        if epoch in self._rungs:
            self._rungs[epoch].add(number, values, violations)

    def goes_on(
        self, number: int, epoch: int, values: Sequence[float], violations: Sequence[float] = ()
    ) -> bool:
        """Record what a trial reports after an epoch, and return whether it is to be trained further.

        Args:
            values: values of the objectives; NaN if undefined.
            violations: by how much each bound is broken: at most 0 if it is met.
        """
        rung = self._rungs.get(epoch)
        if rung is not None and rung.add(number, values, violations) and not self._is_among_best(rung):
            self._stopped.add(number)
        return number not in self._stopped

    def _is_among_best(self, rung: "_Rung") -> bool:
        """Return whether the trial that came last goes on."""
        rows = rung.rows
        values, violation = rows[:, :-1], rows[:, -1]
        undefined = np.isnan(values).any(axis=1)
        last = len(rows) - 1
        allowed = math.ceil(len(rows) / self._factor)  # this many go on
        if undefined[last]:
            return bool((~undefined).sum() < allowed)
        if violation[last] > 0:
            return bool((~undefined & (violation < violation[last])).sum() < allowed)
        competing = np.flatnonzero(~undefined & (violation <= 0))
        ranks = non_dominated_rank(values[competing], self._directions)
        ahead = int((ranks < ranks[-1]).sum())
        if ahead >= allowed:
            return False
        beside = competing[ranks == ranks[-1]]
        return bool(ahead + epsilon_net(values[beside], self._directions)[-1] < allowed)


class _Rung:
    """What was reported at one epoch: a row of values and the summed violation for each trial."""

    def __init__(self, width: int) -> None:
        self._numbers: set[int] = set()
        self._rows = np.empty((16, width + 1))

    @property
    def rows(self) -> np.ndarray:
        return self._rows[: len(self._numbers)]

    def add(self, number: int, values: Sequence[float], violations: Sequence[float]) -> bool:
        """Append a trial's row; return False if the trial was here before."""
        if number in self._numbers:
            return False
        n = len(self._numbers)
        if n == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        excess = sum(math.inf if math.isnan(v) else max(v, 0.0) for v in violations)
        self._rows[n] = [*values, excess]
        self._numbers.add(number)
        return True


class EarlyStopper:
    """Early stopping as a space asks for it: records the measures of all epochs, and decides which students go on."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stopping = plan.space.early_stopping
        on_one = self._stopping.method == "asha"
        directions = ["max"] if on_one else [o.measure.direction for o in plan.objectives]
        self._halving = Halving(plan.rungs, self._stopping.factor, directions)

    def goes_on(self, number: int) -> bool:
        """Return whether a trial is to be trained further, given what it has reported so far."""
        return not self._halving.stopped(number)

    def record(self, number: int, epoch: int, measures: Mapping[str, float]) -> None:
        """Record the measures of a trial after an epoch, by name."""
        self._halving.goes_on(number, epoch, *self._compared(measures))

    def recall(self, events: Iterable[Record], unfinished: Collection[int]) -> None:
        """Record what earlier drivers reported, in the same order; only trials that may go on are judged again."""
        if not self._halving.rungs:
            return
        for event in events:
            number = trial_number(str(event.get("id", ""))) if event.get("kind") == "report" else None
            if number is None or event["epoch"] not in self._halving.rungs:
                continue
            measures = {name: math.nan if v is None else float(v) for name, v in event["values"].items()}
            if number in unfinished:
                self.record(number, event["epoch"], measures)
            else:
                self._halving.recall(number, event["epoch"], *self._compared(measures))

    def _compared(self, measures: Mapping[str, float]) -> tuple[list[float], list[float]]:
        if self._stopping.method == "asha":
            return [measures.get(self._stopping.measure, math.nan)], []
        return (
            [measures.get(objective.name, math.nan) for objective in self._plan.objectives],
            [c.violation_in(measures) for c in self._plan.constraints],
        )
