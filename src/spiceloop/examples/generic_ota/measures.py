"""Figures of the step response, from the waves of ``tb_tran.spice``."""

from __future__ import annotations

import numpy as np

from spiceloop.measure import tran
from spiceloop.sim.waves import Waves

STEP = 50e-9  # s, when the input steps
TARGET = 1.8  # V, where it steps to


def step(waves: Waves) -> dict[str, float]:
    """Return slew rate in V/s, settling time to 1 % in s, static error of the follower in V."""
    plot = waves.plot("tran")
    t, out = np.real(plot.x), np.real(plot["out"])
    return {
        "slew_rate": tran.slew_rate(t, out),
        "settling_time": tran.settling_time(t, out, tolerance=0.01, start=STEP),
        "static_error": abs(float(out[-1]) - TARGET),
    }
