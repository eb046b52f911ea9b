"""`spiceloop data`: the real command on good folders, bad ones, networks and full disks."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from file_server import FileServer, serving
from speech_folders import manifest, manifest_rows, speech_commands, tone, write
from spiceloop.kws.fetch import SPEECH_COMMANDS, Archive

SHARED = Path(__file__).parents[3].parent / "shared" / "speech"


@pytest.fixture(autouse=True)
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    return speech_commands(tmp_path / "speech")


def archive_of(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(folder, arcname=".")
    return buffer.getvalue()


def digest_of(server: FileServer) -> str:
    return hashlib.sha256(server.content).hexdigest()


class TestCheck:
    def test_table_and_warnings(self, cli, folder):
        write(folder / "yes" / "a1_nohash_0.wav", tone(200, 0.5))
        done = cli("data", "check", "speech")
        assert done.returncode == 0
        rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line}
        assert rows["class"] == ["train", "val", "test"]
        assert rows["yes"] == ["3", "1", "2"]
        assert rows["_silence_"] == ["0", "0", "2"]
        assert rows["speakers"] == ["3", "1", "2"]
        assert "1 of 18 clips shorter than 1 s" in done.stderr
        assert "decoding: 100 %" in done.stderr
        again = cli("data", "check", "speech")
        assert again.stdout == done.stdout
        assert "decoding" not in again.stderr

    def test_json(self, inside, folder):
        said = json.loads(inside("data", "check", "speech", "--words", "cat, no", "--json").stdout)
        assert said["classes"] == ["cat", "no", "_unknown_", "_silence_"]
        assert said["clips"]["train"] == {"cat": 3, "no": 3, "_unknown_": 3, "_silence_": 0}
        assert said["noise_train"] == ["hum.wav", "tap.wav"]
        assert said["clip_seconds"] == 1.0
        assert said["warnings"] == []
        assert len(said["fingerprint"]) == 32

    def test_no_cache(self, inside, folder, cache_home):
        assert inside("data", "check", "speech", "--no-cache").returncode == 0
        assert not cache_home.exists()

    def test_unwritable_cache_is_a_warning(self, inside, folder, cache_home):
        cache_home.write_text("")
        done = inside("data", "check", "speech")
        assert done.returncode == 0
        assert "warning: the decoded clips are not kept for next time" in done.stderr

    def test_cache_on_a_full_disk_is_a_warning(self, inside, folder, small_disk, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(small_disk))
        done = inside("data", "check", "speech")
        assert done.returncode == 0
        assert "not kept for next time" in done.stderr
        assert "is the disk full?" in done.stderr or "No space left" in done.stderr
        assert not [p for p in small_disk.rglob("*") if p.is_file()]

    def test_speakers_in_two_splits(self, inside, tmp_path):
        speech_commands(
            tmp_path / "speech", speakers={"train": ["a", "b"], "val": ["c"], "test": ["d"]}
        )
        (tmp_path / "speech" / "yes" / "d_nohash_1.wav").write_bytes(
            (tmp_path / "speech" / "yes" / "d_nohash_0.wav").read_bytes()
        )
        done = inside("data", "check", "speech")
        assert "warning: 1 speakers are in both train and test, such as d" in done.stderr


class TestBadInput:
    """Each leaves with 2 and names the file or class and what to do."""

    def refused(self, done, *words):
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        for word in words:
            assert word in done.stderr

    def test_wrong_rate(self, inside, folder):
        write(folder / "no" / "b1_nohash_0.wav", tone(200, rate=8000), 8000)
        done = inside("data", "check", "speech")
        self.refused(done, "no/b1_nohash_0.wav: 8000 Hz where 16000 Hz", "--resample")
        assert inside("data", "check", "speech", "--resample").returncode == 0

    def test_stereo(self, inside, folder):
        write(folder / "no" / "b1_nohash_0.wav", np.stack([tone(200)] * 2, axis=1))
        done = inside("data", "check", "speech")
        self.refused(done, "b1_nohash_0.wav: 2 channels", "--resample")
        assert inside("data", "check", "speech", "--resample").returncode == 0

    def test_clipped_is_a_warning(self, inside, folder):
        write(folder / "no" / "b1_nohash_0.wav", np.clip(5 * tone(200), -1, 1))
        done = inside("data", "check", "speech")
        assert done.returncode == 0
        assert "1 of 18 clips clipped" in done.stderr

    def test_empty_file(self, inside, folder):
        (folder / "no" / "b1_nohash_0.wav").write_bytes(b"")
        self.refused(inside("data", "check", "speech"), "b1_nohash_0.wav: the file is empty")

    def test_truncated_file(self, inside, folder):
        path = folder / "no" / "b1_nohash_0.wav"
        path.write_bytes(path.read_bytes()[:20_000])
        self.refused(inside("data", "check", "speech"), "b1_nohash_0.wav: the file is cut off")

    def test_text_named_wav(self, inside, folder):
        (folder / "no" / "b1_nohash_0.wav").write_text("hello")
        self.refused(inside("data", "check", "speech"), "b1_nohash_0.wav: not a sound file")

    def test_empty_class(self, inside, folder):
        for path in (folder / "no").glob("c*"):
            path.unlink()
        self.refused(
            inside("data", "check", "speech"), "class 'no' has no test clips (yes 2, no 0, "
        )

    def test_missing_manifest_files(self, inside, tmp_path):
        manifest(tmp_path / "m", manifest_rows(), sounds=False)
        self.refused(inside("data", "check", "m"), "12 of 12 files are missing", "and 7 more")

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("nowhere",), "no such folder of speech data"),
            ((".",), "did you mean speech?"),
            (("speech", "--words", "yes,banana"), "no folder for the keyword banana"),
            (("speech", "--words", ""), "expected a plain word"),
            (("speech", "--split-column", "split"), "--split-column is for a folder with"),
            ((), "Missing argument"),
        ],
    )
    def test_wrong_words(self, inside, folder, words, said):
        self.refused(inside("data", "check", *words), said)

    def test_errors_as_json(self, inside, folder):
        (folder / "yes" / "a1_nohash_0.wav").write_bytes(b"")
        done = inside("data", "check", "speech", "--json")
        assert done.returncode == 2
        error = json.loads(done.stdout)["error"]
        assert error["type"] == "AudioError"
        assert "the file is empty" in error["message"]


class TestFetch:
    @pytest.fixture
    def server(self, folder):
        content = archive_of(folder)
        with serving(content) as running:
            yield running

    def words(self, server, target="new", digest=None):
        digest = digest or digest_of(server)
        return ("data", "fetch", target, "--url", server.url, "--sha256", digest)

    def test_then_check(self, cli, server):
        done = cli(*self.words(server))
        assert done.returncode == 0, done.stderr
        assert done.stdout == "new\n"
        assert "next: spiceloop data check new" in done.stderr
        assert cli("data", "check", "new").stdout == cli("data", "check", "speech").stdout

    def test_ctrl_c_then_the_same_command_goes_on(self, command, cli, server, tmp_path):
        server.pause = 0.02
        process = subprocess.Popen(
            [command, *self.words(server)], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        try:
            part = tmp_path / "new.download" / "archive.part"
            ends = time.monotonic() + 30
            while server.sent < 200_000 and time.monotonic() < ends:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert not (tmp_path / "new").exists()
        had = part.stat().st_size
        assert 0 < had < len(server.content)
        server.pause = 0.0
        assert cli(*self.words(server)).returncode == 0
        assert server.asked == [None, f"bytes={had}-"]
        assert cli("data", "check", "new").returncode == 0

    def test_wrong_checksum(self, inside, server, tmp_path):
        done = inside(*self.words(server, digest="F" * 64))
        assert done.returncode == 2
        assert f"wrong checksum: SHA-256 {digest_of(server)}" in done.stderr
        assert not (tmp_path / "new").exists()

    def test_a_mirror_is_held_to_the_public_checksum(self, inside, server, tmp_path):
        done = inside("data", "fetch", "new", "--url", server.url)
        assert done.returncode == 2
        assert f"where {SPEECH_COMMANDS.sha256} was expected" in done.stderr
        assert not (tmp_path / "new").exists()

    def test_checksum_without_an_address(self, inside, server):
        done = inside("data", "fetch", "new", "--sha256", "0" * 64)
        assert done.returncode == 2
        assert "--sha256 is for --url" in done.stderr

    def test_official_test_set_goes_inside(self, inside, server, folder, monkeypatch):
        for name in ("yes", "no", "_unknown_", "_silence_"):
            write(folder / "inner" / name / "x_nohash_0.wav", tone(300))
        server.content = archive_of(folder / "inner")
        shutil.rmtree(folder / "inner")
        monkeypatch.setattr(
            "spiceloop.kws.fetch.SPEECH_COMMANDS_TEST_SET", Archive(server.url, digest_of(server))
        )
        assert inside("data", "fetch", "speech", "--test-set").returncode == 0
        said = json.loads(inside("data", "check", "speech", "--json").stdout)
        assert set(said["clips"]["test"].values()) == {1}

    def test_folder_that_is_not_empty(self, inside, server):
        done = inside(*self.words(server, target="speech"))
        assert done.returncode == 2
        assert "speech exists already" in done.stderr
        assert server.asked == []

    @pytest.mark.parametrize("lengths", [True, False])
    def test_full_disk(self, cli, server, small_disk, lengths):
        server.lengths = lengths
        server.content = np.random.default_rng(0).bytes(1 << 20)
        done = cli(*self.words(server, target=small_disk / "new"))
        assert done.returncode == 5
        said = "MB are free" if lengths else "No space left on device"
        assert said in done.stderr
        assert not (small_disk / "new").exists()


@pytest.mark.skipif(
    not (shutil.which("espeak-ng") or shutil.which("flite")),
    reason="neither espeak-ng nor flite is installed",
)
class TestSynth:
    def test_then_check(self, cli):
        done = cli("data", "synth", "set", "--clips", "10", "--words", "alpha,bravo")
        assert done.returncode == 0, done.stderr
        assert done.stdout == "set\n"
        assert "next: spiceloop data check set --words alpha,bravo" in done.stderr
        checked = cli("data", "check", "set", "--words", "alpha,bravo", "--json")
        said = json.loads(checked.stdout)
        assert said["classes"] == ["alpha", "bravo", "_unknown_", "_silence_"]
        assert said["warnings"] == []

    def test_json(self, inside):
        done = inside("data", "synth", "set", "--clips", "10", "--words", "yes", "--json")
        said = json.loads(done.stdout)
        assert said["words"] == ["yes"]
        assert said["clips"] == 15 + 10 * 3
        assert said["check"] == "spiceloop data check set --words yes"

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--clips", "3"), "--clips 3: expected 10 or more"),
            (("--seed", "-1"), "--seed -1: expected 0 or more"),
            (("--words", "Yes!"), "keyword 'Yes!'"),
        ],
    )
    def test_wrong_words(self, inside, tmp_path, words, said):
        done = inside("data", "synth", "set", *words)
        assert done.returncode == 2
        assert said in done.stderr
        assert not (tmp_path / "set").exists()

    def test_full_disk(self, cli, small_disk):
        done = cli("data", "synth", small_disk / "set", "--clips", "10", "--words", "yes")
        assert done.returncode == 5, done.stderr
        assert not list(small_disk.iterdir())

    def test_without_the_programs(self, cli, command, tmp_path):
        done = cli("data", "synth", "set", env={"PATH": str(tmp_path)})
        assert done.returncode == 3
        assert "apt install espeak-ng flite" in done.stderr


def test_help_of_the_group(inside):
    done = inside("data")
    assert done.returncode == 0
    for word in ("check", "fetch", "synth"):
        assert word in done.stdout


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded speech is not on this machine")
class TestRecordedSpeech:
    def test_bad_choice_of_a_split_column(self, inside):
        done = inside("data", "check", SHARED)
        assert done.returncode == 2
        assert "choose one by --split-column: split_P1, split_P2" in done.stderr

    @pytest.mark.slow
    def test_every_file_can_be_decoded(self, cli):
        done = cli("data", "check", SHARED, "--split-column", "split_P1", "--json", timeout=280)
        said = json.loads(done.stdout)
        assert {name: sum(c.values()) for name, c in said["clips"].items()} == {
            "train": 9300,
            "val": 1080,
            "test": 4092,
        }
        assert not any("speakers are in both" in w for w in said["warnings"])
        assert len(said["noise_unseen"]) == 48
