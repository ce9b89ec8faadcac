"""The measures that a search can optimise or bound, each derived from a report by one function.

A measure knows its direction, what data it needs, and how to place a value on [0, 1] with 0 the best. That scale
is fixed by the measure, never by the data at hand, so that hypervolumes of different runs can be compared.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kdtune import pareto
from kdtune.errors import InputError, UnknownNameError
from kdtune.fairness import Counts, against_majority, mean_class_bias
from kdtune.runs.records import ALL, Report

Direction = Literal["max", "min"]
Need = Literal["groups", "teacher", "nds"]


@dataclass(frozen=True)
class References:
    """Final counts, over all examples as one group, of the models that a student is compared with."""

    teacher: Counts | None = None
    nds: Counts | None = None


@dataclass(frozen=True)
class Measure:
    """A number to optimise: its direction, its scale and where it comes from.

    Attributes:
        meaning: one line for people.
        need: what it needs to be defined, or None.
        of_counts: computes the value from the counts of one attribute (or of all examples) and the references; None
            if a report holds the value itself.
        badness: places a value on [0, 1]: 0 is the best there is, 1 the worst.
        range: the smallest and the largest value that there can be.
    """

    name: str
    direction: Direction
    meaning: str
    of_counts: Callable[[Counts, References], float] | None
    badness: Callable[[float], float]
    need: Need | None = None
    range: tuple[float, float] = (0.0, 1.0)


BEYOND_MAJORITY = 3.3
"""Standard errors: of 100 models that do not beat the majority, one has more with a probability of 5 %."""


def _one_minus(value: float) -> float:
    return 1.0 - value


def _itself(value: float) -> float:
    return value


def _log_scale(best: float, worst: float) -> Callable[[float], float]:
    def badness(value: float) -> float:
        if math.isnan(value):
            return value
        span = math.log(worst) - math.log(best)
        return min(max((math.log(max(value, best)) - math.log(best)) / span, 0.0), 1.0)

    return badness


def _saturating(value: float) -> float:
    """Place a value that has no upper bound, so that every improvement counts: x / (1 + x), and 1 at infinity."""
    return 1.0 - 1.0 / (1.0 + value)


def _reciprocal(value: float) -> float:
    """Place a value that has no upper bound and is better the larger it is: 1 up to 0, then falling."""
    return 1.0 / (1.0 + max(value, 0.0))


def _answered(counts: Counts, _: References) -> float:
    return float(np.count_nonzero(counts.predicted.sum(axis=0))) if counts.n else math.nan


def _bias_against_teacher(counts: Counts, references: References) -> float:
    return math.nan if references.teacher is None else mean_class_bias(counts, references.teacher)


def _bias_against_nds(counts: Counts, references: References) -> float:
    return math.nan if references.nds is None else mean_class_bias(counts, references.nds)


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            "accuracy", "max", "share of examples classified correctly", lambda c, _: c.accuracy, _one_minus
        ),
        Measure(
            "worst_class_accuracy",
            "max",
            "accuracy on the class that fares worst",
            lambda c, _: c.worst_class_accuracy,
            _one_minus,
        ),
        Measure(
            "over_majority",
            "max",
            "standard errors by which the accuracy exceeds that of always answering the most frequent class (McNemar)",
            lambda c, _: against_majority(c).z,
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
        Measure(
            "class_gap",
            "min",
            "accuracy of the best class minus the worst",
            lambda c, _: c.class_gap,
            _itself,
        ),
        Measure(
            "class_bias_teacher",
            "min",
            "mean absolute change of relative class accuracy against the teacher",
            _bias_against_teacher,
            _saturating,
            "teacher",
            range=(0.0, math.inf),
        ),
        Measure(
            "class_bias_nds",
            "min",
            "mean absolute change of relative class accuracy against the non-distilled student",
            _bias_against_nds,
            _saturating,
            "nds",
            range=(0.0, math.inf),
        ),
        Measure(
            "eod",
            "min",
            "equalized odds difference: largest gap between groups in true or false positive rate, mean over classes",
            lambda c, _: c.eod,
            _itself,
            "groups",
        ),
        Measure(
            "dpd",
            "min",
            "demographic parity difference: largest gap between groups in selection rate, mean over classes",
            lambda c, _: c.dpd,
            _itself,
            "groups",
        ),
        Measure(
            "eod_worst_class",
            "min",
            "EOD of the class that fares worst",
            lambda c, _: c.eod_worst_class,
            _itself,
            "groups",
        ),
        Measure(
            "dpd_worst_class",
            "min",
            "DPD of the class that fares worst",
            lambda c, _: c.dpd_worst_class,
            _itself,
            "groups",
        ),
        Measure(
            "worst_group_accuracy",
            "max",
            "accuracy on the group that fares worst",
            lambda c, _: c.worst_group_accuracy,
            _one_minus,
            "groups",
        ),
        Measure(
            "individual_fairness",
            "min",
            "mean change of the output over the distance of the inputs, over pairs of examples",
            None,
            _saturating,
            range=(0.0, math.inf),
        ),
        Measure("parameters", "min", "number of weights", None, _log_scale(1e2, 1e9), range=(1.0, math.inf)),
        Measure(
            "latency",
            "min",
            "milliseconds to classify one example alone, median",
            None,
            _log_scale(1e-3, 1e4),
            range=(0.0, math.inf),
        ),
    )
}


@dataclass(frozen=True)
class Objective:
    """A measure, for one sensitive attribute if it needs groups: `accuracy`, `eod`, `eod@race`."""

    name: str
    measure: Measure
    attribute: str

    @classmethod
    def parse(cls, name: str, attributes: Sequence[str]) -> "Objective":
        """Find the measure and the attribute that a name refers to; the first attribute if it names none.

        For the first attribute, the measure has its bare name, even if the attribute was named: as in `all_measures`.

        Raises:
            UnknownNameError: no such measure, or no such attribute.
            InputError: the measure needs groups and the data have none, or it needs none and one is named.
        """
        base, at, attribute = name.partition("@")
        if base not in MEASURES:
            raise UnknownNameError("objective", base, MEASURES)
        measure = MEASURES[base]
        if measure.need != "groups":
            if at:
                raise InputError(
                    f"objective {name!r}: {base} is not computed over groups: leave out {at + attribute!r}"
                )
            return cls(name, measure, ALL)
        if not attributes:
            usable = [m.name for m in MEASURES.values() if m.need != "groups"]
            raise InputError(
                f"objective {name!r} needs groups, and the data have no sensitive attribute: "
                f"declare one with 'sensitive' under 'dataset', or choose from {', '.join(usable)}"
            )
        if at and attribute not in attributes:
            raise UnknownNameError("sensitive attribute", attribute, attributes)
        attribute = attribute or attributes[0]
        return cls(base if attribute == attributes[0] else name, measure, attribute)

    def value(self, report: Report, references: References) -> float:
        """Return the objective's value in a report; NaN where it is undefined or was not measured."""
        if self.measure.of_counts is None:
            return float(report.scalars.get(self.measure.name, math.nan))
        counts = report.counts.get(self.attribute)
        return math.nan if counts is None else float(self.measure.of_counts(counts, references))


