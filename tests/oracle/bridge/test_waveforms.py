"""The bank as a module against ngspice's transient analysis of the exported netlist.

rms differences reached, relative to the channel's rms: 1.6e-4 by FFT (at the highest f0, where
ngspice's own steps count; 2e-6 at the lowest), 1.3e-3 by the recursion (its approximation).
"""

import numpy as np
import pytest
import torch

from filterbank_signals import OVERSAMPLING, RATE, bursts, deviation
from spiceloop.bridge.decks import LEAD, transient_deck
from spiceloop.filterbank import FilterBank
from spiceloop.filterbank.cell import CELLS

pytestmark = pytest.mark.ngspice

SAMPLES = 320
TOLERANCE = {"fft": 3e-4, "recursion": 2e-3}


def speechlike():
    """20 ms, 0.1 V at most: a voiced stretch and a fricative, at the converter's rate."""
    return 0.1 * bursts(SAMPLES)[::OVERSAMPLING]


def bank(cell, method, channels):
    return FilterBank.spread(
        channels, low=100.0, high=6000.0, q=2.0, gain=1.3, cell=cell, method=method
    )


def at_samples(time, wave):
    return np.interp((np.arange(SAMPLES) + LEAD) / RATE, np.real(time), np.real(wave))


def filtered(filters, wave):
    return filters(torch.from_numpy(wave)[None])[0].detach().numpy()


@pytest.mark.parametrize("cell", CELLS)
def test_sixteen_channels_in_process(spice, cell):
    wave = speechlike()
    filters = bank(cell, "fft", 16)
    deck = transient_deck(filters.cell, filters.elements(), wave, RATE)
    plot = spice.simulator.run(deck, vectors=("*",), timeout=120).waves.plot("tran")
    seen = np.array([at_samples(plot.x, plot[f"out{k}"]) for k in range(1, 17)])
    assert at_samples(plot.x, plot["in"]) == pytest.approx(seen_by_lines(wave), rel=1e-9, abs=1e-12)
    for method, tolerance in TOLERANCE.items():
        differences = deviation(filtered(bank(cell, method, 16), wave), seen)
        assert differences.max() < tolerance, (method, differences)


def seen_by_lines(wave):
    """The source at the samples: above the waveform by 1/sinc² of each component."""
    padded = np.pad(wave, LEAD)
    spectrum = np.fft.rfft(padded)
    x = np.arange(len(spectrum)) / (len(padded) * 8)
    return np.fft.irfft(spectrum / np.sinc(x) ** 2, len(padded))[LEAD:-LEAD]


@pytest.mark.parametrize("cell", CELLS)
def test_exported_file_in_plain_ngspice(batch, cell):
    wave = speechlike()
    filters = bank(cell, "fft", 4)
    deck = transient_deck(filters.cell, filters.elements(), wave, RATE)
    (plot,) = batch(deck.text)
    seen = np.array([at_samples(plot["time"], plot[f"v(out{k})"]) for k in range(1, 5)])
    for method, tolerance in TOLERANCE.items():
        assert deviation(filtered(bank(cell, method, 4), wave), seen).max() < tolerance
