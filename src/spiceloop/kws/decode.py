"""Listed files to arrays: decoding in threads, padding and cutting to one length."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np

from spiceloop.errors import AudioError
from spiceloop.kws.audio import CLIPPED_SHARE, clipped_share, read_clip
from spiceloop.kws.clips import SILENCE, SPLITS, Clips, SpeechData, Split, to_int16
from spiceloop.kws.listing import ClipFile, Listing
from spiceloop.kws.noise import Recording, cut_silence, split_noise

__all__ = ["decode"]

_ERRORS_SHOWN = 5
_ERRORS_ENOUGH = 100  # decoding stops here: nobody reads more
_CHUNK = 256  # files between two calls of the progress function


def decode(
    listing: Listing,
    *,
    sample_rate: int = 16_000,
    clip_seconds: float = 1.0,
    resample: bool = False,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> SpeechData:
    """Decode every file of a listing with ``workers`` threads.

    Clips become ``clip_seconds`` long: shorter ones are padded with zeros at their end, longer ones
    keep their start. ``progress`` is called with files done and files in all. Raises `AudioError`
    that shows the first few files that cannot be used.
    """
    with ThreadPoolExecutor(max(1, workers)) as pool:
        return _Decoder(listing, sample_rate, clip_seconds, resample, pool, progress).run()


class _Decoder:
    def __init__(
        self,
        listing: Listing,
        sample_rate: int,
        clip_seconds: float,
        resample: bool,
        pool: ThreadPoolExecutor,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._listing = listing
        self._rate = sample_rate
        self._samples = round(clip_seconds * sample_rate)
        self._resample = resample
        self._pool = pool
        self._progress = progress
        self._done = 0
        self._total = len(listing.files) + len(listing.noise_train) + len(listing.noise_unseen)
        self._errors: list[AudioError] = []
        self._short = self._cut = self._clipped = 0

    def run(self) -> SpeechData:
        listing = self._listing
        clips = {split: self._clips(listing.in_split(split)) for split in SPLITS}
        noise_train = self._recordings(listing.noise_train)
        noise_unseen = self._recordings(listing.noise_unseen)
        self._refuse_errors()
        names = tuple(p.name for p in listing.noise_train)
        if listing.test_silence:
            clips["test"] = self._with_silence(clips["test"], noise_train, names)
        seconds = self._samples / self._rate
        warnings = list(listing.warnings)
        for number, what in (
            (self._short, f"shorter than {seconds:g} s: padded with zeros at the end"),
            (self._cut, f"longer than {seconds:g} s: only their start is used"),
            (self._clipped, f"clipped: over {CLIPPED_SHARE:.1%} of their samples at full scale"),
        ):
            if number:
                warnings.append(f"{number} of {len(listing.files)} clips {what}")
        return SpeechData(
            train=clips["train"],
            val=clips["val"],
            test=clips["test"],
            noise_train=noise_train,
            noise_train_names=names,
            noise_unseen=noise_unseen,
            noise_unseen_names=tuple(p.name for p in listing.noise_unseen),
            sample_rate=self._rate,
            fingerprint=_fingerprint(clips, noise_train, noise_unseen, self._rate),
            warnings=(*warnings, *_without_validation(clips["val"]), *_shared_speakers(clips)),
            short=self._short,
            cut=self._cut,
            clipped=self._clipped,
        )

    def _clips(self, files: Sequence[ClipFile]) -> Clips:
        classes = self._listing.classes
        audio = np.zeros((len(files), self._samples), dtype=np.int16)
        for row, samples in self._decoded([self._listing.root / f.path for f in files]):
            self._short += len(samples) < self._samples
            self._cut += len(samples) > self._samples
            self._clipped += clipped_share(samples) > CLIPPED_SHARE
            kept = samples[: self._samples]
            audio[row, : len(kept)] = to_int16(kept)
        return Clips(
            audio,
            np.array([classes.index(f.label) for f in files], dtype=np.int64),
            classes,
            np.array([f.path for f in files], dtype=np.str_),
            np.array([f.speaker for f in files], dtype=np.str_),
        )

    def _recordings(self, paths: Sequence[Path]) -> tuple[Recording, ...]:
        return tuple(recording for _, recording in self._decoded(paths))

    def _decoded(self, paths: Sequence[Path]) -> Iterator[tuple[int, Recording]]:
        """Place and samples of every file that can be used; the others' errors are kept."""
        for first in range(0, len(paths), _CHUNK):
            chunk = paths[first : first + _CHUNK]
            for row, found in enumerate(self._pool.map(self._read, chunk), start=first):
                if isinstance(found, AudioError):
                    self._errors.append(found)
                else:
                    yield row, found
            self._done += len(chunk)
            if self._progress:
                self._progress(self._done, self._total)
            if len(self._errors) >= _ERRORS_ENOUGH:
                self._refuse_errors()

    def _read(self, path: Path) -> Recording | AudioError:
        try:
            return read_clip(path, sample_rate=self._rate, resample=self._resample)
        except AudioError as error:
            return error

    def _with_silence(self, test: Clips, noise: Sequence[Recording], names: Sequence[str]) -> Clips:
        """The test clips with ``_silence_`` cut from the parts of the noise kept for testing."""
        listing = self._listing
        _, held_out = split_noise(noise)
        audio, origins = cut_silence(
            held_out, names, listing.test_silence, self._samples, listing.seed
        )
        label = np.full(len(audio), listing.classes.index(SILENCE), dtype=np.int64)
        return Clips(
            np.concatenate([test.audio, to_int16(audio)]),
            np.concatenate([test.label, label]),
            test.classes,
            np.concatenate([test.path, np.array(origins, dtype=np.str_)]),
            np.concatenate([test.speaker, np.array([""] * len(audio), dtype=np.str_)]),
        )

    def _refuse_errors(self) -> None:
        errors = self._errors
        if len(errors) == 1:
            raise errors[0]
        if errors:
            many = "at least " if len(errors) >= _ERRORS_ENOUGH else ""
            shown = "\n".join(f"  - {e}" for e in errors[:_ERRORS_SHOWN])
            rest = "\n  …" if len(errors) > _ERRORS_SHOWN else ""
            raise AudioError(
                f"{self._listing.root}: {many}{len(errors)} of {self._total} sound files cannot be "
                f"used:\n{shown}{rest}"
            )


