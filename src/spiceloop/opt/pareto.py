"""Losses, Pareto sets, hypervolume and the reference point that it is measured from.

A loss is a transformed objective (`transform`) with its sign turned so that less is better. A
design that does not finish, or that violates a constraint, contributes no hypervolume.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spiceloop.opt.base import Floats, Task
from spiceloop.opt.transform import column, metric_scales
from spiceloop.opt.volume import volume_trace

__all__ = [
    "feasible_mask",
    "hypervolume",
    "losses",
    "pareto_mask",
    "reference_point",
]

Mask = npt.NDArray[np.bool_]

# One decade on a logarithmic scale.
_DECADE = float(np.log(10.0))
# Share of the Pareto set's extent by which the reference lies beyond its worst values, see
# Ishibuchi et al., "How to specify a reference point in hypervolume calculation", Evol. Comput.
# 26(3), 2018.
_BEYOND = 0.1


def losses(task: Task, metrics: Floats, metric_names: Sequence[str]) -> Floats:
    """Return transformed objectives to minimize, shape (n, k); NaN rows for failed trials."""
    scales = metric_scales(task, metrics, metric_names)
    found = np.empty((len(metrics), len(task.goals)))
    for j, goal in enumerate(task.goals):
        values = scales[goal.metric](column(metrics, metric_names, goal.metric))
        found[:, j] = -values if goal.maximize else values
    return found


def feasible_mask(task: Task, metrics: Floats, metric_names: Sequence[str]) -> Mask:
    """Return which trials finished and meet every constraint, shape (n,)."""
    good = np.ones(len(metrics), dtype=bool)
    for goal in task.goals:
        good &= np.isfinite(column(metrics, metric_names, goal.metric))
    for bound in task.constraints:
        values = column(metrics, metric_names, bound.metric)
        good &= np.isfinite(values)
        if bound.minimum is not None:
            good &= values >= bound.minimum
        if bound.maximum is not None:
            good &= values <= bound.maximum
    return good


def pareto_mask(points: Floats) -> Mask:
    """Return which rows of losses, shape (n, k), no other row dominates; of equals the first.

    Rows with NaN are never in the set.
    """
    mask = np.zeros(len(points), dtype=bool)
    left = np.flatnonzero(np.isfinite(points).all(axis=1))
    # In order of the sum, and of the losses where rounding makes sums equal, none is dominated by a
    # later one: the first that is left is always in the set.
    kept = points[left]
    left = left[np.lexsort([*kept.T[::-1], kept.sum(axis=1)])]
    while len(left):
        first, left = left[0], left[1:]
        mask[first] = True
        left = left[~(points[left] >= points[first]).all(axis=1)]
    return mask


def reference_point(
    task: Task,
    metrics: Floats,
    metric_names: Sequence[str],
    start: int | None = None,
) -> Floats:
    """Return the point, shape (k,), that hypervolume is measured from in reports.

    The rule: where the start design finished, each of its losses made worse by one decade on a
    logarithmic scale, by its own magnitude on a linear one, so that the yardstick stands before the
    first trial and never moves. Without a start, the worst value of each loss over the feasible
    Pareto set (over all finished trials where none is feasible) plus a tenth of its extent.
    """
    y = losses(task, metrics, metric_names)
    if start is not None and np.isfinite(y[start]).all():
        scales = metric_scales(task, metrics, metric_names)
        logs = np.array([scales[g.metric].log for g in task.goals])
        return np.asarray(
            y[start] + np.where(logs, _DECADE, np.where(y[start], np.abs(y[start]), 1e-12))
        )
    finished = y[np.isfinite(y).all(axis=1)]
    if not len(finished):
        return np.zeros(len(task.goals))
    feasible = y[feasible_mask(task, metrics, metric_names)]
    front = feasible[pareto_mask(feasible)] if len(feasible) else finished
    extent = np.ptp(front, axis=0)
    # A set of one point, or one with equal values, has no extent of its own.
    extent = np.where(extent > 0, extent, np.ptp(finished, axis=0))
    extent = np.where(extent > 0, extent, np.maximum(np.abs(front[0]), 1.0))
    return np.asarray(front.max(axis=0) + _BEYOND * extent)


def hypervolume(points: Floats, reference: Floats) -> float:
    """Return the volume that losses, shape (n, k), dominate up to ``reference``, shape (k,).

    Rows with NaN, or not better than the reference, add nothing. Exact where that takes seconds at
    most, else estimated, see `spiceloop.opt.volume`.
    """
    return float(volume_trace(points, reference).values[-1]) if len(points) else 0.0
