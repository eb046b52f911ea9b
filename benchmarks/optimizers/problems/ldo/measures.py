"""Figures of the load step, from the testbench's waves."""

from __future__ import annotations

import numpy as np

from spiceloop.sim.waves import Waves

UP, DOWN = 0.2e-6, 2.8e-6  # s, when the load begins to change; pulse() of tb_step.spice


def load_step(waves: Waves) -> dict[str, float]:
    """Return undershoot and overshoot in V, and the slower recovery to within 10 mV in s."""
    plot = waves.plot("tran")
    t, out = np.real(plot.x), np.real(plot["out"])
    falling, rising = (t >= UP) & (t < DOWN), t >= DOWN
    before, heavy, light = out[t < UP][-1], out[falling][-1], out[rising][-1]
    return {
        "undershoot": float(before - out[falling].min()),
        "overshoot": float(out[rising].max() - heavy),
        "recovery": max(
            _last_outside(t[falling], out[falling], heavy) - UP,
            _last_outside(t[rising], out[rising], light) - DOWN,
        ),
    }


def _last_outside(t: np.ndarray, out: np.ndarray, final: float) -> float:
    """Time of the last sample farther than 10 mV from ``final``; the first time where none is."""
    outside = np.flatnonzero(np.abs(out - final) > 10e-3)
    return float(t[outside[-1]] if len(outside) else t[0])
