"""A sampler around another one."""

from collections.abc import Sequence

from optuna import Study
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState


class WrappedSampler(BaseSampler):
    """Lets another sampler know of each trial; how it draws is for subclasses to say.

    Args:
        base: the other sampler.
    """

    def __init__(self, base: BaseSampler) -> None:
        self._base = base

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Hand on."""
        self._base.before_trial(study, trial)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Hand on."""
        self._base.after_trial(study, trial, state, values)
