"""Population search: many cheap proposals around the best designs so far.

A steady-state relative of NSGA-II (K. Deb et al., IEEE Trans. Evol. Comput. 6(2), 2002): feasible
designs before infeasible ones, these by their total violation, those by front and crowding
distance; the population is the best of all trials, so nothing good is ever lost. Children come half
from simulated binary crossover (K. Deb, R. B. Agrawal, Complex Systems 9, 1995), half from
differential evolution (S. Kukkonen, J. Lampinen, "GDE3", CEC 2005); all are mutated polynomially.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from spiceloop.opt.base import Choice, Floats, History, Task
from spiceloop.opt.pareto import feasible_mask, losses, pareto_mask
from spiceloop.opt.pick import Taken, fill
from spiceloop.opt.sobol import Sobol
from spiceloop.opt.transform import column

__all__ = ["Population", "best_first", "child_of", "parents_of", "total_violation"]

Indices = npt.NDArray[np.int_]

# The population is a share of the finished trials: small while there are few, so that it moves.
_SHARE, _SMALLEST, _LARGEST = 0.2, 20, 100
# Distribution indices of crossover and mutation as pymoo's NSGA-II has them; a child is a mutant in
# one variable on average. Scale and crossover rate of the differences as in the GDE3 paper.
_CROSS, _MUTATE = 15.0, 20.0
_SCALE, _RATE = 0.5, 0.5
_TRIES = 10


class Population:
    """Constrained evolution, a function of the history like every optimizer."""

    @property
    def name(self) -> str:
        """Short name as in ``--optimizer``."""
        return "population"

    def choose(self, task: Task, history: History) -> Choice:
        """See `spiceloop.opt.base.Chooser.choose`: a quarter of the population at once."""
        if history.n_asked < task.n_initial:
            return Choice("initial", task.n_initial, "")
        return Choice("population", max(_size(history) // 4, 1), "")

    def ask(self, task: Task, history: History, n: int, seed: int) -> Floats:
        """See `spiceloop.opt.base.Optimizer.ask`.

        Sobol points for the first ``task.n_initial``, and until four trials have finished.
        """
        n_sobol = min(max(task.n_initial - history.n_asked, 0), n)
        parents = parents_of(task, history)
        if len(parents) < 4:  # a difference takes three besides its target
            n_sobol = n
        found = Sobol().ask(task, history, n_sobol, seed)
        if n_sobol == n:
            return found
        rng = np.random.default_rng([seed, history.n_asked, len(history.pending)])
        taken = Taken(task.space, history.x, history.pending, found)
        children = (fill(taken, _children(parents, rng), rng) for _ in range(n - n_sobol))
        return np.vstack([found, *children])


def parents_of(task: Task, history: History) -> Floats:
    """Return the population (p, d), best first."""
    return history.x[best_first(task, history, _size(history))]


def _size(history: History) -> int:
    return int(np.clip(_SHARE * len(history.x), _SMALLEST, _LARGEST))


def best_first(task: Task, history: History, most: int) -> Indices:
    """Return the rows of the best finished trials, at most ``most``, best first."""
    args = (task, history.metrics, history.metric_names)
    points, missed_by = losses(*args), total_violation(task, history)
    # A corner that was skipped may leave metrics out that are only shown.
    finished = ~history.failed & np.isfinite(points).all(axis=1) & np.isfinite(missed_by)
    feasible = feasible_mask(*args) & finished
    chosen: list[int] = []
    left = np.flatnonzero(feasible)
    while len(chosen) < most and len(left):
        front = pareto_mask(points[left])
        rows = left[front]
        chosen += rows[np.argsort(-_crowding(points[rows]), kind="stable")].tolist()
        left = left[~front]
    missed = np.flatnonzero(finished & ~feasible)
    chosen += missed[np.argsort(missed_by[missed], kind="stable")].tolist()
    return np.array(chosen[:most], dtype=int)


def total_violation(task: Task, history: History) -> Floats:
    """Return the violations of all bounds together, (n,): Σ log(1 + excess relative to the bound).

    The logarithm keeps one figure that is decades off from hiding all others; NaN for failed rows.
    """
    total = np.zeros(len(history.x))
    for bound in task.constraints:
        values = column(history.metrics, history.metric_names, bound.metric)
        for limit, sign in ((bound.minimum, 1.0), (bound.maximum, -1.0)):
            if limit is not None:
                total += np.log1p(np.maximum(sign * (limit - values) / (abs(limit) or 1.0), 0.0))
    return total


def _crowding(points: Floats) -> Floats:
    """Return the crowding distance of each row of losses (n, k), infinite at the ends."""
    distance = np.zeros(len(points))
    for values in points.T:
        order = np.argsort(values, kind="stable")
        extent = values[order[-1]] - values[order[0]]
        gaps = np.full(len(points), np.inf)
        gaps[1:-1] = (values[order[2:]] - values[order[:-2]]) / (extent or 1.0)
        distance[order] += gaps
    return distance


def _children(parents: Floats, rng: np.random.Generator) -> Iterator[Floats]:
    """Give a child, and further ones in case it is known already."""
    for _ in range(_TRIES):
        yield child_of(parents, rng)


def child_of(parents: Floats, rng: np.random.Generator) -> Floats:
    """Return one child (d,) of at least four parents (p, d), best first."""
    d = parents.shape[1]
    if rng.random() < 0.5:
        one, other = (parents[_tournament(len(parents), rng)] for _ in range(2))
        child = _crossed(one, other, rng)
    else:
        target, a, b, c = parents[rng.choice(len(parents), 4, replace=False)]
        take = (rng.random(d) < _RATE) | (np.arange(d) == rng.integers(d))
        child = np.where(take, a + _SCALE * (b - c), target)
    return _mutated(np.clip(child, 0.0, 1.0), rng)


def _tournament(n: int, rng: np.random.Generator) -> int:
    return int(rng.integers(n, size=2).min())


def _crossed(a: Floats, b: Floats, rng: np.random.Generator) -> Floats:
    """One child of simulated binary crossover; each variable takes part with odds of one half."""
    u = rng.random(len(a))
    spread = np.where(u < 0.5, 2.0 * u, 0.5 / (1.0 - u)) ** (1.0 / (_CROSS + 1.0))
    spread = np.where(rng.random(len(a)) < 0.5, spread, 1.0) * rng.choice([-1.0, 1.0])
    return np.asarray(0.5 * (a + b) + 0.5 * spread * (a - b))


def _mutated(point: Floats, rng: np.random.Generator) -> Floats:
    d = len(point)
    u = rng.random(d)
    low = (2.0 * u) ** (1.0 / (_MUTATE + 1.0)) - 1.0
    high = 1.0 - (2.0 - 2.0 * u) ** (1.0 / (_MUTATE + 1.0))
    step = np.where(rng.random(d) < 1.0 / d, np.where(u < 0.5, low, high), 0.0)
    return np.clip(point + step, 0.0, 1.0)
