"""Is a sound file all there? libsndfile reads a cut-off WAV or Ogg file without a word."""

from __future__ import annotations

import os
import struct
from pathlib import Path

__all__ = ["is_cut_off"]

_UNKNOWN_LENGTH = 0x7FFF0000  # programs that write to a pipe put about 2 or 4 GiB here
_OGG_TAIL = 65_536 + 512  # bytes; no Ogg page is longer than 65,307
_END_OF_STREAM = 0x04  # Ogg page header flag
_OGG_HEADER = 27  # bytes; the last one counts the segment lengths that follow


def is_cut_off(path: Path) -> bool:
    """Return whether the file ends before its own container says; False where it does not say.

    WAV (RIFF): the data chunk's length against the file's. Ogg (RFC 3533): the last page must
    carry the end-of-stream flag. Other formats: False (FLAC's decoder notices by itself).
    Raises `OSError` where the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(12)
        size = os.fstat(file.fileno()).st_size
        if start[:4] == b"OggS":
            file.seek(max(0, size - _OGG_TAIL))
            return not _ends_with_last_page(file.read())
        if start[:4] != b"RIFF" or start[8:] != b"WAVE":
            return False
        at = 12
        while at + 8 <= size:
            file.seek(at)
            name, length = struct.unpack("<4sI", file.read(8))
            if name == b"data":
                return bool(length < _UNKNOWN_LENGTH and at + 8 + length > size)
            at += 8 + length + length % 2
    return True  # no data chunk at all


def _ends_with_last_page(tail: bytes) -> bool:
    """Return whether the last Ogg page is whole and marked as the stream's end."""
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + _OGG_HEADER:
        return False
    segments = tail[at + _OGG_HEADER : at + _OGG_HEADER + tail[at + _OGG_HEADER - 1]]
    whole = len(tail) >= at + _OGG_HEADER + len(segments) + sum(segments)
    return (
        whole
        and len(segments) == tail[at + _OGG_HEADER - 1]
        and bool(tail[at + 5] & _END_OF_STREAM)
    )
