"""A reference point beside students: a model's decisions, corrected afterwards by a threshold for each group."""

import numpy as np
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin

from kdtune.data.dataset import MISSING

CONSTRAINTS = {
    "eod": "equalized_odds",
    "dpd": "demographic_parity",
    "equal_opportunity_difference": "true_positive_rate_parity",
}
"""What fairlearn's ThresholdOptimizer can make equal, by the measure that says how unequal it is."""


class Thresholds:
    """Thresholds for each group on a model's probabilities: `fairlearn.postprocessing.ThresholdOptimizer`.

    They are chosen for accuracy among those that make a rate equal in all groups. So they need to know everybody's
    group when they decide, and some of their decisions are drawn by lot. The decision about an example of unknown
    group stays the model's.

    Args:
        probabilities: of class 1 of two, float [n], on which they are chosen.
        labels: int [n].
        groups: int [n], -1 where unknown.
        measure: which gap they close, one of `CONSTRAINTS`.

    Raises:
        ValueError: a group has examples of one class only, or the examples have no group.
    """

    def __init__(
        self, probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray, measure: str
    ) -> None:
        known = groups != MISSING
        if not known.any():
            raise ValueError("no example belongs to a group")
        self._seen = np.unique(groups[known])
        self._optimizer = ThresholdOptimizer(
            estimator=_Given(),
            constraints=CONSTRAINTS[measure],
            prefit=True,
            predict_method="predict_proba",
        )
        self._optimizer.fit(probabilities[known, None], labels[known], sensitive_features=groups[known])

    def decide(self, probabilities: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Return classes, int64 [n]; the same lots are drawn each time."""
        decisions = (probabilities > 0.5).astype(np.int64)
        known = np.isin(groups, self._seen)
        if known.any():
            decisions[known] = self._optimizer.predict(
                probabilities[known, None], sensitive_features=groups[known], random_state=0
            )
        return decisions


class _Given(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier whose inputs are its own probabilities."""

    classes_ = np.arange(2)

    def fit(self, _x: np.ndarray, _y: np.ndarray) -> "_Given":
        """Learn nothing; scikit-learn takes nothing for a classifier that can't."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities of both classes, [n, 2], given those of class 1, [n, 1]."""
        return np.hstack([1 - x, x])
