"""The public layout: splits by its lists, unknown words, silence, the official test set."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from speech_folders import noise, speech_commands, tone, write
from spiceloop.errors import DataError
from spiceloop.kws.speech_commands import TEST_SET, list_speech_commands


@pytest.fixture
def folder(tmp_path):
    return speech_commands(tmp_path / "data")


def test_splits_follow_the_lists(folder):
    listing = list_speech_commands(folder)
    assert listing.classes == ("yes", "no", "_unknown_", "_silence_")
    for file in listing.files:
        assert file.split == {"a": "train", "b": "val", "c": "test"}[file.speaker[0]]
        assert (folder / file.path).is_file()
    counts = Counter((f.split, f.label) for f in listing.files)
    assert counts[("train", "yes")] == 3
    assert counts[("test", "no")] == 2
    assert [p.name for p in listing.noise_train] == ["hum.wav", "tap.wav"]
    assert listing.warnings == ()


def test_unknown_is_as_many_other_words_as_a_keyword_has(folder):
    unknown = [f for f in list_speech_commands(folder).files if f.label == "_unknown_"]
    assert {f.path.split("/")[0] for f in unknown} <= {"bed", "cat"}
    assert Counter(f.split for f in unknown) == {"train": 3, "val": 1, "test": 2}
    assert len({f.path for f in unknown}) == len(unknown)


def test_the_choice_of_unknown_clips_depends_on_the_seed_only(folder):
    def chosen(seed):
        return {f.path for f in list_speech_commands(folder, seed=seed).files}

    assert chosen(0) == chosen(0)
    assert len({frozenset(chosen(seed)) for seed in range(8)}) > 1


def test_shares(folder):
    listing = list_speech_commands(folder, unknown_share=2.0, silence_share=3.0)
    assert sum(f.label == "_unknown_" and f.split == "train" for f in listing.files) == 6
    assert listing.test_silence == 6


def test_any_word_list_in_its_order(folder):
    listing = list_speech_commands(folder, ("cat", "yes"))
    assert listing.classes == ("cat", "yes", "_unknown_", "_silence_")


def test_all_words_as_keywords_leaves_no_unknown(folder):
    listing = list_speech_commands(folder, ("yes", "no", "bed", "cat"))
    assert "_unknown_" not in listing.classes
    assert "_unknown_" in listing.warnings[0]


def test_without_noise_no_silence(folder):
    for file in (folder / "_background_noise_").glob("*.wav"):
        file.unlink()
    listing = list_speech_commands(folder)
    assert "_silence_" not in listing.classes
    assert listing.test_silence == 0
    assert "_silence_" in listing.warnings[0]


def test_noise_for_testing_only_is_picked_up(folder):
    write(folder / "noise_unseen" / "rain.flac", noise(2, 9))
    assert [p.name for p in list_speech_commands(folder).noise_unseen] == ["rain.flac"]


@pytest.mark.parametrize("name", ["validation_list.txt", "testing_list.txt"])
def test_a_missing_list(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name}: the split list is missing"):
        list_speech_commands(folder)


def test_a_clip_in_both_lists(folder):
    with (folder / "testing_list.txt").open("a") as file:
        file.write("yes/b1_nohash_0.wav\n")
    with pytest.raises(DataError, match=r"yes/b1_nohash_0\.wav is in the other split list"):
        list_speech_commands(folder)


def test_listed_clips_that_are_not_there_are_a_warning(folder):
    (folder / "no" / "c1_nohash_0.wav").unlink()
    with (folder / "testing_list.txt").open("a") as file:
        file.write("zebra/x_nohash_0.wav\n")  # a word that nobody downloaded: no trouble
    (warning,) = list_speech_commands(folder).warnings
    assert warning == "1 files of the split lists are not there: no/c1_nohash_0.wav"


def test_empty_class_names_class_and_counts(folder):
    for file in (folder / "no").glob("c*.wav"):
        file.unlink()
    with pytest.raises(DataError, match=r"class 'no' has no test clips \(yes 2, no 0, _unk"):
        list_speech_commands(folder)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("yes", "up"), "no folder for the keyword up"),
        (("yes", "yes"), "'yes' is given 2 times"),
        ((), "no keywords given"),
        (("_silence_",), "expected a plain word"),
        (("../yes",), "expected a plain word"),
    ],
)
def test_bad_word_lists(folder, words, said):
    with pytest.raises(DataError, match=re.escape(said)):
        list_speech_commands(folder, words)


def test_folder_without_any_usual_keyword(tmp_path):
    root = speech_commands(tmp_path, ("alpha", "bravo"))
    with pytest.raises(DataError, match=r"--words; folders: alpha, bravo"):
        list_speech_commands(root)


class TestOfficialTestSet:
    def fill(self, folder, names):
        for name in names:
            for number in range(4):
                write(folder / TEST_SET / name / f"c9_nohash_{number}.wav", tone(300))

    def test_it_replaces_the_listed_test_clips(self, folder):
        self.fill(folder, ("yes", "no", "off", "_unknown_", "_silence_"))
        listing = list_speech_commands(folder)
        tests = [f for f in listing.files if f.split == "test"]
        assert all(f.path.startswith(f"{TEST_SET}/{f.label}/") for f in tests)
        assert Counter(f.label for f in tests) == dict.fromkeys(listing.classes, 4)
        assert listing.test_silence == 0
        assert TEST_SET not in listing.classes

    def test_one_that_lacks_a_class_is_not_used(self, folder):
        self.fill(folder, ("yes", "_unknown_", "_silence_"))
        assert all(not f.path.startswith(TEST_SET) for f in list_speech_commands(folder).files)
