"""Figures of DC sweeps: transconductance, offset, output swing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spiceloop.measure.interpolate import Floats, crossings

__all__ = ["offset", "output_swing", "slope"]


def slope(x: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
    """Return dy/dx at every sample, shape (n,): a transconductance for i(v), a gain for v(v).

    Second-order differences, also where the samples are uneven and at the ends (needs n ≥ 3).
    """
    return np.asarray(np.gradient(np.asarray(y), np.asarray(x), edge_order=2), dtype=np.float64)


def offset(v_in: npt.ArrayLike, v_out: npt.ArrayLike, target: float) -> float:
    """Return the input, V, at which the output crosses ``target``; nearest to 0 if several.

    With the inputs swept about balance this is the input-referred (systematic) offset. NaN where
    the output never gets there.
    """
    found = crossings(v_in, v_out, target)
    return float(found[np.argmin(np.abs(found))]) if found.size else float("nan")


def output_swing(v_in: npt.ArrayLike, v_out: npt.ArrayLike, fraction: float = 0.5) -> float:
    """Return the output range, V, over which |dv_out/dv_in| stays ≥ ``fraction`` of its largest.

    The one range without gaps that holds the steepest point; its ends are interpolated linearly.
    """
    x = np.asarray(v_in, dtype=np.float64)
    y = np.asarray(v_out, dtype=np.float64)
    gain = np.abs(slope(x, y))
    level = fraction * gain.max()
    peak = int(np.argmax(gain))
    ends = crossings(x, gain - level)
    below, above = ends[ends < x[peak]], ends[ends > x[peak]]
    low = below[-1] if below.size else x[0]
    high = above[0] if above.size else x[-1]
    return float(abs(np.interp(high, x, y) - np.interp(low, x, y)))
