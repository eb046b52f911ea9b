"""A folder with manifest.csv: what it may say, and each thing that is wrong with it."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from speech_folders import manifest, manifest_rows, noise, tone, write
from spiceloop.errors import DataError
from spiceloop.kws.manifest import list_manifest


def test_rows_become_clips(tmp_path):
    rows = [{**row, "speaker": "s1", "word": "y"} for row in manifest_rows()]
    rows.append({**rows[0], "path": "extra.wav", "split": "drop"})
    root = manifest(tmp_path, rows, columns=("path", "label", "word", "speaker", "split"))
    listing = list_manifest(root)
    assert listing.classes == ("no", "yes")
    assert len(listing.files) == 12
    assert Counter(f.split for f in listing.files) == {"train": 4, "val": 4, "test": 4}
    assert {f.speaker for f in listing.files} == {"s1"}


def test_a_byte_order_mark_and_spaces_do_no_harm(tmp_path):
    root = manifest(tmp_path, manifest_rows())
    text = (root / "manifest.csv").read_text().replace(",", " , ")
    (root / "manifest.csv").write_text("\ufeff" + text, encoding="utf-8")
    assert len(list_manifest(root).files) == 12


def test_unknown_and_silence_come_last_and_silence_needs_no_training_clips(tmp_path):
    rows = manifest_rows(("_unknown_", "yes", "no"))
    rows += manifest_rows(("_silence_",), ("test",))
    root = manifest(tmp_path, rows)
    with pytest.raises(DataError, match=r"'_silence_' has no train clips .*noise_train"):
        list_manifest(root)
    write(root / "noise_train" / "tap.flac", noise(2, 0))
    write(root / "noise_unseen" / "rain.ogg", noise(2, 0))
    listing = list_manifest(root)
    assert listing.classes == ("no", "yes", "_unknown_", "_silence_")
    assert [p.name for p in listing.noise_train] == ["tap.flac"]
    assert [p.name for p in listing.noise_unseen] == ["rain.ogg"]


def test_background_noise_folder_of_the_other_layout(tmp_path):
    root = manifest(tmp_path, manifest_rows())
    write(root / "_background_noise_" / "tap.wav", noise(2, 0))
    assert [p.name for p in list_manifest(root).noise_train] == ["tap.wav"]


def test_words_select_and_order_keywords(tmp_path):
    root = manifest(tmp_path, manifest_rows(("a", "b", "c", "_unknown_")))
    listing = list_manifest(root, words=("c", "a"))
    assert listing.classes == ("c", "a", "_unknown_")
    assert listing.warnings == ("6 clips of other words left out: b",)
    with pytest.raises(DataError, match=r"no clips of d by column 'split'; labels: _unknown_, a"):
        list_manifest(root, words=("a", "d"))


def test_split_columns(tmp_path):
    rows = [{**row, "split_two": "train"} for row in manifest_rows()]
    rows[-1]["split_two"] = rows[0]["split_two"] = "test"
    one = [{"path": r["path"], "label": r["label"], "split_two": r["split_two"]} for r in rows]
    root = manifest(tmp_path / "one", one, columns=("path", "label", "split_two"))
    assert sum(f.split == "test" for f in list_manifest(root).files) == 2
    both = [{**row, "split_one": row["split"]} for row in one for row in [{**row, "split": "x"}]]
    columns = ("path", "label", "split_one", "split_two")
    both = [{k: v for k, v in row.items() if k in columns} for row in both]
    root = manifest(tmp_path / "two", both, columns=columns)
    with pytest.raises(DataError, match=r"choose one by --split-column: split_one, split_two"):
        list_manifest(root)
    assert len(list_manifest(root, "split_two").files) == 12
    with pytest.raises(DataError, match=r"no split column 'split_three'; split columns: split_one"):
        list_manifest(root, "split_three")
    with pytest.raises(DataError, match=r"no clip has train, val or test .*values: 'x'"):
        list_manifest(root, "split_one")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column 'path' and no column 'label'; columns: none"),
        ("path,split\na.wav,train\n", "no column 'label'; columns: path, split"),
        ("path,label\na.wav,yes\n", "no column 'split'"),
        ("path,label,split,colour\n", "unknown column 'colour'"),
        ("path,label,split,split\n", "column 'split' is there more than once"),
        ("path,label,split\na.wav,yes\n", "1 rows with more or fewer than 3 fields: row 2"),
        ("path,label,split\na.wav,yes,train,x\n", "1 rows with more or fewer than 3 fields"),
        ("path,label,split\na.wav,,train\n", "1 clips without a label: a.wav"),
        ("path,label,split\n", "no clip has train, val or test in column 'split'; values: none"),
        ("path,label,split\na.wav,_odd,train\n", "keyword '_odd': expected a plain word"),
    ],
)
def test_manifests_that_are_wrong(tmp_path, text, said):
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(DataError, match=re.escape(said)):
        list_manifest(tmp_path)


def test_binary_manifest(tmp_path):
    (tmp_path / "manifest.csv").write_bytes(b"\xff\xfe\x00path")
    with pytest.raises(DataError, match="cannot be read"):
        list_manifest(tmp_path)


def test_missing_files_first_few_and_total(tmp_path):
    root = manifest(tmp_path, manifest_rows(), sounds=False)
    with pytest.raises(DataError, match=r"12 of 12 files are missing: train/yes_0.* and 7 more$"):
        list_manifest(root)


@pytest.mark.parametrize("path", ["../out.wav", "/etc/hostname", "train/../../out.wav", "", ".."])
def test_paths_that_lead_out(tmp_path, path):
    write(tmp_path / "out.wav", tone(100))
    root = manifest(tmp_path / "in", manifest_rows())
    with (root / "manifest.csv").open("a") as file:
        file.write(f"{path},yes,train\n")
    with pytest.raises(DataError, match="1 of 13 paths lie outside"):
        list_manifest(root)


def test_a_link_that_leads_out(tmp_path):
    outside = write(tmp_path / "out.wav", tone(100))
    root = manifest(tmp_path / "in", manifest_rows())
    (root / "train" / "yes_0.wav").unlink()
    (root / "train" / "yes_0.wav").symlink_to(outside)
    with pytest.raises(DataError, match=r"1 of 12 paths lie outside .*train/yes_0\.wav"):
        list_manifest(root)


def test_the_same_file_twice(tmp_path):
    rows = manifest_rows()
    root = manifest(tmp_path, [*rows, {**rows[0], "split": "test"}])
    with pytest.raises(DataError, match=r"1 files are listed more than once: train/yes_0\.wav"):
        list_manifest(root)


@pytest.mark.parametrize("split", ["train", "test"])
def test_empty_class(tmp_path, split):
    rows = [r for r in manifest_rows() if (r["label"], r["split"]) != ("no", split)]
    root = manifest(tmp_path, rows)
    with pytest.raises(DataError, match=rf"class 'no' has no {split} clips \(no 0, yes 2\)"):
        list_manifest(root)
