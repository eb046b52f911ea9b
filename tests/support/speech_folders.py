"""Small folders of sound files in both layouts that the loader reads: tones, not speech."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000


def tone(frequency: float, seconds: float = 1.0, rate: int = RATE) -> NDArray[np.float32]:
    """A sine of half full scale."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def write(path: Path, samples: NDArray[np.floating], rate: int = RATE, **how: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **how)
    return path


def noise(seconds: float, seed: int) -> NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    return (0.1 * draw.standard_normal(round(seconds * RATE))).astype(np.float32)


def speech_commands(
    root: Path,
    words: Iterable[str] = ("yes", "no", "bed", "cat"),
    *,
    speakers: Mapping[str, Iterable[str]] | None = None,
) -> Path:
    """Every speaker says every word once; all but the lists' speakers are for training."""
    speakers = speakers or {"train": ("a1", "a2", "a3"), "val": ("b1",), "test": ("c1", "c2")}
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for place, word in enumerate(words):
        for split, names in speakers.items():
            for number, name in enumerate(names):
                path = f"{word}/{name}_nohash_0.wav"
                write(root / path, tone(200 + 50 * place + 7 * number))
                lists[split].append(path)
    (root / "validation_list.txt").write_text("\n".join(lists["val"]) + "\n")
    (root / "testing_list.txt").write_text("\n".join(lists["test"]) + "\n")
    for seed, name in enumerate(("hum", "tap")):
        write(root / "_background_noise_" / f"{name}.wav", noise(10, seed))
    (root / "_background_noise_" / "README.md").write_text("where they come from")
    return root


def manifest(
    root: Path,
    rows: Iterable[Mapping[str, str]],
    *,
    columns: Iterable[str] = ("path", "label", "split"),
    sounds: bool = True,
) -> Path:
    """A folder with ``manifest.csv``; a tone at every path unless ``sounds`` is false."""
    root.mkdir(parents=True, exist_ok=True)
    rows = list(rows)
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, tuple(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)
    if sounds:
        for number, row in enumerate(rows):
            write(root / row["path"], tone(100 + 20 * number))
    return root


def manifest_rows(
    labels: Iterable[str] = ("yes", "no"), splits: Iterable[str] = ("train", "val", "test")
) -> list[dict[str, str]]:
    return [
        {"path": f"{split}/{label}_{n}.wav", "label": label, "split": split}
        for label in labels
        for split in splits
        for n in range(2)
    ]
