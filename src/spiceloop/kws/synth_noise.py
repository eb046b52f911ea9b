"""Generated noise: pink, white and babble to train with; an engine and clatter never heard then."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["babble", "clatter", "engine", "pink", "white"]

_RMS = 0.1  # of full scale
_PEAK = 0.98
_TALKERS = 10


def white(samples: int, draw: np.random.Generator) -> NDArray[np.float32]:
    """Return Gaussian noise with a flat spectrum, float32 (samples,)."""
    return _levelled(draw.standard_normal(samples))


def pink(samples: int, draw: np.random.Generator) -> NDArray[np.float32]:
    """Return Gaussian noise whose power falls as 1/f, float32 (samples,)."""
    spectrum = np.fft.rfft(draw.standard_normal(samples))
    spectrum[0] = 0.0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    return _levelled(np.fft.irfft(spectrum, samples))


def babble(
    samples: int, clips: Sequence[NDArray[np.float32]], draw: np.random.Generator
) -> NDArray[np.float32]:
    """Return ten talkers who each say random ``clips`` one after another, float32 (samples,)."""
    mixed = np.zeros(samples)
    for _ in range(_TALKERS):
        at = -int(draw.integers(len(clips[0])))
        while at < samples:
            clip = clips[int(draw.integers(len(clips)))]
            part = clip[max(0, -at) : max(0, samples - at)]
            mixed[max(0, at) : max(0, at) + len(part)] += part
            at += len(clip)
    return _levelled(mixed)


def engine(samples: int, sample_rate: int, draw: np.random.Generator) -> NDArray[np.float32]:
    """Return a wandering tone of 60 to 120 Hz with 40 falling harmonics over pink noise."""
    speed = np.cumsum(draw.standard_normal(samples // sample_rate * 4 + 2))
    speed = 90.0 + 30.0 * np.tanh(speed / 4.0)
    f0 = np.interp(np.arange(samples), np.linspace(0, samples, len(speed)), speed)
    phase = 2.0 * np.pi * np.cumsum(f0) / sample_rate
    offsets = draw.uniform(0.0, 2.0 * np.pi, 40)
    tone = sum(np.sin(k * phase + offsets[k - 1]) / k for k in range(1, 41))
    return _levelled(np.asarray(tone) + 3.0 * pink(samples, draw))


def clatter(samples: int, sample_rate: int, draw: np.random.Generator) -> NDArray[np.float32]:
    """Return about six knocks a second, each a few decaying resonances of 0.3 to 6 kHz."""
    mixed = 0.01 * draw.standard_normal(samples)
    time = np.arange(round(0.15 * sample_rate)) / sample_rate
    for _ in range(6 * samples // sample_rate):
        at = int(draw.integers(samples))
        knock = np.zeros_like(time)
        for frequency in np.exp(draw.uniform(np.log(300.0), np.log(6000.0), 4)):
            knock += np.exp(-time / draw.uniform(0.005, 0.03)) * np.sin(
                2.0 * np.pi * frequency * time
            )
        part = knock[: samples - at] * draw.uniform(0.2, 1.0)
        mixed[at : at + len(part)] += part
    return _levelled(mixed)


def _levelled(noise: NDArray[np.floating]) -> NDArray[np.float32]:
    """The noise at an RMS of 0.1, or less where its peaks would exceed full scale."""
    gain = min(_RMS / np.sqrt(np.mean(noise**2)), _PEAK / np.abs(noise).max())
    return np.asarray(noise * gain, dtype=np.float32)
