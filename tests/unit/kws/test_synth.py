"""Synthetic speech by the real programs, and what is said where they are missing."""

from __future__ import annotations

import filecmp
import shutil

import numpy as np
import pytest
import soundfile

from spiceloop.errors import DataError, SetupError, StorageError
from spiceloop.kws.clips import FULL_SCALE
from spiceloop.kws.load import load_data
from spiceloop.kws.synth import DEFAULT_WORDS, OTHER_WORDS, synthesise

PROGRAMS = tuple(p for p in ("espeak-ng", "flite") if shutil.which(p))
needs_a_voice = pytest.mark.skipif(not PROGRAMS, reason="neither espeak-ng nor flite is installed")
needs_both = pytest.mark.skipif(len(PROGRAMS) < 2, reason="needs espeak-ng and flite")


def only(monkeypatch, tmp_path, *programs):
    """A PATH on which just these programs are."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in programs:
        (folder / program).symlink_to(shutil.which(program))
    monkeypatch.setenv("PATH", str(folder))


def fake(monkeypatch, tmp_path, script):
    """A PATH on which espeak-ng is a shell script that knows the usual voices."""
    folder = tmp_path / "bin"
    folder.mkdir()
    names = " ".join(f"!v/{v}" for v in ("m1", "m6", "m7"))
    text = f'#!/bin/sh\ncase "$1" in --voices*) echo "{names}"; exit 0;; esac\n{script}\n'
    (folder / "espeak-ng").write_text(text)
    (folder / "espeak-ng").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not PROGRAMS:
        pytest.skip("neither espeak-ng nor flite is installed")
    folder = tmp_path_factory.mktemp("synth") / "set"
    return synthesise(folder, ("yes", "no"), clips=20, seed=7)


@pytest.fixture(scope="module")
def data(made):
    return load_data(made.folder, words=made.words, cache=False)


def test_every_class_has_its_clips_in_every_split(made, data):
    assert data.classes == ("yes", "no", "_unknown_", "_silence_")
    assert data.train.counts() == {"yes": 20, "no": 20, "_unknown_": 20, "_silence_": 0}
    assert data.val.counts()["yes"] == 4
    assert data.test.counts()["yes"] == 6
    assert made.clips == sum(
        1 for w in (*made.words, *made.others) for _ in (made.folder / w).glob("*.wav")
    )


def test_nothing_to_warn_of_and_no_voice_in_two_splits(data):
    # The loader warns of shared speakers, short, long and clipped clips.
    assert data.warnings == ()
    voices = [set(c.speaker.tolist()) - {""} for c in (data.train, data.val, data.test)]
    assert all(voices)
    assert not voices[0] & voices[1] | voices[0] & voices[2] | voices[1] & voices[2]


def test_the_files_are_sixteen_bit_mono_seconds(made):
    for path in (made.folder / "yes").glob("*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert info.frames == 16_000


def test_a_word_stands_out_of_a_faint_hiss(data):
    for clip in data.train.audio[:40] / FULL_SCALE:
        frames = np.sqrt(np.mean(clip.reshape(100, 160) ** 2, axis=1))
        assert np.abs(clip).max() > 0.15
        assert 0 < np.percentile(frames, 5) < 0.03 * frames.max()


def test_clips_of_a_word_differ(data):
    assert len({clip.tobytes() for clip in data.train.audio}) == len(data.train)


def test_noise_for_training_and_for_testing_only(data):
    assert data.noise_train_names == ("babble.wav", "pink.wav", "white.wav")
    assert data.noise_unseen_names == ("clatter.wav", "engine.wav")
    assert all(len(n) == 30 * 16_000 for n in data.noise_train + data.noise_unseen)


@needs_a_voice
def test_the_same_seed_gives_the_same_files_and_another_others(made, tmp_path):
    again = synthesise(tmp_path / "again", ("no", "yes"), clips=20, seed=7, workers=3)
    compared = filecmp.dircmp(made.folder / "yes", again.folder / "yes")
    assert compared.left_list == compared.right_list == compared.common_files
    _, differing, wrong = filecmp.cmpfiles(
        made.folder / "yes", again.folder / "yes", compared.common_files, shallow=False
    )
    assert not differing + wrong
    other = synthesise(tmp_path / "other", ("yes",), clips=20, seed=8)
    kept = {p.read_bytes() for p in (made.folder / "yes").iterdir()}
    assert not kept & {p.read_bytes() for p in (other.folder / "yes").iterdir()}


@needs_both
@pytest.mark.parametrize(("present", "absent"), [PROGRAMS, PROGRAMS[::-1]] if PROGRAMS[1:] else [])
def test_one_program_will_do(monkeypatch, tmp_path, present, absent):
    only(monkeypatch, tmp_path, present)
    made = synthesise(tmp_path / "set", ("yes",), clips=10)
    assert made.programs == (present,)
    (warning,) = made.warnings
    assert warning.startswith(f"{absent} is not there, so only {present} speaks")
    assert "apt install" in warning
    data = load_data(made.folder, words=("yes",), cache=False)
    assert all(data.split(s).counts()["yes"] for s in ("train", "val", "test"))


def test_no_program_at_all(monkeypatch, tmp_path):
    only(monkeypatch, tmp_path)
    with pytest.raises(SetupError, match="apt install espeak-ng flite"):
        synthesise(tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        ("echo no voice data >&2; exit 3", SetupError, "exit code 3: no voice data"),
        ("exit 0", StorageError, "did not write 'yes'"),
    ],
)
def test_a_program_that_fails(monkeypatch, tmp_path, script, error, said):
    fake(monkeypatch, tmp_path, script)
    with pytest.raises(error, match=said):
        synthesise(tmp_path / "set", ("yes",), clips=10)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin"]


@needs_a_voice
def test_a_word_that_takes_longer_than_a_clip(tmp_path):
    with pytest.raises(DataError, match=r"'antidisestablishmentarianism' takes 1\.\d s"):
        synthesise(tmp_path / "set", ("antidisestablishmentarianism",), clips=10)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("word", ["Yes", "two words", "-w", "a1", "été", "a/b", ""])
def test_words_that_are_none(tmp_path, word):
    with pytest.raises(DataError, match="keyword"):
        synthesise(tmp_path / "set", ("yes", word))


def test_a_folder_that_is_not_empty(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(DataError, match="exists already"):
        synthesise(tmp_path)


def test_too_few_clips(tmp_path):
    with pytest.raises(DataError, match="3 training clips a word: expected 10 or more"):
        synthesise(tmp_path / "set", clips=3)


def test_default_words_and_others_are_apart():
    assert not set(DEFAULT_WORDS) & set(OTHER_WORDS)
