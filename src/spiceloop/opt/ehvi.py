"""The main method: expected hypervolume improvement, under constraints and failures.

S. Daulton, M. Balandat, E. Bakshy, "Differentiable Expected Hypervolume Improvement for Parallel
Multi-Objective Bayesian Optimization", NeurIPS 2020, in the forms that `model` and `acquisition`
state. While every design breaks many bounds it takes turns with the expected improvement of the
total violation (`violation`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spiceloop.opt.acquisition import LogEhvi, log_probability_between
from spiceloop.opt.base import Floats, History, Task
from spiceloop.opt.feasibility import FailureModel
from spiceloop.opt.initial import initial_points
from spiceloop.opt.learn import learn
from spiceloop.opt.model import Surrogate
from spiceloop.opt.outputs import Outputs
from spiceloop.opt.pareto import pareto_mask
from spiceloop.opt.pick import Taken, fill
from spiceloop.opt.search import Acquisition, climb, climb_on_grid, raw_points
from spiceloop.opt.thin import thinned
from spiceloop.opt.threads import one_thread
from spiceloop.opt.violation import FEW, LogViolationImprovement

__all__ = ["Ehvi", "acquisition_of"]


@dataclass(frozen=True)
class _Effort:
    """How hard the acquisition's maximum is looked for.

    Raw points over the box, and near each group of known designs; L-BFGS-B restarts and steps.
    """

    raw: int
    near: int
    restarts: int
    steps: int


# Where no design is feasible yet, a better maximum finds one sooner. Later a better one gains
# nothing (docs/arena.md): the model is the limit, and a trial is better spent on improving that.
_SEEKING = _Effort(2048, 1024, 16, 100)
_IMPROVING = _Effort(256, 256, 4, 20)
# New points are looked for near so many designs far within the bounds.
_GOOD = 8


class Ehvi:
    """Log-EHVI in closed form on a batched Gaussian process."""

    @property
    def name(self) -> str:
        """Short name as in ``--optimizer``."""
        return "ehvi"

    def ask(self, task: Task, history: History, n: int, seed: int) -> Floats:
        """See `spiceloop.opt.base.Optimizer.ask`.

        Initial designs for the first ``task.n_initial``, and until two trials have finished.
        """
        n_first = min(max(task.n_initial - history.n_asked, 0), n)
        if np.count_nonzero(~history.failed) < 2:
            n_first = n
        found = initial_points(task, history, n_first, seed)
        if n_first < n:
            with one_thread():
                guided = _guided(task, history, found, n - n_first, seed)
            found = np.vstack([found, guided])
        return found


def _guided(task: Task, history: History, found: Floats, n: int, seed: int) -> Floats:
    """Return ``n`` model-guided points; ``found`` are points of the same batch before them."""
    rng = np.random.default_rng([seed, history.n_asked, len(history.pending)])
    outputs, model = learn(task, history)
    shown = thinned(task, history)
    failures = FailureModel.learn(shown.x, shown.failed)
    effort = _IMPROVING if outputs.feasible.any() else _SEEKING
    taken = Taken(task.space, history.x, history.pending, found)
    pending = np.vstack([history.pending, found])
    centres = _centres(outputs)
    points = []
    for _ in range(n):
        acquisition = build_acquisition(outputs, model, failures, pending)
        raw = raw_points(centres, effort.raw, effort.near, rng)
        ends = climb(acquisition, raw, restarts=effort.restarts, max_steps=effort.steps)[0]
        point = fill(taken, climb_on_grid(acquisition, ends, task.space), rng)
        points.append(point)
        pending = np.vstack([pending, point])
    return np.array(points)


def acquisition_of(task: Task, history: History) -> Acquisition:
    """Return the function that the next design is to maximize."""
    outputs, model = learn(task, history)
    shown = thinned(task, history)
    failures = FailureModel.learn(shown.x, shown.failed)
    return build_acquisition(outputs, model, failures, history.pending)


def build_acquisition(
    outputs: Outputs, model: Surrogate, failures: FailureModel | None, pending: Floats
) -> Acquisition:
    """Return the function to maximize, of points (b, d).

    log EHVI + log P(bounds met) + log P(the simulation finishes). A bounded goal's bound is its
    reference, so once a design is feasible it is left to EHVI; before, it counts in both, for EHVI
    alone would give up one bound for a chance to go far beyond another. While every design breaks
    many bounds, `LogViolationImprovement` takes turns with the first two. A pending design counts
    as giving what the model predicts.
    """
    k = len(outputs.reference)
    turn = outputs.turn(pending)
    model, front = believing(outputs, model, pending)
    mend = mending(outputs, model, turn)
    ehvi = LogEhvi(front, torch.as_tensor(outputs.reference), turn)
    lower, upper = torch.as_tensor(outputs.lower), torch.tensor(outputs.upper)
    if outputs.feasible.any():
        upper[:k] = torch.inf

    def acquisition(points: Tensor) -> Tensor:
        mean, sd = model.predict(points)
        if mend:
            value = mend(mean, sd)
        else:
            value = log_probability_between(mean, sd, lower, upper) + ehvi(mean[:, :k], sd[:, :k])
        if failures is not None:
            value = value + failures.log_probability(points)
        return value

    return acquisition


def believing(outputs: Outputs, model: Surrogate, pending: Floats) -> tuple[Surrogate, Tensor]:
    """Return the model and the losses (f, k) of the feasible designs, pending ones (p, d) included.

    These count as giving what the model predicts.
    """
    front = torch.as_tensor(outputs.front)
    if not len(pending):
        return model, front
    model = model.believing(torch.as_tensor(pending))
    y = model.y[-len(pending) :]
    lower, upper = torch.as_tensor(outputs.lower), torch.as_tensor(outputs.upper)
    met = ((y >= lower) & (y <= upper)).all(dim=1)
    return model, torch.cat([front, y[met, : front.shape[1]]])


def mending(outputs: Outputs, model: Surrogate, turn: int) -> LogViolationImprovement | None:
    """Return what stands for EHVI and the bounds, where it is its ``turn``: an odd one."""
    if turn % 2 == 0 or outputs.feasible.any() or not outputs.constrained:
        return None
    bounds = torch.as_tensor(outputs.lower), torch.as_tensor(outputs.upper)
    return LogViolationImprovement.where_many(model.y, *bounds)


def _centres(outputs: Outputs) -> list[Floats]:
    """Return groups of designs (g, d) to look near: `_good` ones, and the front once there is one.

    A maximum next to the front, in a corner of a box of ten variables, is seldom found from
    elsewhere; an improvement of the front through designs that are not feasible yet is not next
    to it.
    """
    found = [_good(outputs)]
    if outputs.feasible.any():
        found.append(outputs.x[outputs.feasible][pareto_mask(outputs.front)])
    return found


def _good(outputs: Outputs) -> Floats:
    """Return designs (g, d), best first: least worst excess over reference and bounds.

    While many bounds are broken, least total violation: the worst bound is often one that a dozen
    designs break by as much.
    """
    k = len(outputs.reference)
    bounds = np.hstack([outputs.y - outputs.upper, outputs.lower - outputs.y])
    if (bounds > 0.0).sum(axis=1).min() > FEW:
        excess = np.maximum(bounds, 0.0).sum(axis=1)
    else:
        excess = np.hstack([outputs.y[:, :k] - outputs.reference, bounds]).max(axis=1)
    return outputs.x[np.argsort(excess, kind="stable")[:_GOOD]]
