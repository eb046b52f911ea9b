"""H(s) and noise of the cells from their node equations, solved and integrated numerically.

The equations are those of a half circuit, in which a floating capacitor counts twice, written as
Y(s)·v = current injected into each node; a device's noise current flows from its drain to its
source.
"""

import numpy as np
import pytest
import torch
from scipy.constants import Boltzmann
from scipy.integrate import quad

from filterbank_signals import CELLS, designed
from spiceloop.filterbank import FilterBank


def super_source_follower(gm, c, s):
    """Nodes vA (the output: drain of M1, gate of M2) and vo (source of M1, drain of M2)."""
    (gm1, gm2), (c1, c2) = gm, c
    admittance = np.array([[2 * c1 * s, -gm1], [gm2, 2 * c2 * s + gm1]])
    signal = np.array([-gm1, gm1])
    # M1 takes its current out of vA and puts it into vo; M2's comes into vo from the supply.
    return admittance, signal, [np.array([-1, 1]), np.array([0, 1])], 0


def gm_c_biquad(gm, c, s):
    """Nodes v1 (the output) and v2; every device's current goes to ground."""
    (gm_in, gm_q, gm_1, gm_2), (c1, c2) = gm, c
    admittance = np.array([[2 * c1 * s + gm_q, gm_1], [-gm_2, 2 * c2 * s]])
    into_v1, into_v2 = np.array([1, 0]), np.array([0, 1])
    return admittance, np.array([gm_in, 0]), [into_v1, into_v1, into_v1, into_v2], 0


CIRCUITS = {"super-source-follower": super_source_follower, "gm-c-biquad": gm_c_biquad}
F0, Q, GAIN = [60.0, 400.0, 1500.0, 7000.0], [0.5, 1.0, 4.0, 16.0], [1.0, 2.0, 0.5, 1.3]


@pytest.mark.parametrize("cell", CELLS)
def test_transfer(cell):
    bank = FilterBank(designed(cell, F0, Q, GAIN), cell=cell)
    held = bank.elements().detach()
    f = np.geomspace(10, 20000, 60)
    h = bank.response(torch.from_numpy(f)).detach().numpy()
    for channel in range(len(F0)):
        for k, s in enumerate(2j * np.pi * f):
            gm, c = held.gm[channel].numpy(), held.c[channel].numpy()
            admittance, signal, _, output = CIRCUITS[cell](gm, c, s)
            v = np.linalg.solve(admittance, signal)
            assert h[channel, k] == pytest.approx(v[output], rel=1e-9)


@pytest.mark.parametrize("excess", [1.0, 0.65])
@pytest.mark.parametrize("cell", CELLS)
def test_noise(cell, excess):
    bank = FilterBank(designed(cell, F0, Q, GAIN), cell=cell)
    held = bank.elements().detach()
    for channel, f0 in enumerate(F0):
        gm, c = held.gm[channel].numpy(), held.c[channel].numpy()

        def density(ln_f, gm=gm, c=c):
            """V²/Hz of one half at the output, times f for the logarithmic axis."""
            f = np.exp(ln_f)
            admittance, _, sources, output = CIRCUITS[cell](gm, c, 2j * np.pi * f)
            transfers = np.linalg.solve(admittance, np.array(sources).T)[output]
            currents = 4 * Boltzmann * 300.15 * excess * gm
            return f * float(np.abs(transfers) ** 2 @ currents)

        middle, reach = np.log(f0), 16.0
        one_half, _ = quad(
            density,
            middle - reach,
            middle + reach,
            points=[middle - 0.1, middle, middle + 0.1],
            limit=400,
            epsabs=0,
            epsrel=1e-8,
        )
        wanted = np.sqrt(2 * one_half)
        assert bank.noise(excess)[channel].item() == pytest.approx(wanted, rel=1e-5)


def test_noise_is_of_order_kt_over_c():
    """A sanity bound of its own: a few times √(2kT/C), whatever the centre frequency."""
    noise = FilterBank.spread(8, q=1.0).noise().detach().numpy()
    unit = np.sqrt(2 * Boltzmann * 300.15 / (2 * 3.2e-12))
    assert np.ptp(noise) < 1e-9 * noise.mean()
    assert 0.5 < noise.mean() / unit < 3
