"""Training and test batches: clips, shifted, in noise of a stated signal-to-noise ratio.

Everything random of a batch is drawn on the CPU from a generator that the caller seeds, so that a
batch depends on (seed, epoch, step) alone; the samples themselves stay on the mixer's device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spiceloop.kws.clips import FULL_SCALE, SILENCE, Clips
from spiceloop.kws.warp import warp
from spiceloop.numbers import Number

__all__ = ["CLEAN", "Batch", "Mixing", "Noise", "TrainingSet", "at_snr", "heard_in"]

CLEAN = float("inf")
_SILENCE_DB = (-60.0, 0.0)  # level of a training silence against the noise recording


@dataclass(frozen=True)
class Mixing:
    """How training clips are varied.

    ``snr``: lowest and highest SNR in dB, drawn evenly; ``clean_share``: the part of the clips that
    get no noise; ``shift``: largest shift either way in s; ``speed``: largest change of speed and
    pitch either way, as a natural logarithm. SNR is the power of the whole clip against that of
    the noise over the same second.
    """

    snr: tuple[Number, Number] = (5.0, 20.0)
    clean_share: Number = 0.25
    shift: Number = 0.1
    speed: Number = 0.14

    def __post_init__(self) -> None:
        if not self.snr[0] <= self.snr[1]:
            raise ValueError(f"snr: expected the lowest, then the highest, got {self.snr}")
        if not 0 <= self.clean_share <= 1:
            raise ValueError(f"clean_share: expected 0 to 1, got {self.clean_share:g}")
        if min(self.shift, self.speed) < 0:
            raise ValueError("shift and speed must not be negative")


@dataclass(frozen=True)
class Batch:
    """``waveform`` (batch, samples), full scale ±1; ``label`` (batch,)."""

    waveform: Tensor
    label: Tensor


class Noise:
    """Noise recordings end to end on one device; windows never cross from one into the next."""

    def __init__(
        self, recordings: Sequence[NDArray[np.float32]], samples: int, device: str = "cpu"
    ) -> None:
        if not recordings:
            raise ValueError("expected one noise recording or more")
        long = [r if len(r) >= samples else np.tile(r, -(-samples // len(r))) for r in recordings]
        self._windows = torch.from_numpy(np.concatenate(long)).to(device).unfold(0, samples, 1)
        lengths = np.array([len(r) for r in long])
        self._first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self._choices = lengths - samples + 1

    def draw(self, count: int, rng: np.random.Generator) -> Tensor:
        """Return ``count`` windows (count, samples): any recording, any place in it."""
        which = rng.integers(len(self._first), size=count)
        start = self._first[which] + rng.integers(self._choices[which])
        picked = torch.from_numpy(start).to(self._windows.device)
        return self._windows[picked]


def at_snr(clean: Tensor, noise: Tensor, snr: Tensor) -> Tensor:
    """Return ``clean`` plus ``noise`` (batch, samples) scaled to ``snr`` (batch,) in dB.

    An infinite SNR adds nothing. A noise window without power adds nothing either.
    """
    ratio = clean.square().mean(1) / noise.square().mean(1).clamp(min=1e-12)
    return clean + noise * (ratio * 10 ** (-snr / 10)).sqrt()[:, None]


class TrainingSet:
    """The training clips and as many clips of silence as a keyword has, in seeded batches."""

    def __init__(
        self, clips: Clips, noise: Noise, mixing: Mixing, sample_rate: int, device: str = "cpu"
    ) -> None:
        self._audio = torch.from_numpy(np.array(clips.audio)).to(device)
        self._label = torch.from_numpy(clips.label).to(device)
        self._noise = noise
        self._mixing = mixing
        self._sample_rate = sample_rate
        counts = clips.counts()
        self._silence = list(counts).index(SILENCE) if SILENCE in counts else None
        has_own = self._silence is not None and counts[SILENCE] > 0
        heard = [n for n in counts.values() if n]
        self.silent = 0 if self._silence is None or has_own else int(np.median(heard))

    def __len__(self) -> int:
        """The number of examples in one epoch."""
        return len(self._audio) + self.silent

    def epoch(self, seed: int, epoch: int, size: int) -> Iterator[Batch]:
        """Yield the batches of this epoch, the last incomplete one left out."""
        order = np.random.default_rng((seed, epoch)).permutation(len(self))
        for step in range(len(self) // size):
            rng = np.random.default_rng((seed, epoch, step))
            yield self._batch(order[step * size : (step + 1) * size], rng)

    def _batch(self, index: NDArray[np.int64], rng: np.random.Generator) -> Batch:
        silent = index >= len(self._audio)
        device = self._audio.device
        picked = torch.from_numpy(np.where(silent, 0, index)).to(device)
        speech = self._varied(self._audio[picked].float() / FULL_SCALE, rng)
        noise = self._noise.draw(len(index), rng)
        snr = rng.uniform(*self._mixing.snr, len(index))
        snr[rng.random(len(index)) < self._mixing.clean_share] = CLEAN
        wave = at_snr(speech, noise, torch.from_numpy(snr).float().to(device))
        label = self._label[picked]
        if silent.any() and self._silence is not None:
            mask = torch.from_numpy(silent).to(device)
            level = 10 ** (rng.uniform(*_SILENCE_DB, len(index)) / 20)
            quiet = noise * torch.from_numpy(level).float().to(device)[:, None]
            wave = torch.where(mask[:, None], quiet, wave)
            label = torch.where(mask, self._silence, label)
        return Batch(wave, label)

    def _varied(self, speech: Tensor, rng: np.random.Generator) -> Tensor:
        """Move each clip and change its speed."""
        m = self._mixing
        if not m.shift and not m.speed:
            return speech
        speed = np.exp(rng.uniform(-m.speed, m.speed, len(speech)))
        shift = rng.uniform(-1, 1, len(speech)) * m.shift * self._sample_rate
        return warp(speech, speed.astype(np.float32), shift.astype(np.float32))


def heard_in(
    clips: Clips, noise: Noise | None, snr: float, seed: int, size: int = 200, device: str = "cpu"
) -> Iterator[Batch]:
    """Yield all clips in order at one SNR (dB); the noise of a clip depends on the seed alone."""
    for first in range(0, len(clips), size):
        audio = np.array(clips.audio[first : first + size])
        wave = torch.from_numpy(audio).to(device).float() / FULL_SCALE
        if noise is not None and snr != CLEAN:
            rng = np.random.default_rng((seed, first))
            added = noise.draw(len(wave), rng).to(device)
            wave = at_snr(wave, added, torch.full((len(wave),), snr, device=device))
        yield Batch(wave, torch.from_numpy(clips.label[first : first + size]).to(device))
