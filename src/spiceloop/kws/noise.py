"""Noise recordings: the part for training, the part kept for testing, clips of silence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spiceloop.errors import DataError

__all__ = ["TRAINING_SHARE", "Recording", "cut_silence", "split_noise"]

Recording = NDArray[np.float32]
TRAINING_SHARE = 0.8  # of each recording, from its start; the rest is only for testing


def split_noise(
    recordings: Sequence[Recording], training_share: float = TRAINING_SHARE
) -> tuple[tuple[Recording, ...], tuple[Recording, ...]]:
    """Return each recording's first part, for training, and the rest, for the known-noise test.

    No sample is in both. Raises `DataError` for a share outside 0 to 1, or where a part would
    hold no sample.
    """
    if not 0.0 < training_share < 1.0:
        raise DataError(f"share of the noise for training {training_share:g}: expected 0 < x < 1")
    training, testing = [], []
    for number, recording in enumerate(recordings):
        border = round(len(recording) * training_share)
        if not 0 < border < len(recording):
            raise DataError(
                f"noise recording {number} has {len(recording)} samples: too short to keep a part "
                "for testing"
            )
        training.append(recording[:border])
        testing.append(recording[border:])
    return tuple(training), tuple(testing)


def cut_silence(
    recordings: Sequence[Recording], names: Sequence[str], count: int, samples: int, seed: int
) -> tuple[NDArray[np.float32], list[str]]:
    """Return ``count`` clips of noise without speech, float32 (count, samples), and their origins.

    Each is a window at a random place of a random recording (a shorter recording is repeated),
    times a gain drawn evenly from 0 to 1. The origin reads ``name@first sample``.
    """
    draw = np.random.default_rng(seed)
    clips = np.zeros((count, samples), dtype=np.float32)
    origins = []
    for clip in clips:
        which = int(draw.integers(len(recordings)))
        recording = recordings[which]
        if len(recording) < samples:
            recording = np.tile(recording, -(-samples // len(recording)))
        first = int(draw.integers(len(recording) - samples + 1))
        clip[:] = recording[first : first + samples] * np.float32(draw.uniform())
        origins.append(f"{names[which]}@{first}")
    return clips, origins
