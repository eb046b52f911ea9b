"""A folder to `SpeechData`: finds the layout, decodes, and keeps the result in a cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from spiceloop.errors import DataError
from spiceloop.kws.cache import cache_for
from spiceloop.kws.clips import SpeechData
from spiceloop.kws.decode import decode
from spiceloop.kws.listing import Listing
from spiceloop.kws.manifest import MANIFEST, list_manifest
from spiceloop.kws.speech_commands import list_speech_commands, looks_like_speech_commands

__all__ = ["list_data", "load_data"]

_MOST_WORKERS = 8


def load_data(
    root: str | os.PathLike[str],
    *,
    words: Sequence[str] | None = None,
    split_column: str | None = None,
    resample: bool = False,
    cache: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SpeechData:
    """Load a data set: a folder with ``manifest.csv``, or in the layout of Speech Commands.

    Clips are one second at 16 kHz. ``words``: the keywords; ``split_column``: of the manifest;
    ``resample``: convert files of another rate or with several channels instead of refusing them;
    ``workers``: decoding threads (default: the cores this process may use). With ``cache`` the
    decoded arrays are kept below ``$XDG_CACHE_HOME/spiceloop/speech`` and opened as read-only
    memory maps as long as no file changes; a cache that cannot be written is a warning.
    Raises `DataError`, `AudioError`.
    """
    listing = list_data(Path(root), words=words, split_column=split_column)
    place = cache_for(listing, ("resample", resample)) if cache else None
    kept = place.load() if place else None
    if kept is not None:
        return kept
    data = decode(listing, resample=resample, workers=workers or _cores(), progress=progress)
    problem = place.store(data) if place else ""
    if problem:
        warning = f"the decoded clips are not kept for next time ({problem})"
        data = replace(data, warnings=(*data.warnings, warning))
    return data


def list_data(
    root: Path, *, words: Sequence[str] | None = None, split_column: str | None = None
) -> Listing:
    """Return what the folder holds, by the layout that is there. Raises `DataError`."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of speech data")
    try:
        if (root / MANIFEST).is_file():
            return list_manifest(root, split_column, words)
        if split_column is not None:
            raise DataError(f"{root}: --split-column is for a folder with {MANIFEST}")
        if looks_like_speech_commands(root):
            return list_speech_commands(root, words)
    except OSError as error:
        raise DataError(f"{error.filename or root}: {error.strerror or error}") from error
    raise DataError(
        f"{root}: no speech data: expected {MANIFEST}, or the layout of Speech Commands with "
        f"validation_list.txt and testing_list.txt{_inside(root)}"
    )


def _inside(root: Path) -> str:
    """Name a sub-folder that would do: archives often unpack into one."""
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        if (folder / MANIFEST).is_file() or looks_like_speech_commands(folder):
            return f"; did you mean {folder}?"
    return ""


def _cores() -> int:
    return min(len(os.sched_getaffinity(0)), _MOST_WORKERS)
