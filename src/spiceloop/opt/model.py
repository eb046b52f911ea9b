"""Gaussian processes for the modelled metrics: one batched BoTorch model, fitted by MAP.

A Matérn-5/2 kernel with one length scale a variable under the dimension-scaled log-normal prior
of C. Hvarfner, E. O. Hellsten, L. Nardi, "Vanilla Bayesian Optimization Performs Great in High
Dimensions", ICML 2024 (BoTorch's default). SPICE repeats itself to the last digit, so the
observation noise is known and tiny.
"""

from __future__ import annotations

import logging
import warnings

import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from gpytorch.mlls import ExactMarginalLogLikelihood
from linear_operator.utils.errors import NotPSDError
from torch import Tensor

__all__ = ["Surrogate", "fit_surrogate"]

log = logging.getLogger(__name__)

# Variance of the observation noise relative to an output's own variance: what the simulator's
# tolerances leave, and slack for figures with small steps in them.
_NOISE = 1e-4
# A fit still going after this many L-BFGS steps has long found its length scales.
_FIT_STEPS = 200


class Surrogate:
    """Independent Gaussian-process posteriors of m outputs, double precision.

    The predictive equations (Rasmussen and Williams 2006, eq. 2.25, 2.26) are written out because
    the acquisition is optimized through thousands of calls with few points each, where the general
    machinery of a posterior object costs ten times the arithmetic.
    """

    def __init__(self, kernel: torch.nn.Module, mean: Tensor, x: Tensor, y: Tensor, noise: Tensor):
        """Condition on ``x`` (n, d), ``y`` (n, m); ``mean`` (m,), ``noise`` variance (m,)."""
        self.kernel, self.mean, self.x, self.y, self.noise = kernel, mean, x, y, noise
        with torch.no_grad():
            gram = kernel(x, x).to_dense() + noise[:, None, None] * torch.eye(len(x), dtype=x.dtype)
            chol, info = torch.linalg.cholesky_ex(gram)
            if info.any():
                gram += 1e-6 * torch.eye(len(x), dtype=x.dtype)
                chol = torch.linalg.cholesky(gram)
            residual = (y - mean).T.unsqueeze(-1)  # (m, n, 1)
            self.weights = torch.cholesky_solve(residual, chol)
            identity = torch.eye(len(x), dtype=x.dtype).expand_as(gram)
            self.inverse_chol = torch.linalg.solve_triangular(chol, identity, upper=False)

    def predict(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return posterior mean and standard deviation, each (b, m), at ``points`` (b, d)."""
        cross = self.kernel(points, self.x).to_dense()  # (m, b, n)
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
            self.kernel,
            self.mean,
            torch.cat([self.x, points]),
            torch.cat([self.y, mean]),
            self.noise,
        )


def fit_surrogate(x: Tensor, y: Tensor, noise: float = _NOISE) -> Surrogate:
    """Fit to designs ``x`` (n, d) in the unit cube and standardised outputs ``y`` (n, m).

    ``noise`` is the known variance of the outputs. Falls back to the prior's length scales, with a
    log line, where the fit fails.
    """
    m = y.shape[1]
    kernel = get_covar_module_with_dim_scaled_prior(
        ard_num_dims=x.shape[1],
        batch_shape=torch.Size([m] if m > 1 else []),
        use_rbf_kernel=False,
    )
    model = SingleTaskGP(
        x, y, torch.full_like(y, noise), covar_module=kernel, outcome_transform=None
    )
    with warnings.catch_warnings(), torch.random.fork_rng():
        # Input-scaling hints and restarts of the fit; what matters ends in the log below.
        warnings.simplefilter("ignore")
        torch.manual_seed(0)  # a fit that fails is restarted from a random place
        try:
            fit_gpytorch_mll(
                ExactMarginalLogLikelihood(model.likelihood, model),
                optimizer_kwargs={"options": {"maxiter": _FIT_STEPS}},
            )
        except (ModelFittingError, NotPSDError, RuntimeError, ValueError) as error:
            log.warning("the fit of the Gaussian process failed (%s); using its prior", error)
    return Surrogate(
        model.covar_module.requires_grad_(False),
        model.mean_module.constant.detach().reshape(m),
        x,
        y,
        torch.full((m,), noise, dtype=y.dtype),
    )
