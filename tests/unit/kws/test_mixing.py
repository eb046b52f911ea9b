"""Mixing: the stated SNR, noise parts that stay apart, batches that follow from their numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicHermiteSpline

from spiceloop.kws.clips import SILENCE
from spiceloop.kws.mixing import CLEAN, Mixing, Noise, TrainingSet, at_snr, heard_in
from spiceloop.kws.noise import split_noise
from spiceloop.kws.warp import _on_device, warp
from tiny_speech import CLASSES, RATE, clips, speech

STILL = Mixing(shift=0.0, speed=0.0)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise_of(*lengths: int) -> Noise:
    rng = generator(1)
    return Noise([rng.standard_normal(n).astype(np.float32) for n in lengths], 1000)


@pytest.mark.parametrize("snr", [-5.0, 0.0, 5.0, 20.0])
def test_the_sum_has_the_stated_snr(snr):
    rng = generator()
    clean = torch.from_numpy(rng.standard_normal((4, 8000)) * [[0.01], [0.1], [1.0], [3.0]])
    noise = torch.from_numpy(rng.standard_normal((4, 8000)) * 0.3)
    added = at_snr(clean, noise, torch.full((4,), snr, dtype=torch.float64)) - clean
    found = 10 * torch.log10(clean.square().mean(1) / added.square().mean(1))
    assert torch.allclose(found, torch.full((4,), snr, dtype=torch.float64), atol=1e-6)


def test_no_noise_where_none_is_asked_for_or_there():
    clean = torch.randn(2, 100)
    assert torch.equal(at_snr(clean, torch.randn(2, 100), torch.tensor([CLEAN, CLEAN])), clean)
    silent = at_snr(clean, torch.zeros(2, 100), torch.tensor([5.0, 5.0]))
    assert torch.equal(silent, clean)


def test_training_batches_have_the_stated_snr():
    """Without shift and speed the clip itself is known, so what was added is too."""
    data = speech(train=12)
    noise = Noise(data.noise_train, RATE)
    mixing = Mixing(snr=(5.0, 20.0), clean_share=0.25, shift=0.0, speed=0.0)
    examples = TrainingSet(data.train, noise, mixing, RATE)
    own = {row.tobytes(): row for row in data.train.audio.astype(np.float32) / 32768}
    found, clean = [], 0
    for epoch in range(4):
        for batch in examples.epoch(0, epoch, 12):
            for wave, label in zip(batch.waveform.numpy(), batch.label.tolist(), strict=True):
                if CLASSES[label] == SILENCE:
                    continue
                original = max(own.values(), key=lambda o: float(o @ wave) / np.linalg.norm(o))
                added = wave - original
                if not added.any():
                    clean += 1
                else:
                    found.append(10 * np.log10((original**2).mean() / (added**2).mean()))
    assert min(found) >= 5.0 - 1e-3
    assert max(found) <= 20.0 + 1e-3
    assert np.ptp(found) > 12
    assert 0.1 < clean / (clean + len(found)) < 0.45


def test_silence_is_as_frequent_as_a_keyword():
    data = speech(train=8)
    examples = TrainingSet(data.train, Noise(data.noise_train, RATE), STILL, RATE)
    assert (len(examples), examples.silent) == (32, 8)
    labels = torch.cat([b.label for b in examples.epoch(3, 1, 8)])
    assert torch.bincount(labels).tolist() == [8, 8, 8, 8]


def test_a_batch_depends_on_seed_epoch_and_step_alone():
    data = speech()
    mixing = Mixing()

    def batches(seed: int, epoch: int) -> list:
        made = TrainingSet(data.train, Noise(data.noise_train, RATE), mixing, RATE)
        return list(made.epoch(seed, epoch, 10))

    first, again = batches(4, 2), batches(4, 2)
    made = TrainingSet(data.train, Noise(data.noise_train, RATE), mixing, RATE)
    list(made.epoch(4, 0, 10))  # an epoch before it changes nothing
    for a, b, c in zip(first, again, made.epoch(4, 2, 10), strict=True):
        assert torch.equal(a.waveform, b.waveform)
        assert torch.equal(a.waveform, c.waveform)
        assert torch.equal(a.label, b.label)
    for other in (batches(5, 2), batches(4, 3)):
        assert not torch.equal(first[0].waveform, other[0].waveform)


def test_windows_never_cross_recordings_and_short_ones_repeat():
    recordings = [np.full(n, k + 1.0, np.float32) for k, n in enumerate((1000, 1500, 300))]
    windows = Noise(recordings, 1000).draw(300, generator()).numpy()
    assert windows.shape == (300, 1000)
    assert np.all(np.ptp(windows, axis=1) == 0)
    assert set(windows[:, 0].tolist()) == {1.0, 2.0, 3.0}


def test_training_noise_and_test_noise_share_no_sample():
    marked = [np.arange(40_000, dtype=np.float32), 1e6 + np.arange(90_000, dtype=np.float32)]
    training, testing = split_noise(marked)
    for whole, heard, kept in zip(marked, training, testing, strict=True):
        assert np.array_equal(np.concatenate([heard, kept]), whole)
    rng = generator()
    drawn, held = (
        set(Noise(part, 4000).draw(300, rng).unique().tolist()) for part in (training, testing)
    )
    assert not drawn & held
    assert drawn <= {v for part in training for v in part.tolist()}
    assert held <= {v for part in testing for v in part.tolist()}
    assert len(drawn) > 0.9 * sum(map(len, training))


def test_no_recording_is_refused():
    with pytest.raises(ValueError, match="one noise recording or more"):
        Noise([], 100)


def test_test_clips_in_order_with_the_same_noise_each_time():
    test = clips("test", 5)
    noise = Noise(speech().noise_unseen, RATE)
    first, again = (list(heard_in(test, noise, 5.0, 9, size=4)) for _ in range(2))
    assert [len(b.label) for b in first] == [4, 4, 4, 3]
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a.waveform, b.waveform)
    assert torch.cat([b.label for b in first]).tolist() == test.label.tolist()
    (whole,) = heard_in(test, None, 5.0, 9)
    assert np.array_equal(whole.waveform.numpy(), test.audio.astype(np.float32) / 32768)


# --- warp ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [warp, _on_device])
def test_warp_against_a_hermite_spline(how):
    """Catmull-Rom is the Hermite spline with central differences as slopes."""
    rng = generator(2)
    sound = rng.standard_normal((3, 500)).astype(np.float32)
    speed = np.array([0.9, 1.0, 1.15], np.float32)
    shift = np.array([20.0, -7.25, 0.5], np.float32)
    found = how(torch.from_numpy(sound), speed, shift).numpy()
    at = np.arange(500)
    for row, v, moved, heard in zip(sound, speed, shift, found, strict=True):
        slopes = np.gradient(row.astype(np.float64))
        place = (at - 249.5) * float(v) + 249.5 + float(moved)
        inside = (np.floor(place) >= 1) & (np.floor(place) + 2 < 500)
        expected = np.where(inside, CubicHermiteSpline(at, row, slopes)(place), 0.0)
        np.testing.assert_allclose(heard, expected, atol=2e-5)


def test_warp_that_moves_nothing_leaves_the_clip():
    sound = torch.randn(2, 300)
    still = warp(sound, np.ones(2, np.float32), np.zeros(2, np.float32))
    assert torch.equal(still[:, 1:-2], sound[:, 1:-2])


def test_faster_is_higher():
    time = np.arange(RATE) / RATE
    sound = torch.from_numpy(np.sin(2 * np.pi * 1000 * time).astype(np.float32))[None]
    fast = warp(sound, np.array([1.2], np.float32), np.zeros(1, np.float32)).numpy()[0]
    heard = fast[2000:14000]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(spectrum.argmax() * RATE / len(heard) - 1200) < 3
