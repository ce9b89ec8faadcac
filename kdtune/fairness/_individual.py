"""Individual fairness: do similar examples get similar outputs?"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.fairness._arrays import MOST_CELLS, check_distance, floats, plain_array, whole
from kdtune.fairness._rates import Floats

# Numbers in one temporary table, of 32 MB.
_CHUNK = 4_000_000


def individual_fairness(
    outputs: npt.ArrayLike,
    features: npt.ArrayLike,
    *,
    pairs: int | None = None,
    seed: int = 0,
    epsilon: float = 1e-8,
) -> float:
    """Return the mean over pairs of |f(x) - f(x')| / d(x, x'); lower is better (Dwork et al. 2012).

    d is the cosine distance 1 - cos of the features, |f(x) - f(x')| half the L1 distance of the outputs: for
    probabilities over C classes the total variation, which for two classes is |P(1|x) - P(1|x')|, as for one
    column.

    Pairs at a distance of `epsilon` or less are left out: with features that are equal up to rounding, the
    quotient would measure the rounding. So are pairs with an example whose features are all zeros, which has no
    cosine distance to anything.

    Args:
        outputs: [n] or [n, C].
        features: [n, D], from an extractor that both compared models share.
        pairs: None takes all n (n - 1) / 2 pairs; a number draws so many ordered pairs x != x', with
            replacement.
        seed: of the drawing.
        epsilon: see above.

    Returns:
        The mean; NaN if no pair is left.

    Raises:
        InputError: shapes do not agree, something is not finite, `pairs` < 1 or `epsilon` < 0.
    """
    return ExamplePairs(features, pairs=pairs, seed=seed, epsilon=epsilon).individual_fairness(outputs)


class ExamplePairs:
    """Pairs of examples and their distances, against which any number of models can be held.

    Arguments, limits and errors are those of `individual_fairness`. Features stay as they are given (float32 takes
    half the memory); distances are taken in float64, block by block.
    """

    def __init__(
        self,
        features: npt.ArrayLike,
        *,
        pairs: int | None = None,
        seed: int = 0,
        epsilon: float = 1e-8,
    ) -> None:
        x = plain_array("features", features)
        if x.ndim != 2:
            raise InputError(f"features must be [n, D], got the shape {x.shape}")
        if pairs is not None:
            whole("pairs", pairs, most=MOST_CELLS)
        whole("seed", seed, 0)
        check_distance("epsilon", epsilon)
        self._x, self._epsilon = x, epsilon
        self._length = _lengths(x)
        self._drawn = None if pairs is None or len(x) < 2 else self._draw(pairs, seed)

    def individual_fairness(self, outputs: npt.ArrayLike) -> float:
        """Return the mean over the pairs for a model's outputs, [n] or [n, C]; NaN if no pair is left."""
        f = floats("outputs", outputs)
        f = f[:, None] if f.ndim == 1 else f / 2
        if f.ndim != 2 or len(f) != len(self._x):
            raise InputError(
                "outputs must be [n] or [n, C] and features [n, D], "
                f"got the shapes {np.shape(outputs)} and {self._x.shape}"
            )
        if not np.isfinite(f).all():
            raise InputError("outputs must be finite")
        if len(f) < 2:
            return float("nan")
        total, n = self._over_all(f) if self._drawn is None else _over_drawn(f, *self._drawn)
        return total / n if n else float("nan")

    def _unit(self, rows: slice | npt.NDArray[np.int64]) -> Floats:
        """Return rows at length 1, in float64; NaN where a row is all zeros, so that no distance to it is defined."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self._x[rows].astype(np.float64) / self._length[rows, None])

    def _draw(self, pairs: int, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
        n = len(self._x)
        rng = np.random.default_rng(seed)
        first = rng.integers(n, size=pairs)
        second = (first + rng.integers(1, n, size=pairs)) % n
        distance = np.empty(pairs)
        for rows in _blocks(pairs, _CHUNK // max(1, self._x.shape[1])):
            distance[rows] = 1.0 - np.einsum("nd,nd->n", self._unit(first[rows]), self._unit(second[rows]))
        keep = distance > self._epsilon
        return first[keep], second[keep], distance[keep]

    def _over_all(self, f: Floats) -> tuple[float, int]:
        from scipy.spatial import distance as between  # takes seconds to load, and most commands do without

        total, n = 0.0, 0
        blocks = list(_blocks(len(f), int(_CHUNK**0.5)))
        for k, rows in enumerate(blocks):
            left = self._unit(rows)
            for columns in blocks[k:]:
                distance = 1.0 - left @ (left if columns is rows else self._unit(columns)).T
                if columns is rows:  # each pair once
                    distance[np.tril_indices(len(distance))] = np.nan
                keep = distance > self._epsilon
                quotient = between.cdist(f[rows], f[columns], metric="cityblock")
                np.divide(quotient, distance, out=quotient, where=keep)
                total += float(quotient.sum(where=keep))
                n += int(np.count_nonzero(keep))
        return total, n


def _over_drawn(
    f: Floats, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], distance: Floats
) -> tuple[float, int]:
    total = 0.0
    for rows in _blocks(len(first), _CHUNK // max(1, f.shape[1])):
        change = np.abs(f[first[rows]] - f[second[rows]]).sum(axis=1)
        total += float((change / distance[rows]).sum())
    return total, len(first)


def _lengths(x: npt.NDArray[np.generic]) -> Floats:
    """Return the length of each row.

    Raises:
        InputError: something is not finite.
    """
    length = np.empty(len(x))
    for rows in _blocks(len(x), _CHUNK // max(1, x.shape[1])):
        length[rows] = np.linalg.norm(x[rows].astype(np.float64), axis=1)
    if not np.isfinite(length).all():
        raise InputError(
            f"features must be finite: those of example {int(np.argmin(np.isfinite(length)))} are not"
        )
    return length


def _blocks(n: int, size: int) -> Iterator[slice]:
    size = max(1, size)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
