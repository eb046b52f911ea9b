"""Sound files of any content and any length."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from speech_folders import RATE, noise, write
from spiceloop.errors import AudioError
from spiceloop.kws.audio import read_clip
from spiceloop.kws.clips import FULL_SCALE, to_int16

FORMATS = {
    "wav": {},
    "flac": {},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
}


@cache
def whole_file(suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write(Path(folder) / f"a.{suffix}", noise(0.5, 1), **FORMATS[suffix]).read_bytes()


@pytest.mark.parametrize("suffix", sorted(FORMATS))
@settings(max_examples=60, deadline=None)
@given(share=st.floats(0.0, 1.0, exclude_max=True))
def test_a_file_cut_anywhere_is_refused(suffix, share):
    content = whole_file(suffix)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{suffix}"
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(AudioError, match=rf"a\.{suffix}: "):
            read_clip(path)


@pytest.mark.parametrize("suffix", sorted(FORMATS))
@settings(max_examples=60, deadline=None)
@given(position=st.floats(0.0, 1.0, exclude_max=True), value=st.integers(0, 255))
def test_a_changed_byte_gives_finite_samples_or_a_plain_error(suffix, position, value):
    content = bytearray(whole_file(suffix))
    content[int(position * len(content))] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{suffix}"
        path.write_bytes(content)
        try:
            samples = read_clip(path)
        except AudioError:
            return
        assert samples.ndim == 1
        assert np.isfinite(samples).all()


@settings(max_examples=40, deadline=None)
@given(arrays(np.int16, st.integers(1, 3000)))
def test_sixteen_bit_samples_survive_file_and_conversion(samples):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.wav", samples, subtype="PCM_16")
        assert np.array_equal(to_int16(read_clip(path)), samples)


@given(arrays(np.float32, st.integers(0, 200), elements=st.floats(-4, 4, width=32)))
def test_conversion_errs_by_half_a_step_at_most(samples):
    back = to_int16(samples) / FULL_SCALE
    limited = np.clip(samples, -1, 32767 / FULL_SCALE)
    assert np.abs(back - limited).max(initial=0) <= 0.5 / FULL_SCALE + 1e-9


@settings(max_examples=30, deadline=None)
@given(rate=st.integers(4000, 96_000), seconds=st.floats(0.01, 0.5))
def test_resampling_gives_the_right_length_at_any_rate(rate, seconds):
    samples = noise(1.0, 0)[: max(1, round(seconds * 16_000))]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.wav", samples, rate)
        read = read_clip(path, resample=True)
    assert len(read) == -(-len(samples) * RATE // rate)
    assert np.isfinite(read).all()
