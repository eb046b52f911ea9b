"""Figures of a small-signal response: gain, bandwidth, unity-gain frequency, margins.

Frequencies ``f`` in Hz, shape (n,), increasing (ngspice's complex frequency scale is accepted);
responses ``h`` complex, shape (n,). Crossings are interpolated linearly on log f. A figure that the
sweep does not reach is NaN, which an evaluation reports as a failure: widen the sweep.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spiceloop.measure.interpolate import Floats, at, first_crossing

__all__ = [
    "HALF_POWER_DB",
    "bandwidth",
    "flat_bandwidth",
    "gain_db",
    "gain_margin",
    "magnitude_db",
    "phase_deg",
    "phase_margin",
    "unity_gain_frequency",
]

HALF_POWER_DB = float(10.0 * np.log10(2.0))  # 3.0103 dB, what "3 dB" stands for

_SMALLEST = 1e-300  # keeps the logarithm of a zero response finite


def magnitude_db(h: npt.ArrayLike) -> Floats:
    """Return 20·log10|h|, shape (n,), in dB."""
    size = np.abs(np.asarray(h))
    return np.asarray(20.0 * np.log10(np.maximum(size, _SMALLEST)), dtype=np.float64)


def phase_deg(h: npt.ArrayLike) -> Floats:
    """Return the phase relative to the lowest frequency, unwrapped, shape (n,), in degrees.

    The lowest frequency's own phase is taken as 0° or 180°, whichever is nearer, and removed, so an
    inverting amplifier starts near 0° as well.
    """
    values = np.asarray(h, dtype=np.complex128)
    sign = -1.0 if values[0].real < 0 else 1.0
    return np.asarray(np.degrees(np.unwrap(np.angle(sign * values))), dtype=np.float64)


def gain_db(h: npt.ArrayLike) -> float:
    """Return the gain at the lowest frequency, in dB."""
    return float(magnitude_db(h)[0])


def bandwidth(f: npt.ArrayLike, h: npt.ArrayLike, drop_db: float = HALF_POWER_DB) -> float:
    """Return the first frequency, Hz, at which |h| is ``drop_db`` below its low-frequency value."""
    level = gain_db(h) - drop_db
    return first_crossing(f, magnitude_db(h), level, direction="falling", log_x=True)


def flat_bandwidth(
    f: npt.ArrayLike,
    h: npt.ArrayLike,
    *,
    within_db: float = HALF_POWER_DB,
    within_deg: float = 45.0,
) -> float:
    """Return up to which frequency, Hz, the response is that of low frequency.

    That is the first at which |h| is ``within_db`` off its low-frequency value either way, or the
    phase ``within_deg`` off. The plain −3 dB point says nothing about a response with feedthrough,
    which may rise, or turn its phase without falling.
    """
    size, phase = magnitude_db(h), phase_deg(h)
    found = [
        first_crossing(f, np.abs(size - size[0]), within_db, log_x=True),
        first_crossing(f, np.abs(phase - phase[0]), within_deg, log_x=True),
    ]
    reached = [value for value in found if np.isfinite(value)]
    return min(reached) if reached else float("nan")


def unity_gain_frequency(f: npt.ArrayLike, h: npt.ArrayLike) -> float:
    """Return the first frequency, Hz, at which |h| falls through 1; NaN if it starts below."""
    return first_crossing(f, magnitude_db(h), 0.0, direction="falling", log_x=True)


def phase_margin(f: npt.ArrayLike, h: npt.ArrayLike) -> float:
    """Return the phase margin, degrees, of the open loop ``h`` (of either sign at DC).

    180° plus the phase at the unity-gain frequency; negative feedback closes the loop.
    """
    unity = unity_gain_frequency(f, h)
    if not np.isfinite(unity):
        return float("nan")
    return 180.0 + at(f, phase_deg(h), unity, log_x=True)


def gain_margin(f: npt.ArrayLike, h: npt.ArrayLike) -> float:
    """Return the gain margin, dB: how far |h| is below 1 where the phase first reaches −180°."""
    turn = first_crossing(f, phase_deg(h), -180.0, direction="falling", log_x=True)
    if not np.isfinite(turn):
        return float("nan")
    return -at(f, magnitude_db(h), turn, log_x=True)
