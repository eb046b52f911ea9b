"""Filtering at s = jω: H on the FFT's grid, the waveform padded until the response dies away."""

from __future__ import annotations

import math

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from spiceloop.filterbank.elements import Transfer

__all__ = ["filter_by_fft", "padding"]

_DECAY = math.log(1e5)  # the slowest pole's envelope falls to 1e-5 within the padding


def padding(transfer: Transfer, sample_rate: float) -> int:
    """Return how many zeros the slowest pole needs, in samples.

    A second-order denominator s² + d1·s + d0 decays as exp(-d1/2·t) while it is underdamped; an
    overdamped one's slow pole is at -d1/2 + √(d1²/4 - d0).
    """
    half = transfer.d1.detach().double() / 2
    slow = half - (half * half - transfer.d0.detach().double()).clamp(min=0).sqrt()
    return math.ceil(_DECAY / float(slow.min()) * sample_rate)


def filter_by_fft(
    x: Tensor, transfer: Transfer, sample_rate: float, pad: int | None = None
) -> Tensor:
    """Filter ``x`` (batch, samples) into (batch, channels, samples), on any device.

    ``pad`` zeros are appended (default: `padding`).
    """
    samples = x.shape[-1]
    wanted = samples + (padding(transfer, sample_rate) if pad is None else pad)
    size = int(next_fast_len(wanted, real=True))
    frequency = torch.fft.rfftfreq(size, 1 / sample_rate, device=x.device, dtype=torch.float64)
    response = transfer.at(frequency)
    kind = torch.complex128 if x.dtype == torch.float64 else torch.complex64
    spectrum = torch.fft.rfft(x, n=size)[:, None] * response.to(kind)
    filtered: Tensor = torch.fft.irfft(spectrum, n=size)[..., :samples]
    return filtered
