"""Gaussian processes for the modelled metrics, fitted by MAP.

A Matérn-5/2 kernel with one length scale a variable under the dimension-scaled log-normal prior
of C. Hvarfner, E. O. Hellsten, L. Nardi, "Vanilla Bayesian Optimization Performs Great in High
Dimensions", ICML 2024 (BoTorch's default). SPICE repeats itself to the last digit, so the
observation noise is known and tiny.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spiceloop.opt.base import Floats
from spiceloop.opt.fit import best_means, fit_length_scales

__all__ = ["NOISE", "Surrogate", "condition", "fit_surrogate"]

# Variance of the observation noise relative to an output's own variance: what the simulator's
# tolerances leave, and slack for figures with small steps in them.
NOISE = 1e-4
# Least squared distance: the square root's gradient at 0 is not finite.
_TINY = 1e-20


class Surrogate:
    """Independent Gaussian-process posteriors of m outputs, double precision.

    The predictive equations (Rasmussen and Williams 2006, eq. 2.25, 2.26) are written out because
    the acquisition is optimized through thousands of calls with few points each, where the general
    machinery of a posterior object costs ten times the arithmetic.
    """

    def __init__(self, scales: Tensor, mean: Tensor, x: Tensor, y: Tensor, noise: Tensor):
        """Condition on ``x`` (n, d), ``y`` (n, m).

        ``scales`` (m, d) are length scales; ``mean`` (m,), ``noise`` variance (m,).
        """
        self.scales, self.mean, self.x, self.y, self.noise = scales, mean, x, y, noise
        self.scaled_x = (x - 0.5) / scales[:, None]  # (m, n, d)
        with torch.no_grad():
            identity = torch.eye(len(x), dtype=x.dtype)
            gram = self._kernel(x) + noise[:, None, None] * identity
            chol, info = torch.linalg.cholesky_ex(gram)
            if info.any():
                chol = torch.linalg.cholesky(gram + 1e-6 * identity)
            residual = (y - mean).T.unsqueeze(-1)  # (m, n, 1)
            self.weights = torch.cholesky_solve(residual, chol)
            self.inverse_chol = torch.linalg.solve_triangular(
                chol, identity.expand_as(gram), upper=False
            )

    def _kernel(self, points: Tensor) -> Tensor:
        """Return the covariance (m, b, n) of ``points`` (b, d) and the data."""
        a = (points - 0.5) / self.scales[:, None]
        b = self.scaled_x
        norms = a.square().sum(-1).unsqueeze(-1) + b.square().sum(-1).unsqueeze(-2)
        squared = (norms - 2.0 * a @ b.mT).clamp_min(_TINY)
        r = math.sqrt(5.0) * squared.sqrt()
        return (1.0 + r + 5.0 / 3.0 * squared) * (-r).exp()

    def predict(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return posterior mean and standard deviation, each (b, m), at ``points`` (b, d)."""
        cross = self._kernel(points)  # (m, b, n)
        mean = self.mean[:, None] + (cross @ self.weights).squeeze(-1)
        explained = (cross @ self.inverse_chol.mT).square().sum(-1)
        return mean.T, (1.0 - explained).clamp_min(1e-10).sqrt().T

    def believing(self, points: Tensor) -> Surrogate:
        """Condition further on the posterior mean at ``points`` (p, d).

        The kriging believer of D. Ginsbourger, R. Le Riche, L. Carraro, "Kriging is well-suited to
        parallelize optimization", 2010: a design under simulation counts as giving its prediction.
        """
        with torch.no_grad():
            mean, _ = self.predict(points)
        return Surrogate(
            self.scales,
            self.mean,
            torch.cat([self.x, points]),
            torch.cat([self.y, mean]),
            self.noise,
        )


def fit_surrogate(x: Tensor, y: Tensor, noise: float = NOISE) -> Surrogate:
    """Fit to designs ``x`` (n, d) in the unit cube and standardised outputs ``y`` (n, m).

    ``noise`` is the known variance of the outputs.
    """
    return condition(fit_length_scales(x.numpy(), y.numpy(), noise), x, y, noise)


def condition(scales: Floats, x: Tensor, y: Tensor, noise: float) -> Surrogate:
    """Return the posterior for length scales (m, d) that are known; else as `fit_surrogate`."""
    means = best_means(scales, x.numpy(), y.numpy(), noise)
    return Surrogate(
        torch.as_tensor(scales),
        torch.as_tensor(means),
        x,
        y,
        torch.full((y.shape[1],), noise, dtype=y.dtype),
    )
