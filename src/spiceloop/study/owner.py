"""Who runs a study, or one trial of it: so that two processes never evaluate the same trial.

A killed process leaves its mark behind. On the machine where it ran, the kernel tells whether it
lives; of one on another machine only its heartbeat tells: a number that it raises every
`BEAT_S` seconds. One that has not moved for `SILENCE_S` seconds is gone. Only the watcher's own
clock counts, so clocks of different machines need not agree.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["BEAT_S", "SILENCE_S", "Mark", "Watch", "forget", "is_alive", "mark"]

BEAT_S = 20.0
SILENCE_S = 120.0

Mark = Mapping[str, Any]

_here: set[str] = set()  # runs of this very process, by their identity


def mark() -> dict[str, Any]:
    """Return a new run's mark: host, process number, when that started (kernel ticks), a name."""
    pid = os.getpid()
    run = uuid.uuid4().hex
    _here.add(run)
    return {
        "host": socket.gethostname(),
        "place": _place(),
        "pid": pid,
        "started": _started(pid),
        "run": run,
        "beat": 0,
    }


def forget(owner: Mark) -> None:
    """Take back a mark of this process: its run has ended."""
    _here.discard(str(owner.get("run")))


def is_alive(owner: Mark) -> bool | None:
    """Whether the run behind a mark lives; None where it cannot be seen from here."""
    pid = owner.get("pid")
    if not isinstance(pid, int):
        return False
    if owner.get("host") != socket.gethostname() or owner.get("place", _place()) != _place():
        return None
    if pid == os.getpid():
        return owner.get("run") in _here
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # Process numbers are used again; together with the start time they are not.
    return _started(pid) == owner.get("started")


class Watch:
    """Tells which owners of trials are gone, the silent ones included."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[int, tuple[Mark, float]] = {}

    def is_gone(self, number: int, owner: Mark) -> bool:
        """Whether nobody runs trial ``number`` any more, whose mark is ``owner`` now."""
        if not owner or is_alive(owner) is False:
            return True
        # A live process that is silent is stopped, or cut off from the study.
        before, since = self._seen.get(number, ({}, 0.0))
        if before != owner:
            self._seen[number] = (owner, self._clock())
            return False
        return self._clock() - since >= SILENCE_S


def _place() -> str:
    """What process numbers are valid in: one boot of one machine, one container of it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""  # no /proc on this system: the host's name has to do


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in {"Z", "X"} else fields[18]
