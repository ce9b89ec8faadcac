"""What a sampler looks at of a long study: the best trials and the latest ones, so that a proposal costs the same
after a thousand trials as after a hundred thousand."""

from collections.abc import Container, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from kdtune.pareto import non_dominated
from kdtune.sweep.trials.wrapped_sampler import WrappedSampler

LATEST = 900
BEST = 50
"""TPE takes at most 25 trials as good ones; the rest only tells it what is ordinary."""


class BoundedHistory(WrappedSampler):
    """Draws as another sampler does, which sees at most about `LATEST` + `BEST` trials of the study.

    A study of up to `LATEST` trials is seen whole. What is seen depends only on the trials that there are, so that a
    sweep that was killed and resumed proposes what an uninterrupted one would have proposed.
    """

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what is drawn at once."""
        return self._base.infer_relative_search_space(_part_of(study), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw what is drawn at once."""
        return self._base.sample_relative(_part_of(study), trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter."""
        return self._base.sample_independent(_part_of(study), trial, param_name, param_distribution)


class _Part:
    """A study of which only some trials are seen."""

    def __init__(self, study: Study, trials: list[FrozenTrial]) -> None:
        self._study = study
        self._trials = trials

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        """Return the trials that are seen, as the study itself would return all."""
        del use_cache
        if deepcopy:
            raise NotImplementedError("samplers read trials, and change none")
        return [trial for trial in self._trials if states is None or trial.state in states]


class _Best:
    """The complete first non-dominated fronts of the trials that meet all constraints, `BEST` trials or more.

    A trial's rank depends only on those that dominate it, which are in earlier fronts. So these fronts and a new trial
    give the same first fronts as all trials would.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._open: list[int] = []
        self._known = 0

    def update(self, trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> None:
        """Take in what has ended since the last time."""
        looked_at = [*self._open, *range(self._known, len(trials))]
        self._open = [k for k in looked_at if not trials[k].state.is_finished()]
        self._known = len(trials)
        new = [k for k in looked_at if trials[k].state is TrialState.COMPLETE and _is_feasible(trials[k])]
        if not new:
            return
        rows = [*self.numbers, *new]
        values = np.array([trials[k].values for k in rows], dtype=float)
        ways = ["max" if direction is StudyDirection.MAXIMIZE else "min" for direction in directions]
        self.numbers, left = [], np.ones(len(rows), dtype=bool)
        while left.any() and len(self.numbers) < BEST:
            front = non_dominated(values, ways, left)
            self.numbers += [rows[k] for k in np.flatnonzero(front)]
            left &= ~front


def _is_feasible(trial: FrozenTrial) -> bool:
    return all(value <= 0 for value in trial.constraints.values())


_best: WeakKeyDictionary[Study, _Best] = WeakKeyDictionary()


def _part_of(study: Study) -> Study:
    """Return the study as the other sampler sees it."""
    trials = study.get_trials(deepcopy=False)
    if len(trials) <= LATEST:
        return study
    best = _best.setdefault(study, _Best())
    best.update(trials, study.directions)
    first = len(trials) - LATEST
    seen = [trials[k] for k in sorted(best.numbers) if k < first] + trials[first:]
    return cast(Study, _Part(study, seen))
