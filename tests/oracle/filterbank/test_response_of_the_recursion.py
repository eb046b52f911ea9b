"""The recursion's frequency response against H(jω), and its impulse response against the same."""

import math

import numpy as np
import pytest
import torch
from scipy import signal

from filterbank_signals import RATE
from spiceloop.filterbank import Bounds, FilterBank, Transfer
from spiceloop.filterbank.cell import make_cell
from spiceloop.filterbank.recursion import TAPS, discretize, prefilter_taps

LIMITS = Bounds()
F0 = np.geomspace(*LIMITS.f0, 60)
Q = (0.5, 0.7, 1.0, 2.0, 4.0, 8.0, 16.0)
DENSE = np.concatenate([np.geomspace(10, 100, 40), np.linspace(100, 7500, 1500)])


def response(rows: np.ndarray, f: np.ndarray, rate: float = RATE) -> np.ndarray:
    """The recursion's response (channels, frequencies), worked out by scipy."""
    responses = []
    for channel in rows.T:
        numerator = channel[:-2] @ prefilter_taps()
        denominator = [1, *channel[-2:]]
        _, h = signal.freqz(numerator, denominator, worN=f, fs=rate)
        # The pre-filters look TAPS/2 - 1 samples ahead.
        responses.append(h * np.exp(2j * np.pi * f / rate * (TAPS // 2 - 1)))
    return np.array(responses)


def band_pass(f0: np.ndarray, q: float) -> Transfer:
    w0 = torch.from_numpy(2 * math.pi * f0)
    return Transfer(w0 / q, w0 / q, w0 * w0)


@pytest.mark.parametrize("q", Q)
def test_response_over_the_whole_range_of_bounds(q):
    transfer = band_pass(F0, q)
    wanted = transfer.at(torch.from_numpy(DENSE)).numpy()
    error = np.abs(response(discretize(transfer, RATE).rows.numpy(), DENSE) - wanted)
    # Peak gain is 1. At the band's very edge it is at most 1.7 %, on average below 0.2 %.
    assert error.max() < 0.02
    assert np.sqrt(np.mean(error**2, -1)).max() < 0.0025
    # Up to 4 kHz, where a keyword's energy is, and for filters in that range, much less.
    assert error[F0 <= 4000][:, DENSE <= 4000].max() < 0.002


@pytest.mark.parametrize("rate", [8000.0, 22050.0, 44100.0, 48000.0])
def test_other_sample_rates(rate):
    f0 = np.geomspace(0.0065 * rate / 2, 0.9375 * rate / 2, 30)
    f = np.linspace(20, 0.9375 * rate / 2, 800)
    for q in Q:
        transfer = band_pass(f0, q)
        wanted = transfer.at(torch.from_numpy(f)).numpy()
        error = np.abs(response(discretize(transfer, rate).rows.numpy(), f, rate) - wanted)
        assert error.max() < 0.02


@pytest.mark.parametrize("q", [0.5, 2.0, 16.0])
def test_the_compiled_loop_has_this_response(q):
    """An impulse in the middle of a clip, transformed, is H(jω) up to the band's edge."""
    start = make_cell("super-source-follower").design(
        torch.from_numpy(np.geomspace(300, 7000, 8)),
        torch.full((8,), q, dtype=torch.float64),
        torch.ones(8, dtype=torch.float64),
        3.2e-12,
    )
    bank = FilterBank(start, method="recursion")
    x = torch.zeros(1, 16384, dtype=torch.float64)
    x[0, 1000] = 1
    spectrum = torch.fft.rfft(bank(x)[0].detach()).numpy()
    f = np.fft.rfftfreq(16384, 1 / RATE)
    spectrum = spectrum * np.exp(2j * np.pi * f / RATE * 1000)
    inside = f <= 7500
    wanted = bank.response(torch.from_numpy(f)).detach().numpy()
    own = response(discretize(bank.transfer(), RATE).rows.detach().numpy(), f)
    assert np.abs(spectrum - own)[:, inside].max() < 1e-9
    assert np.abs(spectrum - wanted)[:, inside].max() < 0.02


def test_poles_are_exactly_those_of_the_analog_filter():
    for q in Q:
        transfer = band_pass(F0, q)
        a1, a2 = discretize(transfer, RATE).rows.numpy()[-2:]
        for i, w0 in enumerate(2 * np.pi * F0):
            analog = np.roots([1, w0 / q, w0 * w0])
            expected = np.poly(np.exp(analog.astype(complex) / RATE)).real
            assert [1, a1[i], a2[i]] == pytest.approx(expected, rel=1e-7, abs=1e-7)
