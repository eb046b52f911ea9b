"""Optuna's samplers as optimizers of ours, to compare with and to choose from.

``gpsampler``: log-EHVI on Gaussian processes, Optuna's own; ``tpe``: J. Bergstra et al.,
"Algorithms for Hyper-Parameter Optimization", NeurIPS 2011; ``nsga2``: K. Deb et al., IEEE Trans.
Evol. Comput. 6(2), 2002. An Optuna study is rebuilt in memory from the history at every ask, so
that these too are functions of the history. They see the same losses as `spiceloop.opt.ehvi`,
and begin with the same Sobol points, never with the centre. A failed simulation is told as the
worst figures seen: what is told as failed, Optuna's samplers forget, and may ask for the same spot
again and again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler

from spiceloop.opt.base import Constraint, Floats, History, Task
from spiceloop.opt.pareto import losses
from spiceloop.opt.pick import Taken, fill
from spiceloop.opt.sobol import Sobol
from spiceloop.opt.threads import one_thread
from spiceloop.opt.transform import column, metric_scales

__all__ = ["OptunaPeer"]

# Where Optuna's NSGA-II keeps a trial's generation.
_GENERATION = "NSGAIISampler:generation"


class OptunaPeer:
    """One of Optuna's samplers: ``gpsampler``, ``tpe`` or ``nsga2``."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """Short name as in ``--optimizer``."""
        return self._name

    def ask(self, task: Task, history: History, n: int, seed: int) -> Floats:
        """See `spiceloop.opt.base.Optimizer.ask`."""
        n_sobol = min(max(task.n_initial - history.n_asked, 0), n)
        points = losses(task, history.metrics, history.metric_names)
        if np.isfinite(points).all(axis=1).sum() < 2:
            n_sobol = n
        found = Sobol().ask(task, history, n_sobol, seed)
        taken = Taken(task.space, history.x, history.pending, found)
        pending = np.vstack([history.pending, found])
        rng = np.random.default_rng([seed, history.n_asked, len(history.pending)])
        with _quiet(), one_thread():
            for _ in range(n - n_sobol):
                study = self._study(task, history, points, pending, int(rng.integers(2**31)))
                trial = study.ask(_distributions(task))
                point = np.array([trial.params[name] for name in task.space.names])
                pending = np.vstack([pending, fill(taken, [point], rng)])
        return np.asarray(pending[len(history.pending) :])

    def _study(
        self, task: Task, history: History, points: Floats, pending: Floats, seed: int
    ) -> optuna.Study:
        population = max(task.n_initial, 2)
        study = optuna.create_study(
            directions=["minimize"] * len(task.goals),
            sampler=_sampler(self._name, population, seed),
        )
        failed = history.failed | ~np.isfinite(points).all(axis=1)
        worst = points[~failed].max(axis=0)
        violations = _violations(task, history, failed)
        for number, (x, row, violation) in enumerate(
            zip(history.x, np.where(failed[:, None], worst, points), violations, strict=True)
        ):
            study.add_trial(
                _trial(
                    task,
                    x,
                    values=[float(v) for v in row],
                    system_attrs={_GENERATION: number // population},
                    constraints=violation or None,
                )
            )
        for x in pending:
            study.add_trial(_trial(task, x, state=optuna.trial.TrialState.RUNNING))
        return study


def _sampler(name: str, population: int, seed: int) -> BaseSampler:
    match name:
        case "gpsampler":
            return GPSampler(seed=seed, n_startup_trials=1, deterministic_objective=True)
        case "tpe":
            return TPESampler(seed=seed, n_startup_trials=1, constant_liar=True)
    return NSGAIISampler(seed=seed, population_size=population)


def _distributions(task: Task) -> dict[str, optuna.distributions.BaseDistribution]:
    return {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in task.space.names}


def _trial(task: Task, x: Floats, **kwargs: object) -> optuna.trial.FrozenTrial:
    params = dict(zip(task.space.names, (float(v) for v in np.clip(x, 0.0, 1.0)), strict=True))
    return optuna.trial.create_trial(
        params=params,
        distributions=_distributions(task),
        **kwargs,  # type: ignore[arg-type]
    )


def _violations(
    task: Task, history: History, failed: npt.NDArray[np.bool_]
) -> list[dict[str, float]]:
    """Constraint values as Optuna wants them, positive where violated, one dict a trial.

    A failed one violates every bound as much as any, and by one at least.
    """
    scales = metric_scales(task, history.metrics, history.metric_names)
    rows: list[dict[str, float]] = [{} for _ in history.x]
    for i, constraint in enumerate(task.constraints):
        scale = scales[constraint.metric]
        values = scale(column(history.metrics, history.metric_names, constraint.metric))
        for side, bound, sign in _sides(constraint):
            excess = sign * (float(scale(bound)) - values)
            known = ~failed & np.isfinite(excess)
            excess[~known] = excess[known].max(initial=1.0)
            for row, value in zip(rows, excess, strict=True):
                row[f"{i} {side}"] = float(value)
    return rows


def _sides(constraint: Constraint) -> Iterator[tuple[str, float, float]]:
    if constraint.minimum is not None:
        yield "minimum", constraint.minimum, 1.0
    if constraint.maximum is not None:
        yield "maximum", constraint.maximum, -1.0


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's notices on new studies and experimental features off the user's screen."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)
