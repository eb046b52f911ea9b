"""Which design of a study is shown and exported when nobody names one.

The rule, among feasible trials on the Pareto front of the objectives:

1. If some are no worse than the start design in every objective, the one of these with the largest
   mean gain over the start, each objective's gain measured in units of its spread over the front
   (log-transformed objectives on their log scale).
2. Otherwise the knee: the one whose worst objective is nearest to the best value that the front
   has of it (smallest Chebyshev distance to the ideal point, in the same units). The start itself
   is chosen only where the front holds nothing else.

Without a feasible trial, the one with the smallest sum of relative violations; of a trial that
skipped corners, those of its estimated worst case (`spiceloop.study.skipped`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spiceloop.errors import StudyError
from spiceloop.opt.pareto import losses, pareto_mask
from spiceloop.spec.problem import Problem
from spiceloop.study.skipped import estimated
from spiceloop.study.trial import Origin, Trial, TrialState

__all__ = ["Choice", "choose", "pareto_trials"]


@dataclass(frozen=True)
class Choice:
    """A trial, and in words why this one."""

    trial: Trial
    rule: str


def pareto_trials(problem: Problem, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the feasible trials that no other feasible trial dominates, by number."""
    feasible = [t for t in trials if t.feasible]
    if not feasible:
        return ()
    mask = pareto_mask(_losses(problem, feasible))
    return tuple(t for t, kept in zip(feasible, mask, strict=True) if kept)


def choose(problem: Problem, trials: Sequence[Trial], number: int | None = None) -> Choice | None:
    """Return trial ``number``, or the one that the rule picks; None if no trial was simulated.

    Raises `StudyError` for a number that no simulated trial has.
    """
    done = [t for t in trials if t.state is TrialState.DONE]
    if number is not None:
        return Choice(_numbered(trials, number), "named by the user")
    if not done:
        return None
    front = pareto_trials(problem, trials)
    if not front:
        guesses = estimated(problem, done)

        def missed(t: Trial) -> float:
            return sum(problem.violations(guesses.get(t.number, t.metrics)).values())

        least = min(done, key=lambda t: (missed(t), t.number))
        rule = "no trial meets every constraint; this one violates them the least"
        if least.saved:
            rule += f", as far as {len(least.corners)} of its corners tell"
        return Choice(least, rule)
    y = _losses(problem, front)
    span = np.ptp(y, axis=0)
    span[span == 0] = 1.0
    start = next((t for t in done if t.origin is Origin.START), None)
    if start is not None:
        y0 = _losses(problem, [*front, start])[-1]
        gains = np.where((y <= y0).all(axis=1), ((y0 - y) / span).mean(axis=1), -np.inf)
        gains[[t.number == start.number for t in front]] = -np.inf
        if np.isfinite(gains).any():
            return Choice(
                front[int(np.argmax(gains))],
                "on the Pareto front, no worse than the start in any objective, "
                "and of these the largest mean gain over it",
            )
    distance = ((y - y.min(axis=0)) / span).max(axis=1)
    if len(front) > 1:
        distance[[t.origin is Origin.START for t in front]] = np.inf
    return Choice(
        front[int(np.argmin(distance))],
        "the knee of the Pareto front: its worst objective is the nearest to the best found",
    )


def _losses(
    problem: Problem, trials: Sequence[Trial]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    names = tuple(problem.metrics)
    return losses(problem.task(), np.array([[t.metrics[n] for n in names] for t in trials]), names)


def _numbered(trials: Sequence[Trial], number: int) -> Trial:
    for trial in trials:
        if trial.number == number:
            if trial.state is not TrialState.DONE:
                raise StudyError(f"trial {number} has no metrics: it is {trial.state.value}")
            return trial
    last = max((t.number for t in trials), default=None)
    raise StudyError(
        f"there is no trial {number}; "
        + (f"the study has 0 to {last}" if last is not None else "the study is empty")
    )
