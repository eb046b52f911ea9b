"""Who runs a study: so that two processes do not evaluate the same trials at once.

A killed process leaves its mark behind; the mark counts only while that very process lives.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

__all__ = ["is_alive", "mark"]


def mark() -> dict[str, str | int]:
    """Return this process's mark: host, process number, and when it started (kernel ticks)."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "started": _started(pid)}


def is_alive(owner: Mapping[str, object]) -> bool:
    """Whether another process on this machine with this mark lives.

    A process on another host cannot be asked; it counts as gone.
    """
    pid = owner.get("pid")
    if owner.get("host") != socket.gethostname() or not isinstance(pid, int) or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # Process numbers are used again; together with the start time they are not.
    return _started(pid) == owner.get("started")


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""  # no /proc on this system: the number alone has to do
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]
