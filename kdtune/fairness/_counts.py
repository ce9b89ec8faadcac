"""Integer counts per group and class: what a report stores, and every rate and gap that follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kdtune.errors import InputError
from kdtune.fairness._rates import Floats, Ints, equalized_odds_gap, gap, lowest, over_classes, ratio

_TABLES = ("examples", "predicted", "hits")


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each class occurs, is predicted, and is predicted rightly, in each group.

    All rates are one-vs-rest: for class c the positives are the examples of c. A rate without a denominator
    is NaN (undefined), never 0. A gap is max - min over the groups where the rate is defined, NaN with fewer
    than two of them; so a declared group without examples stays out of the gaps, and shows in `n_undefined`.

    Attributes:
        examples: int64 [G, C], examples of class c in group g.
        predicted: int64 [G, C], predictions of class c in group g.
        hits: int64 [G, C], examples of class c in group g that were predicted as c.
        n_missing: examples left out because their group is unknown.

    Raises:
        InputError: shapes differ, a count is negative, or the tables contradict each other.
    """

    examples: Ints
    predicted: Ints
    hits: Ints
    n_missing: int = 0

    def __post_init__(self) -> None:
        for name in _TABLES:
            table = _integer_table(name, getattr(self, name))
            table.setflags(write=False)
            object.__setattr__(self, name, table)
        object.__setattr__(self, "n_missing", int(self.n_missing))
        self._check()

    def _check(self) -> None:
        shape = self.examples.shape
        if len(shape) != 2 or 0 in shape:
            raise InputError(f"counts need tables [groups, classes], got the shape {shape}")
        for name in _TABLES:
            table = getattr(self, name)
            if table.shape != shape:
                raise InputError(f"counts: {name!r} has the shape {table.shape}, 'examples' has {shape}")
            if (table < 0).any():
                raise InputError(f"counts: {name!r} holds a negative number ({int(table.min())})")
        if self.n_missing < 0:
            raise InputError(f"counts: 'n_missing' is negative ({self.n_missing})")
        if (self.hits > np.minimum(self.examples, self.predicted)).any():
            g, c = np.argwhere(self.hits > np.minimum(self.examples, self.predicted))[0]
            raise InputError(
                f"counts: group {g}, class {c} has {self.hits[g, c]} hits, more than its "
                f"{self.examples[g, c]} examples or its {self.predicted[g, c]} predictions"
            )
        true, guessed = self.examples.sum(axis=1), self.predicted.sum(axis=1)
        if (true != guessed).any():
            g = int(np.flatnonzero(true != guessed)[0])
            raise InputError(f"counts: group {g} has {true[g]} examples but {guessed[g]} predictions")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Counts):
            return NotImplemented
        return self.n_missing == other.n_missing and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in _TABLES
        )

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: "Counts") -> "Counts":
        """Count both parts as one whole; raises `InputError` where the shapes of the tables differ."""
        if not isinstance(other, Counts):
            return NotImplemented
        if self.examples.shape != other.examples.shape:
            raise InputError(
                "only counts of the same groups and classes can be added: "
                f"shapes {self.examples.shape} and {other.examples.shape}"
            )
        return Counts(
            self.examples + other.examples,
            self.predicted + other.predicted,
            self.hits + other.hits,
            self.n_missing + other.n_missing,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists of ints, ready for JSON."""
        return {**{name: getattr(self, name).tolist() for name in _TABLES}, "n_missing": self.n_missing}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Counts":
        """Read what `to_dict` wrote; raises `InputError` for what no counting could have produced."""
        if not isinstance(record, Mapping):
            raise InputError(f"counts must be a mapping, got {type(record).__name__}")
        missing = [name for name in _TABLES if name not in record]
        if missing:
            raise InputError(f"counts lack {', '.join(map(repr, missing))}")
        n_missing = record.get("n_missing", 0)
        if isinstance(n_missing, bool) or not isinstance(n_missing, int):
            raise InputError(f"counts: 'n_missing' must be an integer, got {n_missing!r}")
        return cls(record["examples"], record["predicted"], record["hits"], n_missing)

    def overall(self) -> "Counts":
        """Sum the groups into one; the examples whose group is unknown stay out."""
        examples, predicted, hits = (
            table.sum(axis=0, keepdims=True) for table in (self.examples, self.predicted, self.hits)
        )
        return Counts(examples, predicted, hits, self.n_missing)

    @property
    def n_groups(self) -> int:
        """Number of declared groups G, with or without examples."""
        return int(self.examples.shape[0])

    @property
    def n_classes(self) -> int:
        """Number of classes C."""
        return int(self.examples.shape[1])

    @property
    def n(self) -> int:
        """Number of examples counted (those of unknown group left out)."""
        return int(self.examples.sum())

    @property
    def group_sizes(self) -> Ints:
        """Examples per group, [G]."""
        return np.asarray(self.examples.sum(axis=1))

    @property
    def accuracy(self) -> float:
        """Share of examples predicted rightly; NaN without examples."""
        return float(ratio(self.hits.sum(), self.n))

    @property
    def class_accuracy(self) -> Floats:
        """Accuracy on the examples of each class, [C]; NaN for a class without examples."""
        return ratio(self.hits.sum(axis=0), self.examples.sum(axis=0))

    @property
    def worst_class_accuracy(self) -> float:
        """Lowest class accuracy among the classes that have examples; NaN without any."""
        return float(lowest(self.class_accuracy, axis=0))

    @property
    def class_gap(self) -> float:
        """Best minus worst class accuracy; NaN with fewer than two classes that have examples."""
        return float(gap(self.class_accuracy, axis=0))

    @property
    def group_accuracy(self) -> Floats:
        """Accuracy within each group, [G]; NaN for a group without examples."""
        return ratio(self.hits.sum(axis=1), self.group_sizes)

    @property
    def worst_group_accuracy(self) -> float:
        """Lowest group accuracy among the groups that have examples; NaN without any."""
        return float(lowest(self.group_accuracy, axis=0))

    @property
    def tpr(self) -> Floats:
        """P(predicted c | is c, group g), [G, C]; NaN where group g has no example of c."""
        return ratio(self.hits, self.examples)

    @property
    def fpr(self) -> Floats:
        """P(predicted c | is not c, group g), [G, C]; NaN where group g has nothing but c."""
        return ratio(self.predicted - self.hits, self.group_sizes[:, None] - self.examples)

    @property
    def selection_rate(self) -> Floats:
        """P(predicted c | group g), [G, C]; NaN for a group without examples."""
        return ratio(self.predicted, self.group_sizes[:, None])

    @property
    def dpd_by_class(self) -> Floats:
        """Demographic parity difference of each class, one-vs-rest, [C]: the gap of the selection rates."""
        return gap(self.selection_rate, axis=0)

    @property
    def eod_by_class(self) -> Floats:
        """Equalized odds difference of each class, one-vs-rest, [C]: the larger of TPR gap and FPR gap.

        NaN where either gap is undefined: the other is then only a lower bound.
        """
        return equalized_odds_gap(self.tpr, self.fpr)

    @property
    def dpd(self) -> float:
        """Demographic parity difference: of class 1 of two, else the mean; NaN if a class has none."""
        return float(over_classes(self.dpd_by_class))

    @property
    def eod(self) -> float:
        """Equalized odds difference: of class 1 of two, else the mean; NaN if a class has none."""
        return float(over_classes(self.eod_by_class))

    @property
    def dpd_worst_class(self) -> float:
        """Largest demographic parity difference of any class; NaN if that of any class is undefined."""
        return float(self.dpd_by_class.max())

    @property
    def eod_worst_class(self) -> float:
        """Largest equalized odds difference of any class; NaN if that of any class is undefined."""
        return float(self.eod_by_class.max())

    @property
    def n_undefined(self) -> int:
        """Number of TPRs, FPRs and selection rates without a denominator.

        Of two classes only class 1 is looked at: the rates of class 0 are its complements.
        """
        return len(self._undefined_rates())

    def undefined(
        self, group_names: Sequence[str] | None = None, class_names: Sequence[str] | None = None
    ) -> list[str]:
        """Say in words which rates have no denominator, one line for each that `n_undefined` counts."""
        groups = _names("group", group_names, self.n_groups)
        classes = _names("class", class_names, self.n_classes)
        return [
            f"{rate} of class {classes[c]!r} in group {groups[g]!r}: {reason}"
            for rate, g, c, reason in self._undefined_rates()
        ]

    def _undefined_rates(self) -> list[tuple[str, int, int, str]]:
        binary = self.n_classes == 2
        found = []
        for rate, values, reason in (
            ("TPR", self.tpr, "no examples"),
            ("FPR", self.fpr, "no examples of other classes"),
            ("selection rate", self.selection_rate, "the group has no examples"),
        ):
            cells = np.argwhere(np.isnan(values)).tolist()
            found += [(rate, g, c, reason) for g, c in cells if c == 1 or not binary]
        return found


def _names(kind: str, names: Sequence[str] | None, n: int) -> Sequence[str]:
    if names is None:
        return [str(i) for i in range(n)]
    if len(names) != n:
        raise InputError(f"{len(names)} {kind} names for counts with {n}")
    return names


def _integer_table(name: str, rows: object) -> Ints:
    try:
        table = np.asarray(rows)
    except ValueError:
        raise InputError(f"counts: the rows of {name!r} differ in length") from None
    if table.dtype.kind != "i":
        raise InputError(f"counts: {name!r} must be lists of integers, one list a group")
    return table.astype(np.int64)
