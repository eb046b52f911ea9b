"""How far the model can be trusted: each finished trial predicted from all the others.

With K the covariance of the data, noise included, and hyperparameters held fixed, what a Gaussian
process would have predicted of trial i without it is normal with

    mean yᵢ − [K⁻¹(y − μ)]ᵢ / [K⁻¹]ᵢᵢ ,   variance 1 / [K⁻¹]ᵢᵢ ,

C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, eq. 5.10 to
5.12; first in O. Dubrule, "Cross validation of kriging in a unique neighborhood", Math. Geology 15,
1983. The length scales were chosen with trial i, so the errors are a little too small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from spiceloop.opt.base import Floats
from spiceloop.opt.explain.units import Z95
from spiceloop.opt.model import Surrogate

__all__ = ["LeftOut", "leave_one_out"]


@dataclass(frozen=True)
class LeftOut:
    """Predictions ``mean`` ± ``sd`` of ``actual``, each (n, m), in the model's outputs."""

    actual: Floats
    mean: Floats
    sd: Floats

    @property
    def q2(self) -> Floats:
        """Share (m,) of the variance that is predicted: 1 − Σ errors² / Σ deviations².

        1 is perfect; 0 is no better than the mean of the data, and less is worse. NaN where all
        values are equal.
        """
        total = ((self.actual - self.actual.mean(axis=0)) ** 2).sum(axis=0)
        errors = ((self.actual - self.mean) ** 2).sum(axis=0)
        total[total < 1e-12] = np.nan
        return np.asarray(1.0 - errors / total)

    @property
    def rmse(self) -> Floats:
        """Root of the mean squared error (m,)."""
        return np.asarray(((self.actual - self.mean) ** 2).mean(axis=0) ** 0.5)

    @property
    def coverage(self) -> Floats:
        """Share (m,) of the trials that lie within their central 95 % interval."""
        return np.asarray((abs(self.actual - self.mean) <= Z95 * self.sd).mean(axis=0))


def leave_one_out(model: Surrogate) -> LeftOut:
    """Predict each trial of a model from the others, in closed form."""
    with torch.no_grad():
        precision = model.inverse_chol.square().sum(dim=-2).mT  # diagonal of K⁻¹, (n, m)
        mean = model.y - model.weights.squeeze(-1).mT / precision
        sd = precision.rsqrt()
    return LeftOut(model.y.numpy(), mean.numpy(), sd.numpy())
