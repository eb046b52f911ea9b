"""Decoded data sets on disk: one folder of .npy files each, opened again as memory maps."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spiceloop.kws.clips import SPLITS, Clips, SpeechData
from spiceloop.kws.listing import Listing

__all__ = ["Cache", "cache_for", "cache_root"]

_FORMAT = 1  # raise it when the files or the decoding change
_DESCRIPTION = "data.json"


def cache_root() -> Path:
    """Return ``$XDG_CACHE_HOME/spiceloop/speech``, by default below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"  # noqa: PTH117
    return root / "spiceloop" / "speech"


@dataclass(frozen=True)
class Cache:
    """One data set's place in the cache.

    ``family`` stands for the folder and the options, ``state`` for the files' names, sizes and
    times: when files change, the family's older state is removed.
    """

    root: Path
    family: str
    state: str

    @property
    def folder(self) -> Path:
        """Where the arrays lie."""
        return self.root / f"{self.family}-{self.state}"

    def load(self) -> SpeechData | None:
        """Return the data, or None where they are not there or damaged."""
        try:
            return _load(self.folder)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def store(self, data: SpeechData) -> str:
        """Write the data under their name in one step; return why not, or an empty string."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with _folder_beside(self.folder) as draft:
                _save(data, draft)
                for old in self.root.glob(f"{self.family}-*"):
                    shutil.rmtree(old, ignore_errors=True)
                with contextlib.suppress(FileExistsError):  # another process was faster
                    draft.rename(self.folder)
        except OSError as error:
            # NumPy's own error of a full disk carries no number.
            return f"{self.root}: {error.strerror or f'{error}; is the disk full?'}"
        return ""


def cache_for(listing: Listing, options: object) -> Cache:
    """Return the place of a listing decoded with ``options`` (anything with a stable `repr`).

    Raises `OSError` where a listed file is gone.
    """
    root = listing.root.resolve()
    family = _digest(_FORMAT, str(root), options, listing.classes)
    files = [root / f.path for f in listing.files]
    state = _digest(
        listing.files,
        listing.test_silence,
        listing.seed,
        listing.warnings,
        *(
            (str(p), stat.st_size, stat.st_mtime_ns)
            for p in (*files, *listing.noise_train, *listing.noise_unseen)
            for stat in (p.stat(),)
        ),
    )
    return Cache(cache_root(), family, state)


def _digest(*parts: object) -> str:
    digest = hashlib.blake2b(digest_size=10)
    for part in parts:
        digest.update(repr(part).encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """A draft folder on the same file system, gone afterwards unless it was renamed."""
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=target.parent))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _save(data: SpeechData, folder: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {}
    for split in SPLITS:
        clips = data.split(split)
        for part in ("audio", "label", "path", "speaker"):
            arrays[f"{split}.{part}"] = getattr(clips, part)
    for kind in ("noise_train", "noise_unseen"):
        for number, recording in enumerate(getattr(data, kind)):
            arrays[f"{kind}.{number}"] = recording
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    description = {
        "classes": data.classes,
        "noise_train": data.noise_train_names,
        "noise_unseen": data.noise_unseen_names,
        "sample_rate": data.sample_rate,
        "fingerprint": data.fingerprint,
        "warnings": data.warnings,
        "short": data.short,
        "cut": data.cut,
        "clipped": data.clipped,
    }
    (folder / _DESCRIPTION).write_text(json.dumps(description, indent=1), encoding="utf-8")


def _load(folder: Path) -> SpeechData:
    """Raises one of what `Cache.load` catches where anything is not as it was written."""
    said = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))

    def array(name: str, *, mapped: bool = False) -> NDArray[Any]:
        path = folder / f"{name}.npy"
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)  # type: ignore[no-any-return]

    classes = tuple(said["classes"])
    train, val, test = (
        Clips(
            array(f"{split}.audio", mapped=True),
            array(f"{split}.label"),
            classes,
            array(f"{split}.path"),
            array(f"{split}.speaker"),
        )
        for split in SPLITS
    )
    return SpeechData(
        train=train,
        val=val,
        test=test,
        noise_train=tuple(array(f"noise_train.{i}") for i in range(len(said["noise_train"]))),
        noise_train_names=tuple(said["noise_train"]),
        noise_unseen=tuple(array(f"noise_unseen.{i}") for i in range(len(said["noise_unseen"]))),
        noise_unseen_names=tuple(said["noise_unseen"]),
        sample_rate=said["sample_rate"],
        fingerprint=said["fingerprint"],
        warnings=tuple(said["warnings"]),
        short=said["short"],
        cut=said["cut"],
        clipped=said["clipped"],
    )
