"""How long to wait for a simulator, on a clock that stands still while this process does."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Patience"]

_SLICE_S = 0.5
_STOPPED_S = 0.5  # waking up this late means that the process was stopped, or its machine


class Patience:
    """A time limit in seconds of waiting.

    A queue system that stops a job and lets it go on (SIGSTOP, SIGCONT), or a terminal's Ctrl-Z,
    stops the simulator too; so time in which the waiting itself was stopped must not count, or
    every simulation of that moment would fail by time-out.
    """

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def wait(self, ready: Callable[[float], bool]) -> bool:
        """Call ``ready``, which waits for at most the seconds it is given, until it says True.

        Returns False when the limit is reached.
        """
        while True:
            ask = max(0.0, min(self._left, _SLICE_S))
            began = time.monotonic()
            done = ready(ask)
            took = time.monotonic() - began
            if took < ask + _STOPPED_S:
                self._left -= took
            if done:
                return True
            if self._left <= 0:
                return False
