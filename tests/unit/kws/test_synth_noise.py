"""Generated noise has the spectrum that its name says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch

from spiceloop.kws import synth_noise

RATE = 16_000
SECONDS = 20


def make(name, seed=0):
    draw = np.random.default_rng(seed)
    samples = SECONDS * RATE
    if name in ("white", "pink"):
        return getattr(synth_noise, name)(samples, draw)
    if name == "babble":
        clips = [np.sin(2 * np.pi * f * np.arange(RATE) / RATE) for f in (300.0, 700.0)]
        return synth_noise.babble(samples, [c.astype(np.float32) for c in clips], draw)
    return getattr(synth_noise, name)(samples, RATE, draw)


def slope(noise, low=100.0, high=6000.0):
    """Decibels a decade of the power density between two frequencies."""
    frequency, power = welch(noise, RATE, nperseg=2048)
    band = (frequency > low) & (frequency < high)
    return np.polyfit(np.log10(frequency[band]), 10 * np.log10(power[band]), 1)[0]


@pytest.mark.parametrize("name", ["white", "pink", "babble", "engine", "clatter"])
def test_level_and_repeatability(name):
    noise = make(name)
    assert noise.shape == (SECONDS * RATE,)
    assert noise.dtype == np.float32
    assert 0.01 < np.sqrt(np.mean(noise**2)) < 0.1001
    assert np.abs(noise).max() <= 0.981
    assert np.array_equal(noise, make(name))
    assert not np.array_equal(noise, make(name, seed=1))


def test_white_is_flat_and_pink_falls_ten_decibels_a_decade():
    assert slope(make("white")) == pytest.approx(0, abs=0.5)
    assert slope(make("pink")) == pytest.approx(-10, abs=0.5)


def test_babble_holds_the_clips_throughout():
    noise = make("babble")
    frequency, power = welch(noise, RATE, nperseg=4096)
    loudest = frequency[np.argsort(power)[-4:]]
    assert ((np.abs(loudest - 300) < 8) | (np.abs(loudest - 700) < 8)).all()
    levels = [np.std(part) for part in np.split(noise, SECONDS)]
    assert min(levels) > 0.2 * max(levels)


def test_an_engine_hums_between_60_and_120_hz():
    frequency, power = welch(make("engine"), RATE, nperseg=8192)
    assert 58 < frequency[power.argmax()] < 122


def test_clatter_is_made_of_single_knocks():
    noise = make("clatter")
    assert np.mean(noise**4) / np.mean(noise**2) ** 2 > 8  # Gaussian noise: 3
