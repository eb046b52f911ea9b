"""A folder with ``manifest.csv``: one line a clip, its path, class, and split."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from spiceloop.errors import DataError
from spiceloop.kws.clips import SILENCE, SPLITS, UNKNOWN
from spiceloop.kws.listing import (
    ClipFile,
    Listing,
    check_words,
    first_few,
    noise_files,
    refuse_empty_classes,
)

__all__ = ["MANIFEST", "list_manifest"]

MANIFEST = "manifest.csv"
_OPTIONAL = {"word", "speaker"}


def list_manifest(
    root: Path, split_column: str | None = None, words: Sequence[str] | None = None
) -> Listing:
    """Return the clips that ``manifest.csv`` assigns to train, val or test.

    Columns: ``path`` (relative to ``root``), ``label``, a split column and, if wanted, ``word`` and
    ``speaker``. Default split column: ``split``, or the only one whose name starts so; a value
    other than train, val, test leaves the clip out. ``words`` selects keywords (default: all
    labels); ``_unknown_`` and ``_silence_`` stay. Noise lies in ``noise_train/`` or
    ``_background_noise_/``, and ``noise_unseen/``. Raises `DataError` for unknown or missing
    columns, files that are missing or outside ``root``, and a class without clips.
    """
    rows, columns = _read(root / MANIFEST)
    column = _split_column(root / MANIFEST, columns, split_column)
    used = [row for row in rows if row[column].strip() in SPLITS]
    if not used:
        values = sorted({row[column].strip() for row in rows})
        raise DataError(
            f"{root / MANIFEST}: no clip has train, val or test in column {column!r}; "
            f"values: {first_few(repr(v) for v in values) or 'none'}"
        )
    labels = {row["label"].strip() for row in used}
    if "" in labels:
        nameless = [row["path"] for row in used if not row["label"].strip()]
        raise DataError(
            f"{root / MANIFEST}: {len(nameless)} clips without a label: {first_few(nameless)}"
        )
    spoken = labels - {UNKNOWN, SILENCE}
    keywords = check_words(sorted(spoken) if words is None else words)
    absent = [w for w in keywords if w not in spoken]
    if absent:
        raise DataError(
            f"{root / MANIFEST}: no clips of {', '.join(absent)} by column {column!r}; "
            f"labels: {', '.join(sorted(labels))}"
        )
    classes = keywords + tuple(name for name in (UNKNOWN, SILENCE) if name in labels)
    warnings = []
    left_out = Counter(row["label"].strip() for row in used)
    for name in classes:
        del left_out[name]
    if left_out:
        warnings.append(
            f"{left_out.total()} clips of other words left out: {first_few(sorted(left_out))}"
        )
    files = tuple(
        ClipFile(
            row["path"].strip(),
            row["label"].strip(),
            next(s for s in SPLITS if s == row[column].strip()),
            row.get("speaker", "").strip(),
        )
        for row in used
        if row["label"].strip() in classes
    )
    _refuse_bad_paths(root, files)
    noise_train, noise_unseen = noise_files(root)
    listing = Listing(root, classes, files, noise_train, noise_unseen, tuple(warnings))
    refuse_empty_classes(listing)
    return listing


def _read(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """All rows and the column names; every row has every column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [c.strip() for c in reader.fieldnames or ()]
            reader.fieldnames = columns
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: the manifest cannot be read ({error})") from error
    doubled = [c for c, times in Counter(columns).items() if times > 1]
    if doubled:
        raise DataError(f"{path}: column {doubled[0]!r} is there more than once")
    missing = [c for c in ("path", "label") if c not in columns]
    if missing:
        raise DataError(
            f"{path}: no column {' and no column '.join(map(repr, missing))}; "
            f"columns: {', '.join(columns) or 'none'}"
        )
    unknown = [
        c for c in columns if c not in {"path", "label", *_OPTIONAL} and not c.startswith("split")
    ]
    if unknown:
        raise DataError(
            f"{path}: unknown column{'s' * (len(unknown) > 1)} {first_few(map(repr, unknown))}; "
            "expected path, label, split (or split_…), and if wanted word, speaker"
        )
    ragged = [
        reader_line
        for reader_line, row in enumerate(rows, start=2)
        if None in row or None in row.values()
    ]
    if ragged:
        raise DataError(
            f"{path}: {len(ragged)} rows with more or fewer than {len(columns)} fields: "
            f"row {first_few(map(str, ragged))}"
        )
    return rows, columns


def _split_column(path: Path, columns: list[str], wanted: str | None) -> str:
    choices = [c for c in columns if c.startswith("split")]
    if wanted is None:
        if "split" in choices:
            return "split"
        if len(choices) == 1:
            return choices[0]
    elif wanted in choices:
        return wanted
    if not choices:
        raise DataError(f"{path}: no column 'split'; columns: {', '.join(columns)}")
    if wanted is None:
        raise DataError(
            f"{path}: several split columns; choose one by --split-column: {', '.join(choices)}"
        )
    raise DataError(f"{path}: no split column {wanted!r}; split columns: {', '.join(choices)}")


def _refuse_bad_paths(root: Path, files: Sequence[ClipFile]) -> None:
    base = root.resolve()
    folders: dict[Path, Path] = {}  # resolving a folder once: there are thousands of files
    outside, missing = [], []
    for file in files:
        path = root / file.path
        if path.parent not in folders:
            folders[path.parent] = path.parent.resolve()
        place = folders[path.parent] / path.name
        if path.is_symlink():
            place = path.resolve()
        if not file.path or path.name == ".." or not place.is_relative_to(base):
            outside.append(file.path or "(empty)")
        elif not place.is_file():
            missing.append(file.path)
    name = root / MANIFEST
    if outside:
        raise DataError(
            f"{name}: {len(outside)} of {len(files)} paths lie outside {root}: {first_few(outside)}"
        )
    if missing:
        raise DataError(
            f"{name}: {len(missing)} of {len(files)} files are missing: {first_few(missing)}"
        )
    twice = [p for p, times in Counter(f.path for f in files).items() if times > 1]
    if twice:
        raise DataError(f"{name}: {len(twice)} files are listed more than once: {first_few(twice)}")
