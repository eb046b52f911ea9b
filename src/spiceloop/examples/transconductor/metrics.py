"""The transconductor's figures from the waves of ``tb_main.spice``."""

from __future__ import annotations

import numpy as np

from spiceloop.measure import ac, linearity, noise
from spiceloop.sim.waves import Plot, Waves

VDD = 1.8  # V, as in the testbench
V_HALF_SPAN = 0.02  # V, Gm at Vid = 0 is the slope between ±20 mV
NONLINEARITY_SPAN = (0.05, 0.30)  # V of Vtune
NOISE_BAND = (1e3, 1e7)  # Hz


def tuning_curve(dc: Plot) -> tuple[np.ndarray, np.ndarray]:
    """Return Vtune (n,) in V and Gm at Vid = 0 (n,) in S from the sweep of Vtune at Vid = ±20 mV."""
    vtune, current = np.real(dc.x), np.real(dc["v(iod)"])
    n = vtune.size // 2
    return vtune[:n], (current[n:] - current[:n]) / (2 * V_HALF_SPAN)


def figures(waves: Waves) -> dict[str, float]:
    """Return the five objectives and what explains them; definitions in the README.

    A circuit that does not work as a transconductor gets finite bad figures: range 0,
    nonlinearity 100 %, and a noise that its small Gm divides.
    """
    vtune, gm = tuning_curve(waves.plot("dc"))
    low, high = linearity.tunable_range(vtune, gm)
    bend = linearity.nonlinearity(vtune, gm, *NONLINEARITY_SPAN)

    response = waves.plot("ac")
    frequency, current = np.real(response.x), response["v(iod)"]
    limit = ac.flat_bandwidth(frequency, current)

    # The newest noise plot is ngspice's own total; the spectrum is the one with a frequency scale.
    spectrum = next(p for p in waves if "inoise_spectrum" in p)
    irn = noise.integrated(spectrum.x, spectrum["inoise_spectrum"], *NOISE_BAND)

    supply = np.real(waves.plot("op")["i(vdd)"])
    return {
        "tunable_range": high - low,
        "nonlinearity": 100.0 * bend,
        "bandwidth": limit if np.isfinite(limit) else float(frequency[-1]),
        "power": -VDD * float(supply[0]),
        "irn": irn,
        "range_low": low,
        "range_high": high,
        "gm": abs(complex(current[0])),
    }
