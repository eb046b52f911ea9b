"""Numbers that static and interactive figures share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from spiceloop.report.axes import MetricAxis
from spiceloop.report.view import StudyView
from spiceloop.study.trial import Trial

__all__ = ["best_so_far_values", "positions", "span"]


def best_so_far_values(view: StudyView, axis: MetricAxis) -> tuple[list[int], list[float]]:
    """Return trial numbers and the best feasible value up to each; NaN before the first."""
    best = math.nan
    values = []
    for trial in view.ended:
        if trial.feasible:
            value = trial.metrics[axis.name]
            if math.isnan(best) or (value > best if axis.maximize else value < best):
                best = value
        values.append(best)
    return [t.number for t in view.ended], values


def span(view: StudyView, axis: MetricAxis) -> tuple[float, float]:
    """Return the worst and the best value of an objective over the trials drawn."""
    values = [t.metrics[axis.name] for group in view.front.groups.values() for t in group]
    return (min(values), max(values)) if axis.maximize else (max(values), min(values))


def positions(view: StudyView, axes: Sequence[MetricAxis], trial: Trial) -> list[float]:
    """Return where a trial crosses each axis of parallel coordinates: 0 worst, 1 best."""
    heights = []
    for axis in axes:
        worst, best = span(view, axis)
        value = trial.metrics[axis.name]
        if axis.log:
            worst, best, value = math.log(worst), math.log(best), math.log(value)
        heights.append((value - worst) / (best - worst) if best != worst else 0.5)
    return heights
