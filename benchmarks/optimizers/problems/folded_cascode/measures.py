"""Figures of the open loop, the transfer curve and the step, from the testbenches' waves."""

from __future__ import annotations

import numpy as np

from spiceloop.measure import ac, dc, tran
from spiceloop.sim.waves import Waves

V_MIDDLE = 1.1  # V, the output level at which the offset is read; vicm of the testbenches
UP, DOWN = 50e-9, 551e-9  # s, when the input steps; pulse() of tb_tran.spice


def open_loop(waves: Waves) -> dict[str, float]:
    """Return the unity-gain frequency in Hz and the phase margin in degrees.

    An amplifier that does not amplify has neither: its gain times its bandwidth stands for the
    first, 180° (it cannot oscillate) for the second, so that the trial still teaches something.
    """
    differential = waves.of_kind("ac")[0]
    f, h = np.real(differential.x), differential["out"]
    gbw, margin = ac.unity_gain_frequency(f, h), ac.phase_margin(f, h)
    if not np.isfinite(gbw):
        bandwidth = ac.bandwidth(f, h)
        gbw = abs(h[0]) * (bandwidth if np.isfinite(bandwidth) else f[0])
    return {"gbw": gbw, "phase_margin": margin if np.isfinite(margin) else 180.0}


def transfer(waves: Waves) -> dict[str, float]:
    """Return the systematic offset and the output swing (half of the largest gain), both in V.

    An offset beyond the sweep is given as the sweep's end, so that it breaks its constraint instead
    of failing the trial.
    """
    plot = waves.plot("dc")
    v_in, v_out = np.real(plot.x), np.real(plot["out"])
    offset = dc.offset(v_in, v_out, V_MIDDLE)
    return {
        "offset": abs(offset) if np.isfinite(offset) else float(np.max(np.abs(v_in))),
        "swing": dc.output_swing(v_in, v_out, fraction=0.5),
    }


def step(waves: Waves) -> dict[str, float]:
    """Return slew rates in V/s (the slower edge), settling to 1 % in s, overshoot in %."""
    plot = waves.plot("tran")
    t, out = np.real(plot.x), np.real(plot["out"])
    rising, falling = t < DOWN, t >= DOWN
    return {
        "slew_rate": min(tran.slew_rate(t[e], out[e]) for e in (rising, falling)),
        "settling_time": tran.settling_time(t[rising], out[rising], start=UP),
        "overshoot": 100.0 * tran.overshoot(out[rising]),
    }
