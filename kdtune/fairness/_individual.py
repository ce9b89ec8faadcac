"""Individual fairness: do similar examples get similar outputs?"""

import numpy as np
import numpy.typing as npt
import scipy  # loads its parts, which take seconds, on first use

from kdtune.errors import InputError
from kdtune.fairness._rates import Floats

# Pairs handled at once: three temporary tables of 32 MB.
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
    quotient would measure the rounding.

    Args:
        outputs: [n] or [n, C].
        features: [n, D], from an extractor that both compared models share; no row may be all zeros.
        pairs: None takes all n (n - 1) / 2 pairs; a number draws so many ordered pairs x != x', with
            replacement.
        seed: of the drawing.
        epsilon: see above.

    Returns:
        The mean; NaN if no pair is left.

    Raises:
        InputError: shapes do not agree, something is not finite, a feature row is zero, or `pairs` < 1.
    """
    f = np.asarray(outputs, dtype=np.float64)
    f = f[:, None] if f.ndim == 1 else f / 2
    x = np.asarray(features, dtype=np.float64)
    if f.ndim != 2 or x.ndim != 2 or len(f) != len(x):
        raise InputError(
            "outputs must be [n] or [n, C] and features [n, D], "
            f"got the shapes {np.shape(outputs)} and {np.shape(features)}"
        )
    if not (np.isfinite(f).all() and np.isfinite(x).all()):
        raise InputError("outputs and features must be finite")
    if pairs is not None and pairs < 1:
        raise InputError(f"pairs must be at least 1, got {pairs}: leave it out to take all pairs")
    length = np.linalg.norm(x, axis=1, keepdims=True)
    if (length == 0).any():
        raise InputError(
            f"features[{int(np.argmin(length))}] is all zeros: it has no cosine distance to anything"
        )
    x = x / length
    if len(x) < 2:
        return float("nan")
    total, n = _all_pairs(f, x, epsilon) if pairs is None else _drawn_pairs(f, x, epsilon, pairs, seed)
    return total / n if n else float("nan")


def _all_pairs(f: Floats, x: Floats, epsilon: float) -> tuple[float, int]:
    total, n = 0.0, 0
    rows = max(1, _CHUNK // len(x))
    for start in range(0, len(x), rows):
        block = slice(start, start + rows)
        distance = 1.0 - x[block] @ x[start:].T
        # Each pair once: row i of the block against the columns after i.
        size = distance.shape[0]
        distance[:, :size][np.tril_indices(size)] = 0.0
        keep = distance > epsilon
        quotient = scipy.spatial.distance.cdist(f[block], f[start:], metric="cityblock")
        np.divide(quotient, distance, out=quotient, where=keep)
        total += float(quotient.sum(where=keep))
        n += int(np.count_nonzero(keep))
    return total, n


def _drawn_pairs(f: Floats, x: Floats, epsilon: float, pairs: int, seed: int) -> tuple[float, int]:
    rng = np.random.default_rng(seed)
    first = rng.integers(len(x), size=pairs)
    second = (first + rng.integers(1, len(x), size=pairs)) % len(x)
    total, n = 0.0, 0
    rows = max(1, _CHUNK // (x.shape[1] + f.shape[1]))
    for start in range(0, pairs, rows):
        i, j = first[start : start + rows], second[start : start + rows]
        distance = 1.0 - np.einsum("nd,nd->n", x[i], x[j])
        keep = distance > epsilon
        total += float((np.abs(f[i] - f[j]).sum(axis=1)[keep] / distance[keep]).sum())
        n += int(np.count_nonzero(keep))
    return total, n
