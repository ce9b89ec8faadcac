"""What a search optimises or bounds: measures by name, of all examples, over an attribute's groups, or of one group.

Each value is derived from a report by one function. A measure's scale is fixed by the measure, never by the data at
hand, so that hypervolumes of different runs can be compared.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kdtune import pareto
from kdtune.errors import InputError, UnknownNameError
from kdtune.fairness import Counts
from kdtune.runs.measures.known import MEASURES
from kdtune.runs.measures.measure import Answers, Direction, Measure, Need, References
from kdtune.runs.measures.own import measures as registered
from kdtune.runs.records import ALL, Report, RunRecord

__all__ = [
    "BEYOND_MAJORITY",
    "MEASURES",
    "Direction",
    "Measure",
    "Need",
    "Objective",
    "References",
    "all_measures",
    "applicable",
    "badness_of",
    "check_own_measures",
    "find_measure",
    "front_hypervolume",
    "front_mask",
    "hypervolume_added",
    "judged_by_worst_class",
    "objective_of",
    "own_measures",
    "recorded_values",
    "why_trivial",
]

BEYOND_MAJORITY = 3.3
"""Standard errors: of 100 models that do not beat the majority, one has more with a probability of 5 %."""

_CORNER = 1.1

Attributes = Collection[str]
"""Names of sensitive attributes, in order; a mapping from them to their groups, where one group may be named."""


@dataclass(frozen=True)
class Objective:
    """A measure of all examples, over the groups of an attribute, or of one group.

    They are called `accuracy`, `eod` or `eod@race`, and `accuracy@race=Caucasian`.

    Attributes:
        attribute: whose groups it is about; `ALL` where it is about none.
        group: position of the one group among those of the attribute; None where it is about no single one.
    """

    name: str
    measure: Measure
    attribute: str
    group: int | None = None

    @classmethod
    def parse(
        cls, name: str, attributes: Attributes, own: Mapping[str, Measure] | None = None
    ) -> "Objective":
        """Find the measure, the attribute and the group that a name refers to; the first attribute if it names none.

        For the first attribute, the measure has its bare name, even if the attribute was named: as in `all_measures`.

        Args:
            own: further measures, which a run has recorded.

        Raises:
            UnknownNameError: no such measure, attribute or group.
            InputError: the measure needs groups and the data have none, or it needs none and one is named.
        """
        base, at, rest = name.partition("@")
        measure = find_measure(base, own)
        if rest and rest not in attributes and "=" in rest:
            return cls._of_group(name, measure, rest, attributes)
        if measure.need != "groups":
            if at:
                one = f", or name a group: {name}=…" if measure.has_groups and rest in attributes else ""
                raise InputError(
                    f"measure {name!r}: {base} is not computed over groups: leave out {at + rest!r}{one}"
                )
            if measure.need == "attributes" and not attributes:
                raise _without_groups(name)
            return cls(name, measure, ALL)
        if not attributes:
            raise _without_groups(name)
        if at and rest not in attributes:
            raise UnknownNameError("sensitive attribute", rest, attributes)
        first = next(iter(attributes))
        attribute = rest or first
        return cls(base if attribute == first else name, measure, attribute)

    @classmethod
    def _of_group(cls, name: str, measure: Measure, rest: str, attributes: Attributes) -> "Objective":
        """Return what `measure@attribute=group` means; names of attributes and groups may themselves have an =."""
        if not measure.has_groups:
            raise InputError(
                f"measure {name!r}: {measure.name} can't be taken of one group: leave out {'@' + rest!r}"
            )
        if not attributes:
            raise _without_groups(name)
        splits = [(rest[:k], rest[k + 1 :]) for k, sign in enumerate(rest) if sign == "="]
        attribute, group = next((s for s in splits if s[0] in attributes), splits[0])
        if attribute not in attributes:
            raise UnknownNameError("sensitive attribute", attribute, attributes)
        groups = list(attributes[attribute]) if isinstance(attributes, Mapping) else []
        if group not in groups:
            raise UnknownNameError(f"group of {attribute!r}", group, groups)
        return cls(name, measure, attribute, groups.index(group))

    def value(self, report: Report, references: References) -> float:
        """Return the objective's value in a report; NaN where it is undefined or was not measured."""
        if self.measure.of_counts is None:
            return float(report.scalars.get(self.name, math.nan))
        counts = report.counts.get(self.attribute)
        return math.nan if counts is None else self.of_counts(counts, references)

    def of_counts(self, counts: Counts, references: References) -> float:
        """Return the value for the counts by the groups of the attribute."""
        assert self.measure.of_counts is not None
        if self.group is not None:
            row = slice(self.group, self.group + 1)
            counts = Counts(counts.examples[row], counts.predicted[row], counts.hits[row])
        return float(self.measure.of_counts(counts, references))

    def answered(self, answers: Answers) -> float:
        """Return the value for what a model answered, of a measure that is a function of this.

        Raises:
            InputError: a function of the user's own failed.
        """
        if self.group is not None:
            answers = answers.only(answers.attributes[self.attribute] == self.group)
        return self.measure.answered(answers, self.attribute if self.measure.need == "groups" else None)


