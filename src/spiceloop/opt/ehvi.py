"""The main method: expected hypervolume improvement, under constraints and failures.

S. Daulton, M. Balandat, E. Bakshy, "Differentiable Expected Hypervolume Improvement for Parallel
Multi-Objective Bayesian Optimization", NeurIPS 2020, in the forms that `model` and `acquisition`
state.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spiceloop.opt.acquisition import LogEhvi, log_probability_between
from spiceloop.opt.base import Floats, History, Task
from spiceloop.opt.feasibility import FailureModel
from spiceloop.opt.model import Surrogate, fit_surrogate
from spiceloop.opt.outputs import Outputs, model_outputs
from spiceloop.opt.pick import Taken, fill
from spiceloop.opt.search import Acquisition, climb, climb_on_grid, raw_points
from spiceloop.opt.sobol import Sobol
from spiceloop.opt.threads import one_thread

log = logging.getLogger(__name__)

__all__ = ["Ehvi"]


@dataclass(frozen=True)
class Settings:
    reference: str = "start"  # start | frac | alternate | shrink | nadir
    relax: float = 0.0
    over: float = 15.0
    rbf: bool = False
    noise: bool = False
    clip: float = 3.0
    raw: int = 2048
    near: int = 1024
    restarts: int = 16
    max_steps: int = 100


@dataclass(frozen=True)
class Ehvi:
    """Log-EHVI in closed form on a batched Gaussian process."""

    s: Settings = Settings()

    @property
    def name(self) -> str:
        """Short name as in ``--optimizer``."""
        return "ehvi"

    def ask(self, task: Task, history: History, n: int, seed: int) -> Floats:
        """See `spiceloop.opt.base.Optimizer.ask`.

        Sobol points for the first ``task.n_initial``, and until two trials have finished.
        """
        n_sobol = min(max(task.n_initial - history.n_asked, 0), n)
        if np.count_nonzero(~history.failed) < 2:
            n_sobol = n
        found = Sobol().ask(task, history, n_sobol, seed)
        if n_sobol < n:
            with one_thread():
                guided = self._guided(task, history, found, n - n_sobol, seed)
            found = np.vstack([found, guided])
        return found

    def _guided(
        self, task: Task, history: History, found: Floats, n: int, seed: int
    ) -> Floats:
        rng = np.random.default_rng([seed, history.n_asked, len(history.pending)])
        outputs = model_outputs(task, history, self.s)
        model = fit_surrogate(torch.as_tensor(outputs.x), torch.as_tensor(outputs.y), rbf=self.s.rbf, noise=self.s.noise)
        failures = FailureModel.learn(history.x, history.failed)
        taken = Taken(task.space, history.x, history.pending, found)
        pending = np.vstack([history.pending, found])
        points = []
        for _ in range(n):
            acquisition = build_acquisition(outputs, model, failures, pending)
            raw = raw_points(_good(outputs), self.s.raw, self.s.near, rng)
            ends, _ = climb(acquisition, raw, restarts=self.s.restarts, max_steps=self.s.max_steps)
            ends = climb_on_grid(acquisition, ends, task.space)
            point = fill(taken, ends, rng)
            points.append(point)
            pending = np.vstack([pending, point])
        return np.array(points)


def build_acquisition(
    outputs: Outputs, model: Surrogate, failures: FailureModel | None, pending: Floats
) -> Acquisition:
    """Return the function to maximize, of points (b, d).

    With a feasible trial: log EHVI + log P(constraints met) + log P(the simulation finishes);
    before the first feasible one, the probabilities alone. A pending design counts as giving what
    the model predicts.
    """
    k = len(outputs.reference)
    lower, upper = torch.as_tensor(outputs.lower), torch.as_tensor(outputs.upper)
    front = torch.as_tensor(outputs.front)
    if len(pending):
        model = model.believing(torch.as_tensor(pending))
        believed = model.y[-len(pending) :]
        met = ((believed >= lower) & (believed <= upper)).all(dim=1)
        front = torch.cat([front, believed[met, :k]])
    ehvi = None
    if outputs.feasible.any() or not outputs.constrained:
        ehvi = LogEhvi(front, torch.as_tensor(outputs.reference))

    def acquisition(points: Tensor) -> Tensor:
        mean, sd = model.predict(points)
        value = log_probability_between(mean, sd, lower, upper)
        if ehvi is not None:
            value = value + ehvi(mean[:, :k], sd[:, :k])
        if failures is not None:
            value = value + failures.log_probability(points)
        return value

    return acquisition


def _good(outputs: Outputs, most: int = 8) -> Floats:
    """Return the designs to search around: least worst excess over reference and bounds."""
    k = len(outputs.reference)
    excess = np.hstack(
        [
            outputs.y[:, :k] - outputs.reference,
            outputs.y - np.where(np.isfinite(outputs.upper), outputs.upper, np.inf),
            np.where(np.isfinite(outputs.lower), outputs.lower, -np.inf) - outputs.y,
        ]
    )
    return outputs.x[np.argsort(excess.max(axis=1), kind="stable")[:most]]
