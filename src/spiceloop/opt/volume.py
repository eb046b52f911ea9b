"""Hypervolume as it grows, trial by trial: exact where that is cheap, else estimated.

Exact: the exclusive volume of each new point by the WFG algorithm (While, Bradstreet, Barone, "A
fast way of calculating exact hypervolumes", IEEE Trans. Evol. Comput. 16(1), 2012), so a trace of
36 trials with five objectives takes milliseconds. Estimated: the polar-coordinate formula of Deng
and Zhang ("Approximating hypervolume and hypervolume contributions using polar coordinate", IEEE
Trans. Evol. Comput. 23(5), 2019) over fixed directions, for hundreds of trials with many
objectives, where every exact method takes hours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spiceloop.opt.base import Floats

__all__ = ["VolumeTrace", "volume_trace"]

# Sub-problems that the exact method may take for a whole trace: a few seconds of Python.
_MOST_STEPS = 50_000
# Comparing n rows with each other takes n²/300 times as long as a small sub-problem.
_ROWS_SQUARED = 300
_DIRECTIONS = 1 << 14


@dataclass(frozen=True)
class VolumeTrace:
    """Hypervolume after each row, never falling.

    ``relative_error`` is the standard error of the last value as a share of it; 0 where exact.
    """

    values: Floats  # (n,)
    relative_error: float = 0.0


class _TooManyError(Exception):
    """The exact method would take too long."""


def volume_trace(points: Floats, reference: Floats, most_steps: int = _MOST_STEPS) -> VolumeTrace:
    """Return the hypervolume, up to ``reference`` (k,), of the first 1, 2, …, n rows of losses.

    Rows with NaN, or not better than the reference in every loss, add nothing.
    """
    gains = np.asarray(reference, dtype=float) - np.asarray(points, dtype=float)
    gains = gains.reshape(-1, len(reference))
    better = np.isfinite(gains).all(axis=1) & (np.nan_to_num(gains, nan=-1.0) > 0).all(axis=1)
    if not better.any():
        return VolumeTrace(np.zeros(len(gains)))
    # Equal units keep products of many objectives within floating point, and the estimate sharp.
    unit = gains[better].max(axis=0)
    scaled = gains / unit
    try:
        return VolumeTrace(_exact(scaled, better, most_steps) * float(np.prod(unit)))
    except _TooManyError:
        values, error = _estimate(scaled, better)
        return VolumeTrace(values * float(np.prod(unit)), error)


def _exact(gains: Floats, better: np.ndarray[tuple[int], np.dtype[np.bool_]], most: int) -> Floats:
    budget = [most]
    front = np.empty((0, gains.shape[1]))
    volume, values = 0.0, np.zeros(len(gains))
    for i, gain in enumerate(gains):
        if better[i] and not (front >= gain).all(axis=1).any():
            volume += _exclusive(gain, front, budget)
            front = np.vstack([front[~(front <= gain).all(axis=1)], gain])
        values[i] = volume
    return values


def _exclusive(gain: Floats, front: Floats, budget: list[int]) -> float:
    """Volume that ``gain`` adds to ``front``: its box less what the front covers of it."""
    return float(np.prod(gain)) - _volume(_maximal(np.minimum(front, gain)), budget)


def _volume(front: Floats, budget: list[int]) -> float:
    """Volume between the origin and rows of gains."""
    n, k = front.shape
    budget[0] -= 1 + (n * n // _ROWS_SQUARED if k > 2 else 0)
    if budget[0] < 0:
        raise _TooManyError
    if n == 0:
        return 0.0
    if n == 1:
        return float(np.prod(front[0]))
    if k == 1:
        return float(front.max())
    if k == 2:
        x, y = front[np.argsort(-front[:, 0])].T
        return float((x * np.diff(np.maximum.accumulate(y), prepend=0.0)).sum())
    # Least last gain first: the rows after it, cut to it, share that gain, so one dimension goes.
    front = front[np.argsort(front[:, -1], kind="stable")]
    total = 0.0
    for i, gain in enumerate(front):
        rest = np.minimum(front[i + 1 :, :-1], gain[:-1])
        total += gain[-1] * (float(np.prod(gain[:-1])) - _volume(_maximal(rest), budget))
    return total


def _maximal(rows: Floats) -> Floats:
    """Rows that no other row dominates, of equals one; rows of fewer than three as they are."""
    if len(rows) < 2 or rows.shape[1] < 3:  # the base cases need no sorting out
        return rows
    rows = np.unique(rows, axis=0)
    below = np.asarray((rows[:, None, :] <= rows[None, :, :]).all(axis=2))
    np.fill_diagonal(below, False)
    return np.asarray(rows[~below.any(axis=1)])


def _estimate(
    gains: Floats, better: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[Floats, float]:
    """Mean over directions w of (max over points of min over i of gain_i / w_i)^k, times c_k."""
    k = gains.shape[1]
    rng = np.random.default_rng(0)  # fixed: the same trials give the same figure
    directions = np.abs(rng.standard_normal((_DIRECTIONS, k)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    constant = math.pi ** (k / 2) / (2**k * math.gamma(k / 2 + 1))
    reach = np.zeros(_DIRECTIONS)
    values, volume = np.zeros(len(gains)), 0.0
    for i, gain in enumerate(gains):
        if better[i]:
            np.maximum(reach, (gain / directions).min(axis=1), out=reach)
            volume = constant * float((reach**k).mean())
        values[i] = volume
    spread = float((reach**k).std()) / math.sqrt(_DIRECTIONS) * constant
    return values, spread / volume
