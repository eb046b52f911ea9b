"""How straight a tuning curve is: tunable range and nonlinearity.

Both compare a curve y(x) with the least-squares straight line of an interval, and both relate the
largest deviation to a scale that a curve which does not tune cannot profit from; see `_scale`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from spiceloop.measure.interpolate import Floats

__all__ = ["nonlinearity", "tunable_range"]

# The deviation is related to the line's end value, but at most to twice its rise over the interval.
# For a line that at least doubles the two are the same. A flat curve is straight without being
# tunable; this makes its tolerance shrink with its rise, without a step in between.
_RISE_FACTOR = 2.0
_FLAT = 1e-9  # a rise below this part of y is rounding


def tunable_range(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    tolerance: float = 0.01,
    within: tuple[float, float] | None = None,
    step: float | None = None,
) -> tuple[float, float]:
    """Return the ends of the longest interval of x on which y is a rising straight line.

    ``x`` (n,) increasing, ``y`` (n,), n ≥ 4; ``within`` are the outermost ends allowed (default all
    of x). On the interval, y stays within ``tolerance`` times the end value of the interval's own
    least-squares line. Between samples y is a cubic spline, looked at every ``step`` (default a
    quarter of the mean sample distance). The upper end is interpolated, so that the length is a
    continuous function of y. Returns two equal ends where no interval qualifies.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    low, high = (float(xs[0]), float(xs[-1])) if within is None else within
    if step is None:
        step = float(xs[-1] - xs[0]) / (4 * (xs.size - 1))
    fine = np.linspace(xs[0], xs[-1], round(float(xs[-1] - xs[0]) / step) + 1)
    # One sample beyond the upper limit, so that an end just below it is interpolated, not rounded.
    keep = (fine > low + 1e-9 * step) & (fine < high + step)
    fine = np.concatenate([[low], fine[keep]])
    curve = np.asarray(CubicSpline(xs, ys)(np.minimum(fine, xs[-1])), dtype=np.float64)
    best = (low, low)
    for first in range(fine.size - 2):
        longest = best[1] - best[0]
        if high - fine[first] <= longest:
            break  # no later start can do better
        end = min(_furthest(fine[first:], curve[first:], tolerance, longest), high)
        if end - fine[first] > longest:
            best = (float(fine[first]), end)
    return best


def _furthest(x: Floats, y: Floats, tolerance: float, beyond: float) -> float:
    """Return the largest end of an interval from x[0] that keeps the tolerance.

    Intervals much shorter than ``beyond`` are not looked at: x[0] for want of longer ones.
    """
    # The last one that is not longer stays: its end is interpolated to beyond it.
    skip = int(np.searchsorted(x, x[0] + beyond, side="right")) - 3
    skip = min(max(skip, 0), x.size - 3)
    excess = _deviations(x, y, skip) - tolerance
    ends = x[skip + 2 :]  # (n − 2 − skip,), as excess
    good = np.flatnonzero(excess <= 0)
    if not good.size:
        return float(x[0])
    last = int(good[-1])
    end = float(ends[last])
    if last + 1 < excess.size:
        before, after = excess[last], excess[last + 1]
        end += float(ends[last + 1] - end) * float(-before / (after - before))
    return end


def _deviations(x: Floats, y: Floats, skip: int) -> Floats:
    """Relative deviation from the line of the first skip + 3, … n samples, (n − 2 − skip,)."""
    u = x - x[0]
    terms = np.array([np.ones_like(u), u, y, u * u, u * y])
    count, su, sy, suu, suy = terms.cumsum(axis=1)[:, 2 + skip :]
    gradient = (count * suy - su * sy) / (count * suu - su * su)
    level = (sy - gradient * su) / count
    residual = np.abs(y - level[:, None] - gradient[:, None] * u)
    inside = np.arange(x.size) < count[:, None]
    worst = residual.max(axis=1, where=inside, initial=0.0)
    scale = _scale(level + gradient * u[2 + skip :], gradient * u[2 + skip :])
    # A large finite number instead of infinity lets the ends be interpolated.
    tunes = scale > _FLAT * np.max(np.abs(y))
    return np.asarray(np.where(tunes, worst / np.where(tunes, scale, 1.0), 1e3))


def _scale(end: Floats, rise: Floats) -> Floats:
    """What a deviation is related to; not positive for a line that falls."""
    return np.minimum(end, _RISE_FACTOR * rise)


def nonlinearity(x: npt.ArrayLike, y: npt.ArrayLike, low: float, high: float) -> float:
    """Return the largest deviation of y from its least-squares line on [low, high], a fraction.

    Related to the largest y on the interval, by the same rule for flat curves as `tunable_range`;
    1 at most, and 1 for a line that falls. Samples at the ends are interpolated by a cubic spline.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    inside = xs[(xs > low) & (xs < high)]
    grid = np.concatenate([[low], inside, [high]])
    values = np.asarray(CubicSpline(xs, ys)(grid), dtype=np.float64)
    gradient, level = np.polyfit(grid, values, 1)
    worst = float(np.max(np.abs(values - level - gradient * grid)))
    scale = float(_scale(np.max(values, keepdims=True), np.array([gradient * (high - low)]))[0])
    return min(worst / scale, 1.0) if scale > _FLAT * float(np.max(np.abs(ys))) else 1.0
