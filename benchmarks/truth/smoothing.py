"""What a measured value most likely is: the measurement, pulled towards what similar settings gave."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]


class Smoothed(NamedTuple):
    """What a Gaussian process over the settings makes of measured values, each [n].

    Attributes:
        surface: what the settings give on average: free of the student's own luck, good or bad.
        value: the student's own true value: the surface plus what of the residual is not measurement noise.
    """

    surface: Floats
    value: Floats


def smooth(
    settings: npt.ArrayLike,
    values: npt.ArrayLike,
    noise: npt.ArrayLike,
    covariates: npt.ArrayLike | None = None,
) -> Smoothed:
    """Return the expected true values of students, given what was measured of them and of those with similar settings.

    A value is modelled as a smooth function of the settings (a Gaussian process with a squared exponential kernel and a
    length for each setting; Rasmussen and Williams 2006, chapter 2), plus what is the student's own (its seed), plus
    measurement noise of known variance. How smooth the function is and how much is the student's own are estimated by
    the marginal likelihood, with weak priors.

    Args:
        settings: [n, d], on scales of order 1.
        values: [n], finite.
        noise: variances [n], or covariances [n, n], of the measurements.
        covariates: [n, p], on which the values depend linearly; none if left out.
    """
    x = np.asarray(settings, dtype=float)
    y = np.asarray(values, dtype=float)
    centre, scale = float(y.mean()), float(y.std())
    if len(y) < _FEWEST or scale < 1e-12:
        return Smoothed(y.copy(), y.copy())
    z = (y - centre) / scale
    v = np.asarray(noise, dtype=float) / scale**2
    covariance = np.diag(v) if v.ndim == 1 else v
    basis = _basis(len(y), covariates)
    apart = (x[:, None, :] - x[None, :, :]) ** 2
    start = np.concatenate(([np.log(0.7)], np.full(x.shape[1], np.log(0.5)), [np.log(0.5)]))
    found = minimize(
        _loss,
        start,
        args=(apart, z, covariance, basis),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-5.0, 3.0)] * len(start),
        options={"maxiter": 60},
    )
    kernel, own = _kernel(found.x, apart)
    every = kernel + own * np.eye(len(z)) + covariance + _JITTER * np.eye(len(z))
    factor = cho_factor(every, lower=True)
    mean = basis @ _coefficients(factor, basis, z)
    weights = cho_solve(factor, z - mean)
    surface = mean + kernel @ weights
    value = surface + own * weights
    return Smoothed(centre + scale * surface, centre + scale * value)


_FEWEST = 5
_JITTER = 1e-6


def _basis(n: int, covariates: npt.ArrayLike | None) -> Floats:
    """Return a column of ones, and each covariate that varies on a scale of order 1, [n, 1 + p]."""
    given = np.zeros((n, 0)) if covariates is None else np.asarray(covariates, dtype=float)
    varying = given[:, given.std(axis=0) > 1e-12]
    return np.column_stack([np.ones(n), (varying - varying.mean(axis=0)) / varying.std(axis=0)])


def _coefficients(factor: tuple[Floats, bool], basis: Floats, z: Floats) -> Floats:
    """Return the generalised least squares estimate of the mean, with a slight pull to zero: [1 + p]."""
    by_basis = cho_solve(factor, basis)
    return np.asarray(np.linalg.solve(basis.T @ by_basis + 1e-6 * np.eye(basis.shape[1]), by_basis.T @ z))


def _kernel(parameters: Floats, apart: Floats) -> tuple[Floats, float]:
    amplitude, lengths, own = np.exp(parameters[0]), np.exp(parameters[1:-1]), np.exp(parameters[-1])
    return amplitude**2 * np.exp(-0.5 * (apart / lengths**2).sum(axis=2)), float(own**2)


def _loss(
    parameters: Floats, apart: Floats, z: Floats, covariance: Floats, basis: Floats
) -> tuple[float, Floats]:
    """Return the negative log of the posterior of the parameters, up to a constant, and its gradient."""
    n = len(z)
    kernel, own = _kernel(parameters, apart)
    factor = cho_factor(kernel + own * np.eye(n) + covariance + _JITTER * np.eye(n), lower=True)
    inverse = cho_solve(factor, np.eye(n))
    away_from_mean = z - basis @ _coefficients(factor, basis, z)
    weights = inverse @ away_from_mean
    loss = 0.5 * float(away_from_mean @ weights) + float(np.log(np.diag(factor[0])).sum())
    outer = np.outer(weights, weights) - inverse
    gradient = np.empty_like(parameters)
    gradient[0] = -0.5 * 2 * float((outer * kernel).sum())
    lengths = np.exp(parameters[1:-1])
    for d in range(len(lengths)):
        gradient[1 + d] = -0.5 * float((outer * kernel * apart[:, :, d]).sum()) / lengths[d] ** 2
    gradient[-1] = -0.5 * 2 * own * float(np.trace(outer))
    # Weak priors: a length of half the range, amplitudes of the order of the spread.
    centres = np.concatenate(([np.log(0.7)], np.full(len(lengths), np.log(0.5)), [np.log(0.5)]))
    widths = np.concatenate(([1.0], np.full(len(lengths), 1.0), [1.5]))
    away = (parameters - centres) / widths
    return loss + 0.5 * float(away @ away), gradient + away / widths
