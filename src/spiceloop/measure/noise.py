"""Integrated noise from a spectral density."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spiceloop.measure.interpolate import at

__all__ = ["integrated", "spot"]


def integrated(
    f: npt.ArrayLike,
    density: npt.ArrayLike,
    low: float | None = None,
    high: float | None = None,
) -> float:
    """Return the RMS noise over a band: √∫density² df.

    ``f`` (n,) in Hz, increasing, positive; ``density`` (n,) in V/√Hz (ngspice's
    ``inoise_spectrum``), positive; result in V. Between samples the density is taken as a power of
    f, so white and 1/f noise are integrated exactly (the rule that ngspice's own total follows).
    ``low`` and ``high`` default to the whole sweep; raises `ValueError` outside it.
    """
    x = np.log(np.asarray(np.real(np.asarray(f)), dtype=np.float64))
    power = 2.0 * np.log(np.asarray(np.real(np.asarray(density)), dtype=np.float64))
    ends = np.log([np.exp(x[0]) if low is None else low, np.exp(x[-1]) if high is None else high])
    slack = 1e-9
    if ends[0] < x[0] - slack or ends[1] > x[-1] + slack or ends[0] >= ends[1]:
        raise ValueError(
            f"band {np.exp(ends[0]):g} to {np.exp(ends[1]):g} Hz is not inside the sweep, "
            f"{np.exp(x[0]):g} to {np.exp(x[-1]):g} Hz"
        )
    inside = x[(x > ends[0]) & (x < ends[1])]
    grid = np.concatenate([ends[:1], inside, ends[1:]])
    # ∫ S df on a segment where S·f ~ f^m, written so that m → 0 (1/f noise) is no special case:
    # S0·f0·Δ·(e^(mΔ) − 1)/(mΔ) with Δ = ln(f1/f0).
    log_sf = np.interp(grid, x, power) + grid
    rise, width = np.diff(log_sf), np.diff(grid)
    mean = np.where(np.abs(rise) < 1e-12, 1.0, np.expm1(rise) / np.where(rise == 0, 1.0, rise))
    return float(np.sqrt(np.sum(np.exp(log_sf[:-1]) * width * mean)))


def spot(f: npt.ArrayLike, density: npt.ArrayLike, where: float) -> float:
    """Return the density at one frequency, V/√Hz, interpolated as a power of f."""
    log_density = np.log(np.asarray(np.real(np.asarray(density)), dtype=np.float64))
    return float(np.exp(at(f, log_density, where, log_x=True)))
