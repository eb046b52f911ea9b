"""Optuna's samplers, each on a study of its own that lasts the whole run.

Settings are Optuna's defaults but for: the objective is deterministic, and is said to be
(GPSampler); the population is 20 (NSGA-II), since the default of 50 would leave nearly no
generations in 200 simulations. The first points of TPE and GPSampler are Sobol points, the same as
`sobol`'s. A failed simulation is told as the worst figures seen: Optuna's samplers forget a trial
that is told as failed, and some runs then asked for the same spot a hundred times.
"""

from __future__ import annotations

import warnings

import greenlet  # noqa: F401  where it is missing Optuna falls back to a slower GPSampler
import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler

from arena.competitors.base import Competitor, sobol_points
from arena.problems import N_INITIAL, ArenaProblem
from spiceloop.opt.base import Floats

__all__ = ["POPULATION", "OptunaSampler"]

POPULATION = 20


class OptunaSampler(Competitor):
    """``tpe``, ``nsga2`` or ``gpsampler``."""

    def __init__(self, name: str, problem: ArenaProblem, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self.problem = problem
        self.distributions: dict[str, BaseDistribution] = {
            n: FloatDistribution(0.0, 1.0) for n in problem.task.space.names
        }
        self.study = optuna.create_study(
            directions=["minimize"] * len(problem.task.goals), sampler=_sampler(name, seed)
        )
        if name != "nsga2":
            for point in sobol_points(problem, N_INITIAL, seed):
                self.study.enqueue_trial(dict(zip(self.distributions, point, strict=True)))
        self.trial: optuna.Trial | None = None
        self.worst_losses = np.ones(len(problem.task.goals))
        self.worst_violations: Floats | None = None

    def ask(self) -> Floats:
        """See `Competitor`."""
        self.trial = self.study.ask(self.distributions)
        return np.array([self.trial.params[n] for n in self.distributions])

    def tell(self, x: Floats, row: Floats) -> None:
        """See `Competitor`."""
        assert self.trial is not None
        violations = self.problem.violations(row[None])[0]
        if np.isfinite(row).all():
            losses = self.problem.losses(row[None])[0]
            self.worst_losses = np.maximum(self.worst_losses, losses)
            before = violations if self.worst_violations is None else self.worst_violations
            self.worst_violations = np.maximum(before, violations)
        else:
            losses, violations = self.worst_losses, np.full(len(violations), 1.0)
            if self.worst_violations is not None:
                violations = np.maximum(violations, self.worst_violations)
        for j, violation in enumerate(violations):
            self.trial.set_constraint(str(j), float(violation))
        self.study.tell(self.trial, [float(v) for v in losses])


def _sampler(name: str, seed: int) -> BaseSampler:
    match name:
        case "tpe":
            return TPESampler(seed=seed, n_startup_trials=N_INITIAL)
        case "nsga2":
            return NSGAIISampler(seed=seed, population_size=POPULATION)
        case "gpsampler":
            return GPSampler(seed=seed, n_startup_trials=N_INITIAL, deterministic_objective=True)
    raise ValueError(name)
