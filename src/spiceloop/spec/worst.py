"""The worst case: one number a metric from what it was at every corner.

The rule, for one metric:

1. where a bound is missed at some corner, the value with the largest relative excess;
2. else the smallest of a metric to maximize, the largest of one to minimize;
3. else, for bounds alone, the value with the largest (here negative) relative excess: the smallest
   for ``minimum``, the largest for ``maximum``;
4. for a metric with neither goal nor bounds the typical corner's.

So a design meets every bound by its worst values exactly if it does at every corner.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spiceloop.spec.problem import Metric, Problem

__all__ = ["worst", "worst_at", "worst_corner", "worst_index"]


def worst(
    problem: Problem, corners: Mapping[str, Mapping[str, float]], typical: str
) -> dict[str, float]:
    """Return each metric's worst value in ``corners`` (corner → metric → value), in file order.

    ``typical`` is the typical corner's name. A metric that no corner has is left out.
    """
    return {m: corners[c][m] for m, c in worst_at(problem, corners, typical).items()}


def worst_at(
    problem: Problem, corners: Mapping[str, Mapping[str, float]], typical: str
) -> dict[str, str]:
    """Return the corner that decides each metric; arguments as for `worst`."""
    found = {}
    for name, metric in problem.metrics.items():
        corner = worst_corner(
            metric, {c: m[name] for c, m in corners.items() if name in m}, typical
        )
        if corner:
            found[name] = corner
    return found


def worst_corner(metric: Metric, values: Mapping[str, float], typical: str) -> str:
    """Return the corner that decides a metric, of equal ones the first; empty where none does."""
    if not values:
        return ""
    if len(values) == 1 and (metric.goal or metric.bounded):
        return next(iter(values))
    names = list(values)
    row = np.array([[values[n] for n in names]])
    index = int(worst_index(metric, row, names.index(typical) if typical in names else None)[0])
    return names[index] if index >= 0 else ""


def worst_index(
    metric: Metric, values: npt.NDArray[np.float64], typical: int | None
) -> npt.NDArray[np.intp]:
    """Return for each row of ``values``, shape (n, corners), the column that decides the metric.

    NaN stands for a corner that was not simulated. −1 where no corner decides: all are NaN, or the
    metric is of kind 4 and the column ``typical`` is.
    """
    seen = np.isfinite(values)
    if not metric.goal and not metric.bounded:
        if typical is None:
            return np.full(len(values), -1)
        return np.where(seen[:, typical], typical, -1)
    key = values if metric.goal == "minimize" else -values
    if metric.bounded:
        with np.errstate(over="ignore"):  # a bound next to zero
            excess = np.where(seen, np.max(metric.excesses(values), axis=0), -np.inf)
        missed = excess.max(axis=1, initial=-np.inf) > 0
        key = np.where(missed[:, None], excess, key) if metric.goal else excess
    key = np.maximum(key, np.finfo(float).min)  # what is known comes before what is not
    index = np.where(seen, key, -np.inf).argmax(axis=1)
    return np.where(seen.any(axis=1), index, -1)
