"""The transconductor's figures from the waves of ``tb_main.spice``."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from spiceloop.measure import ac, interpolate, linearity, noise
from spiceloop.sim.waves import Plot, Waves

VDD, VTUNE = 1.8, 0.2  # V, as in the testbench
BALANCE = 0.10  # largest common-mode output current, in parts of a half cell's current
V_HALF_SPAN = 0.02  # V, Gm at Vid = 0 is the slope between ±20 mV
NONLINEARITY_SPAN = (0.05, 0.30)  # V of Vtune
NOISE_BAND = (1e3, 1e7)  # Hz


def tuning_curve(dc: Plot) -> tuple[np.ndarray, np.ndarray]:
    """Return Vtune in V and Gm at Vid = 0 in S, both (n,), from the sweep at Vid = ±20 mV."""
    vtune, current = np.real(dc.x), np.real(dc["v(iod)"])
    n = vtune.size // 2
    return vtune[:n], (current[n:] - current[:n]) / (2 * V_HALF_SPAN)


def imbalance(dc: Plot) -> tuple[np.ndarray, np.ndarray]:
    """Return Vtune in V and the common-mode output current in parts of the cells', both (n,)."""
    n = dc.x.size // 2
    leaving = np.real(dc["i(vop)"] + dc["i(von)"])[:n]
    carried = np.real(dc["i(v.xdut.xp.vsense)"] + dc["i(v.xdut.xn.vsense)"])[:n]
    return np.real(dc.x)[:n], np.abs(leaving) / np.maximum(np.abs(carried), 1e-15)


def balanced(dc: Plot) -> list[tuple[float, float]]:
    """Return the stretches of Vtune, V, on which the loads carry the half cells' current.

    Elsewhere the sources that hold the outputs would have to supply it, for nothing.
    """
    vtune, error = imbalance(dc)
    crossed = interpolate.crossings(vtune, error, BALANCE)
    ends = np.concatenate([vtune[:1], crossed, vtune[-1:]]).tolist()
    return [(a, b) for a, b in pairwise(ends) if np.interp((a + b) / 2, vtune, error) <= BALANCE]


def figures(waves: Waves) -> dict[str, float]:
    """Return the five objectives and what explains them; definitions in the README.

    A circuit that does not work as a transconductor gets finite bad figures: range 0,
    nonlinearity 100 %, and a noise that its small Gm divides.
    """
    dc = waves.plot("dc")
    vtune, gm = tuning_curve(dc)
    ranges = [linearity.tunable_range(vtune, gm, within=ends) for ends in balanced(dc)]
    low, high = max(ranges, key=lambda ends: ends[1] - ends[0], default=(0.0, 0.0))
    straight = linearity.tunable_range(vtune, gm)
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
        "straight_range": straight[1] - straight[0],
        "imbalance": 100.0 * float(np.interp(VTUNE, *imbalance(dc))),
        "range_low": low,
        "range_high": high,
        "gm": abs(complex(current[0])),
    }
