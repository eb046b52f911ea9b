"""Band-limited waveforms and an independent simulation of a bank, for the filter bank's tests.

The waveforms are made at ``OVERSAMPLING`` times the sample rate with nothing above 7.2 kHz, so that
every OVERSAMPLING-th value is what an ideal converter would have taken.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import signal

from spiceloop.filterbank import Elements, FilterBank, Transfer
from spiceloop.filterbank.cell import make_cell

CELLS = ("super-source-follower", "gm-c-biquad")
PARAMETERS = ("currents", "scaling")
METHODS = ("recursion", "fft")
RATE = 16000.0
OVERSAMPLING = 32
LIMIT = 7200.0

Wave = NDArray[np.float64]


def small_bank(
    cell: str = "super-source-follower",
    parameters: str = "currents",
    method: str = "recursion",
    channels: int = 3,
) -> FilterBank:
    """A bank whose channels differ in f0, Q and gain, none too slow for short clips."""
    f0 = torch.logspace(np.log10(700), np.log10(5000), channels, dtype=torch.float64)
    q = torch.linspace(0.8, 3.0, channels, dtype=torch.float64)
    gain = torch.linspace(0.7, 1.6, channels, dtype=torch.float64)
    start = make_cell(cell).design(f0, q, gain, 3.2e-12)
    return FilterBank(start, cell=cell, parameters=parameters, method=method)


def designed(cell: str, f0: list[float], q: list[float], gain: list[float]) -> Elements:
    columns = (torch.tensor(v, dtype=torch.float64) for v in (f0, q, gain))
    return make_cell(cell).design(*columns, 3.2e-12)


def chirp(samples: int) -> Wave:
    """Logarithmic sweep from 60 Hz to 7 kHz, faded in and out."""
    t = _fine_time(samples)
    return np.asarray(signal.chirp(t, 60, t[-1], 7000, "logarithmic") * _fade(len(t)))


def noise(samples: int, seed: int = 0) -> Wave:
    """Gaussian noise, flat up to 7 kHz, faded in and out."""
    wave = np.random.default_rng(seed).standard_normal(samples * OVERSAMPLING)
    return _band(wave, 0, 7000) * _fade(len(wave))


def bursts(samples: int, seed: int = 1) -> Wave:
    """Something like speech: a voiced stretch of harmonics under formants, then a fricative."""
    t = _fine_time(samples)
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 4 * t)) * t[1]
    voiced = np.zeros_like(t)
    for k in range(1, 45):
        near = sum(np.exp(-(((120 * k - f) / w) ** 2)) for f, w in _FORMANTS)
        voiced += (near + 0.02) / k**0.5 * np.sin(k * pitch + k * k)
    hiss = _band(np.random.default_rng(seed).standard_normal(len(t)), 2500, 6800)
    first = np.exp(-(((t / t[-1] - 0.3) / 0.12) ** 2))
    second = np.exp(-(((t / t[-1] - 0.68) / 0.1) ** 2))
    return np.asarray(voiced * first + 0.3 * hiss / hiss.std() * second)


_FORMANTS = ((600, 150), (1700, 250), (2600, 300))


def upsampled(wave: Wave) -> Wave:
    """A recording at RATE, cut off at LIMIT and faded, on the fine grid."""
    spectrum = np.fft.rfft(wave * _fade(len(wave)))
    spectrum[np.fft.rfftfreq(len(wave), 1 / RATE) > LIMIT] = 0
    fine = np.fft.irfft(spectrum, len(wave) * OVERSAMPLING) * OVERSAMPLING
    return np.asarray(fine)


def simulated(transfer: Transfer, fine: Wave) -> Wave:
    """Outputs (channels, samples) at RATE of a state-space simulation by scipy on the fine grid.

    All channels stand side by side in one system; the states of a channel are v and w with
    v' = -d1·v - w0·w + b·x and w' = w0·v, so v is the band-pass output.
    """
    b, d1, d0 = (v.detach().numpy() for v in (transfer.b, transfer.d1, transfer.d0))
    channels = len(b)
    A = np.zeros((2 * channels, 2 * channels))
    B = np.zeros((2 * channels, 1))
    C = np.zeros((channels, 2 * channels))
    for i, w0 in enumerate(np.sqrt(d0)):
        A[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[-d1[i], -w0], [w0, 0]]
        B[2 * i], C[i, 2 * i] = b[i], 1
    time = np.arange(len(fine)) / (RATE * OVERSAMPLING)
    _, y, _ = signal.lsim(signal.StateSpace(A, B, C, np.zeros((channels, 1))), fine, time)
    return np.asarray(y.reshape(len(fine), channels)[::OVERSAMPLING].T)


def deviation(y: Wave, reference: Wave) -> Wave:
    """rms of the difference over rms of the reference, a channel."""
    return np.asarray(np.sqrt(np.mean((y - reference) ** 2, -1) / np.mean(reference**2, -1)))


def _fine_time(samples: int) -> Wave:
    return np.arange(samples * OVERSAMPLING) / (RATE * OVERSAMPLING)


def _band(wave: Wave, low: float, high: float) -> Wave:
    spectrum = np.fft.rfft(wave)
    f = np.fft.rfftfreq(len(wave), 1 / (RATE * OVERSAMPLING))
    spectrum[(f < low) | (f > high)] = 0
    return np.asarray(np.fft.irfft(spectrum, len(wave)))


def _fade(count: int) -> Wave:
    return np.asarray(signal.windows.tukey(count, 0.2))
