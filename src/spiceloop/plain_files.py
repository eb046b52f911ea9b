"""Reading files that strangers name: ordinary ones only, in one go, up to a limit."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["file_status", "is_file", "read_plain"]

# Files there have no size and no end, and reading one may wait for ever.
_NO_FILES = ("/proc", "/sys", "/dev")
_FILES = "/dev/shm"  # an ordinary folder, in memory; nothing is written there


def file_status(file: Path, limit: int) -> os.stat_result:
    """Return a file's status. Raises `OSError` unless it is ordinary and has ``limit`` bytes."""
    try:
        found = file.stat()
        where = file.resolve()
    except (ValueError, RuntimeError):  # a NUL in the name; links in a circle
        raise OSError(errno.EINVAL, "this is no name of a file") from None
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    if not where.is_relative_to(_FILES) and any(where.is_relative_to(f) for f in _NO_FILES):
        raise OSError(errno.EINVAL, "it is not an ordinary file")
    if found.st_size > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit >> 10} KiB")
    return found


def read_plain(file: Path, limit: int) -> bytes:
    """Return a file's content. Raises `OSError`, see `file_status`."""
    file_status(file, limit)
    with file.open("rb") as opened:
        return opened.read(limit)


def is_file(path: Path) -> bool:
    """Say whether a file is there; no name is too strange to be asked."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
