"""Confine a process that runs a deck of a stranger's: second line of defence behind the vetting.

Landlock (Linux 5.13 and newer, no privilege needed) lets a process give up rights for good:
afterwards nothing in it can write, make or remove a file outside one folder, start a program, open
a TCP connection (6.7) or signal a process of another sandbox (6.12), whatever a deck, or a fault in
ngspice, makes it try. Reading stays as it was. Where the kernel has no landlock only the limits
on resources hold; nothing fails.

Run as a script this file confines itself and becomes ``ngspice -b``; it imports nothing of
spiceloop, so that the interpreter starts fast and bare.

References: Linux kernel documentation, userspace-api/landlock; landlock(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
import sys
from functools import cache

__all__ = ["UNCONFINED", "Sandbox", "kernel_support", "limit"]

# Numbers are the same on every architecture but alpha.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 1, 38, 39

_EXECUTE, _WRITE_FILE = 1 << 0, 1 << 1
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_MAKE_OTHERS = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12  # devices, sockets, pipes, links
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_BIND_AND_CONNECT_TCP = 1 << 0 | 1 << 1
_ABSTRACT_SOCKETS_AND_SIGNALS = 1 << 0 | 1 << 1

UNCONFINED = (
    "the deck could not be confined to its folder, so it was not run; if it is your own and you "
    "trust it as you would a program, use --trust-deck"
)
_FILE_LIMIT = 4 << 30  # bytes; a waveform file of this size is a mistake or an attack


@cache
def kernel_support() -> int:
    """Return the version of the kernel's landlock interface, 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    libc = _libc()
    libc.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)  # looked up now, not in each child after fork
    found = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG))
    return max(0, int(found))


def limit() -> None:
    """Bound core dumps (none), file size (4 GiB) and memory (what the machine has).

    Meant for the process that forks those which run decks: they inherit it. Where memory runs out
    all the same, the kernel ends them first.
    """
    with contextlib.suppress(OSError, ValueError):  # the user's own limits may be lower
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_LIMIT, _FILE_LIMIT))
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    with contextlib.suppress(OSError):
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(fd, b"1000")
        finally:
            os.close(fd)


class Sandbox:
    """The confinement of one process, made ahead of time and entered once, for good.

    Making it takes most of the time: do so while nobody waits. Call `kernel_support` once in a
    process that forks many of them, to prepare what they share.
    """

    def __init__(self) -> None:
        self._ruleset, self._inside = -1, 0
        if version := kernel_support():
            attributes, self._inside = _rights(version)
            self._ruleset = _libc().syscall(
                _CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)
            )
            # A rule for no ruleset, which is refused: after a fork the first run through this code
            # copies the pages it touches, which takes longer than the calls themselves.
            _allow(-1, "/", 0)

    def enter(self, folder: str, programs: tuple[str, ...] = ()) -> bool:
        """Write in ``folder`` only and start ``programs`` only from now on.

        Where there are programs to start, those may also append to what is in /tmp: ``ngspice -b``
        copies its deck to a nameless file there, which takes the same right. Files that are open
        already stay usable. Returns whether landlock is in force.
        """
        if self._ruleset < 0:
            return False
        libc = _libc()
        rules = [(folder, self._inside), *((p, _EXECUTE) for p in programs)]
        if programs:
            rules.append(("/tmp", _WRITE_FILE))
        if not all(_allow(self._ruleset, path, allowed) for path, allowed in rules):
            return False
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return bool(libc.syscall(_RESTRICT_SELF, self._ruleset, ctypes.c_uint(0)) == 0)


@cache
def _rights(version: int) -> tuple[bytes, int]:
    """Return ``struct landlock_ruleset_attr`` and the rights that stay inside the folder."""
    inside = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG
    handled = inside | _EXECUTE | _MAKE_OTHERS
    if version >= 2:
        handled |= _REFER
    if version >= 3:
        handled, inside = handled | _TRUNCATE, inside | _TRUNCATE
    if version >= 5:
        handled |= _IOCTL
    wanted = [handled]
    if version >= 4:
        wanted.append(_BIND_AND_CONNECT_TCP)
    if version >= 6:
        wanted.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    return struct.pack(f"={len(wanted)}Q", *wanted), inside


def _allow(ruleset: int, path: str, allowed: int) -> bool:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", allowed, fd)
        return bool(_libc().syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, ctypes.c_uint(0)) == 0)
    finally:
        os.close(fd)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _interpreter(program: str) -> tuple[str, ...]:
    """Return the dynamic loader that an ELF program names, which starting it needs too."""
    with open(program, "rb") as file:  # noqa: PTH123 -- pathlib takes longer to load than the rest
        head = file.read(64)
        if head[:5] != b"\x7fELF\x02" or head[5] != 1:
            return ()
        (offset,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        for number in range(count):
            file.seek(offset + number * size)
            entry = file.read(size)
            if struct.unpack_from("<I", entry)[0] == 3:  # PT_INTERP
                place, length = (
                    struct.unpack_from("<Q", entry, 8)[0],
                    struct.unpack_from("<Q", entry, 32)[0],
                )
                file.seek(place)
                return (file.read(length).rstrip(b"\0").decode(),)
    return ()


def _launch(parent: str, program: str, deck: str, folder: str) -> None:
    """Become ``program -b deck``, confined to ``folder`` unless that is empty.

    The kernel kills it when its parent dies: PR_SET_PDEATHSIG outlives exec, and acts on the death
    of the thread that started it.
    """
    if sys.platform.startswith("linux"):
        _libc().prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    if os.getppid() != int(parent):
        return
    if folder:
        limit()
        loader = _interpreter(program)
        # A script would need its shell, with which it could do anything.
        if loader and not Sandbox().enter(folder, (program, *loader)) and kernel_support():
            os.write(2, f"{UNCONFINED}\n".encode())
            return
    os.execv(program, [program, "-b", deck])


if __name__ == "__main__":
    _launch(*sys.argv[1:])