def all_measures(report: Report, references: References, attributes: Sequence[str]) -> dict[str, float]:
    """Return every measure that a report gives; `name@attribute` for sensitive attributes after the first."""
    values = {}
    for name in applicable(report, references, attributes):
        values[name] = Objective.parse(name, attributes).value(report, references)
    return values


def applicable(report: Report, references: References, attributes: Sequence[str]) -> list[str]:
    """Return the names of the measures that a report, its references and its groups suffice to compute."""
    names = []
    for measure in MEASURES.values():
        present = {
            "groups": bool(attributes),
            "teacher": references.teacher is not None,
            "nds": references.nds is not None,
            None: measure.of_counts is not None or measure.name in report.scalars,
        }[measure.need]
        if present:
            names.append(measure.name)
        if present and measure.need == "groups":
            names.extend(f"{measure.name}@{attribute}" for attribute in attributes[1:])
    return names


def why_trivial(values: Mapping[str, float], objectives: Sequence[str]) -> str:
    """Return why a model with these measures knows nothing of the single example; empty if it does, or none says.

    Where the worst class is an objective and accuracy is not, a model may well be less accurate than always answering
    the most frequent class: there it must only answer more than one.
    """
    if values.get("answered_classes") == 1:
        return "gives the same answer to everybody"
    if judged_by_worst_class(objectives) or not values.get("over_majority", math.inf) < BEYOND_MAJORITY:
        return ""
    return "does not beat always answering the most frequent class beyond noise"


def judged_by_worst_class(objectives: Sequence[str]) -> bool:
    """Return whether the worst class is an objective, and accuracy is none."""
    return "worst_class_accuracy" in objectives and "accuracy" not in objectives


def front_mask(
    values: np.ndarray, objectives: Sequence[Objective], feasible: np.ndarray | None = None
) -> np.ndarray:
    """Return which rows are non-dominated: values [n, objectives], feasible bool [n] -> bool [n]."""
    return pareto.non_dominated(values, [objective.measure.direction for objective in objectives], feasible)


def front_hypervolume(values: np.ndarray, objectives: Sequence[Objective]) -> float:
    """Return the share of the objectives' unit cube that rows of `values` [n, objectives] dominate.

    Each value is placed on [0, 1] by its measure's `badness`; the reference point is (1, …, 1), the worst there is.
    """
    rows = np.asarray(values, dtype=float).reshape(-1, len(objectives))
    if not len(rows):
        return 0.0
    return pareto.hypervolume(
        badness_of(rows, objectives), ["min"] * len(objectives), np.ones(len(objectives))
    )


def badness_of(values: np.ndarray, objectives: Sequence[Objective]) -> np.ndarray:
    """Place values on [0, 1] by their measures, 0 the best: [n, objectives] -> [n, objectives]."""
    return np.column_stack(
        [[o.measure.badness(float(v)) for v in values[:, k]] for k, o in enumerate(objectives)]
    )
