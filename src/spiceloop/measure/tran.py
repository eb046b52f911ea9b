"""Figures of a step response: rise time, slew rate, settling time, overshoot.

Times ``t`` in s, shape (n,), increasing but not evenly spaced; waves ``v`` shape (n,).
``initial`` and ``final`` are the levels before and long after the step; by default the wave's first
and last samples, so the window must be long enough to settle.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spiceloop.measure.interpolate import Floats, crossings, first_crossing

__all__ = ["overshoot", "rise_time", "settling_time", "slew_rate"]


def rise_time(
    t: npt.ArrayLike,
    v: npt.ArrayLike,
    *,
    low: float = 0.1,
    high: float = 0.9,
    initial: float | None = None,
    final: float | None = None,
) -> float:
    """Return the time, s, from ``low`` to ``high`` of the step, up or down (default 10 to 90 %)."""
    y = _normalised(v, initial, final)
    return first_crossing(t, y, high) - first_crossing(t, y, low)


def slew_rate(
    t: npt.ArrayLike,
    v: npt.ArrayLike,
    *,
    low: float = 0.2,
    high: float = 0.8,
    initial: float | None = None,
    final: float | None = None,
) -> float:
    """Return the mean |dv/dt|, V/s, between ``low`` and ``high`` of the step (20 to 80 %)."""
    y = np.asarray(v, dtype=np.float64)
    step = (y[-1] if final is None else final) - (y[0] if initial is None else initial)
    time = rise_time(t, v, low=low, high=high, initial=initial, final=final)
    return float(abs(step) * (high - low) / time)


def settling_time(
    t: npt.ArrayLike,
    v: npt.ArrayLike,
    *,
    tolerance: float = 0.01,
    start: float = 0.0,
    initial: float | None = None,
    final: float | None = None,
) -> float:
    """Return the time, s, after ``start`` from which the wave stays within ``tolerance`` of final.

    ``tolerance`` is a fraction of the step. 0 where it never leaves the band after ``start``; NaN
    where it is outside the band at the end.
    """
    error = np.abs(_normalised(v, initial, final) - 1.0)
    if error[-1] > tolerance:
        return float("nan")
    entered = crossings(t, error, tolerance, direction="falling")
    return float(max(entered[-1] - start, 0.0)) if entered.size else 0.0


def overshoot(
    v: npt.ArrayLike, *, initial: float | None = None, final: float | None = None
) -> float:
    """Return by what fraction of the step the wave goes beyond its final level (0 if it does not).

    Second-order system (Ogata, Modern Control Engineering): exp(−π·ζ/√(1−ζ²)).
    """
    return float(max(np.max(_normalised(v, initial, final)) - 1.0, 0.0))


def _normalised(v: npt.ArrayLike, initial: float | None, final: float | None) -> Floats:
    """Map the step onto 0 … 1, whichever way it goes."""
    y = np.asarray(v, dtype=np.float64)
    first = float(y[0]) if initial is None else initial
    last = float(y[-1]) if final is None else final
    if first == last:
        raise ValueError(f"no step: the wave starts and ends at {first:g}")
    return (y - first) / (last - first)
