"""f0, Q and peak gain of a band-pass, read off a sampled response."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Bandpass", "measure_bandpass"]

_NOT_FOUND = float("nan")
_NEAR = 4  # samples that an interpolation goes through


@dataclass(frozen=True)
class Bandpass:
    """``f0`` in Hz, ``q`` = f0 over the −3 dB bandwidth, ``gain`` = largest magnitude.

    NaN where the sweep does not reach it.
    """

    f0: float
    q: float
    gain: float


def measure_bandpass(f: npt.ArrayLike, h: npt.ArrayLike) -> Bandpass:
    """Return f0, Q and gain of the response ``h`` (n,), complex, over ``f`` (n,), Hz, increasing.

    What is interpolated is 1/|h|² over ln f: near the peak of any resonance it is close to a
    parabola, so few samples serve. The peak is the vertex of the parabola through the three
    samples about the largest, each −3 dB edge the crossing nearest to the peak, by a cubic.
    """
    x = np.log(np.asarray(np.real(np.asarray(f)), np.float64))
    size = np.abs(np.asarray(h))
    if x.shape != size.shape or x.ndim != 1 or len(x) < 2 * _NEAR:
        raise ValueError(
            f"expected two (n,) arrays with n ≥ {2 * _NEAR}, got {x.shape}, {size.shape}"
        )
    if not np.all(np.isfinite(size)) or not size.any():
        return Bandpass(_NOT_FOUND, _NOT_FOUND, _NOT_FOUND)
    top = int(size.argmax())
    if top in (0, len(x) - 1):
        return Bandpass(_NOT_FOUND, _NOT_FOUND, float(size[top]))
    with np.errstate(divide="ignore"):
        y = (size[top] / size) ** 2
    near = slice(top - 1, top + 2)
    a, b, c = np.polyfit(x[near] - x[top], y[near], 2)
    peak, lowest = x[top] - b / (2 * a), c - b * b / (4 * a)
    low = _edge(x, y, top, 2 * lowest, -1)
    high = _edge(x, y, top, 2 * lowest, +1)
    f0 = float(np.exp(peak))
    return Bandpass(f0, f0 / (high - low), float(size[top] / np.sqrt(lowest)))


def _edge(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], top: int, level: float, way: int
) -> float:
    """Return the frequency nearest to sample ``top``, going ``way``, at which y passes level."""
    end = len(x) if way > 0 else -1
    beyond = next((i for i in range(top + way, end, way) if y[i] >= level), None)
    if beyond is None:
        return _NOT_FOUND
    inner = beyond - way  # y[inner] < level <= y[beyond]
    first = min(max(min(inner, beyond) - _NEAR // 2 + 1, 0), len(x) - _NEAR)
    near = slice(first, first + _NEAR)
    if not np.all(np.isfinite(y[near])):
        return _NOT_FOUND
    # In units of the step and of the level, so that the fit is well conditioned.
    origin, unit = x[inner], abs(x[beyond] - x[inner])
    cubic = np.polyfit((x[near] - origin) / unit, y[near] / level - 1, _NEAR - 1)
    roots = np.roots(cubic)
    real = roots[np.abs(roots.imag) < 1e-9].real
    inside = real[(way * real >= -1e-9) & (way * real <= 1 + 1e-9)]
    if not len(inside):
        return _NOT_FOUND
    return float(np.exp(origin + unit * inside[np.abs(inside).argmin()]))