def _fingerprint(
    clips: dict[Split, Clips],
    noise_train: Sequence[Recording],
    noise_unseen: Sequence[Recording],
    sample_rate: int,
) -> str:
    """Hash of samples, labels, classes and sampling rate, 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((sample_rate, clips["train"].classes)).encode())
    for split in SPLITS:
        digest.update(repr((split, clips[split].audio.shape)).encode())
        digest.update(clips[split].audio.data)
        digest.update(clips[split].label.data)
    for name, recordings in (("known", noise_train), ("unseen", noise_unseen)):
        for recording in recordings:
            digest.update(repr((name, recording.shape)).encode())
            digest.update(np.ascontiguousarray(recording).data)
    return digest.hexdigest()


def _without_validation(val: Clips) -> list[str]:
    """A warning where classes have no clips to validate; silence is made from noise then."""
    empty = [name for name, count in val.counts().items() if not count and name != SILENCE]
    return [f"no validation clips of {', '.join(empty)}"] if empty else []


def _shared_speakers(clips: dict[Split, Clips]) -> list[str]:
    """A warning for every two splits that share speakers."""
    speakers = {split: set(clips[split].speaker.tolist()) - {""} for split in SPLITS}
    warnings = []
    for first, second in combinations(SPLITS, 2):
        both = sorted(speakers[first] & speakers[second])
        if both:
            warnings.append(
                f"{len(both)} speakers are in both {first} and {second}, such as {both[0]}: "
                "accuracy there may be too good to be true"
            )
    return warnings
