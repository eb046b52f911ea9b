"""spiceloop's own optimizers, as a study asks them: a function of the history."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from arena.budget import Budget
from arena.competitors.base import Competitor
from arena.problems import ArenaProblem
from spiceloop.opt import make_optimizer
from spiceloop.opt.base import Budget as TaskBudget
from spiceloop.opt.base import Chooser, Floats, History, Timing

__all__ = ["Ours"]


class Ours(Competitor):
    """An optimizer of ``spiceloop.opt`` by its short name.

    ``auto`` is told how many seconds there are, as its users do; the others make nothing of it.
    """

    def __init__(self, name: str, problem: ArenaProblem, budget: Budget, seed: int) -> None:
        seconds = budget.seconds if budget.timed else None
        self.optimizer, self.problem, self.seed = make_optimizer(name), problem, seed
        self.task = replace(problem.task, budget=TaskBudget(seconds=seconds))
        self.x = np.empty((0, len(problem.task.space)))
        self.rows = np.empty((0, len(problem.metric_names)))
        # Columns of a row: simulation, thinking, clock at its end, whether a model proposed it.
        self.times = np.empty((0, 4))
        self.waiting: list[Floats] = []
        self.thinking, self.guided = 0.0, False
        self.began = self.asked = time.perf_counter()

    def ask(self) -> Floats:
        """See `Competitor`."""
        self.thinking = 0.0
        if not self.waiting:
            began = time.perf_counter()
            self.waiting = self._propose()
            self.thinking = time.perf_counter() - began
        self.asked = time.perf_counter()
        return self.waiting.pop(0)

    def _propose(self) -> list[Floats]:
        simulation, thinking, clock, guided = self.times.T
        history = History(
            x=self.x,
            metrics=self.rows,
            metric_names=self.problem.metric_names,
            failed=~np.isfinite(self.rows).all(axis=1),
            pending=np.empty((0, self.x.shape[1])),
            n_asked=len(self.x),
            timing=Timing(simulation, thinking, clock, guided.astype(bool)),
        )
        n, self.guided = 1, False
        if isinstance(self.optimizer, Chooser):
            choice = self.optimizer.choose(self.task, history)
            n, self.guided = choice.n, choice.method == "model"
        return list(self.optimizer.ask(self.task, history, n, self.seed))

    def tell(self, x: Floats, row: Floats) -> None:
        """See `Competitor`."""
        now = time.perf_counter()
        times = [now - self.asked, self.thinking, now - self.began, self.guided]
        self.x, self.rows = np.vstack([self.x, x]), np.vstack([self.rows, row])
        self.times = np.vstack([self.times, times])
