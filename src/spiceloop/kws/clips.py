"""Speech as arrays: labelled clips of one length, and a whole data set with its noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["FULL_SCALE", "SILENCE", "SPLITS", "UNKNOWN", "Clips", "SpeechData", "Split", "to_int16"]

UNKNOWN = "_unknown_"
SILENCE = "_silence_"
FULL_SCALE = 32_768.0  # int16 / FULL_SCALE is a float in [-1, 1)

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips of one split.

    ``audio``: int16 (clips, samples), possibly a read-only memory map; ``label``: int64 (clips,),
    an index into ``classes``; ``path`` and ``speaker``: str (clips,), for reference, the speaker
    empty where it is not known. A clip that was shorter ends in zeros.
    """

    audio: NDArray[np.int16]
    label: NDArray[np.int64]
    classes: tuple[str, ...]
    path: NDArray[np.str_]
    speaker: NDArray[np.str_]

    def __post_init__(self) -> None:
        if self.audio.ndim != 2 or self.audio.dtype != np.int16:
            raise ValueError(f"audio {self.audio.dtype} {self.audio.shape}: expected int16 (n, m)")
        for name in ("label", "path", "speaker"):
            if getattr(self, name).shape != (len(self.audio),):
                raise ValueError(f"{name}: expected {len(self.audio)} entries, one a clip")
        if len(self.label) and (self.label.min() < 0 or self.label.max() >= len(self.classes)):
            raise ValueError(f"label outside 0 to {len(self.classes) - 1}")

    def __len__(self) -> int:
        return len(self.audio)

    def counts(self) -> dict[str, int]:
        """Return the number of clips of each class, in the order of ``classes``."""
        numbers = np.bincount(self.label, minlength=len(self.classes))
        return {name: int(n) for name, n in zip(self.classes, numbers, strict=True)}


@dataclass(frozen=True, eq=False)
class SpeechData:
    """A data set, decoded.

    ``noise_train``: recordings for training and, in a part that training never hears, for the
    test with known noise (`spiceloop.kws.noise.split_noise`); ``noise_unseen``: for testing only;
    each float32 (samples,), full scale ±1, of any length. ``fingerprint`` is a hash of all samples,
    labels and classes: equal data have equal ones wherever they lie. ``short``, ``cut`` and
    ``clipped`` count the clips that were padded with zeros to ``samples``, cut to it, or recorded
    at full scale.
    """

    train: Clips
    val: Clips
    test: Clips
    noise_train: tuple[NDArray[np.float32], ...]
    noise_train_names: tuple[str, ...]
    noise_unseen: tuple[NDArray[np.float32], ...]
    noise_unseen_names: tuple[str, ...]
    sample_rate: int
    fingerprint: str
    warnings: tuple[str, ...] = ()
    short: int = 0
    cut: int = 0
    clipped: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """Keywords, then ``_unknown_`` and ``_silence_`` where the data have them."""
        return self.train.classes

    @property
    def samples(self) -> int:
        """Samples of one clip."""
        return int(self.train.audio.shape[1])

    def split(self, name: Split) -> Clips:
        """Return the clips of ``train``, ``val`` or ``test``."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return float samples (full scale ±1) as int16, rounded and limited; 16-bit files exactly."""
    scaled = np.rint(samples * np.float32(FULL_SCALE))
    limited: NDArray[np.int16] = np.clip(scaled, -32_768, 32_767).astype(np.int16)
    return limited
