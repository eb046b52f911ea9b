"""A small spoken keyword set made on the spot, in the layout of Speech Commands."""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from spiceloop.errors import DataError, StorageError
from spiceloop.kws import synth_noise
from spiceloop.kws.clips import SPLITS, Split
from spiceloop.kws.listing import BACKGROUND_NOISE, NOISE_UNSEEN, check_words
from spiceloop.kws.voices import (
    GET_PROGRAMS,
    Program,
    Voice,
    draw_utterance,
    find_voices,
    speak,
)

__all__ = ["DEFAULT_WORDS", "OTHER_WORDS", "Synthesis", "synthesise"]

DEFAULT_WORDS = ("yes", "no", "up", "down", "stop", "go")
OTHER_WORDS = (*("bed", "bird", "cat", "dog", "happy", "house", "marvin", "seven", "tree", "wow"),)
_RATE = 16_000  # Hz; a clip is one second
_SHARES: dict[Split, float] = {"train": 1.0, "val": 0.2, "test": 0.3}
_FLITE_SHARE = 0.25  # of the clips, where both programs are there: it has few voices
_PEAKS_DB = (-14.0, -2.0)  # of full scale
_HISS_DB = (-75.0, -55.0)  # RMS: a recording is never quite silent
_NOISE_SECONDS = 30
_ATTEMPTS = 4  # drawing a speed at which the word fits one second


@dataclass(frozen=True)
class Synthesis:
    """What was made: ``programs`` that spoke, number of clips, remarks."""

    folder: Path
    words: tuple[str, ...]
    others: tuple[str, ...]
    clips: int
    programs: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Clip:
    word: str
    split: Split
    voice: Voice
    number: int
    seed: tuple[int, ...]

    @property
    def path(self) -> str:
        return f"{self.word}/{self.voice.speaker}_nohash_{self.number}.wav"


def synthesise(
    target: str | os.PathLike[str],
    words: Sequence[str] = DEFAULT_WORDS,
    *,
    clips: int = 150,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Synthesis:
    """Write ``clips`` training clips a word, a fifth more to validate and three tenths to test.

    Voices, accents, speeds and pitches are drawn by ``seed``, no voice is in two splits; ten other
    words share as many clips as one keyword has (``_unknown_``). Every clip is one second at 16 kHz
    with the word at a random place and level over a faint hiss. Noise: white, pink and babble
    in ``_background_noise_/``; an engine and clatter in ``noise_unseen/``. Equal arguments and
    program versions give equal files. ``target`` must be new or empty; it appears when all is
    written. Raises `DataError`, `SetupError` (no program), `StorageError`.
    """
    target = Path(target)
    words = _spoken_words(words)
    if clips < 10:
        raise DataError(f"{clips} training clips a word: expected 10 or more")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target} exists already; give a folder that is new or empty")
    voices = find_voices()
    others = tuple(w for w in OTHER_WORDS if w not in words)
    plan = [
        clip
        for word in (*words, *others)
        for clip in _plan(word, clips if word in words else clips / len(others), voices, seed)
    ]
    programs = sorted({c.voice.program for c in plan})
    with _draft(target) as draft:
        for folder in (*words, *others, BACKGROUND_NOISE, NOISE_UNSEEN):
            (draft / folder).mkdir()
        talk: list[NDArray[np.float32]] = []
        with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
            try:
                made = pool.map(partial(_make, draft), plan)
                for done, (clip, samples) in enumerate(zip(plan, made, strict=True), start=1):
                    if clip.split == "train" and clip.word in others:
                        talk.append(samples)
                    if progress:
                        progress(done, len(plan))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        for split, name in (("val", "validation_list.txt"), ("test", "testing_list.txt")):
            lines = [f"{c.path}\n" for c in plan if c.split == split]
            (draft / name).write_text("".join(lines), encoding="utf-8")
        _write_noise(draft, talk, seed)
    return Synthesis(target, words, others, len(plan), tuple(programs), _remarks(programs))


