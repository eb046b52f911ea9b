"""Figures of a run. Hypervolume is moocore's (Fonseca, Paquete, López-Ibáñez), exact."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np

from spiceloop.opt.base import Floats
from spiceloop.opt.pareto import pareto_mask

__all__ = ["first_feasible", "hypervolume_trace", "quartiles", "simulations_to", "value_at"]


def hypervolume_trace(losses: Floats, feasible: np.ndarray) -> Floats:
    """Return the hypervolume up to 1 in every loss after 1, 2, …, n evaluations.

    ``losses`` (n, k); what is not feasible, or no better than 1 in some loss, adds nothing.
    """
    n, k = losses.shape
    values, front, current = np.zeros(n), np.empty((0, k)), 0.0
    for i in range(n):
        y = losses[i]
        counts = feasible[i] and (y < 1.0).all() and not (front <= y).all(axis=1).any()
        if counts:
            front = np.vstack([front, y])
            front = front[pareto_mask(front)]
            current = float(moocore.hypervolume(front, ref=np.ones(k)))
        values[i] = current
    return values


def first_feasible(feasible: np.ndarray) -> float:
    """Return how many evaluations the first feasible design took, infinity where there is none."""
    return float(np.argmax(feasible) + 1) if feasible.any() else float("inf")


def simulations_to(trace: Floats, goal: float) -> float:
    """Return how many evaluations it took to reach a hypervolume, infinity where it never does."""
    reached = trace >= goal
    return float(np.argmax(reached) + 1) if goal > 0 and reached.any() else float("inf")


def value_at(trace: Floats, ended: Floats, seconds: float) -> float:
    """Return the hypervolume after so many seconds; ``ended`` (n,) says when evaluations did."""
    done = int(np.searchsorted(ended, seconds, side="right"))
    return float(trace[done - 1]) if done else 0.0


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return lower quartile, median and upper quartile.

    Each is one of the values, or the mean of two where it lies between them, as the median of an
    even number does (definition 2 of R. J. Hyndman and Y. Fan, 1996). Infinity stays infinity.
    """
    ranked, n = np.sort(values), len(values)

    def at(quarters: int) -> float:
        whole, rest = divmod(n * quarters, 4)
        return float(ranked[whole] if rest else 0.5 * (ranked[whole - 1] + ranked[whole]))

    return at(1), at(2), at(3)
