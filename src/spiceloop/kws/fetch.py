"""Download of a public speech archive: resumed, checked, and unpacked in one step."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import lzma
import re
import shutil
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spiceloop.errors import DataError, StorageError
from spiceloop.kws.speech_commands import TEST_SET

__all__ = ["SPEECH_COMMANDS", "SPEECH_COMMANDS_TEST_SET", "Archive", "fetch"]

_BLOCK = 1 << 16  # bytes; an interruption loses less than one
_TIMEOUT = 60.0  # seconds without a byte
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Archive:
    """A tar archive on the network and the SHA-256 of its bytes, 64 hexadecimal digits."""

    url: str
    sha256: str

    def __post_init__(self) -> None:
        if not _is_web_address(self.url):
            raise DataError(f"URL {self.url!r}: expected http:// or https://, host, and path")
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise DataError(f"SHA-256 {self.sha256!r}: expected 64 hexadecimal digits, 0-9 and a-f")


def _is_web_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return known and url.isascii() and url.isprintable() and " " not in url


# Speech Commands v0.02, CC BY 4.0. The checksums are those that TensorFlow Datasets publishes, for
# the first one torchaudio too.
_PUBLIC = "http://download.tensorflow.org/data/"
SPEECH_COMMANDS = Archive(
    f"{_PUBLIC}speech_commands_v0.02.tar.gz",
    "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
)
SPEECH_COMMANDS_TEST_SET = Archive(
    f"{_PUBLIC}{TEST_SET}.tar.gz",
    "cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
)


def fetch(archive: Archive, target: Path, progress: Progress | None = None) -> None:
    """Download, verify and unpack an archive into ``target``, which must be new or empty.

    What was downloaded lies beside ``target`` in ``NAME.download/`` until all is done; a second
    call goes on where the first stopped. Nothing is unpacked before the checksum is right, and
    ``target`` appears only when complete. ``progress`` is called with what is being done and bytes
    done and in all (0: not known). Raises `DataError` for the network, a wrong checksum or an
    archive with anything but plain files and folders inside it; `StorageError` for a full disk.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target} exists already; give a folder that is new or empty")
    work = target.with_name(f"{target.name}.download")
    part = work / "archive.part"
    with _disk_errors(work):
        work.mkdir(parents=True, exist_ok=True)
        _download(archive, part, progress or _silent)
        unpacked = work / "unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir()
        _unpack(part, unpacked, archive.url, progress or _silent)
        unpacked.replace(target)
        shutil.rmtree(work)


def _silent(_doing: str, _done: int, _total: int) -> None:
    """Report nothing."""


@contextmanager
def _disk_errors(work: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{error.filename or work}: {error.strerror or error}; what was downloaded so far is "
            f"kept in {work}"
        ) from error


def _download(archive: Archive, part: Path, progress: Progress) -> None:
    """Complete ``part`` and check it; a file that fails the check is deleted."""
    digest = hashlib.sha256()
    have = 0
    if part.exists():
        total = part.stat().st_size
        with part.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                have += len(block)
                progress("checking what is there", have, total)
    if have and digest.hexdigest() == archive.sha256:
        return
    request = urllib.request.Request(archive.url)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with _answer(request, part, have) as (answer, goes_on):
            if not goes_on:
                digest, have = hashlib.sha256(), 0
            rest = answer.headers.get("Content-Length")
            total = have + int(rest) if rest and rest.isdecimal() else 0
            _refuse_small_disk(part, total - have)
            with part.open("ab" if goes_on else "wb") as file:
                while block := _next_block(answer, archive.url, have, total):
                    file.write(block)
                    digest.update(block)
                    have += len(block)
                    progress("downloading", have, total)
    except http.client.HTTPException as error:
        raise _broken(archive.url, have, f"{type(error).__name__} {error}") from error
    if have < total:
        raise _broken(archive.url, have, f"it ended early, {total} bytes were announced")
    if digest.hexdigest() != archive.sha256:
        part.unlink()
        raise DataError(
            f"{archive.url}: wrong checksum: SHA-256 {digest.hexdigest()} where {archive.sha256} "
            f"was expected; {have} bytes were thrown away. The file has changed, or something "
            "between here and there has changed it"
        )


@contextmanager
def _answer(
    request: urllib.request.Request, part: Path, have: int
) -> Iterator[tuple[http.client.HTTPResponse, bool]]:
    """The server's answer, and whether it goes on where ``part`` ends."""
    url = request.full_url
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if (
                error.code == 416 and have
            ):  # nothing lies behind what is there: it is the wrong file
                part.unlink()
                raise DataError(
                    f"{url}: what was downloaded before is no part of this file, and was thrown "
                    "away; run the same command again"
                ) from error
            raise DataError(f"{url}: the server says {error.code} {error.reason}") from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"{url}: no connection: {getattr(reason, 'strerror', None) or reason}. Without a "
            "network, `spiceloop data synth` makes a small set"
        ) from error
    with answer:
        said = answer.headers.get("Content-Range", "")
        yield answer, answer.status == 206 and said.startswith(f"bytes {have}-")


def _next_block(answer: http.client.HTTPResponse, url: str, have: int, total: int) -> bytes:
    try:
        return answer.read(_BLOCK)
    except OSError as error:
        raise _broken(url, have, str(error)) from error


def _broken(url: str, have: int, reason: str) -> DataError:
    return DataError(
        f"{url}: the connection broke after {have} bytes ({reason}); run the same command again "
        "to go on from there"
    )


def _refuse_small_disk(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise StorageError(
            f"{part.parent}: {needed / 1e6:.0f} MB are to be downloaded and {free / 1e6:.0f} MB "
            "are free; about twice as much again is needed to unpack them"
        )


def _unpack(file: Path, folder: Path, url: str, progress: Progress) -> None:
    """Write the archive's files below ``folder``.

    Owners, rights and times are not taken over. Links, devices and paths that lead elsewhere are
    refused, the first one found ending the work.
    """
    size = file.stat().st_size
    try:
        with file.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as archive:
            for member in archive:
                place = _place(member, folder, url)
                if member.isdir():
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                content = archive.extractfile(member)
                if content is not None:
                    with content, place.open("wb") as out:
                        shutil.copyfileobj(content, out, _BLOCK)
                progress("unpacking", raw.tell(), size)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(f"{url}: not a readable tar archive ({error})") from error


def _place(member: tarfile.TarInfo, folder: Path, url: str) -> Path:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{url}: the archive holds {member.name!r}, which leads out of its folder")
    if not (member.isfile() or member.isdir()):
        raise DataError(f"{url}: the archive holds {member.name!r}, which is no plain file")
    return folder / path
