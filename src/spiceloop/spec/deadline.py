"""A time limit for Python functions of the user's, which may hang as a simulation may.

Python cannot end a call. It is made in a thread of its own, so that nobody has to wait for it; one
that is given up gets an exception at its next line. Compiled code that waits (a socket, a lock) has
no next line: its thread sleeps on until the process ends. Compiled code that computes without ever
letting other threads run holds everything up, and only its process can be killed.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from spiceloop.sim.patience import Patience

__all__ = ["within"]

Found = TypeVar("Found")


class _GivenUpError(SystemExit):
    """Raised inside a call that nobody waits for any more; passes by ``except Exception``."""


def within(
    seconds: float, call: Callable[[], Found], unwanted: Callable[[], bool] = lambda: False
) -> Found:
    """Return what ``call`` returns, or raise what it raises.

    Raises `TimeoutError` after ``seconds``, or soon after ``unwanted`` says True.
    """
    attempt = _Attempt(call)
    attempt.start()
    try:
        Patience(seconds).wait(lambda wait_s: attempt.done.wait(wait_s) or unwanted())
    finally:  # Ctrl-C, too
        in_time = attempt.end()
    if not in_time:
        raise TimeoutError
    if attempt.error is not None:
        raise attempt.error
    return cast(Found, attempt.found)


class _Attempt(threading.Thread, Generic[Found]):
    """One call in a thread."""

    def __init__(self, call: Callable[[], Found]) -> None:
        super().__init__(name="spiceloop-function", daemon=True)
        self._call = call
        self._ending = threading.Lock()
        self.done = threading.Event()
        self.found: Found | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            try:
                self.found = self._call()
            except BaseException as error:
                self.error = error
            with self._ending:
                self.done.set()
        except _GivenUpError:  # it came after the call
            pass

    def end(self) -> bool:
        """Say whether the call is over; give it up if it is not."""
        with self._ending:  # while it is held the thread, and its number, last
            if not self.done.is_set() and self.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self.ident), ctypes.py_object(_GivenUpError)
                )
            return self.done.is_set()
