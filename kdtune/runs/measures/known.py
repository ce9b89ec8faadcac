"""The measures that kdtune knows by name, each a function of counts or of answers that `kdtune.fairness` has."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from kdtune import fairness
from kdtune.fairness import Counts, mean_class_bias
from kdtune.runs.measures.measure import Measure, References, itself, log_scale, one_minus, saturating

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def _bias_against_teacher(counts: Counts, references: References) -> float:
    return math.nan if references.teacher is None else mean_class_bias(counts, references.teacher)


def _bias_against_nds(counts: Counts, references: References) -> float:
    return math.nan if references.nds is None else mean_class_bias(counts, references.nds)


def _plain(of: Callable[[Counts], float]) -> Callable[[Counts, References], float]:
    return lambda counts, _: of(counts)


def _auc_difference(labels: Ints, probabilities: Floats, groups: Ints) -> float:
    return fairness.difference_over_groups(fairness.auc, labels, probabilities, groups)


def _ece_difference(labels: Ints, probabilities: Floats, groups: Ints) -> float:
    return fairness.difference_over_groups(fairness.expected_calibration_error, labels, probabilities, groups)


def _reciprocal(value: float) -> float:
    """Place a value that has no upper bound and is better the larger it is: 1 up to 0, then falling."""
    return 1.0 / (1.0 + max(value, 0.0))


def _answered(counts: Counts, _: References) -> float:
    return float(np.count_nonzero(counts.predicted.sum(axis=0))) if counts.n else math.nan


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            "accuracy", "max", "share of examples classified correctly", lambda c, _: c.accuracy, one_minus
        ),
        Measure(
            "worst_class_accuracy",
            "max",
            "accuracy on the class that fares worst",
            lambda c, _: c.worst_class_accuracy,
            one_minus,
        ),
        Measure(
            "class_gap",
            "min",
            "accuracy of the best class minus the worst",
            lambda c, _: c.class_gap,
            itself,
        ),
        Measure(
            "class_bias_teacher",
            "min",
            "mean absolute change of relative class accuracy against the teacher",
            _bias_against_teacher,
            saturating,
            "teacher",
            range=(0.0, math.inf),
        ),
        Measure(
            "class_bias_nds",
            "min",
            "mean absolute change of relative class accuracy against the non-distilled student",
            _bias_against_nds,
            saturating,
            "nds",
            range=(0.0, math.inf),
        ),
        Measure(
            "eod",
            "min",
            "equalized odds difference: largest gap between groups in true or false positive rate, mean over classes",
            lambda c, _: c.eod,
            itself,
            "groups",
        ),
        Measure(
            "dpd",
            "min",
            "demographic parity difference: largest gap between groups in selection rate, mean over classes",
            lambda c, _: c.dpd,
            itself,
            "groups",
        ),
        Measure(
            "eod_worst_class",
            "min",
            "EOD of the class that fares worst",
            lambda c, _: c.eod_worst_class,
            itself,
            "groups",
        ),
        Measure(
            "dpd_worst_class",
            "min",
            "DPD of the class that fares worst",
            lambda c, _: c.dpd_worst_class,
            itself,
            "groups",
        ),
        Measure(
            "worst_group_accuracy",
            "max",
            "accuracy on the group that fares worst",
            lambda c, _: c.worst_group_accuracy,
            one_minus,
            "groups",
        ),
        Measure(
            "individual_fairness",
            "min",
            "mean change of the output over the distance of the inputs, over pairs of examples",
            None,
            saturating,
            range=(0.0, math.inf),
            of_model=True,
        ),
        Measure(
            "parameters",
            "min",
            "number of weights",
            None,
            log_scale(1e2, 1e9),
            range=(1.0, math.inf),
            of_model=True,
        ),
        Measure(
            "latency",
            "min",
            "milliseconds to classify one example alone, median",
            None,
            log_scale(1e-3, 1e4),
            range=(0.0, math.inf),
            of_model=True,
        ),
        Measure(
            "over_majority",
            "max",
            "standard errors by which the accuracy exceeds that of always answering the most frequent class (McNemar)",
            lambda c, _: fairness.against_majority(c).z,
            _reciprocal,
            range=(-math.inf, math.inf),
        ),
        Measure(
            "answered_classes",
            "max",
            "number of classes that the model answers at all",
            _answered,
            lambda value: 1.0 / max(value, 1.0),
            range=(1.0, math.inf),
        ),
        *(
            Measure(name, "max", meaning, _plain(of), one_minus, routine=False)
            for name, of, meaning in (
                ("precision", fairness.precision, "share of right answers among the predictions of a class"),
                ("recall", fairness.recall, "share of the examples of a class that are predicted as it"),
                ("f1", fairness.f1, "harmonic mean of precision and recall"),
            )
        ),
        *(
            Measure(name, "min", meaning, _plain(of), itself, "groups", routine=False)
            for name, of, meaning in (
                (
                    "equal_opportunity_difference",
                    fairness.equal_opportunity_difference,
                    "largest gap between groups in true positive rate",
                ),
                (
                    "predictive_parity_difference",
                    fairness.predictive_parity_difference,
                    "largest gap between groups in precision",
                ),
                (
                    "accuracy_difference",
                    fairness.accuracy_difference,
                    "accuracy of the group that fares best minus the worst",
                ),
            )
        ),
        *(
            Measure(name, "max", meaning, _plain(of), one_minus, "groups", routine=False)
            for name, of, meaning in (
                (
                    "demographic_parity_ratio",
                    fairness.demographic_parity_ratio,
                    "lowest selection rate of the groups over the highest (disparate impact)",
                ),
                (
                    "equal_opportunity_ratio",
                    fairness.equal_opportunity_ratio,
                    "lowest true positive rate of the groups over the highest",
                ),
                (
                    "equalized_odds_ratio",
                    fairness.equalized_odds_ratio,
                    "the smaller of the ratios of true and false positive rates between groups",
                ),
            )
        ),
        Measure(
            "auc",
            "max",
            "area under the ROC curve",
            None,
            one_minus,
            of_answers=fairness.auc,
            routine=False,
        ),
        Measure(
            "ece",
            "min",
            "expected calibration error of the most likely class",
            None,
            itself,
            of_answers=fairness.expected_calibration_error,
            routine=False,
        ),
        *(
            Measure(name, "min", meaning, None, itself, "groups", of_answers=of, routine=False)
            for name, of, meaning in (
                ("auc_difference", _auc_difference, "largest gap between groups in AUC"),
                ("ece_difference", _ece_difference, "largest gap between groups in calibration error"),
            )
        ),
        Measure(
            "worst_subgroup_accuracy",
            "max",
            "accuracy on the intersection of groups that fares worst",
            None,
            one_minus,
            "attributes",
            of_answers=fairness.worst_subgroup_accuracy,
            routine=False,
        ),
    )
}
