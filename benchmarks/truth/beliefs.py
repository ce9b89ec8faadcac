"""Beliefs: what a policy takes a student to be worth, from its values on validation and what else is known of it."""

from collections.abc import Callable

import numpy as np

from benchmarks.truth.deck import Deck, Who
from benchmarks.truth.smoothing import smooth
from benchmarks.truth.view import influences
from kdtune.runs.choosing import overfit, share_of_training

Believe = Callable[[Deck, list[Who], np.ndarray], np.ndarray]
"""Returns what is believed of students, [n, 2], from their raw values."""


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

    None of it where classes and groups are distributed otherwise.

    Args:
        by_correlation: the less, too, the less both agree on how students differ.
    """

    def believe(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
        if not deck.is_alike:
            return raw
        both = np.array([deck.pooled[1.0][w] for w in who])
        share = np.array([[1 / max(1.0, _overfit(deck, w) ** 2)] for w in who])
        if not by_correlation:
            return raw + share * (both - raw)
        seen, fit = np.array([deck.counted[w] for w in who]), raw[:, 0] >= deck.bound
        return raw + share * _agreement(seen[fit], raw[fit]) * (both - raw)

    return believe


def towards_training(how: str) -> Believe:
    """Believe values moved towards those on as many training examples, at most half of the way, if distributed alike.

    Args:
        how: what says how far. `own`: how much a student overfits; `mean`: how much all do on average, with the sign
            of each; `square`: the mean of the squares, as kdtune has it; `moments`: the least-squares share if the
            noise on both is independent and alike, from variances and covariance over students; `noise`: the same
            from the noise of differences between students on validation, for which the predictions of all are needed.
    """

    def believe(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
        fit = raw[:, 0] >= deck.bound
        if not deck.is_alike or fit.sum() < 8:
            return raw
        seen = np.array([deck.counted[w] for w in who])
        z = np.array([[_overfit(deck, w)] for w in who])
        if how == "own":
            return raw + 0.5 / np.maximum(1.0, z**2) * (seen - raw)
        if how == "mean":
            return raw + 0.5 / max(1.0, float(z[fit].mean()) ** 2) * (seen - raw)
        if how == "square":
            return raw + share_of_training(z[fit, 0].tolist()) * (seen - raw)
        apart = (raw - seen)[fit].var(axis=0)
        if how == "moments":
            both = np.array([np.cov(raw[fit, k], seen[fit, k], ddof=0)[0, 1] for k in range(2)])
            noise = raw[fit].var(axis=0) - both
        else:
            chosen = [w for w, yes in zip(who, fit, strict=True) if yes]
            noise = _noise_of_differences(influences(deck.students, deck.rows, chosen, deck.gap))
        return raw + np.clip(noise / np.maximum(apart, 1e-12), 0.0, 0.5) * (seen - raw)

    return believe


def _noise_of_differences(moves: np.ndarray) -> np.ndarray:
    """Return half the mean variance of a difference between two students, by objective: [2]."""
    grams = [moves[:, :, k] @ moves[:, :, k].T for k in range(2)]
    return np.array([np.diag(gram).mean() - gram.mean() for gram in grams])


def as_kdtune(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
    """Believe what `kdtune.runs.choosing` does, by its own functions."""
    fit = raw[:, 0] >= deck.bound
    if not deck.is_alike or not fit.any():
        return raw
    known = [w for w, yes in zip(who, fit, strict=True) if yes]
    share = share_of_training([overfit(deck.own_counts(w), deck.train_counts(w)) for w in known])
    return raw + share * (np.array([deck.train[w] for w in who]) - raw)


def _overfit(deck: Deck, who: Who) -> float:
    return overfit(deck.own_counts(who), deck.counted_counts(who))


def _agreement(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the correlation of each column, [2]: 0 if it is negative, constant, or of fewer than eight students."""
    if len(x) < 8:
        return np.zeros(2)
    return np.array(
        [
            0.0 if min(np.ptp(a), np.ptp(b)) < 1e-12 else max(0.0, float(np.corrcoef(a, b)[0, 1]))
            for a, b in zip(x.T, y.T, strict=True)
        ]
    )


def adaptive(times: float) -> Believe:
    """Believe the more of training examples, the better they agree with validation on how students differ.

    Args:
        times: at most so many times as many training examples as validation has.
    """

    def believe(deck: Deck, who: list[Who], raw: np.ndarray) -> np.ndarray:
        fit = raw[:, 0] >= deck.bound
        train, both = (np.array([table[w] for w in who]) for table in (deck.train, deck.pooled[times]))
        share = _agreement(train[fit], raw[fit])
        return (1 - share) * raw + share * both

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
                noise = float(_noise_of_differences(moves)[k])
                share = max(0.0, 1 - noise / float((left**2).sum() / max(1, len(left) - x.shape[1])))
            beliefs[fit, k] = line + share * left
        return beliefs

    return believe


def _apart(moves: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return half the variance of the difference to students with similar settings, mean over five: [n]."""
    far = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    near = np.argsort(far, axis=1)[:, 1:6]
    return np.array([0.5 * ((moves[i] - moves[near[i]]) ** 2).sum(axis=1).mean() for i in range(len(x))])
