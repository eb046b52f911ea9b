"""Folders to arrays: padding, counting, errors of many files, and the cache."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

from speech_folders import RATE, manifest, manifest_rows, noise, speech_commands, tone, write
from spiceloop.errors import AudioError, DataError
from spiceloop.kws.cache import cache_for, cache_root
from spiceloop.kws.clips import FULL_SCALE, SPLITS
from spiceloop.kws.load import list_data, load_data
from spiceloop.kws.noise import split_noise


@pytest.fixture(autouse=True)
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    return speech_commands(tmp_path / "data")


def same(one, other):
    for split in SPLITS:
        a, b = one.split(split), other.split(split)
        for part in ("audio", "label", "path", "speaker"):
            assert np.array_equal(getattr(a, part), getattr(b, part))
        assert a.classes == b.classes
    for kind in ("noise_train", "noise_unseen"):
        for a, b in zip(getattr(one, kind), getattr(other, kind), strict=True):
            assert np.array_equal(a, b)
    for name in ("noise_train_names", "sample_rate", "fingerprint", "warnings", "short", "clipped"):
        assert getattr(one, name) == getattr(other, name)
    return True


def test_every_clip_holds_its_own_file(folder):
    data = load_data(folder, cache=False)
    assert data.samples == RATE
    assert data.train.audio.dtype == np.int16
    for clips in (data.train, data.val):
        for row, path in enumerate(clips.path):
            word, name = path.split("/")
            place = ("yes", "no", "bed", "cat").index(word)
            number = int(name[1]) - 1
            expected = tone(200 + 50 * place + 7 * number)
            assert np.abs(clips.audio[row] / FULL_SCALE - expected).max() < 1e-4
            label = data.classes[clips.label[row]]
            assert label == (word if word in ("yes", "no") else "_unknown_")


def test_test_silence_comes_from_the_part_of_the_noise_kept_for_testing(folder):
    data = load_data(folder, cache=False)
    rows = np.flatnonzero(data.test.label == data.classes.index("_silence_"))
    assert len(rows) == 2
    _, held_out = split_noise(data.noise_train)
    parts = dict(zip(data.noise_train_names, held_out, strict=True))
    for row in rows:
        name, _, first = str(data.test.path[row]).partition("@")
        piece = parts[name][int(first) : int(first) + RATE]
        clip = data.test.audio[row] / FULL_SCALE
        gain = clip @ piece / (piece @ piece)
        assert np.allclose(clip, gain * piece, atol=2 / FULL_SCALE)
    assert not data.train.counts()["_silence_"]


def test_short_clips_are_padded_long_ones_cut_loud_ones_counted(folder):
    write(folder / "yes" / "a1_nohash_0.wav", tone(440, 0.25))
    write(folder / "yes" / "a2_nohash_0.wav", np.concatenate([tone(440), tone(900)]))
    write(folder / "yes" / "a3_nohash_0.wav", np.clip(9 * tone(440), -1, 1))
    data = load_data(folder, cache=False)
    assert (data.short, data.cut, data.clipped) == (1, 1, 1)
    rows = {str(p): a for p, a in zip(data.train.path, data.train.audio, strict=True)}
    assert not rows["yes/a1_nohash_0.wav"][4000:].any()
    assert np.abs(rows["yes/a2_nohash_0.wav"] / FULL_SCALE - tone(440)).max() < 1e-4
    assert data.warnings == (
        "1 of 18 clips shorter than 1 s: padded with zeros at the end",
        "1 of 18 clips longer than 1 s: only their start is used",
        "1 of 18 clips clipped: over 0.1% of their samples at full scale",
    )


def test_speakers_in_two_splits_are_a_warning(tmp_path):
    rows = [{**row, "speaker": f"s{n % 5}"} for n, row in enumerate(manifest_rows())]
    root = manifest(tmp_path / "m", rows, columns=("path", "label", "split", "speaker"))
    warnings = load_data(root, cache=False).warnings
    assert any(w.startswith("2 speakers are in both train and test, such as s0") for w in warnings)


def test_class_without_validation_clips_is_a_warning(tmp_path):
    rows = [r for r in manifest_rows() if (r["label"], r["split"]) != ("no", "val")]
    root = manifest(tmp_path / "m", rows)
    assert "no validation clips of no" in load_data(root, cache=False).warnings


def test_one_bad_file_is_named(folder):
    bad = write(folder / "no" / "b1_nohash_0.wav", tone(100, rate=8000), 8000)
    with pytest.raises(AudioError, match=rf"^{re.escape(str(bad))}: 8000 Hz"):
        load_data(folder)
    assert load_data(folder, resample=True).val.counts()["no"] == 1


def test_many_bad_files_first_few_and_total(folder):
    for path in (folder / "yes").glob("*.wav"):
        path.write_text("no sound")
    (folder / "_background_noise_" / "tap.wav").write_bytes(b"")
    with pytest.raises(AudioError) as caught:
        load_data(folder)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{folder}: 7 of 20 sound files cannot be used:"
    assert len(lines) == 7
    assert lines[-1] == "  …"


def test_decoding_gives_up_after_a_hundred_bad_files(tmp_path):
    speakers = {"train": [f"a{n}" for n in range(300)], "val": ["b"], "test": ["c"]}
    root = speech_commands(tmp_path / "data", ("yes",), speakers=speakers)
    for path in (root / "yes").glob("*.wav"):
        path.write_text("no sound")
    with pytest.raises(AudioError, match=r"at least 256 of 304 sound files"):
        load_data(root)


def test_progress_reaches_the_total(folder):
    told = []
    load_data(folder, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (20, 20)
    assert told == sorted(told)


@pytest.mark.parametrize("workers", [1, 3])
def test_number_of_threads_changes_nothing(folder, workers):
    assert same(load_data(folder, cache=False), load_data(folder, cache=False, workers=workers))


class TestLayout:
    def test_no_folder(self, tmp_path):
        with pytest.raises(DataError, match="no such folder"):
            load_data(tmp_path / "nowhere")

    def test_file_instead_of_a_folder(self, tmp_path):
        path = write(tmp_path / "a.wav", tone(100))
        with pytest.raises(DataError, match="no such folder"):
            load_data(path)

    def test_folder_of_something_else(self, tmp_path):
        with pytest.raises(DataError, match=r"no speech data: expected manifest\.csv, or"):
            list_data(tmp_path)

    def test_the_folder_above_is_pointed_out(self, folder):
        with pytest.raises(DataError, match=f"did you mean {re.escape(str(folder))}"):
            list_data(folder.parent)

    def test_split_column_without_a_manifest(self, folder):
        with pytest.raises(DataError, match=r"--split-column is for a folder with manifest\.csv"):
            list_data(folder, split_column="split_P1")

    def test_manifest_wins(self, folder):
        manifest(folder, manifest_rows(("alpha",)))
        assert list_data(folder).classes[0] == "alpha"


class TestCache:
    def entries(self):
        return sorted(p.name for p in cache_root().iterdir())

    def test_second_load_decodes_nothing_and_is_the_same(self, folder):
        first = load_data(folder)
        told = []
        second = load_data(folder, progress=lambda *args: told.append(args))
        assert same(first, second)
        assert not told
        assert isinstance(second.train.audio, np.memmap)
        assert not second.train.audio.flags.writeable

    def test_the_fingerprint_is_of_the_content_not_the_place(self, folder, tmp_path):
        other = folder.rename(tmp_path / "moved")
        moved = load_data(other)
        os.utime(other / "yes" / "a1_nohash_0.wav", (1, 1))
        assert load_data(other).fingerprint == moved.fingerprint
        write(other / "yes" / "a1_nohash_0.wav", tone(999))
        assert load_data(other).fingerprint != moved.fingerprint

    def test_a_changed_file_is_noticed_and_the_old_state_removed(self, folder):
        load_data(folder)
        (old,) = self.entries()
        write(folder / "yes" / "a1_nohash_0.wav", tone(999, 0.5))
        data = load_data(folder)
        assert data.short == 1
        (new,) = self.entries()
        assert new != old

    def test_other_options_have_places_of_their_own(self, folder):
        load_data(folder)
        load_data(folder, resample=True)
        load_data(folder, words=("cat", "no"))
        assert len(self.entries()) == 3
        assert load_data(folder).classes[0] == "yes"

    @pytest.mark.parametrize("name", ["data.json", "train.audio.npy", "noise_train.1.npy"])
    @pytest.mark.parametrize("harm", ["remove", "halve", "garbage"])
    def test_a_damaged_entry_is_made_anew(self, folder, name, harm):
        first = load_data(folder)
        (entry,) = cache_root().iterdir()
        path = entry / name
        if harm == "remove":
            path.unlink()
        elif harm == "halve":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        else:
            path.write_bytes(b"\x93garbage" + bytes(path.stat().st_size - 8))
        told = []
        assert same(first, load_data(folder, progress=lambda *args: told.append(args)))
        assert told
        told.clear()
        assert same(first, load_data(folder, progress=lambda *args: told.append(args)))
        assert not told

    def test_a_cache_that_cannot_be_written_is_a_warning(self, folder, cache_home):
        cache_home.write_text("a file where a folder should be")
        data = load_data(folder)
        assert len(data.train) == 9
        assert "the decoded clips are not kept for next time" in data.warnings[-1]

    def test_without_cache_nothing_is_written(self, folder, cache_home):
        load_data(folder, cache=False)
        assert not cache_home.exists()

    def test_an_interrupted_write_leaves_no_half_entry(self, folder, monkeypatch):
        def stop(*_args, **_how):
            raise KeyboardInterrupt

        monkeypatch.setattr("spiceloop.kws.cache.json.dumps", stop)
        with pytest.raises(KeyboardInterrupt):
            load_data(folder)
        assert self.entries() == []

    def test_another_process_that_was_faster(self, folder):
        data = load_data(folder, cache=False)
        place = cache_for(list_data(folder), ("resample", False))
        assert place.store(data) == ""
        assert place.store(data) == ""
        loaded = place.load()
        assert loaded is not None
        assert same(data, loaded)

    def test_noise_of_the_official_kind_only(self, folder):
        write(folder / "noise_unseen" / "rain.wav", noise(1, 5))
        data = load_data(folder)
        assert load_data(folder).noise_unseen_names == data.noise_unseen_names == ("rain.wav",)
