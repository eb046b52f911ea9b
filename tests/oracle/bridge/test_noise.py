"""The closed form of the output noise against ngspice's noise analysis of the netlist."""

import numpy as np
import pytest
import torch

from filterbank_elements import random_elements
from spiceloop.bridge.decks import noise_deck
from spiceloop.filterbank import FilterBank, WeakInversion
from spiceloop.filterbank.cell import CELLS, make_cell
from spiceloop.filterbank.noise import output_noise

pytestmark = pytest.mark.ngspice

# The sweep leaves out 1e-4 of the noise at Q = 0.5 (its tail above 1e4·f0), less at higher Q.
TOLERANCE = 2e-4


@pytest.mark.parametrize("gain", [0.5, 2.0])
@pytest.mark.parametrize("q", [0.5, 2.0, 16.0])
@pytest.mark.parametrize("cell", CELLS)
def test_q_and_gain(spice, cell, q, gain):
    bank = FilterBank.spread(2, low=100.0, high=6000.0, q=q, gain=gain, cell=cell)
    model = output_noise(bank.cell, bank.elements()).detach().numpy()
    assert spice.noise(bank) == pytest.approx(model, rel=TOLERANCE)


@pytest.mark.parametrize("cell", CELLS)
def test_random_elements_hot_and_with_excess(spice, cell):
    kind, elements = make_cell(cell), random_elements(cell, seed=5, channels=5)
    model = output_noise(kind, elements, temperature=85.0, excess=0.65).numpy()
    seen = spice.noise((kind, elements), temperature=85.0, excess=0.65)
    assert seen == pytest.approx(model, rel=TOLERANCE)


def test_a_bank_s_noise_is_at_the_temperature_of_its_gm_law(spice):
    bank = FilterBank.spread(2, law=WeakInversion(temperature=-20.0))
    assert spice.noise(bank) == pytest.approx(bank.noise().detach().numpy(), rel=TOLERANCE)


@pytest.mark.parametrize("cell", CELLS)
def test_spectrum_of_a_channel(spice, cell):
    """Each source's transfer squared, summed: the shape too, not only the total."""
    bank = FilterBank.spread(1, low=1000.0, high=1000.1, q=3.0, gain=1.4, cell=cell)
    elements = bank.elements().detach()
    deck = noise_deck(bank.cell, elements, 0, decades=2.0)
    plots = spice.simulator.run(deck, vectors=("*",)).waves
    spectrum = next(p for p in plots if "onoise_spectrum" in p)
    f = np.real(spectrum.x)
    w = torch.from_numpy(2 * np.pi * f)
    transfer = bank.cell.transfer(elements)
    b1, b0 = bank.cell.noise_transfers(elements)[0].unbind(1)
    denominator = transfer.d0 - w * w + 1j * w * transfer.d1
    kt4 = 4 * 1.380649e-23 * 300.15
    power = sum(
        2 * kt4 * gm * abs((1j * w * n1 + n0) / denominator) ** 2
        for gm, n1, n0 in zip(elements.gm[0], b1, b0, strict=True)
    )
    assert np.real(spectrum["onoise_spectrum"]) == pytest.approx(power.sqrt().numpy(), rel=1e-5)
