"""Noise: what training hears and what tests use never overlap."""

from __future__ import annotations

import numpy as np
import pytest

from spiceloop.errors import DataError
from spiceloop.kws.noise import cut_silence, split_noise

# Every sample is unlike every other: an overlap cannot hide.
RECORDINGS = (
    np.arange(1000, dtype=np.float32) / 4096,
    -np.arange(1, 131, dtype=np.float32) / 4096,
)


def test_the_parts_are_the_whole_and_share_no_sample():
    training, testing = split_noise(RECORDINGS)
    for recording, first, rest in zip(RECORDINGS, training, testing, strict=True):
        assert np.array_equal(np.concatenate([first, rest]), recording)
        assert not set(first.tolist()) & set(rest.tolist())
    assert [len(t) for t in training] == [800, 104]


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_share_outside_its_range(share):
    with pytest.raises(DataError, match="share of the noise"):
        split_noise(RECORDINGS, share)


def test_recording_too_short_for_two_parts():
    with pytest.raises(DataError, match="recording 1 has 1 samples"):
        split_noise((RECORDINGS[0], np.ones(1, np.float32)))


def test_silence_is_a_scaled_piece_of_where_it_says_it_comes_from():
    clips, origins = cut_silence(RECORDINGS, ("up", "down"), 50, 100, seed=3)
    assert clips.shape == (50, 100)
    by_name = dict(zip(("up", "down"), RECORDINGS, strict=True))
    for clip, origin in zip(clips, origins, strict=True):
        name, _, first = origin.partition("@")
        piece = by_name[name][int(first) : int(first) + 100]
        gain = clip @ piece / (piece @ piece)
        assert 0 <= gain < 1
        assert np.allclose(clip, gain * piece, atol=1e-6)
    assert len(set(origins)) > 25
    again, _ = cut_silence(RECORDINGS, ("up", "down"), 50, 100, seed=3)
    assert np.array_equal(again, clips)
    other, _ = cut_silence(RECORDINGS, ("up", "down"), 50, 100, seed=4)
    assert not np.array_equal(other, clips)


def test_recordings_shorter_than_a_clip_are_repeated():
    clips, _ = cut_silence((np.ones(30, np.float32),), ("short",), 4, 100, seed=0)
    assert (np.ptp(clips, axis=1) == 0).all()
    assert (clips[:, -1] > 0).all()
