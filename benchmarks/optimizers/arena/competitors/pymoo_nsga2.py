"""pymoo's NSGA2 with its own operators; population 20, see `arena.competitors.optuna_samplers`.

pymoo has no notion of a failed evaluation: a failed simulation counts as violating every bound by
far, which is how its users write it.
"""

from __future__ import annotations

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.termination import NoTermination

from arena.competitors.base import Competitor
from arena.competitors.optuna_samplers import POPULATION
from arena.problems import ArenaProblem
from spiceloop.opt.base import Floats

__all__ = ["PymooNsga2"]

_FAILED = 1e3


class PymooNsga2(Competitor):
    """NSGA2 through pymoo's ask and tell, a generation at a time."""

    def __init__(self, problem: ArenaProblem, seed: int) -> None:
        self.problem = problem
        self.k = len(problem.task.goals)
        one = np.zeros((1, len(problem.metric_names)))
        self.n_bounds = problem.violations(one).shape[1]
        self.algorithm = NSGA2(pop_size=POPULATION)
        self.algorithm.setup(
            Problem(
                n_var=len(problem.task.space), n_obj=self.k, n_ieq_constr=self.n_bounds, xl=0, xu=1
            ),
            termination=NoTermination(),
            seed=seed,
            verbose=False,
        )
        self.generation: Population | None = None
        self.told: list[tuple[Floats, Floats, Floats]] = []

    def ask(self) -> Floats:
        """See `Competitor`."""
        if self.generation is None:
            self.generation, self.told = self.algorithm.ask(), []
        return np.asarray(self.generation[len(self.told)].X, dtype=float)

    def tell(self, x: Floats, row: Floats) -> None:
        """See `Competitor`."""
        assert self.generation is not None
        if np.isfinite(row).all():
            f, g = self.problem.losses(row[None])[0], self.problem.violations(row[None])[0]
        else:
            f, g = np.full(self.k, _FAILED), np.full(self.n_bounds, _FAILED)
        self.told.append((x, f, g))
        if len(self.told) == len(self.generation):
            for key, values in zip("XFG", zip(*self.told, strict=True), strict=True):
                self.generation.set(key, np.array(values))
            self.algorithm.tell(infills=self.generation)
            self.generation = None
