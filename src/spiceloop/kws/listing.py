"""What a data set's folder holds, before any file is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spiceloop.errors import DataError
from spiceloop.kws.audio import SOUND_SUFFIXES
from spiceloop.kws.clips import SILENCE, SPLITS, UNKNOWN, Split

__all__ = [
    "BACKGROUND_NOISE",
    "ClipFile",
    "Listing",
    "check_words",
    "first_few",
    "noise_files",
    "refuse_empty_classes",
]

BACKGROUND_NOISE = "_background_noise_"
NOISE_TRAIN = "noise_train"
NOISE_UNSEEN = "noise_unseen"
_FEW = 5


@dataclass(frozen=True)
class ClipFile:
    """One clip's file: ``path`` is relative to the data set's folder."""

    path: str
    label: str
    split: Split
    speaker: str = ""


@dataclass(frozen=True)
class Listing:
    """Every file that a data set uses; ``test_silence`` clips are to be cut from held-out noise."""

    root: Path
    classes: tuple[str, ...]
    files: tuple[ClipFile, ...]
    noise_train: tuple[Path, ...]
    noise_unseen: tuple[Path, ...]
    warnings: tuple[str, ...] = ()
    test_silence: int = 0
    seed: int = 0

    def in_split(self, split: Split) -> tuple[ClipFile, ...]:
        """Return the clips of one split, in order."""
        return tuple(f for f in self.files if f.split == split)


def check_words(words: Sequence[str]) -> tuple[str, ...]:
    """Return the keywords as a tuple. Raises `DataError` for none, doubles or reserved names."""
    if not words:
        raise DataError("no keywords given; expected at least one, such as yes,no,stop,go")
    for word, times in Counter(words).items():
        if times > 1:
            raise DataError(f"keyword {word!r} is given {times} times")
        if not word or word.startswith("_") or "/" in word or word in {".", ".."}:
            raise DataError(
                f"keyword {word!r}: expected a plain word; {UNKNOWN} and {SILENCE} are added"
            )
    return tuple(words)


def noise_files(root: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return the sound files of the training noise and of the unseen noise, sorted by name.

    ``noise_train/``, or ``_background_noise_/`` where that is absent; ``noise_unseen/``.
    """
    known = root / NOISE_TRAIN
    return _sounds(known if known.is_dir() else root / BACKGROUND_NOISE), _sounds(
        root / NOISE_UNSEEN
    )


def _sounds(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    return tuple(sorted(p for p in folder.iterdir() if p.suffix.lower() in SOUND_SUFFIXES))


def refuse_empty_classes(listing: Listing) -> None:
    """Raise `DataError`, with the class and the counts, where one has no train or test clips.

    ``_silence_`` needs no training clips where there is noise to cut them from.
    """
    for split in SPLITS:
        if split == "val":
            continue
        counts = Counter(f.label for f in listing.in_split(split))
        if split == "test":
            counts[SILENCE] += listing.test_silence
        for name in listing.classes:
            if counts[name] or (name == SILENCE and split == "train" and listing.noise_train):
                continue
            shown = ", ".join(f"{c} {counts[c]}" for c in listing.classes)
            hint = (
                f"; add clips, or noise recordings in {NOISE_TRAIN}/ to make them from"
                if name == SILENCE and split == "train"
                else "; add clips or leave the class out"
            )
            raise DataError(f"{listing.root}: class {name!r} has no {split} clips ({shown}){hint}")


def first_few(items: Iterable[str]) -> str:
    """Return the first items as one text, with how many more there are."""
    every = list(items)
    more = f" and {len(every) - _FEW} more" if len(every) > _FEW else ""
    return ", ".join(every[:_FEW]) + more
