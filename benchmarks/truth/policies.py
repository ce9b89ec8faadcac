"""Policies: which of the students that a budget buys are shipped. Each sees settings and validation, never test."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.truth.beliefs import Believe, as_measured
from benchmarks.truth.deck import Deck, Who
from benchmarks.truth.samplers import Sampling
from benchmarks.truth.view import Cells, influences
from kdtune.pareto import non_dominated, non_dominated_rank

DIRECTIONS = ("max", "min")


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
