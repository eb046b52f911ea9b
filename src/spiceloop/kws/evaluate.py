"""How often the system is right: clean, at each SNR, with known and with unseen noise."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import torch
from numpy.typing import NDArray

from spiceloop.kws.clips import Clips, SpeechData
from spiceloop.kws.mixing import CLEAN, Noise, heard_in
from spiceloop.kws.noise import split_noise
from spiceloop.kws.system import System

__all__ = ["Condition", "Heard", "accuracy", "conditions", "evaluate", "hear"]

_SEED = 9_001  # of the test noise: the same for every system, so that comparisons are paired


@dataclass(frozen=True)
class Condition:
    """What the test clips are heard in; ``noise`` is "clean", "known", "unseen" or "unseen:kind".

    ``snr`` in dB, infinite for clean.
    """

    noise: str
    snr: float


@dataclass(frozen=True, eq=False)
class Heard:
    """What the system took each clip for: ``predicted`` and ``label``, int64 (clips,)."""

    condition: Condition
    predicted: NDArray[np.int64]
    label: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """The share of clips that were taken for what they are."""
        return float((self.predicted == self.label).mean())

    def confusion(self, classes: int) -> NDArray[np.int64]:
        """Return counts (true class, predicted class)."""
        table = np.zeros((classes, classes), np.int64)
        np.add.at(table, (self.label, self.predicted), 1)
        return table


def conditions(data: SpeechData, snr: Sequence[float], *, by_kind: bool = False) -> list[Condition]:
    """Return clean, then known and unseen noise at each SNR; ``by_kind`` the lowest SNR by kind."""
    found = [Condition("clean", CLEAN)]
    found += [Condition("known", s) for s in snr]
    if data.noise_unseen:
        found += [Condition("unseen", s) for s in snr]
        if by_kind and snr:
            kinds = dict.fromkeys(_kind(name) for name in data.noise_unseen_names)
            found += [Condition(f"unseen:{kind}", min(snr)) for kind in kinds]
    return found


def evaluate(
    system: System,
    data: SpeechData,
    wanted: Sequence[Condition],
    *,
    clips: Clips | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Heard]:
    """Hear ``clips`` (default: the test clips) in every condition.

    Known noise is the part of the training noise that training never heard.
    """
    found = []
    for done, condition in enumerate(wanted):
        noise = _noise(data, condition)
        found.append(hear(system, clips or data.test, condition, noise))
        if progress:
            progress(done + 1, len(wanted))
    return found


@torch.no_grad()
def hear(system: System, clips: Clips, condition: Condition, noise: Noise | None) -> Heard:
    """Hear all clips in one condition; noise and thermal noise repeat from call to call."""
    was_training = system.training
    system.eval()
    device = next(system.parameters()).device
    generator = torch.Generator().manual_seed(_SEED)
    predicted = [
        system(batch.waveform, generator).argmax(1).cpu().numpy()
        for batch in heard_in(clips, noise, condition.snr, _SEED, device=str(device))
    ]
    system.train(was_training)
    return Heard(condition, np.concatenate(predicted), np.asarray(clips.label))


def accuracy(heard: Sequence[Heard]) -> dict[str, float]:
    """Return ``noise snr`` → accuracy, e.g. ``{"clean": 0.93, "known 5": 0.88}``."""
    return {
        h.condition.noise
        if h.condition.snr == CLEAN
        else f"{h.condition.noise} {h.condition.snr:g}": h.accuracy
        for h in heard
    }


def _noise(data: SpeechData, condition: Condition) -> Noise | None:
    if condition.noise == "clean":
        return None
    if condition.noise == "known":
        return Noise(split_noise(data.noise_train)[1], data.samples)
    _, _, kind = condition.noise.partition(":")
    names = zip(data.noise_unseen, data.noise_unseen_names, strict=True)
    return Noise([r for r, name in names if not kind or _kind(name) == kind], data.samples)


def _kind(name: str) -> str:
    """Return the kind of a noise recording: its name up to the first number or its suffix."""
    stem = PurePath(name).stem
    return re.split(r"[-_ ]?\d", stem)[0] or stem