def find_measure(name: str, own: Mapping[str, Measure] | None = None) -> Measure:
    """Return the measure of this name: one that a run recorded, one of kdtune's, or one that the user registered.

    Raises:
        UnknownNameError: there is none; the message offers the nearest name.
    """
    if own and name in own:
        return own[name]
    if name in MEASURES:
        return MEASURES[name]
    if name in registered:
        return registered.get(name)
    raise UnknownNameError("measure", name, [*MEASURES, *registered, *(own or ())])


def check_own_measures(record: RunRecord) -> None:
    """Refuse to compute the measures of a run, where the user's own ones among them are not registered.

    Raises:
        InputError: naming them, and the remedy.
    """
    missing = [name for name in record.measures if name not in registered]
    if missing:
        raise InputError(
            f"this run has measures of its own, {', '.join(map(repr, missing))}, and no imported module registers "
            "them: name the module that does: --import MODULE"
        )


def _without_groups(name: str) -> InputError:
    usable = [m.name for m in MEASURES.values() if m.need not in ("groups", "attributes")]
    return InputError(
        f"measure {name!r} needs groups, and the data have no sensitive attribute: "
        f"declare one with 'sensitive' under 'dataset', or choose from {', '.join(usable)}"
    )


def own_measures(record: RunRecord) -> dict[str, Measure]:
    """Return the measures of the user's own that a run has recorded, by name."""
    return {name: own.measure(name) for name, own in record.measures.items()}


def objective_of(record: RunRecord, name: str) -> Objective:
    """Return what a name means in a run; the errors are those of `Objective.parse`."""
    return Objective.parse(name, record.attributes, own_measures(record))


def recorded_values(record: RunRecord, report: Report, references: References) -> dict[str, float]:
    """Return every measure that a report of a run gives: the routine ones, and those that the run was asked for."""
    return all_measures(report, references, record.attributes, record.asked, own_measures(record))


def all_measures(
    report: Report,
    references: References,
    attributes: Attributes,
    asked: Sequence[str] = (),
    own: Mapping[str, Measure] | None = None,
) -> dict[str, float]:
    """Return the measures that a report gives; `name@attribute` for sensitive attributes after the first.

    Args:
        asked: names of measures beside the routine ones.
        own: measures that a run has recorded.
    """
    values = {}
    for name in [*applicable(report, references, attributes), *asked]:
        objective = Objective.parse(name, attributes, own)
        values[objective.name] = objective.value(report, references)
    return values


def applicable(report: Report, references: References, attributes: Attributes) -> list[str]:
    """Return the names of the routine measures that a report, its references and its groups suffice to compute."""
    names = []
    for measure in MEASURES.values():
        if not measure.routine:
            continue
        present = {
            "groups": bool(attributes),
            "teacher": references.teacher is not None,
            "nds": references.nds is not None,
        }.get(str(measure.need), measure.of_counts is not None or measure.name in report.scalars)
        if present:
            names.append(measure.name)
        if present and measure.need == "groups":
            names.extend(f"{measure.name}@{attribute}" for attribute in list(attributes)[1:])
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


OF_EVERY_SEARCH = {
    pareto.Constraint(
        "over_majority", ">=", BEYOND_MAJORITY
    ): "better than the most frequent class beyond noise",
    pareto.Constraint("answered_classes", ">=", 2): "more than one class answered",
}
"""Bounds that keep useless models off every front, in words; a bound of the user's on the same measure is another."""


def in_words(constraint: pareto.Constraint) -> str:
    """Return a bound for readers, not rounded: `accuracy >= 0.9999`; those of every search as what they mean."""
    return OF_EVERY_SEARCH.get(constraint) or str(constraint)


def front_hypervolume(values: np.ndarray, objectives: Sequence[Objective]) -> float:
    """Return the share of the objectives' box that rows of `values` [n, objectives] dominate.

    Each value is placed on [0, 1] by its measure's `badness`. The box reaches a tenth beyond the worst there is, so
    that a student counts which is at its worst in one objective, such as with a class that it has not learnt yet.
    """
    rows = np.asarray(values, dtype=float).reshape(-1, len(objectives))
    if not len(rows):
        return 0.0
    corner = np.full(len(objectives), _CORNER)
    volume = pareto.hypervolume(badness_of(rows, objectives), ["min"] * len(objectives), corner)
    return volume / float(corner.prod())


def hypervolume_added(values: np.ndarray, others: np.ndarray, objectives: Sequence[Objective]) -> float:
    """Return how much hypervolume rows of `values` add to that of `others`, [n, objectives] and [m, objectives]."""
    both = np.concatenate([np.reshape(rows, (-1, len(objectives))) for rows in (values, others)])
    # Not below 0, as the difference of two sums may be by its rounding.
    return max(0.0, front_hypervolume(both, objectives) - front_hypervolume(others, objectives))


def badness_of(values: np.ndarray, objectives: Sequence[Objective]) -> np.ndarray:
    """Place values on [0, 1] by their measures, 0 the best: [n, objectives] -> [n, objectives]."""
    return np.column_stack(
        [[o.measure.badness(float(v)) for v in values[:, k]] for k, o in enumerate(objectives)]
    )
