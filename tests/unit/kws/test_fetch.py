"""Download against a real HTTP server on this machine."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile

import pytest

from file_server import serving
from spiceloop.errors import DataError, StorageError
from spiceloop.kws.fetch import SPEECH_COMMANDS, SPEECH_COMMANDS_TEST_SET, Archive, fetch

CONTENT = {"./yes/a_nohash_0.wav": b"one" * 5000, "./testing_list.txt": b"yes/a_nohash_0.wav\n"}


def tar(content=CONTENT, *, extra=(), mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        folder = tarfile.TarInfo("./yes")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member, data in extra:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def server():
    with serving(tar()) as running:
        yield running


def archive_of(server):
    return Archive(server.url, hashlib.sha256(server.content).hexdigest())


@pytest.fixture
def target(tmp_path):
    return tmp_path / "speech"


def only_the_data(target):
    assert (target / "yes" / "a_nohash_0.wav").read_bytes() == b"one" * 5000
    assert [p.name for p in target.parent.iterdir()] == [target.name]
    return True


def part(target):
    return target.with_name("speech.download") / "archive.part"


def test_good(server, target):
    told = []
    fetch(archive_of(server), target, lambda *args: told.append(args))
    assert only_the_data(target)
    assert {doing for doing, _, _ in told} == {"downloading", "unpacking"}
    assert ("downloading", len(server.content), len(server.content)) in told
    assert server.asked == [None]


@pytest.mark.parametrize("mode", ["w", "w:bz2", "w:xz"])
def test_other_compressions(server, target, mode):
    server.content = tar(mode=mode)
    fetch(archive_of(server), target)
    assert only_the_data(target)


def test_an_empty_folder_will_do_a_full_one_not(server, target):
    target.mkdir()
    fetch(archive_of(server), target)
    assert only_the_data(target)
    with pytest.raises(DataError, match="exists already"):
        fetch(archive_of(server), target)


def test_wrong_checksum_unpacks_nothing(server, target):
    with pytest.raises(DataError, match=r"wrong checksum: SHA-256 [0-9a-f]{64} where 0{64} was"):
        fetch(Archive(server.url, "0" * 64), target)
    assert not target.exists()
    assert not part(target).exists()


def test_broken_off_then_resumed(server, target):
    server.stop_after = 100
    with pytest.raises(DataError, match=r"connection broke after 100 bytes .*run the same command"):
        fetch(archive_of(server), target)
    assert part(target).read_bytes() == server.content[:100]
    server.stop_after = None
    fetch(archive_of(server), target)
    assert server.asked == [None, "bytes=100-"]
    assert only_the_data(target)


def test_a_server_that_ignores_ranges_starts_over(server, target):
    server.stop_after = 100
    with pytest.raises(DataError):
        fetch(archive_of(server), target)
    server.stop_after, server.ranges = None, False
    fetch(archive_of(server), target)
    assert only_the_data(target)


def test_a_complete_download_asks_for_nothing(server, target):
    part(target).parent.mkdir()
    part(target).write_bytes(server.content)
    fetch(archive_of(server), target)
    assert server.asked == []
    assert only_the_data(target)


@pytest.mark.parametrize("surplus", [0, 50])
def test_leftovers_of_another_file_are_thrown_away(server, target, surplus):
    part(target).parent.mkdir()
    part(target).write_bytes(b"x" * (len(server.content) + surplus))
    with pytest.raises(DataError, match="no part of this file, and was thrown away"):
        fetch(archive_of(server), target)
    fetch(archive_of(server), target)
    assert only_the_data(target)


def test_without_a_length_the_checksum_decides(server, target):
    server.lengths = False
    fetch(archive_of(server), target)
    assert only_the_data(target)


@pytest.mark.parametrize(("status", "said"), [(404, "404 Not Found"), (503, "503 Service")])
def test_server_errors(server, target, status, said):
    server.status = status
    with pytest.raises(DataError, match=f"the server says {said}"):
        fetch(archive_of(server), target)


def test_nobody_there(target):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refuses connections
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a.tar.gz"
        with pytest.raises(DataError, match=r"no connection: Connection refused.*data synth"):
            fetch(Archive(url, "0" * 64), target)


def test_no_such_host(target):
    with pytest.raises(DataError, match="no connection"):
        fetch(Archive("http://host.invalid/a.tar.gz", "0" * 64), target)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://a/b", "file:///etc/passwd", "a.tar.gz", "http://", "http:///a", "http://["),
        *("http://a:port/b", "http://a/b c", "http://a/b\n", "http://a/bä"),
    ],
)
def test_addresses_that_are_none(url):
    with pytest.raises(DataError, match="expected http"):
        Archive(url, "0" * 64)


def test_checksum_of_another_kind():
    with pytest.raises(DataError, match="expected 64 hexadecimal"):
        Archive("http://a/b", "6b74f3901214cb2c2934e98196829835")


def member(name, kind=tarfile.REGTYPE, link=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (member("../escaped.txt"), "leads out of its folder"),
        (member("yes/../../escaped.txt"), "leads out of its folder"),
        (member("/tmp/escaped.txt"), "leads out of its folder"),
        (member("yes/link", tarfile.SYMTYPE, "/etc/passwd"), "no plain file"),
        (member("yes/link", tarfile.LNKTYPE, "../../escaped.txt"), "no plain file"),
        (member("yes/pipe", tarfile.FIFOTYPE), "no plain file"),
        (member("yes/disk", tarfile.BLKTYPE), "no plain file"),
    ],
)
def test_malicious_members(server, target, bad, said):
    server.content = tar(extra=[(bad, b"evil" if bad.isreg() else b"")])
    with pytest.raises(DataError, match=said):
        fetch(archive_of(server), target)
    assert not target.exists()
    assert not list(target.parent.rglob("escaped*"))


def test_rights_of_the_archive_are_not_taken_over(server, target):
    program = member("yes/run")
    program.mode, program.uid = 0o6777, 12345
    server.content = tar(extra=[(program, b"#!/bin/sh")])
    fetch(archive_of(server), target)
    assert (target / "yes" / "run").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(
    "content", [b"<html>sign in</html>", tar()[:-200], b"\x1f\x8b" + b"x" * 99]
)
def test_no_tar_archive_at_all(server, target, content):
    server.content = content
    with pytest.raises(DataError, match="not a readable tar archive"):
        fetch(archive_of(server), target)
    assert not target.exists()


def test_target_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, DataError)):
        fetch(archive_of(server), tmp_path / "file" / "speech")


def test_the_public_archives_are_well_formed():
    for archive in (SPEECH_COMMANDS, SPEECH_COMMANDS_TEST_SET):
        assert archive.url.endswith("_v0.02.tar.gz")
