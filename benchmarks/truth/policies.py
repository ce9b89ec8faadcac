"""Policies: which of the students that a budget buys are shipped. Each sees settings and validation, never test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.truth.samplers import Sampling
from benchmarks.truth.smoothing import smooth
from benchmarks.truth.training import SplitStudents
from benchmarks.truth.view import Cells, influences
from kdtune.fairness import Counts
from kdtune.pareto import non_dominated, non_dominated_rank
from kdtune.runs.choosing import corrected, trust

DIRECTIONS = ("max", "min")
Who = tuple[int, int]
"""A student: its configuration, and its seed or fold."""


@dataclass(frozen=True)
class Deck:
    """The students of one split and what a sweep may know of them.

    Attributes:
        numbers: [C, d], what was searched, each setting placed on [0, 1] within its range.
        pairs: int [C], which pair a configuration has.
        rows: the examples of validation.
        values: accuracy and gap of each student on validation, [C, S, 2].
        larger: the same on validation that is so many times as large.
        train: accuracy and gap of each student on the examples that it was trained on, [C, S, 2].
        counted: the same on at most as many of those as validation has, [C, S, 2].
        pooled: the same on validation and so many times as many of them together, or all of them (None).
        is_alike: whether classes and groups are distributed alike in training and in validation.
        curves: accuracy and gap on validation after each epoch, of each first seed, [C, epochs, 2]; maybe empty.
        folds: counts of [C, folds] students, each on the part that it was not trained on; None without folds.
        budget: students that a policy may train.
        bound: accuracy that a student must reach on validation.
        gap: the second objective.
    """

    numbers: np.ndarray
    pairs: np.ndarray
    students: SplitStudents
    rows: np.ndarray
    values: np.ndarray
    larger: Mapping[int, np.ndarray]
    train: np.ndarray
    counted: np.ndarray
    pooled: Mapping[float | None, np.ndarray]
    is_alike: bool
    curves: np.ndarray
    folds: Cells | None
    budget: int
    bound: float
    gap: str

    @property
    def settings(self) -> np.ndarray:
        """Numbers, and a column for each pair if there are several, [C, d + pairs]."""
        if not self.pairs.any():
            return self.numbers
        return np.hstack([self.numbers, np.eye(int(self.pairs.max()) + 1)[self.pairs] / np.sqrt(2)])

    def own_counts(self, who: Who) -> Counts:
        """Return a student's counts of all validation examples as one group."""
        return _overall(len(self.rows), self.values[who][0])

    def counted_counts(self, who: Who) -> Counts:
        """Return the same of the training examples that count."""
        return _overall(min(len(self.rows), len(self.students.train_labels)), self.counted[who][0])

    @property
    def shape(self) -> tuple[int, int]:
        """Number of configurations and of seeds."""
        return self.values.shape[0], self.values.shape[1]


def _overall(n: int, accuracy: float) -> Counts:
    hits = round(n * float(accuracy))
    return Counts(np.array([[n, 0]]), np.array([[hits, n - hits]]), np.array([[hits, 0]]))


@dataclass(frozen=True)
class Shipped:
    """What a policy ships, and what it believes of it.

    Attributes:
        students: as (configuration, seed), or (configuration, fold) if `of_folds`.
        beliefs: accuracy and gap of each, [n, 2].
    """

    students: list[Who]
    beliefs: np.ndarray
    of_folds: bool = False


Policy = Callable[[Deck, np.random.Generator], Shipped | None]
"""Returns what is shipped; None where a deck lacks what the policy looks at."""
Believe = Callable[[Deck, list[Who], np.ndarray], np.ndarray]
"""Returns what is believed of students, [n, 2], from their raw values."""


def drawn(deck: Deck, n: int, rng: np.random.Generator) -> list[Who]:
    """Return n configurations drawn at random, each with one of its seeds."""
    c, s = deck.shape
    return [(int(k), int(rng.integers(s))) for k in rng.choice(c, min(n, c), replace=False)]


def raw_of(deck: Deck, who: list[Who]) -> np.ndarray:
    """Return the values of students on validation, [n, 2]."""
    return np.array([deck.values[w] for w in who]).reshape(-1, 2)


def front(who: list[Who], beliefs: np.ndarray, feasible: np.ndarray, *, of_folds: bool = False) -> Shipped:
    """Return those that are non-dominated by what is believed of them."""
    on = non_dominated(beliefs, DIRECTIONS, feasible)
    return Shipped([w for w, yes in zip(who, on, strict=True) if yes], beliefs[on], of_folds)


