"""Is a sound file all there? libsndfile reads a cut-off WAV or Ogg file without a word."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

__all__ = ["is_cut_off"]

_UNKNOWN_LENGTH = 0x7FFF0000  # programs that write to a pipe put about 2 or 4 GiB here
_OGG_HEADER = 27  # bytes; the last one counts the segment lengths that follow
_OGG_LONGEST = 65_307  # bytes of a page
_END_OF_STREAM = 0x04  # flag in byte 5 of a page


def is_cut_off(path: Path) -> bool:
    """Return whether the file ends before its own container says; False where it does not say.

    WAV (RIFF): the data chunk's length against the file's. Ogg (RFC 3533): the last page must be
    whole and carry the end-of-stream flag. Other formats: False (FLAC's decoder notices by
    itself). Raises `OSError` where the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] == b"OggS":
            return not _ogg_is_whole(file, size)
        if start[:4] == b"RIFF" and start[8:] == b"WAVE":
            return not _wav_is_whole(file, size)
    return False


def _wav_is_whole(file: BinaryIO, size: int) -> bool:
    at = 12
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        end = at + 8 + int(length)
        if name == b"data":
            return end <= size or length >= _UNKNOWN_LENGTH
        at = end + length % 2
    return False  # no samples at all


def _ogg_is_whole(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - 2 * _OGG_LONGEST))
    tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < _OGG_HEADER:
        return False
    count = page[_OGG_HEADER - 1]
    lengths = page[_OGG_HEADER : _OGG_HEADER + count]
    whole = len(lengths) == count and len(page) >= _OGG_HEADER + count + sum(lengths)
    return whole and bool(page[5] & _END_OF_STREAM)
