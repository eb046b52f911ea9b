"""What the tests of `spiceloop codesign` run on: tones as speech, a tiny configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speech_folders import noise, speech_commands, write

WORDS = ("yes", "no", "bed", "cat")
SPEAKERS = {
    "train": tuple(f"a{n}" for n in range(10)),
    "val": ("b1", "b2"),
    "test": tuple(f"c{n}" for n in range(5)),
}

# The device is stated, so that these tests need no models of transistors.
CONFIG = """name: tiny
data: {words: ["yes", "no"]}
bank: {channels: 4, low: 200, high: 4k, n: 1.4}
classifier: ds-cnn-small
training: {classifier_epochs: 2, joint_epochs: 2, batch: 8}
arms:
  fixed: {filters: fixed}
  learned: {power: 0.1, area: 0.1}
evaluation: {snr: [10, 5]}
"""


@dataclass(frozen=True)
class Place:
    """Where the recordings, the configuration and a finished run are; what the run said."""

    data: Path
    config: Path
    run: Path
    said: dict[str, Any]
    told: str


def make_speech(folder: Path) -> Path:
    speech_commands(folder, WORDS, speakers=SPEAKERS)
    write(folder / "noise_unseen" / "rain-1.wav", noise(4, 7))
    write(folder / "noise_unseen" / "dog.wav", noise(4, 8))
    return folder


def records(run: Path) -> list[dict[str, Any]]:
    """The epochs of a run without wall clocks."""
    found = [json.loads(line) for line in (run / "epochs.jsonl").read_text().splitlines()]
    for record in found:
        del record["seconds"]
        record["spice"].pop("seconds", None)
    return found