def choosing(believe: Believe, sampling: Sampling = drawn) -> Policy:
    """Return a policy that trains each configuration once and ships the front of what it believes."""

    def policy(deck: Deck, rng: np.random.Generator) -> Shipped:
        who = sampling(deck, deck.budget, rng)
        raw = raw_of(deck, who)
        return front(who, believe(deck, who, raw), raw[:, 0] >= deck.bound)

    return policy


def as_measured(_deck: Deck, _who: list[Who], raw: np.ndarray) -> np.ndarray:
    """Believe what was measured."""
    return raw


def with_train(share: float) -> Believe:
    """Believe a mixture of the values on validation and on the training examples."""

    def believe(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
        return np.asarray((1 - share) * raw + share * np.array([deck.train[w] for w in who]))

    return believe


def with_as_many_of_training(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
    """Believe the mean of the values on validation and on as many training examples, if distributed alike."""
    return (raw + np.array([deck.counted[w] for w in who])) / 2 if deck.is_alike else raw


def pooled(times: float | None = None, *, if_alike: bool = False) -> Believe:
    """Believe what validation and the training examples say together.

    Args:
        times: at most so many times as many training examples as validation has.
        if_alike: only where classes and groups are distributed alike in both, as `kdtune.runs.choosing` has it.
    """

    def believe(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
        if if_alike and not deck.is_alike:
            return raw
        return np.array([deck.pooled[times][w] for w in who])

    return believe


def pooled_unless_overfit(*, by_correlation: bool = False) -> Believe:
    """Believe validation and as many training examples together, but the less, the more a student overfits.

    This is `kdtune.runs.choosing`, by its own functions. None of it where classes and groups are distributed otherwise.

    Args:
        by_correlation: the less, too, the less both agree on how students differ.
    """

    def believe(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
        if not deck.is_alike:
            return raw
        both = np.array([deck.pooled[1.0][w] for w in who])
        seen = np.array([deck.counted[w] for w in who])
        share = np.array([[trust(deck.own_counts(w), deck.counted_counts(w))] for w in who])
        pooled = raw + share * (both - raw)
        if not by_correlation:
            return pooled
        fit = raw[:, 0] >= deck.bound
        return np.column_stack([corrected(raw[:, c], seen[:, c], pooled[:, c], fit) for c in range(2)])

    return believe


def adaptive(times: float | None = 1.0, *, by: str = "correlation") -> Believe:
    """Believe the more of training examples, the better they agree with validation on how students differ.

    Args:
        times: at most so many times as many training examples as validation has.
        by: the share of what they say together: the `correlation` over students that meet the bound, or the `slope` of
            validation on training; from 0 to 1.
    """

    def believe(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
        fit = raw[:, 0] >= deck.bound
        beliefs, both = raw.copy(), np.array([deck.pooled[times][w] for w in who])
        if fit.sum() < 8:
            return beliefs
        train = np.array([deck.train[w] for w in who])
        for k in range(2):
            x, y = train[fit, k], raw[fit, k]
            if min(x.std(), y.std()) < 1e-12:
                continue
            share = float(np.corrcoef(x, y)[0, 1])
            if by == "slope":
                share *= float(y.std() / x.std())
            share = min(max(share, 0.0), 1.0)
            beliefs[:, k] = (1 - share) * raw[:, k] + share * both[:, k]
        return beliefs

    return believe


def smoothed(how: str, noise: str = "counts", share: float = 0.5, *, train: bool = False) -> Believe:
    """Return beliefs from a Gaussian process over the settings of the students that meet the bound.

    Args:
        how: `surface`: what the settings give; `part`: `share` of the way from the raw value to it; `value`: what is
            left when the measurement's noise is taken out.
        noise: `counts`: variances that follow from the counts; `paired`: covariances too, from predictions on the
            same examples; `apart`: of what differs between students with similar settings; `fitted`: none is known,
            all is estimated.
        train: whether values on the training examples help to predict those on validation.
    """

    def believe(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
        fit, beliefs = raw[:, 0] >= deck.bound, raw.copy()
        if fit.sum() < 5:
            return beliefs
        chosen = [w for w, yes in zip(who, fit, strict=True) if yes]
        x = deck.settings[[c for c, _ in chosen]]
        spreads = [np.zeros(len(chosen))] * 2
        if noise != "fitted":
            moves = influences(deck.students, deck.rows, chosen, deck.gap)
            spreads = [
                moves[:, :, k] @ moves[:, :, k].T if noise == "paired" else (moves[:, :, k] ** 2).sum(axis=1)
                for k in range(2)
            ]
            if noise == "apart":
                spreads = [_apart(moves[:, :, k], x) for k in range(2)]
        on_train = np.array([deck.train[w] for w in chosen]) if train else None
        for k in range(2):
            found = smooth(x, raw[fit, k], spreads[k], None if on_train is None else on_train[:, [k]])
            part = (1 - share) * raw[fit, k] + share * found.surface
            beliefs[fit, k] = {"surface": found.surface, "part": part, "value": found.value}[how]
        return beliefs

    return believe


def calibrated(how: str, *, both: bool = False, guarded: bool = False) -> Believe:
    """Believe what the values on the training examples predict, by a line over all students that meet the bound.

    Args:
        how: `line`: the prediction; `half`: the mean of it and the raw value; `value`: as much of either as the noise
            of differences between students on validation says.
        both: predict each objective from both.
        guarded: look at as many training examples as validation has, and only where both are distributed alike and
            agree about how students differ, however little.
    """

    def believe(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
        fit, beliefs = raw[:, 0] >= deck.bound, raw.copy()
        if fit.sum() < 8 or (guarded and not deck.is_alike):
            return beliefs
        chosen = [w for w, yes in zip(who, fit, strict=True) if yes]
        train = np.array([(deck.counted if guarded else deck.train)[w] for w in chosen])
        moves = influences(deck.students, deck.rows, chosen, deck.gap) if how == "value" else None
        for k in range(2):
            if guarded and np.cov(train[:, k], raw[fit, k])[0, 1] <= 0:
                continue
            x = np.column_stack([np.ones(len(train)), train if both else train[:, [k]]])
            line = x @ np.linalg.lstsq(x, raw[fit, k], rcond=None)[0]
            left = raw[fit, k] - line
            share = {"line": 0.0, "half": 0.5}.get(how, 0.0)
            if moves is not None:
                gram = moves[:, :, k] @ moves[:, :, k].T
                noise = float(np.diag(gram).mean() - gram.mean())  # half the mean variance of a difference
                share = max(0.0, 1 - noise / float((left**2).sum() / max(1, len(left) - x.shape[1])))
            beliefs[fit, k] = line + share * left
        return beliefs

    return believe


def _apart(moves: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return half the variance of the difference to students with similar settings, mean over five: [n]."""
    far = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    near = np.argsort(far, axis=1)[:, 1:6]
    return np.array([0.5 * ((moves[i] - moves[near[i]]) ** 2).sum(axis=1).mean() for i in range(len(x))])


def everything(deck: Deck, rng: np.random.Generator) -> Shipped:
    """Ship whatever meets the bound: not a policy, but a measure of what the number of members alone is worth."""
    who = drawn(deck, deck.budget, rng)
    raw = raw_of(deck, who)
    keep = raw[:, 0] >= deck.bound
    return Shipped([w for w, yes in zip(who, keep, strict=True) if yes], raw[keep])


def tolerant(errors: float) -> Policy:
    """Ship whatever no other student beats by so many standard errors in both objectives."""

    def policy(deck: Deck, rng: np.random.Generator) -> Shipped:
        who = drawn(deck, deck.budget, rng)
        raw = raw_of(deck, who)
        moves = influences(deck.students, deck.rows, who, deck.gap)
        signs = np.array([-1.0, 1.0])
        keep = raw[:, 0] >= deck.bound
        for i in range(len(who)):
            se = np.sqrt(((moves - moves[i]) ** 2).sum(axis=1)) + 1e-12
            beaten = (((raw[i] - raw) * signs) / se > errors).all(axis=1) & (raw[:, 0] >= deck.bound)
            keep[i] &= not beaten.any()
        return Shipped([w for w, yes in zip(who, keep, strict=True) if yes], raw[keep])

    return policy


def seeds_averaged(k: int) -> Policy:
    """k seeds of each of budget / k configurations, judged by their means; the first is shipped."""

    def policy(deck: Deck, rng: np.random.Generator) -> Shipped | None:
        c, s = deck.shape
        if s < k:
            return None
        chosen = rng.choice(c, max(2, deck.budget // k), replace=False)
        seeds = [rng.permutation(s)[:k] for _ in chosen]
        means = np.array([deck.values[c, part].mean(axis=0) for c, part in zip(chosen, seeds, strict=True)])
        who = [(int(c), int(part[0])) for c, part in zip(chosen, seeds, strict=True)]
        return front(who, means, means[:, 0] >= deck.bound)

    return policy


def seeds_where_they_decide(believe: Believe, share: float = 0.25) -> Policy:
    """A share of the budget is new seeds of the best so far, front by front; every student is a candidate."""

    def policy(deck: Deck, rng: np.random.Generator) -> Shipped | None:
        if deck.shape[1] == 1:
            return None
        extra = int(share * deck.budget)
        who = drawn(deck, deck.budget - extra, rng)
        raw = raw_of(deck, who)
        beliefs, left = believe(deck, who, raw), raw[:, 0] >= deck.bound
        ranked: list[int] = []
        while len(ranked) < extra and left.any():
            on = np.flatnonzero(non_dominated(beliefs, DIRECTIONS, left))
            ranked += [int(k) for k in rng.permutation(on)]
            left[on] = False
        for k in ranked[:extra]:
            c, s = who[k]
            others = [other for other in range(deck.shape[1]) if other != s]
            who.append((c, int(rng.choice(others))))
        raw = raw_of(deck, who)
        return front(who, believe(deck, who, raw), raw[:, 0] >= deck.bound)

    return policy


def halved(by: str) -> Policy:
    """Stop students early, and train more of them: after an eighth, a quarter and a half of the epochs the better half
    goes on. As many are begun as the epochs of the budget allow, of those that were recorded.

    Args:
        by: `accuracy`, or `objectives`: by non-dominated rank, below all that meet the bound those that break it.
    """

    def policy(deck: Deck, rng: np.random.Generator) -> Shipped | None:
        epochs = deck.curves.shape[1]
        if epochs == 0:
            return None
        rungs = sorted({max(2, -(-epochs // 8)), -(-epochs // 4), -(-epochs // 2)})
        cost = sum((last - first) / 2**k for k, (first, last) in enumerate(pairwise([0, *rungs, epochs])))
        begun = min(deck.shape[0], int(deck.budget * epochs / cost))
        left = rng.choice(deck.shape[0], begun, replace=False)
        for rung in rungs:
            then = deck.curves[left, rung - 1]
            rank = non_dominated_rank(then, DIRECTIONS).astype(float)
            rank[then[:, 0] < deck.bound] += len(left)
            order = np.argsort(-then[:, 0] if by == "accuracy" else rank, kind="stable")
            left = left[order[: -(-len(left) // 2)]]
        who = [(int(c), 0) for c in left]
        raw = raw_of(deck, who)
        return front(who, raw, raw[:, 0] >= deck.bound)

    return policy


def larger_validation(times: int, believe: Believe = as_measured) -> Policy:
    """Judge by validation that is so many times as large and costs no training data: more than can be had."""

    def policy(deck: Deck, rng: np.random.Generator) -> Shipped | None:
        if times not in deck.larger:
            return None
        who = drawn(deck, deck.budget, rng)
        raw = np.array([deck.larger[times][w] for w in who])
        return front(who, believe(deck, who, raw), raw[:, 0] >= deck.bound)

    return policy


def folds_pooled(deck: Deck, rng: np.random.Generator, *, whole_budget: bool = False) -> Shipped | None:
    """Each configuration is trained once for each fold and judged by the pooled counts; one student is shipped."""
    if deck.folds is None:
        return None
    c, k = deck.folds.hits.shape[:2]
    n = deck.budget if whole_budget else deck.budget // k
    chosen = rng.choice(c, min(n, c), replace=False)
    pooled = Cells(
        deck.folds.examples,
        deck.folds.predicted.sum(axis=1),
        deck.folds.hits.sum(axis=1),
        deck.folds.all_examples,
        deck.folds.all_hits.sum(axis=1),
    ).values(deck.gap)[chosen]
    who = [(int(one), int(rng.integers(k))) for one in chosen]
    return front(who, pooled, pooled[:, 0] >= deck.bound, of_folds=True)


def folds_for_free(deck: Deck, rng: np.random.Generator) -> Shipped | None:
    """The same, with the whole budget of configurations: five times as many students."""
    return folds_pooled(deck, rng, whole_budget=True)
