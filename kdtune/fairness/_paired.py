"""Rates of models on the same examples, and errors of these rates drawn together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from kdtune.fairness._rates import (
    Floats,
    Ints,
    equalized_odds_gap,
    gap,
    lowest,
    over_classes,
    ratio,
    relative,
)


@dataclass(frozen=True)
class PairedMeasure:
    """A measure as a function of rates whose denominators are fixed.

    Attributes:
        kind: the rates. `hits`: shares of right answers, [D]; `selections`: selection rates, [G, C]; `odds`: true and
            false positive rates, [2, G, C].
        by: the denominators: `all` examples, each `class`, each `group`, or each class in each group (`cell`).
        value: rates [..., *shape] -> [...]; None for class bias, which depends on a reference too.
        axis: the axis along which rates are compared; None for a plain rate.
    """

    kind: Literal["hits", "selections", "odds"]
    by: Literal["all", "class", "group", "cell"]
    value: Callable[[Floats], Floats] | None
    axis: int | None

    @property
    def needs_groups(self) -> bool:
        """Whether the denominators are those of groups."""
        return self.by in ("group", "cell")

    @property
    def needs_reference(self) -> bool:
        """Whether the value depends on the rates of a reference."""
        return self.value is None


def _odds_by_class(rates: Floats) -> Floats:
    return equalized_odds_gap(rates[..., 0, :, :], rates[..., 1, :, :])


def _parity_by_class(rates: Floats) -> Floats:
    return gap(rates, axis=-2)


PAIRED_MEASURES: Mapping[str, PairedMeasure] = {
    "accuracy": PairedMeasure("hits", "all", lambda r: r[..., 0], None),
    "worst_class_accuracy": PairedMeasure("hits", "class", lambda r: lowest(r, axis=-1), -1),
    "class_gap": PairedMeasure("hits", "class", lambda r: gap(r, axis=-1), -1),
    "class_bias": PairedMeasure("hits", "class", None, -1),
    "worst_group_accuracy": PairedMeasure("hits", "group", lambda r: lowest(r, axis=-1), -1),
    "eod": PairedMeasure("odds", "cell", lambda r: over_classes(_odds_by_class(r)), -2),
    "dpd": PairedMeasure("selections", "group", lambda r: over_classes(_parity_by_class(r)), -2),
    "eod_worst_class": PairedMeasure("odds", "cell", lambda r: _odds_by_class(r).max(axis=-1), -2),
    "dpd_worst_class": PairedMeasure("selections", "group", lambda r: _parity_by_class(r).max(axis=-1), -2),
}


@dataclass(frozen=True, eq=False)
class Paired:
    """The answers of two models to the same examples, counted; a third one may be their reference.

    Attributes:
        sizes: examples of each denominator, [D].
        cells: distinct (denominator, answer of each model), [K, 1 + models], sorted by denominator. An answer is a
            class, or for `hits` whether it is right.
        counts: examples of each cell, [K].
        labels: class of each denominator, [D]; 0 where it has none.
        shape: groups and classes.
        rates: of each model, as `PairedMeasure.kind` says.
    """

    spec: PairedMeasure
    sizes: Ints
    cells: Ints
    counts: Floats
    labels: Ints
    shape: tuple[int, int]
    rates: tuple[Floats, ...] = ()

    @classmethod
    def of(
        cls,
        spec: PairedMeasure,
        labels: Ints,
        groups: Ints,
        answers: Sequence[Ints],
        *,
        n_classes: int,
        n_groups: int,
    ) -> "Paired":
        """Count examples [n] by denominator and answers, the answers of one model after the other."""
        denominator, n = {
            "all": (np.zeros_like(labels), 1),
            "class": (labels, n_classes),
            "group": (groups, n_groups),
            "cell": (groups * n_classes + labels, n_groups * n_classes),
        }[spec.by]
        width = n_classes
        if spec.kind == "hits":
            answers, width = [(given == labels).astype(np.int64) for given in answers], 2
        base = (n, *[width] * len(answers))
        keys, counts = np.unique(np.ravel_multi_index((denominator, *answers), base), return_counts=True)
        counted = cls(
            spec,
            sizes=np.bincount(denominator, minlength=n),
            cells=np.stack(np.unravel_index(keys, base), axis=1),
            counts=counts.astype(np.float64),
            labels=np.tile(np.arange(n_classes), n_groups) if spec.by == "cell" else np.zeros(n, np.int64),
            shape=(n_groups, n_classes),
        )
        rates = [counted._rates(counted.counts, model)[0] for model in range(len(answers))]
        return replace(counted, rates=tuple(rates))

    def value(self, model: int, centre: Floats, errors: Sequence[Floats] | None = None) -> Floats:
        """Return the measure of a model whose rates are `centre`, with errors of all models if they are given."""
        if errors is not None:
            centre = centre + errors[model]
        if self.spec.value is not None:
            return self.spec.value(centre)
        reference = self.rates[2] if errors is None else self.rates[2] + errors[2]
        change = relative(centre, self.sizes) - relative(reference, self.sizes)
        return np.asarray(np.abs(change).mean(axis=-1))

    def errors(self, rng: np.random.Generator, resamples: int) -> list[Floats]:
        """Draw errors of the rates of all models together: each [resamples, *rates.shape]."""
        smooth = self._smoothed()
        denominator = smooth.cells[:, 0]
        drawn = np.empty((resamples + 1, len(denominator)))
        starts = _starts(denominator)
        for start, end in zip(starts, [*starts[1:], len(denominator)], strict=True):
            weights = smooth.counts[start:end]
            n = int(self.sizes[denominator[start]])
            drawn[:-1, start:end] = rng.multinomial(n, weights / weights.sum(), size=resamples)
        drawn[-1] = smooth.counts * (self.sizes / (self.sizes + 1))[denominator]  # what is expected
        rates = [smooth._rates(drawn, model) for model in range(len(self.rates))]
        return [of_model[:-1] - of_model[-1] for of_model in rates]

    def levelled(self, model: int) -> Floats | None:
        """Return a model's rates as if there were nothing to measure; None for a plain rate.

        All rates that the measure compares are then one; for class bias they are the reference's, times a factor.
        """
        rates, axis = self.rates[model], self.spec.axis
        if axis is None:
            return None
        if self.spec.needs_reference:
            return np.asarray(rates / relative(rates, self.sizes) * relative(self.rates[2], self.sizes))
        weights = self._denominators()
        total = np.where(weights > 0, rates * weights, 0).sum(axis=axis, keepdims=True)
        return np.where(weights > 0, ratio(total, weights.sum(axis=axis, keepdims=True)), np.nan)

    def _denominators(self) -> Floats:
        if self.spec.kind == "hits":
            return self.sizes.astype(np.float64)
        if self.spec.kind == "selections":
            return np.broadcast_to(self.sizes[:, None], self.shape).astype(np.float64)
        positives = self.sizes.reshape(self.shape)
        return np.stack([positives, positives.sum(axis=1, keepdims=True) - positives]).astype(np.float64)

    def _smoothed(self) -> "Paired":
        """Add one example to each denominator that has any, divided among all combinations of two answers.

        The two are right and wrong, or the denominator's class and the answer most often given besides.
        """
        present = np.flatnonzero(self.sizes)
        if self.spec.kind == "hits":
            two = np.tile([0, 1], (len(present), 1))
        else:
            given = np.zeros((len(self.sizes), self.shape[1]))
            for answer in self.cells[:, 1:].T:
                np.add.at(given, (self.cells[:, 0], answer), self.counts)
            given = given[present]
            first = self.labels[present] if self.spec.by == "cell" else given.argmax(axis=1)
            given[np.arange(len(present)), first] = -1
            two = np.stack([first, given.argmax(axis=1)], axis=1)
        combinations = list(product(range(2), repeat=len(self.rates)))
        added = [np.stack([present, *(two[:, i] for i in chosen)], axis=1) for chosen in combinations]
        share = np.full(len(combinations) * len(present), 1 / len(combinations))
        cells, place = np.unique(np.concatenate([self.cells, *added]), axis=0, return_inverse=True)
        counts = np.zeros(len(cells))
        np.add.at(counts, place.ravel(), np.concatenate([self.counts, share]))
        return replace(self, cells=cells, counts=counts)

    def _rates(self, counts: Floats, model: int) -> Floats:
        """Return the rates of one model from counts of the cells: [r, K] or [K] -> [r or 1, *rates.shape]."""
        counts = np.atleast_2d(counts)
        denominator, answer = self.cells[:, 0], self.cells[:, 1 + model]
        if self.spec.kind == "hits":
            return ratio(_summed(counts, denominator, answer == 1, len(self.sizes)), self.sizes)
        G, C = self.shape
        group = denominator // C if self.spec.by == "cell" else denominator
        predicted = _summed(counts, group * C + answer, answer >= 0, G * C).reshape(-1, G, C)
        if self.spec.kind == "selections":
            return ratio(predicted, self._denominators())
        right = answer == self.labels[denominator]
        hits = _summed(counts, denominator, right, G * C).reshape(-1, G, C)
        return ratio(np.stack([hits, predicted - hits], axis=1), self._denominators())


def _summed(counts: Floats, key: Ints, chosen: np.ndarray, n: int) -> Floats:
    """Sum the chosen columns by their key: [r, K] -> [r, n]."""
    found = np.zeros((len(counts), n))
    columns = np.flatnonzero(chosen)
    order = columns[np.argsort(key[columns], kind="stable")]
    starts = _starts(key[order])
    if len(starts):
        found[:, key[order][starts]] = np.add.reduceat(counts[:, order], starts, axis=1)
    return found


def _starts(ordered: Ints) -> Ints:
    """Return where each run of equal numbers begins: [n] -> [runs]."""
    begins = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return np.flatnonzero(begins)
