"""Synthetic speech from two Debian packages: espeak-ng (formants) and flite (recorded units)."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spiceloop.errors import AudioError, DataError, SetupError, StorageError
from spiceloop.kws.audio import read_clip
from spiceloop.kws.clips import Split

__all__ = ["GET_PROGRAMS", "Utterance", "Voice", "draw_utterance", "find_voices", "speak"]

GET_PROGRAMS = "Debian, Ubuntu: apt install espeak-ng flite"
Program = Literal["espeak-ng", "flite"]

# A voice speaks in one split only, as a person would. flite's kal is kal16 at 8 kHz: left out.
_VOICES: dict[Program, dict[Split, tuple[str, ...]]] = {
    "espeak-ng": {
        "train": (
            *("m1", "m2", "m3", "m4", "m5", "f1", "f2", "f3"),
            *("adam", "Andy", "Annie", "linda", "max", "Michael"),  # not in every release
        ),
        "val": ("m6", "f4"),
        "test": ("m7", "m8", "f5"),
    },
    # kal16, a diphone voice, is like no other: who never heard it in training hardly knows its
    # words.
    "flite": {"train": ("slt", "kal16"), "val": ("awb",), "test": ("rms",)},
}
_ACCENTS = (
    "en-gb",
    "en-us",
    "en-gb-scotland",
    "en-029",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
)
_SPEEDS = (130, 240)  # espeak-ng: words a minute
_PITCHES = (25, 75)  # espeak-ng: of its 0 to 99 around the voice's own
_STRETCHES = (0.75, 1.2)  # flite: times its own duration
_F0 = {"slt": (140.0, 240.0), "awb": (90.0, 160.0), "rms": (80.0, 140.0), "kal16": (80.0, 140.0)}
_TIMEOUT = 30.0  # seconds; a word takes some hundredths
_SILENT = 0.01  # of the peak: what is quieter before and after a word is trimmed


@dataclass(frozen=True)
class Voice:
    """A speaker: espeak-ng's variant or flite's voice."""

    program: Program
    name: str

    @property
    def speaker(self) -> str:
        """Name for file names, such as ``espeak-ng-f2``."""
        return f"{self.program}-{self.name}"


@dataclass(frozen=True)
class Utterance:
    """One word as one voice says it; ``options`` are the program's own."""

    word: str
    voice: Voice
    options: tuple[str, ...]


def find_voices() -> dict[Split, tuple[Voice, ...]]:
    """Return the voices of each split that the installed programs have.

    Raises `SetupError` where neither espeak-ng nor flite has voices for every split.
    """
    installed = {program: _installed(program) for program in _VOICES}
    voices: dict[Split, tuple[Voice, ...]] = {}
    for split in _VOICES["flite"]:
        voices[split] = tuple(
            Voice(program, name)
            for program, by_split in _VOICES.items()
            for name in by_split[split]
            if name in installed[program]
        )
    if not all(voices.values()):
        raise SetupError(
            "synthetic speech needs espeak-ng or flite, and neither was found with its usual "
            f"voices. {GET_PROGRAMS}"
        )
    return voices


def draw_utterance(word: str, voice: Voice, draw: np.random.Generator) -> Utterance:
    """Return the word as the voice says it at a random speed, pitch and, if it has any, accent."""
    if voice.program == "espeak-ng":
        accent = _ACCENTS[draw.integers(len(_ACCENTS))]
        speed, pitch = draw.integers(*_SPEEDS), draw.integers(*_PITCHES)
        return Utterance(
            word,
            voice,
            ("-v", f"{accent}+{voice.name}", "-s", str(speed), "-p", str(pitch)),
        )
    stretch, f0 = draw.uniform(*_STRETCHES), draw.uniform(*_F0[voice.name])
    return Utterance(
        word,
        voice,
        (
            *("-voice", voice.name),
            *("--setf", f"duration_stretch={stretch:.3f}"),
            *("--setf", f"int_f0_target_mean={f0:.1f}"),
        ),
    )


def speak(utterance: Utterance, file: Path, sample_rate: int) -> NDArray[np.float32]:
    """Return the spoken word without the silence around it, float32 (samples,).

    The program writes it to ``file``, which stays. Raises `SetupError` where the program fails,
    `StorageError` where it leaves no whole file, `DataError` where it says nothing.
    """
    program = utterance.voice.program
    output = ("-w", str(file)) if program == "espeak-ng" else ("-o", str(file), "-t")
    _run((program, *utterance.options, *output, utterance.word))
    try:
        samples = read_clip(file, sample_rate=sample_rate, resample=True)
    except AudioError as error:
        raise StorageError(
            f"{program} did not write {utterance.word!r} ({error}); is the disk full?"
        ) from error
    loud = np.flatnonzero(np.abs(samples) > _SILENT * np.abs(samples).max())
    if not len(loud):
        raise DataError(f"{utterance.voice.speaker} says nothing for the word {utterance.word!r}")
    return samples[loud[0] : loud[-1] + 1]


def _installed(program: Program) -> frozenset[str]:
    if shutil.which(program) is None:
        return frozenset()
    if program == "flite":
        return frozenset(_run(("flite", "-lv")).split())
    # `--voices=variant` prints a line a variant, with its file, such as !v/f2.
    return frozenset(re.findall(r"!v/(\S+)", _run(("espeak-ng", "--voices=variant"))))


def _run(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        raise SetupError(f"{command[0]} did not answer within {_TIMEOUT:g} s") from None
    except OSError as error:
        raise SetupError(f"{command[0]} cannot be run: {error.strerror or error}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise SetupError(f"{command[0]} failed with exit code {done.returncode}: {said[0]}")
    return done.stdout
