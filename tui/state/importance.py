"""Which settings go with which results: their rank correlation, and what chance alone would show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .store import numeric

Floats = npt.NDArray[np.float64]

LEAST = 6
"""Fewer trials than these show nothing."""

PERMUTATIONS = 200


@dataclass(frozen=True)
class Importance:
    """How strongly a measure's rank goes with a setting.

    Attributes:
        strength: |Spearman's ρ| of a numeric setting, or the correlation ratio η of the ranks by name; 0 to 1.
        sign: the sign of ρ; 0 for η.
        chance: the strength that one in twenty shuffles of the results exceeds.
        numeric: whether the setting is a number.
    """

    name: str
    strength: float
    sign: int
    chance: float
    numeric: bool


def importance(columns: Mapping[str, Sequence[object]], values: Floats) -> list[Importance]:
    """Return the settings' importance for a measure, the strongest first; [] for fewer than `LEAST` results.

    Args:
        columns: each setting's values [n]; None for a trial that has none.
        values: the measure's values [n]; NaN where it is undefined.
    """
    found = []
    for name, raw in columns.items():
        known = np.isfinite(values) & np.array([item is not None for item in raw], bool)
        if known.sum() < LEAST:
            continue
        chosen = [item for item, ok in zip(raw, known.tolist(), strict=True) if ok]
        if len({str(item) for item in chosen}) < 2:
            continue
        ranks = ranked(values[known])
        rng = np.random.default_rng(0)
        shuffles = rng.permuted(np.tile(ranks, (PERMUTATIONS, 1)), axis=1)
        numbers = np.array([numeric(item) for item in chosen])
        if np.isfinite(numbers).all():
            x = ranked(numbers)
            rho = float(_correlation(x, ranks[None])[0])
            chance = float(np.quantile(np.abs(_correlation(x, shuffles)), 0.95))
            found.append(Importance(name, abs(rho), int(np.sign(rho)), chance, True))
        else:
            labels = np.unique(np.array([str(item) for item in chosen]), return_inverse=True)[1]
            eta = float(_ratio(labels, ranks[None])[0])
            chance = float(np.quantile(_ratio(labels, shuffles), 0.95))
            found.append(Importance(name, eta, 0, chance, False))
    return sorted(found, key=lambda item: -item.strength)


def ranked(values: Floats) -> Floats:
    """Return ranks from 1; ties share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], np.float64)


def _correlation(x: Floats, rows: Floats) -> Floats:
    a = x - x.mean()
    b = rows - rows.mean(axis=1, keepdims=True)
    norm = np.sqrt((a**2).sum() * (b**2).sum(axis=1))
    return np.asarray(np.divide(b @ a, norm, out=np.zeros(len(rows)), where=norm > 0))


def _ratio(labels: npt.NDArray[np.int64], rows: Floats) -> Floats:
    member = np.eye(int(labels.max()) + 1)[labels]  # [n, groups]
    sizes = member.sum(axis=0)
    means = rows @ member / sizes
    centre = rows.mean(axis=1, keepdims=True)
    between = (sizes * (means - centre) ** 2).sum(axis=1)
    total = ((rows - centre) ** 2).sum(axis=1)
    return np.asarray(np.sqrt(np.divide(between, total, out=np.zeros(len(rows)), where=total > 0)))
