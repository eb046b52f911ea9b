"""Sound files: right samples from good ones, plain words for bad ones."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
import soundfile
from scipy.signal import welch

from speech_folders import RATE, noise, tone, write
from spiceloop.errors import AudioError
from spiceloop.kws.audio import clipped_share, read_clip


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_lossless_files_come_back_to_the_bit(tmp_path, suffix):
    samples = np.random.default_rng(1).integers(-32768, 32768, 5000, dtype=np.int16)
    path = write(tmp_path / f"a{suffix}", samples, subtype="PCM_16")
    read = read_clip(path)
    assert read.dtype == np.float32
    assert np.array_equal(read * 32768, samples)


@pytest.mark.parametrize(("suffix", "how"), [(".ogg", "VORBIS"), (".opus", "OPUS")])
def test_ogg_files_keep_length_and_spectrum(tmp_path, suffix, how):
    samples = tone(440)
    path = write(tmp_path / f"a{suffix}", samples, format="OGG", subtype=how)
    read = read_clip(path)
    assert read.shape == samples.shape
    frequency, power = welch(read, RATE, nperseg=4096)
    assert frequency[power.argmax()] == pytest.approx(440, abs=4)


def test_another_rate_is_refused_with_the_way_out(tmp_path):
    path = write(tmp_path / "a.wav", tone(440, rate=44_100), 44_100)
    with pytest.raises(AudioError, match=r"a\.wav: 44100 Hz where 16000 Hz .*--resample"):
        read_clip(path)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_resampling_keeps_a_tone(tmp_path, rate):
    path = write(tmp_path / "a.wav", tone(1000, rate=rate), rate, subtype="FLOAT")
    read = read_clip(path, resample=True)
    assert read.dtype == np.float32
    assert len(read) == RATE
    middle = slice(1000, -1000)  # away from the filter's edges
    # resample_poly's default filter ripples by some thousandths.
    assert np.allclose(read[middle], tone(1000)[middle], atol=5e-3)


def test_stereo_is_refused_with_the_way_out_or_averaged(tmp_path):
    left, right = tone(300), tone(500)
    path = write(tmp_path / "a.wav", np.stack([left, right], axis=1), subtype="FLOAT")
    with pytest.raises(AudioError, match=r"2 channels where one .*--resample"):
        read_clip(path)
    assert np.allclose(read_clip(path, resample=True), (left + right) / 2, atol=1e-6)


def test_empty_file(tmp_path):
    path = tmp_path / "a.wav"
    path.touch()
    with pytest.raises(AudioError, match=r"a\.wav: the file is empty"):
        read_clip(path)


def test_file_without_samples(tmp_path):
    path = write(tmp_path / "a.wav", np.zeros(0, np.float32))
    with pytest.raises(AudioError, match="no samples"):
        read_clip(path)


def test_text_named_wav(tmp_path):
    path = tmp_path / "a.wav"
    path.write_text("this is no sound\n" * 40)
    with pytest.raises(AudioError, match=r"a\.wav: not a sound file"):
        read_clip(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(AudioError, match=r"nowhere\.wav: No such file"):
        read_clip(tmp_path / "nowhere.wav")
    with pytest.raises(AudioError, match="Is a directory"):
        read_clip(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_the_right_to_read(tmp_path):
    path = write(tmp_path / "a.wav", tone(440))
    path.chmod(0)
    with pytest.raises(AudioError, match="Permission denied"):
        read_clip(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers(tmp_path, value):
    samples = tone(440)
    samples[[5, 900]] = value
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    with pytest.raises(AudioError, match="2 of 16000 samples are not finite"):
        read_clip(path)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus"])
def test_half_a_file_is_cut_off(tmp_path, suffix):
    how = {"format": "OGG", "subtype": "OPUS"} if suffix == ".opus" else {}
    path = write(tmp_path / f"a{suffix}", noise(2, 0), **how)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=r"a\.\w+: .*(cut off|damaged)"):
        read_clip(path)


@pytest.mark.parametrize("how", ["VORBIS", "OPUS"])
def test_ogg_that_ends_between_two_pages_is_cut_off(tmp_path, how):
    path = write(tmp_path / "a.ogg", noise(8, 0), format="OGG", subtype=how)
    content = path.read_bytes()
    pages = [m.start() for m in re.finditer(b"OggS", content)]
    assert len(pages) > 4
    for end in pages[3:]:  # behind the headers: libsndfile reads these without a word
        path.write_bytes(content[:end])
        assert soundfile.info(path).frames > 0
        with pytest.raises(AudioError, match="cut off"):
            read_clip(path)


def test_a_pipe_s_wav_header_without_a_length_is_no_truncation(tmp_path):
    path = write(tmp_path / "a.wav", tone(440))
    content = bytearray(path.read_bytes())
    at = content.index(b"data")
    content[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    content[4:8] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(read_clip(path)) == RATE


def test_a_chunk_after_the_samples_is_no_trouble(tmp_path):
    path = tmp_path / "a.wav"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        file.write(tone(440))
        file.title = "a tone"
    assert len(read_clip(path)) == RATE


def test_share_of_clipped_samples():
    loud = np.clip(4 * tone(440), -1, 1)
    # |4·0.5·sin| ≥ 1 for two thirds of a period
    assert clipped_share(loud) == pytest.approx(2 / 3, abs=0.02)
    assert clipped_share(tone(440)) == 0
    assert clipped_share(np.zeros(0, np.float32)) == 0
