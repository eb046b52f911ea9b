"""The loop of BoTorch's tutorial on constrained multi-objective optimization.

A `ModelListGP` of one `SingleTaskGP` with `Standardize` for each objective and each bound,
`qLogNoisyExpectedHypervolumeImprovement` with 128 Sobol samples, pruned baseline and constraints
as functions of the outcomes, `optimize_acqf` with 10 restarts, 512 raw samples, batch limit 5 and
200 iterations. It needs a reference point: it is given the arena's. What differs from the tutorial:
10 initial points, the same Sobol points as the others', instead of 2(d + 1), and a failed
simulation, which the tutorial does not know, is left out of the data.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP, SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler
from gpytorch.mlls import SumMarginalLogLikelihood
from torch import Tensor

from arena.competitors.base import Competitor, sobol_points
from arena.problems import N_INITIAL, ArenaProblem
from spiceloop.opt.base import Floats

__all__ = ["BotorchTutorial"]

_SAMPLES, _RESTARTS, _RAW, _STEPS, _BATCH_LIMIT = 128, 10, 512, 200, 5
# Variance of the observation noise as a share of an outcome's own: simulations repeat themselves.
_NOISE = 1e-6


class BotorchTutorial(Competitor):
    """qLogNEHVI, one point at a time."""

    def __init__(self, problem: ArenaProblem, seed: int) -> None:
        self.problem, self.seed = problem, seed
        self.k = len(problem.task.goals)
        self.initial = list(sobol_points(problem, N_INITIAL, seed))
        self.x: list[Floats] = []
        self.y: list[Floats] = []

    def ask(self) -> Floats:
        """See `Competitor`."""
        if self.initial:
            return self.initial.pop(0)
        if len(self.x) < 2:
            return np.random.default_rng([self.seed, len(self.x)]).random(
                len(self.problem.task.space)
            )
        torch.manual_seed(1000 * self.seed + len(self.x))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._guided()

    def _guided(self) -> Floats:
        x, y = torch.as_tensor(np.array(self.x)), torch.as_tensor(np.array(self.y))
        model = _fitted(x, y)
        n_bounds = y.shape[1] - self.k
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            model=model,
            ref_point=-torch.ones(self.k, dtype=y.dtype),
            X_baseline=x,
            sampler=SobolQMCNormalSampler(torch.Size([_SAMPLES]), seed=self.seed),
            prune_baseline=True,
            objective=IdentityMCMultiOutputObjective(outcomes=list(range(self.k))),
            constraints=[_outcome(self.k + j) for j in range(n_bounds)] or None,
        )
        d = x.shape[1]
        candidates, _ = optimize_acqf(
            acquisition,
            bounds=torch.stack([torch.zeros(d), torch.ones(d)]).to(y),
            q=1,
            num_restarts=_RESTARTS,
            raw_samples=_RAW,
            options={"batch_limit": _BATCH_LIMIT, "maxiter": _STEPS},
            sequential=True,
        )
        return np.asarray(candidates.detach().numpy()[0])

    def tell(self, x: Floats, row: Floats) -> None:
        """See `Competitor`."""
        if np.isfinite(row).all():
            self.x.append(x)
            self.y.append(
                np.hstack(
                    [-self.problem.losses(row[None])[0], self.problem.violations(row[None])[0]]
                )
            )


def _fitted(x: Tensor, y: Tensor) -> ModelListGP:
    models = []
    for j in range(y.shape[1]):
        outcome = y[:, j : j + 1]
        noise = _NOISE * outcome.var().clamp_min(1e-12)
        models.append(
            SingleTaskGP(
                x, outcome, torch.full_like(outcome, noise), outcome_transform=Standardize(m=1)
            )
        )
    model = ModelListGP(*models)
    fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
    return model


def _outcome(j: int) -> object:
    return lambda samples: samples[..., j]
