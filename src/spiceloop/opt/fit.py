"""Length scales of a Gaussian process by MAP, with exact gradients.

The model is that of BoTorch's `SingleTaskGP` with a Matérn-5/2 kernel, unit amplitude, known noise,
a constant mean and the dimension-scaled log-normal prior of C. Hvarfner, E. O. Hellsten, L. Nardi,
"Vanilla Bayesian Optimization Performs Great in High Dimensions", ICML 2024. BoTorch finds the same
maximum (``tests/oracle/opt``) by automatic differentiation of all outputs together, which takes
ten times as long and grows with the number of outputs that are slow to converge: with 30 metrics
of an op-amp it is where nearly all thinking goes.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.linalg
from scipy.optimize import minimize

from spiceloop.opt.base import Floats

__all__ = ["best_means", "fit_length_scales"]

# The prior: log l ~ N(√2 + ln(d)/2, 3); the fit begins at its mode.
_PRIOR_VARIANCE = 3.0
_SHORTEST, _LONGEST = 2.5e-2, 1e3
# Where no length scale changes the log posterior by more than this, the fit has arrived.
_TOLERANCE = 1e-4
_STEPS = 100
_SQRT5 = math.sqrt(5.0)


def fit_length_scales(x: Floats, y: Floats, noise: float) -> Floats:
    """Return length scales (m, d) for designs ``x`` (n, d) and outputs ``y`` (n, m).

    ``noise`` is the known variance of the outputs.
    """
    d = x.shape[1]
    location = math.sqrt(2.0) + 0.5 * math.log(d)
    begin = np.full(d, location - _PRIOR_VARIANCE)
    centred = x - x.mean(axis=0)  # differences of large numbers lose digits
    scales = []
    for column in y.T:
        found = minimize(
            _loss,
            begin,
            args=(centred, column, noise, location),
            jac=True,
            method="L-BFGS-B",
            bounds=[(math.log(_SHORTEST), math.log(_LONGEST))] * d,
            options={"maxiter": _STEPS, "gtol": _TOLERANCE, "ftol": 1e-10},
        )
        scales.append(np.exp(found.x))
    return np.array(scales)


def best_means(scales: Floats, x: Floats, y: Floats, noise: float) -> Floats:
    """Return the constant means (m,) of the largest likelihood, for length scales (m, d)."""
    centred = x - x.mean(axis=0)
    return np.array(
        [_mean(s, centred, column, noise) for s, column in zip(scales, y.T, strict=True)]
    )


def _loss(
    log_scales: Floats, x: Floats, y: Floats, noise: float, location: float
) -> tuple[float, Floats]:
    """Return minus the log posterior, up to a constant, and its gradient by the log scales."""
    z = x * np.exp(-log_scales)
    gram, slope = _matern(z, noise)
    chol, info = scipy.linalg.lapack.dpotrf(gram, lower=1)
    if info:
        return 1e10, np.zeros_like(log_scales)
    inverse, _ = scipy.linalg.lapack.dpotri(chol, lower=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    residual = y - _best_mean(inverse, y)
    weights = inverse @ residual
    off = log_scales - location
    loss = 0.5 * residual @ weights + np.log(np.diag(chol)).sum()
    loss += (log_scales + off**2 / (2.0 * _PRIOR_VARIANCE)).sum()
    # d(loss)/d(gram), times d(gram)/d(squared distance), times d(squared distance)/d(log scale);
    # the mean is at its own optimum, so it adds nothing.
    by_distance = 0.5 * (inverse - np.outer(weights, weights)) * slope
    total = by_distance.sum(axis=1)
    squares = 2.0 * (total @ z**2 - (z * (by_distance @ z)).sum(axis=0))
    gradient = -2.0 * squares + 1.0 + off / _PRIOR_VARIANCE
    return float(loss), gradient


def _matern(z: Floats, noise: float) -> tuple[Floats, Floats]:
    """Return the Gram matrix with noise, and the kernel's slope by the squared distance."""
    norms = (z**2).sum(axis=1)
    squared = np.maximum(norms[:, None] + norms - 2.0 * z @ z.T, 0.0)
    np.fill_diagonal(squared, 0.0)
    r = _SQRT5 * np.sqrt(squared)
    decay = np.exp(-r)
    gram = (1.0 + r + 5.0 / 3.0 * squared) * decay
    gram[np.diag_indices_from(gram)] += noise
    return gram, -5.0 / 6.0 * (1.0 + r) * decay


def _best_mean(inverse: Floats, y: Floats) -> float:
    """Return the constant mean of the largest likelihood (generalised least squares)."""
    weights = inverse.sum(axis=0)
    return float(weights @ y / weights.sum())


def _mean(scales: Floats, x: Floats, y: Floats, noise: float) -> float:
    gram, _ = _matern(x / scales, noise)
    weights = scipy.linalg.solve(gram, np.ones(len(x)), assume_a="pos")
    return float(weights @ y / weights.sum())
