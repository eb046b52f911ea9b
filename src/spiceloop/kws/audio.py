"""One sound file to samples: WAV, FLAC, Ogg Vorbis and Opus through libsndfile."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from spiceloop.errors import AudioError
from spiceloop.kws.containers import is_cut_off

__all__ = ["CLIPPED_SHARE", "SOUND_SUFFIXES", "clipped_share", "read_clip"]

SOUND_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".oga"})
CLIPPED_SHARE = 1e-3  # a file with more of its samples at full scale counts as clipped
_FULL_SCALE = 32_766.5 / 32_768.0  # the largest 16-bit value and whatever rounds to it
_LONGEST = 2**28  # samples, 4.6 h at 16 kHz; a FLAC stream of unstated length claims far more


def read_clip(
    path: str | os.PathLike[str], *, sample_rate: int = 16_000, resample: bool = False
) -> NDArray[np.float32]:
    """Return a mono file's samples, float32 (samples,), full scale ±1.

    A file of another sampling rate or with several channels is refused, unless ``resample``:
    then channels are averaged and the rate is changed with `scipy.signal.resample_poly`.
    Raises `AudioError`, with the path first, for a file that cannot be read, is cut off, holds
    no samples or numbers that are not finite.
    """
    path = Path(path)
    try:
        if not path.stat().st_size:
            raise AudioError(f"{path}: the file is empty (0 bytes)")
        if is_cut_off(path):
            raise AudioError(
                f"{path}: the file is cut off: it ends before its header says; copy it again"
            )
        samples, rate = _decode(path)
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror or error}") from error
    if not len(samples):
        raise AudioError(f"{path}: the file holds no samples")
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioError(f"{path}: {bad} of {samples.size} samples are not finite numbers")
    channels = samples.shape[1]
    if channels > 1 and not resample:
        raise AudioError(
            f"{path}: {channels} channels where one was expected; --resample averages them"
        )
    mono = samples.mean(axis=1, dtype=np.float32) if channels > 1 else samples[:, 0]
    if rate != sample_rate:
        if not resample:
            raise AudioError(
                f"{path}: {rate} Hz where {sample_rate} Hz was expected; --resample converts it"
            )
        mono = _resampled(mono, rate, sample_rate)
    return mono


def clipped_share(samples: NDArray[Any]) -> float:
    """Return the share of float samples, 0 to 1, that lie at or above full scale (±1)."""
    return float(np.count_nonzero(np.abs(samples) >= _FULL_SCALE) / max(samples.size, 1))


def _decode(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples (frames, channels) and sampling rate in Hz."""
    try:
        with soundfile.SoundFile(path) as file:
            expected = file.frames
            if expected > _LONGEST:
                raise AudioError(f"{path}: the file does not say how long it is; convert it")
            samples = file.read(dtype="float32", always_2d=True)
            rate = int(file.samplerate)
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).strip().rstrip(".")
        raise AudioError(
            f"{path}: not a sound file, or a damaged one ({reason}); expected WAV, FLAC or Ogg"
        ) from error
    if len(samples) < expected:
        raise AudioError(
            f"{path}: the file is cut off: {len(samples)} of {expected} samples can be read"
        )
    return samples, rate


def _resampled(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    from scipy.signal import resample_poly

    divisor = math.gcd(rate, wanted)
    changed = resample_poly(samples, wanted // divisor, rate // divisor)
    return np.asarray(changed, dtype=np.float32)
