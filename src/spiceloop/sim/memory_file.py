"""A file in memory that a process shares with those that inherit it."""

from __future__ import annotations

import fcntl
import os

from spiceloop.errors import SetupError

__all__ = ["MemoryFile"]


class MemoryFile:
    """What a plain deck and its log are kept in: a file on a disk can wait for other writers.

    On ext4 making, truncating and appending to small files took a tenth of an evaluation on an
    idle disk, and more than half of one beside a process that writes much. ``fd`` is its number
    here and, where it is passed on, in the process that inherits it.
    """

    def __init__(self, name: str) -> None:
        try:
            self.fd = os.memfd_create(name)
        except OSError as error:
            raise SetupError(f"cannot make a file in memory: {error}") from None
        # Two processes that write must not write over each other's lines.
        fcntl.fcntl(self.fd, fcntl.F_SETFL, os.O_APPEND)

    @property
    def path(self) -> str:
        """A path under which any process that has inherited it can open it anew."""
        return f"/proc/self/fd/{self.fd}"

    def write(self, text: str) -> None:
        """Replace what is in it."""
        left = memoryview(text.encode())
        os.ftruncate(self.fd, 0)
        while left:
            left = left[os.write(self.fd, left) :]

    def close(self) -> None:
        """Close it here."""
        os.close(self.fd)