def _spoken_words(words: Sequence[str]) -> tuple[str, ...]:
    for word in check_words(words):
        if not (word.isascii() and word.isalpha() and word.islower()):
            raise DataError(f"keyword {word!r}: expected English in small letters, such as 'stop'")
    return tuple(words)


def _remarks(programs: Sequence[str]) -> tuple[str, ...]:
    both: tuple[Program, ...] = ("espeak-ng", "flite")
    return tuple(
        f"{missing} is not there, so only {programs[0]} speaks: fewer voices. {GET_PROGRAMS}"
        for missing in both
        if missing not in programs
    )


def _plan(
    word: str, clips: float, voices: dict[Split, tuple[Voice, ...]], seed: int
) -> Iterator[_Clip]:
    """The clips of one word; independent of what other words there are."""
    key = zlib.crc32(word.encode())
    number = 0
    for split in SPLITS:
        draw = np.random.default_rng((seed, key, SPLITS.index(split)))
        by_program = [
            [v for v in voices[split] if v.program == program] for program in ("espeak-ng", "flite")
        ]
        for _ in range(max(1, round(clips * _SHARES[split]))):
            group = by_program[int(draw.uniform() < _FLITE_SHARE)] or voices[split]
            voice = group[int(draw.integers(len(group)))]
            yield _Clip(word, split, voice, number, (seed, key, 3, number))
            number += 1


def _make(draft: Path, clip: _Clip) -> NDArray[np.float32]:
    """Write one clip and return its samples."""
    draw = np.random.default_rng(clip.seed)
    spoken = _speak_within_a_second(clip, draft / clip.path, draw)
    samples = draw.standard_normal(_RATE) * 10 ** (draw.uniform(*_HISS_DB) / 20)
    first = int(draw.integers(_RATE - len(spoken) + 1))
    peak = 10 ** (draw.uniform(*_PEAKS_DB) / 20)
    samples[first : first + len(spoken)] += spoken * (peak / np.abs(spoken).max())
    made = samples.astype(np.float32)
    _write(draft / clip.path, made)
    return made


def _speak_within_a_second(
    clip: _Clip, file: Path, draw: np.random.Generator
) -> NDArray[np.float32]:
    for _ in range(_ATTEMPTS):
        spoken = speak(draw_utterance(clip.word, clip.voice, draw), file, _RATE)
        if len(spoken) <= _RATE:
            return spoken
    raise DataError(
        f"keyword {clip.word!r} takes {len(spoken) / _RATE:.1f} s as {clip.voice.speaker} says it; "
        "clips are one second: choose a shorter word"
    )


def _write_noise(draft: Path, talk: Sequence[NDArray[np.float32]], seed: int) -> None:
    samples = _NOISE_SECONDS * _RATE
    draw = np.random.default_rng((seed, 4))
    known, unseen = draft / BACKGROUND_NOISE, draft / NOISE_UNSEEN
    _write(known / "white.wav", synth_noise.white(samples, draw))
    _write(known / "pink.wav", synth_noise.pink(samples, draw))
    _write(known / "babble.wav", synth_noise.babble(samples, talk, draw))
    _write(unseen / "engine.wav", synth_noise.engine(samples, _RATE, draw))
    _write(unseen / "clatter.wav", synth_noise.clatter(samples, _RATE, draw))


def _write(path: Path, samples: NDArray[np.float32]) -> None:
    try:
        soundfile.write(path, samples, _RATE, subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise StorageError(f"{path}: cannot be written ({error}); is the disk full?") from error


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A folder beside ``target`` that takes its place when all went well."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        draft.chmod(0o755)
    except OSError as error:
        raise StorageError(f"{target}: cannot be written: {error.strerror or error}") from error
    try:
        yield draft
        draft.replace(target)
    except OSError as error:
        raise StorageError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
