"""Where a sampled curve crosses a level, and what it is between its samples."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "at", "crossings", "first_crossing"]

Floats = npt.NDArray[np.float64]
Direction = Literal["either", "rising", "falling"]


def crossings(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    level: float = 0.0,
    *,
    direction: Direction = "either",
    log_x: bool = False,
) -> Floats:
    """Return every x at which ``y`` crosses ``level``, in order, by linear interpolation.

    ``x`` (n,) strictly increasing, ``y`` (n,). With ``log_x`` the interpolation runs on log x, as
    fits frequency. A sample that lies on the level counts once. The result is empty where there is
    no crossing. Raises `ValueError` for shapes that do not fit.
    """
    xs, ys = _pair(x, y)
    if log_x:
        xs = np.log(xs)
    above = ys - level
    # A sample on the level counts as above it, so that touching from below is one crossing.
    side = above >= 0.0
    change = np.flatnonzero(side[1:] != side[:-1])
    if direction != "either":
        change = change[side[change + 1] == (direction == "rising")]
    before, after = above[change], above[change + 1]
    found = xs[change] + (xs[change + 1] - xs[change]) * before / (before - after)
    return np.asarray(np.exp(found) if log_x else found, dtype=np.float64)


def first_crossing(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    level: float = 0.0,
    *,
    direction: Direction = "either",
    log_x: bool = False,
) -> float:
    """Return the lowest x at which ``y`` crosses ``level`` (see `crossings`), or NaN."""
    found = crossings(x, y, level, direction=direction, log_x=log_x)
    return float(found[0]) if found.size else float("nan")


def at(x: npt.ArrayLike, y: npt.ArrayLike, where: float, *, log_x: bool = False) -> float:
    """Return ``y`` at ``where`` by linear interpolation; NaN outside the samples."""
    xs, ys = _pair(x, y)
    if log_x:
        xs, where = np.log(xs), float(np.log(where))
    return float(np.interp(where, xs, ys, left=np.nan, right=np.nan))


def _pair(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
    # ngspice gives the frequency scale of an AC plot as complex numbers; its imaginary part is
    # meaningless (even uninitialised), so only the real part is looked at.
    xs = np.asarray(np.real(np.asarray(x)), dtype=np.float64)
    ys = np.asarray(np.real(np.asarray(y)), dtype=np.float64)
    if xs.ndim != 1 or xs.shape != ys.shape or xs.size < 2:
        raise ValueError(f"expected two (n,) arrays with n ≥ 2, got {xs.shape} and {ys.shape}")
    if not np.all(np.diff(xs) > 0):
        raise ValueError("expected x strictly increasing")
    return xs, ys
