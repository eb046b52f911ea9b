"""What corners that were skipped would probably have given, and which corner to simulate first.

A metric's value at a corner is taken for the design's own level plus an offset of the corner:
ratios between the values of positive metrics, differences of the others. Offsets are medians over
the newest designs that were simulated at every corner. Everything here is a function of the trials
that have finished, so a run that was killed and resumed goes the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spiceloop.spec.problem import Metric, Problem
from spiceloop.spec.worst import worst_index
from spiceloop.study.trial import Plan, Trial, TrialState

__all__ = ["estimated", "plan_for"]

Floats = npt.NDArray[np.float64]

_NEWEST = 100  # complete trials that offsets are taken from
_LOOKED_AT = 200  # finished trials that the order is taken from
_FADING = 0.95  # weight of a trial relative to the next: the search moves on


def estimated(problem: Problem, trials: Sequence[Trial]) -> dict[int, dict[str, float]]:
    """Return, by trial number, the metrics of each design that skipped corners.

    They are the worst over all corners, those estimated that were not simulated; never better than
    the worst over the simulated ones, so a design that is known to fail still does. An optimizer's
    model sees them in place of the recorded ones, which look too good beside those of designs that
    were simulated everywhere. A metric of the typical corner alone is as recorded.
    """
    partial = [t for t in trials if t.state is TrialState.DONE and t.saved]
    if not partial:
        return {}
    table = _Table(problem, trials)
    seen = table.values(partial)
    filled = table.filled(seen)
    found: dict[int, dict[str, float]] = {t.number: dict(t.metrics) for t in partial}
    for j, (name, metric) in enumerate(problem.metrics.items()):
        if not (metric.goal or metric.bounded) or metric.corners == "typical":
            continue
        index = worst_index(metric, filled[:, :, j], None)
        for i, t in enumerate(partial):
            if index[i] >= 0:
                found[t.number][name] = float(filled[i, index[i], j])
    return found


def plan_for(problem: Problem, trials: Sequence[Trial]) -> Plan | None:
    """Return how the next trial is simulated; None for a problem with one corner.

    The first corner is the one at which most of the finished designs fail, as far as is known or
    estimated, newer ones counting more; then the one at which most of the rest do, and so on. Where
    no more of them fail, the one where the rest have the least margin comes first. Nothing is
    skipped before one design was simulated everywhere. The typical corner comes first where it
    alone gives a metric with a goal or bounds.
    """
    names = [c.name for c in problem.corners]
    if len(names) == 1:
        return None
    finished = [t for t in trials if t.state is not TrialState.RUNNING][-_LOOKED_AT:]
    table = _Table(problem, trials)
    if not table.complete:
        return Plan(tuple(names), False)
    excess = _excess(problem, table.filled(table.values(finished)))
    fails = excess > 0
    for i, t in enumerate(finished):
        if t.failure is not None and t.failure.corner in names:
            fails[i, names.index(t.failure.corner)] = True
    weight = _FADING ** np.arange(len(finished))[::-1]
    # How near to failing; of designs that do not work at all the amount says nothing.
    near = np.nan_to_num(np.clip(excess, -1, 1), nan=-1.0)
    order = [0] if _typical_decides(problem) else []
    rest = ~fails[:, order].any(axis=1)  # designs that pass so far
    while len(order) < len(names):
        some = rest if rest.any() else np.ones_like(rest)
        caught, nearest = weight[rest] @ fails[rest], weight[some] @ near[some]
        todo = (c for c in range(len(names)) if c not in order)
        best = max(todo, key=lambda c: (caught[c], nearest[c], -c))
        order.append(best)
        rest &= ~fails[:, best]
    return Plan(tuple(names[c] for c in order), problem.early_stop)


def _typical_decides(problem: Problem) -> bool:
    return any(m.corners == "typical" and (m.goal or m.bounded) for m in problem.metrics.values())


def _excess(problem: Problem, values: Floats) -> Floats:
    """Return the largest relative excess over a bound, (n, corners); NaN where nothing is known."""
    worst = np.full(values.shape[:2], np.nan)
    for j, metric in enumerate(problem.metrics.values()):
        if metric.bounded:
            with np.errstate(over="ignore"):  # a bound next to zero
                worst = np.fmax(worst, np.max(metric.excesses(values[:, :, j]), axis=0))
    return worst


class _Table:
    """Values of trials as arrays (trials, corners, metrics), NaN where nothing was simulated."""

    def __init__(self, problem: Problem, trials: Sequence[Trial]) -> None:
        self.corners = [c.name for c in problem.corners]
        self.metrics = list(problem.metrics)
        whole = [t for t in trials if t.corners and all(c in t.corners for c in self.corners)]
        self.complete = whole[-_NEWEST:]
        known = self.values(self.complete)
        self.log = np.array(
            [_ratios(m, known[:, :, j]) for j, m in enumerate(problem.metrics.values())]
        )
        level = self._level(self._forward(known))
        self.offsets = (
            np.median(self._forward(known) - level[:, None], axis=0)
            if self.complete
            else np.full(known.shape[1:], np.nan)
        )

    def values(self, trials: Sequence[Trial]) -> Floats:
        """Return what was simulated."""
        found = np.full((len(trials), len(self.corners), len(self.metrics)), np.nan)
        for i, t in enumerate(trials):
            for c, corner in enumerate(self.corners):
                if at := t.corners.get(corner):
                    found[i, c] = [at.get(m, np.nan) for m in self.metrics]
        return found

    def filled(self, seen: Floats) -> Floats:
        """Return the values with estimates for what was not simulated, as far as there are any."""
        levels = self._forward(seen)
        guess = self._back(self._level(levels - self.offsets)[:, None] + self.offsets)
        return np.where(np.isfinite(seen), seen, guess)

    def _level(self, values: Floats) -> Floats:
        """The mean over corners, of those that are there."""
        there = np.isfinite(values)
        count = there.sum(axis=1)
        total = np.where(there, values, 0.0).sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def _forward(self, values: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.log, np.log(values), values)

    def _back(self, values: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return np.where(self.log, np.exp(np.where(self.log, values, 0.0)), values)


def _ratios(metric: Metric, values: Floats) -> bool:
    """Whether a metric's corners differ by factors rather than by differences."""
    there = values[np.isfinite(values)]
    return metric.scale != "linear" and bool(len(there)) and bool((there > 0).all())
