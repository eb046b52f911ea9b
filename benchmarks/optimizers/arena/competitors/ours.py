"""spiceloop's own optimizers, as a study asks them: a function of the history."""

from __future__ import annotations

import numpy as np

from arena.competitors.base import Competitor
from arena.problems import ArenaProblem
from spiceloop.opt import make_optimizer
from spiceloop.opt.base import Floats, History

__all__ = ["Ours"]


class Ours(Competitor):
    """An optimizer of ``spiceloop.opt`` by its short name."""

    def __init__(self, name: str, problem: ArenaProblem, seed: int) -> None:
        self.optimizer, self.problem, self.seed = make_optimizer(name), problem, seed
        self.x = np.empty((0, len(problem.task.space)))
        self.rows = np.empty((0, len(problem.metric_names)))

    def ask(self) -> Floats:
        """See `Competitor`."""
        history = History(
            x=self.x,
            metrics=self.rows,
            metric_names=self.problem.metric_names,
            failed=~np.isfinite(self.rows).all(axis=1),
            pending=np.empty((0, self.x.shape[1])),
            n_asked=len(self.x),
        )
        return self.optimizer.ask(self.problem.task, history, 1, self.seed)[0]

    def tell(self, x: Floats, row: Floats) -> None:
        """See `Competitor`."""
        self.x, self.rows = np.vstack([self.x, x]), np.vstack([self.rows, row])
