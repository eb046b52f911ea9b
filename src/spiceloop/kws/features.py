"""Features as hardware would make them: rectify, average, control the gain, compress; all causal.

One exception: the gain control begins at a clip's first full window, so that the one or two frames
before it know it. The stages in order, each optional or with a choice:

1. rectifier and averaging over one hop (in `FilterBank.rectified_means`);
2. the channels' own thermal noise;
3. averaging over a window of several hops, up to the present one;
4. normalisation "agc": division by a leaky average of the same channel's past;
5. compression, logarithm or root, with a stated floor;
6. a fixed gain and offset a channel, measured once at the start.

4 and 5 with their defaults are per-channel energy normalisation (Wang et al., "Trainable frontend
for robust and far-field keyword spotting", ICASSP 2017) on amplitudes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from spiceloop.filterbank import FilterBank
from spiceloop.numbers import Number

__all__ = ["Features", "FrontEnd", "ThermalNoise"]


@dataclass(frozen=True)
class Features:
    """The options of the feature stages; times in s, ``floor`` as a part of full scale.

    Without "agc" the amplitudes are counted in ``floor``. Compression gives
    log(x + offset) - log(offset), or the same with the power ``exponent``.
    """

    hop: Number = 0.010
    window: Number = 0.020
    rectifier: Literal["full-wave", "half-wave", "square"] = "full-wave"
    normalisation: Literal["agc", "none"] = "agc"
    compression: Literal["root", "log"] = "root"
    floor: Number = 1e-5
    offset: Number = 2.0
    exponent: Number = 0.5
    agc_strength: Number = 0.9
    agc_time: Number = 0.3

    def __post_init__(self) -> None:
        names = ("hop", "window", "floor", "offset", "exponent", "agc_time")
        wrong = [f"{name} {getattr(self, name):g}" for name in names if getattr(self, name) <= 0]
        if wrong:
            raise ValueError(f"expected positive numbers, got {', '.join(wrong)}")


@dataclass(frozen=True)
class ThermalNoise:
    """The filters' thermal noise against the signal.

    ``full_scale``: the differential input amplitude in V that a digital full scale of 1 stands for;
    ``excess``: noise of a transconductor against 4kT·gm, 1.4 being what a channel at 100 Hz on
    SKY130 transistors has with their flicker noise (`spiceloop.bridge.transistors`).
    """

    full_scale: Number = 0.1
    excess: Number = 1.4

    def __post_init__(self) -> None:
        if min(self.full_scale, self.excess) <= 0:
            raise ValueError(
                "expected a positive full_scale and excess, got "
                f"{self.full_scale:g} and {self.excess:g}; for no thermal noise write noise: null"
            )


class FrontEnd(nn.Module):
    """Waveform (batch, samples) → features (batch, channels, frames).

    The thermal noise is random: pass ``generator`` to repeat it.
    """

    offset: Tensor
    gain: Tensor

    def __init__(
        self, bank: FilterBank, features: Features, noise: ThermalNoise | None = None
    ) -> None:
        super().__init__()
        self.bank = bank
        self.features = features
        self.noise = noise
        self.hop = round(features.hop * bank.sample_rate)
        self.span = round(features.window / features.hop)
        if abs(self.hop - features.hop * bank.sample_rate) > 1e-6 or self.hop < 1:
            raise ValueError(f"hop of {features.hop:g} s is no whole number of samples")
        if self.span < 1 or abs(self.span - features.window / features.hop) > 1e-6:
            raise ValueError(f"window of {features.window:g} s is no whole number of hops")
        channels = bank.channels
        self.register_buffer("offset", torch.zeros(channels, 1))
        self.register_buffer("gain", torch.ones(channels, 1))

    def forward(self, waveform: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the normalised features."""
        means = self.bank.rectified_means(waveform, self.hop, self.features.rectifier)
        return self.from_means(means, generator)

    def from_means(self, means: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the features of rectified means (batch, channels, frames)."""
        if self.noise is not None:
            means = self._noisy(means, self.noise, generator)
        features = self._compressed(self._normalised(self._windowed(means)))
        return (features - self.offset) * self.gain

    @torch.no_grad()
    def calibrate(self, waveforms: list[Tensor], generator: torch.Generator | None = None) -> None:
        """Set the fixed gain and offset so that these clips have mean 0 and deviation 1."""
        self.offset, self.gain = self.offset * 0, self.gain * 0 + 1
        sample = torch.cat([self(w, generator) for w in waveforms])
        self.offset = sample.mean((0, 2))[:, None]
        self.gain = 1 / sample.std((0, 2)).clamp(min=1e-6)[:, None]

    def _noisy(
        self, means: Tensor, noise: ThermalNoise, generator: torch.Generator | None
    ) -> Tensor:
        """Add the noise's power to the signal's, and the scatter that a short average leaves.

        For a locally Gaussian signal the mean of |signal + noise| is the root of the sum of squares
        of the two means; √(2/π)·σ is the noise's own (for the square, σ²). An average over T of a
        noise with bandwidth B rests on about 2·B·T independent samples, so it scatters by up to
        σ/√(2BT).
        """
        transfer = self.bank.transfer()
        sigma = (self.bank.noise(noise.excess) / noise.full_scale).to(means.dtype)[:, None]
        bandwidth = math.pi / 2 * transfer.f0 / transfer.q
        independent = (2 * bandwidth * self.features.hop).clamp(min=1).to(means.dtype)[:, None]
        draw = torch.randn(means.shape, generator=generator, dtype=means.dtype).to(means.device)
        kind = self.features.rectifier
        if kind == "square":
            spread = (2 * sigma * (means + sigma**2).sqrt()) / independent.sqrt()
            return (means + sigma**2 + spread * draw).clamp(min=0)
        part = 0.5 if kind == "half-wave" else 1.0
        own = part * math.sqrt(2 / math.pi) * sigma
        total = (means**2 + own**2).sqrt()
        return (total + part * sigma / independent.sqrt() * draw).clamp(min=0)

    def _windowed(self, means: Tensor) -> Tensor:
        """Average over the last ``span`` frames."""
        if self.span == 1:
            return means
        padded = nn.functional.pad(means, (self.span - 1, 0))
        return nn.functional.avg_pool1d(padded, self.span, 1)

    def _normalised(self, means: Tensor) -> Tensor:
        f = self.features
        if f.normalisation == "none":
            return means / f.floor
        # M[t] = (1-k)·M[t-1] + k·means[t], M before the clip taken as the first full window, as one
        # product with a triangular matrix.
        frames = means.shape[-1]
        keep = math.exp(-f.hop / f.agc_time)
        steps = torch.arange(frames, device=means.device, dtype=means.dtype)
        age = steps[None, :] - steps[:, None]
        weights = torch.where(age >= 0, (1 - keep) * keep ** age.clamp(min=0), 0.0)
        start = means[..., min(self.span, frames) - 1]
        level = means @ weights + start[..., None] * keep ** (steps + 1)
        return means / (level + f.floor) ** f.agc_strength

    def _compressed(self, x: Tensor) -> Tensor:
        f = self.features
        if f.compression == "log":
            return (x + f.offset).log() - math.log(f.offset)
        root: Tensor = (x + f.offset) ** f.exponent - f.offset**f.exponent
        return root
