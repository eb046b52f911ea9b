"""A data set of made-up sounds in memory, and configurations small enough to train in a test."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from spiceloop.filterbank import WeakInversion
from spiceloop.kws.clips import SILENCE, Clips, SpeechData, to_int16
from spiceloop.kws.config import Config, parse_config
from spiceloop.kws.system import System, build_system

RATE = 16_000
CLASSES = ("low", "middle", "high", SILENCE)
_TONES = (300.0, 1000.0, 3000.0)  # Hz: what tells the classes apart


def clips(split: str, count: int, *, silence: int = 0, samples: int = RATE) -> Clips:
    """``count`` tones of each class with chance phase and level, ``silence`` clips of hiss."""
    rng = np.random.default_rng(list(split.encode()))
    time = np.arange(samples) / RATE
    audio, label = [], []
    for k, f in enumerate(_TONES):
        for _ in range(count):
            level, phase = rng.uniform(0.1, 0.5), rng.uniform(0, 2 * np.pi)
            hiss = 1e-3 * rng.standard_normal(samples)
            audio.append(
                level * np.sin(2 * np.pi * f * rng.uniform(0.9, 1.1) * time + phase) + hiss
            )
            label.append(k)
    for _ in range(silence):
        audio.append(1e-2 * rng.standard_normal(samples))
        label.append(len(_TONES))
    names = np.array([f"{split}/{n}" for n in range(len(label))])
    sounds = to_int16(np.array(audio, np.float32).reshape(len(label), samples))
    return Clips(sounds, np.array(label, np.int64), CLASSES, names, names)


def speech(train: int = 8, val: int = 3, test: int = 6, *, samples: int = RATE) -> SpeechData:
    """The whole set with two known and two unseen noises."""
    rng = np.random.default_rng(5)
    parts = [
        clips("train", train, samples=samples),
        clips("val", val, silence=2, samples=samples),
        clips("test", test, silence=4, samples=samples),
    ]
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part.audio.tobytes())
    noise = [(0.1 * rng.standard_normal(5 * samples)).astype(np.float32) for _ in range(4)]
    return SpeechData(
        *parts,
        noise_train=tuple(noise[:2]),
        noise_train_names=("hum", "tap"),
        noise_unseen=tuple(noise[2:]),
        noise_unseen_names=("rain-1.wav", "dog-2.wav"),
        sample_rate=RATE,
        fingerprint=digest.hexdigest(),
    )


def config(**changes: Any) -> Config:
    """Four channels, the small classifier, 2 + 2 epochs of three steps; the device stated."""
    base: dict[str, Any] = {
        "name": "tiny",
        "bank": {"channels": 4, "low": 200, "high": "4k", "n": 1.4},
        "classifier": "ds-cnn-small",
        "training": {"classifier_epochs": 2, "joint_epochs": 2, "batch": 10},
        "evaluation": {"snr": [10, 5]},
    }
    for key, value in changes.items():
        both = isinstance(value, dict) and key in base and key != "arms"
        base[key] = {**base[key], **value} if both else value
    return parse_config(base)


def system(wanted: Config, classes: int = len(CLASSES)) -> System:
    """The system that a configuration describes, with the device it states."""
    return build_system(wanted, WeakInversion(wanted.bank.n or 1.4), classes, RATE)
