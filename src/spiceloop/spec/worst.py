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

from spiceloop.spec.problem import Metric, Problem

__all__ = ["worst", "worst_corner"]


def worst(
    problem: Problem, corners: Mapping[str, Mapping[str, float]], typical: str
) -> dict[str, float]:
    """Return each metric's worst value in ``corners`` (corner → metric → value), in file order.

    ``typical`` is the typical corner's name. A metric that no corner has is left out.
    """
    found = {}
    for name, metric in problem.metrics.items():
        corner = worst_corner(
            metric, {c: m[name] for c, m in corners.items() if name in m}, typical
        )
        if corner:
            found[name] = corners[corner][name]
    return found


def worst_corner(metric: Metric, values: Mapping[str, float], typical: str) -> str:
    """Return the corner that decides a metric, of equal ones the first; empty where none does."""
    excess = {c: e for c, v in values.items() if (e := metric.excess(v)) is not None}
    if excess and (metric.goal is None or max(excess.values()) > 0):
        return max(excess, key=lambda c: excess[c])
    if metric.goal is not None:
        sign = 1.0 if metric.goal == "minimize" else -1.0
        return max(values, key=lambda c: sign * values[c], default="")
    return typical if typical in values else ""
