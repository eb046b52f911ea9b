"""Is a sound file all there? libsndfile reads a cut-off WAV or Ogg file without a word."""

from __future__ import annotations

import os
import struct
from pathlib import Path

__all__ = ["is_cut_off"]

_UNKNOWN_LENGTH = 0x7FFF0000  # programs that write to a pipe put about 2 or 4 GiB here
_OGG_TAIL = 65_536 + 512  # bytes; no Ogg page is longer than 65,307
_END_OF_STREAM = 0x04  # Ogg page header flag


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
            tail = file.read()
            last = tail.rfind(b"OggS")
            return last < 0 or len(tail) < last + 27 or not tail[last + 5] & _END_OF_STREAM
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
