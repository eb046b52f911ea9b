"""The public layout of Speech Commands (P. Warden, arXiv:1804.03209).

``word/*.wav``, ``validation_list.txt`` and ``testing_list.txt`` (one ``word/file.wav`` a line; what
neither names is for training) and ``_background_noise_/*.wav``. A file name starts with its
speaker, up to ``_nohash_``. Where the folder also holds the separate official test set,
``speech_commands_test_set_v0.02/`` with ``_silence_/`` and ``_unknown_/``, that is the test split.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spiceloop.errors import DataError
from spiceloop.kws.clips import SILENCE, SPLITS, UNKNOWN, Split
from spiceloop.kws.listing import (
    BACKGROUND_NOISE,
    ClipFile,
    Listing,
    check_words,
    first_few,
    noise_files,
    refuse_empty_classes,
)

__all__ = ["TEN_WORDS", "TEST_SET", "list_speech_commands", "looks_like_speech_commands"]

TEN_WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
TEST_SET = "speech_commands_test_set_v0.02"
_LISTS: dict[Split, str] = {"val": "validation_list.txt", "test": "testing_list.txt"}


def looks_like_speech_commands(root: Path) -> bool:
    """Return whether one of the two split lists is there."""
    return any((root / name).is_file() for name in _LISTS.values())


def list_speech_commands(
    root: Path,
    words: Sequence[str] | None = None,
    *,
    unknown_share: float = 1.0,
    silence_share: float = 1.0,
    seed: int = 0,
) -> Listing:
    """Return the clips of the keywords ``words`` and, as ``_unknown_``, of the other words.

    Default keywords: those of the usual ten that have a folder. In each split ``_unknown_`` is a
    random choice by ``seed`` of ``unknown_share`` times as many clips as a keyword has on average;
    ``silence_share`` times as many test clips of ``_silence_`` are cut from noise that is held
    out of training. Without other words, or without noise, that class is left out with a warning.
    Raises `DataError` for a missing list or folder, and for a class without clips.
    """
    folders = {p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith((".", "_"))}
    folders -= {TEST_SET, "noise_train", "noise_unseen"}
    keywords = _keywords(root, words, folders)
    warnings: list[str] = []
    files, missing = _spoken(root, folders)
    if missing:
        warnings.append(
            f"{len(missing)} files of the split lists are not there: {first_few(sorted(missing))}"
        )
    noise_train, noise_unseen = noise_files(root)
    others = any(f.label not in keywords for f in files)
    classes = keywords
    if others:
        classes += (UNKNOWN,)
    else:
        warnings.append(f"no words besides the keywords: there is no class {UNKNOWN}")
    if noise_train:
        classes += (SILENCE,)
    else:
        warnings.append(f"no sound files in {BACKGROUND_NOISE}/: there is no class {SILENCE}")

    draw = np.random.default_rng(seed)
    chosen: list[ClipFile] = []
    mean_size: dict[Split, int] = {}
    for split in SPLITS:
        spoken = [f for f in files if f.split == split]
        known = [f for f in spoken if f.label in keywords]
        mean_size[split] = round(len(known) / len(keywords))
        unknown = _sampled(
            [f for f in spoken if f.label not in keywords],
            round(unknown_share * mean_size[split]),
            draw,
        )
        chosen += known + unknown
    test_silence = round(silence_share * mean_size["test"]) if noise_train else 0

    official = _official_test(root, classes)
    if official:
        chosen = [f for f in chosen if f.split != "test"] + official
        if any(f.label == SILENCE for f in official):
            test_silence = 0
    listing = Listing(
        root=root,
        classes=classes,
        files=tuple(chosen),
        noise_train=noise_train,
        noise_unseen=noise_unseen,
        warnings=tuple(warnings),
        test_silence=test_silence,
        seed=seed,
    )
    refuse_empty_classes(listing)
    return listing


def _keywords(root: Path, words: Sequence[str] | None, folders: set[str]) -> tuple[str, ...]:
    if words is None:
        usual = tuple(w for w in TEN_WORDS if w in folders)
        if not usual:
            raise DataError(
                f"{root}: none of the usual keywords ({', '.join(TEN_WORDS)}) has a folder here; "
                f"choose keywords by --words; folders: {first_few(sorted(folders)) or 'none'}"
            )
        return usual
    keywords = check_words(words)
    absent = [w for w in keywords if w not in folders]
    if absent:
        raise DataError(
            f"{root}: no folder for the keyword{'s' * (len(absent) > 1)} {', '.join(absent)}; "
            f"folders: {first_few(sorted(folders)) or 'none'}"
        )
    return keywords


def _spoken(root: Path, folders: set[str]) -> tuple[list[ClipFile], set[str]]:
    """Every word's clips with their splits, and the listed files of these words not there."""
    listed: dict[str, Split] = {}
    for split, name in _LISTS.items():
        for path in _read_list(root / name):
            if listed.setdefault(path, split) != split:
                raise DataError(f"{root / name}: {path} is in the other split list too")
    files = []
    for folder in sorted(folders):
        for file in sorted((root / folder).glob("*.wav")):
            path = f"{folder}/{file.name}"
            split = listed.pop(path, "train")
            files.append(ClipFile(path, folder, split, _speaker(file)))
    return files, {path for path in listed if path.partition("/")[0] in folders}


def _read_list(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DataError(
            f"{path}: the split list is missing; without both lists training and test clips "
            "cannot be told apart"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the split list cannot be read ({error})") from error
    return [line.strip().removeprefix("./") for line in lines if line.strip()]


def _speaker(file: Path) -> str:
    speaker, mark, _ = file.stem.partition("_nohash_")
    return speaker if mark else ""


def _sampled(files: list[ClipFile], count: int, draw: np.random.Generator) -> list[ClipFile]:
    """At most ``count`` of the files as ``_unknown_``, in their old order."""
    picks = np.sort(draw.permutation(len(files))[:count])
    return [
        ClipFile(files[i].path, UNKNOWN, files[i].split, files[i].speaker) for i in picks.tolist()
    ]


def _official_test(root: Path, classes: tuple[str, ...]) -> list[ClipFile]:
    """The clips of the separate test set; none where it is absent or lacks one of the classes."""
    folder = root / TEST_SET
    if not all((folder / name).is_dir() for name in classes):
        return []
    return [
        ClipFile(f"{TEST_SET}/{name}/{file.name}", name, "test", _speaker(file))
        for name in classes
        for file in sorted((folder / name).glob("*.wav"))
    ]
