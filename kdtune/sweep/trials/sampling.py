"""A sampler that keeps to what a trial is told to be, and repeats no combination before all were tried."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from kdtune.sweep.trials.wrapped_sampler import WrappedSampler

Values = Mapping[str, Any]


class TrialSampler(WrappedSampler):
    """Draws one trial as another sampler does, within what is known of it.

    What it draws depends on the other sampler, the seed, and the trials of smaller numbers.

    Args:
        base: draws what is free.
        given: values that the trial has, by name.
        combinations: all that a trial can be; empty where they are not finite.
    """

    def __init__(
        self, base: BaseSampler, *, given: Values, combinations: Sequence[Values], seed: int
    ) -> None:
        super().__init__(base)
        self._given = given
        self._combinations = combinations
        self._random = random.Random(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what is drawn at once: all of it where combinations are finite."""
        if self._combinations:
            names = dict.fromkeys(name for combination in self._combinations for name in combination)
            return {name: self._choices(name) for name in names}
        space = self._base.infer_relative_search_space(study, trial)
        return {name: distribution for name, distribution in space.items() if name not in self._given}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw as the other sampler does; where that would be a repetition, draw from what was not tried yet."""
        if not self._combinations:
            return self._base.sample_relative(study, trial, search_space)
        drawn = self._drawn(study, trial)
        tried = Counter(
            _key(other.params) for other in study.get_trials(deepcopy=False) if other.number < trial.number
        )
        times = [tried[_key(combination)] for combination in self._combinations]
        fewest = min(times)
        open_ones = [
            combination
            for combination, n in zip(self._combinations, times, strict=True)
            if n == fewest and _agrees(combination, self._given)
        ]
        return dict(drawn if drawn in open_ones or not open_ones else self._random.choice(open_ones))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return what is given, or draw as the other sampler does."""
        if param_name in self._given:
            return self._given[param_name]
        return self._base.sample_independent(study, trial, param_name, param_distribution)

    def _drawn(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """Return the combination that the other sampler draws, within what is given."""
        relative = self._base.sample_relative(
            study, trial, self._base.infer_relative_search_space(study, trial)
        )
        left = [combination for combination in self._combinations if _agrees(combination, self._given)]
        drawn: dict[str, Any] = {}
        while (name := next((name for name in left[0] if name not in drawn), None)) is not None:
            if name in relative:
                value = relative[name]
            else:
                value = self._base.sample_independent(study, trial, name, self._choices(name))
            drawn[name] = self._given.get(name, value)
            left = [combination for combination in left if combination[name] == drawn[name]]
        return drawn

    def _choices(self, name: str) -> CategoricalDistribution:
        values = dict.fromkeys(c[name] for c in self._combinations if name in c)
        return CategoricalDistribution(list(values))


def _key(values: Values) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(values.items()))


def _agrees(combination: Values, given: Values) -> bool:
    return all(given.get(name, value) == value for name, value in combination.items())
