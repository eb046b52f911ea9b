"""`EvaluatorProcess`: an `Evaluator` in a process of its own on this machine.

A good part of an evaluation is Python (decks are written, models compiled, results read, functions
of the user's called), and the threads of one process take turns at that.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any, TypeVar, cast

from spiceloop.errors import FailureKind, SetupError, SimulationError
from spiceloop.sim.diagnose import how_it_ended
from spiceloop.study.evaluator_main import receive, send

__all__ = ["EvaluatorProcess"]

_GRACE_MS = 5000  # for a process to end by itself; more than it gives its user's functions

Found = TypeVar("Found")


class _LostError(Exception):
    """The process has ended, or hung up."""


@dataclass
class _Other:
    """The process and what is held of it here. ``opened``: it has the bench."""

    process: subprocess.Popen[bytes]
    pidfd: int
    line: socket.socket
    stream: BufferedIOBase
    opened: bool = False


class EvaluatorProcess:
    """Calls functions with an evaluator that lives in another process; starts it at once.

    ``frozen`` is a bench from `parcel.freeze`. A process that died is replaced at the next
    `perform`. Not for use by several threads at once, but for `close`, which is final.
    """

    def __init__(self, frozen: bytes, simulator: str) -> None:
        self._first = pickle.dumps((frozen, simulator), pickle.HIGHEST_PROTOCOL)
        self._other: _Other | None = None
        self._closed = False
        self._talking = threading.RLock()  # only who holds it may start, forget, close
        self._door = threading.Lock()  # held while the socket is shut down or closed
        with self._talking:
            self._start()

    @property
    def pid(self) -> int | None:
        """Id of the process, or None while there is none; for tests."""
        return self._other.process.pid if self._other else None

    def perform(self, work: Callable[..., Found], *arguments: Any) -> Found:
        """Return ``work(evaluator, *arguments)``, called over there, or raise what it raised.

        ``work`` is a function of a module; it, the arguments and the result are pickled. Raises
        `SimulationError` of kind CRASH where the process dies or is closed meanwhile, `SetupError`
        where it dies before it has the bench, and what loading the bench raises.
        """
        request = pickle.dumps((work, arguments), pickle.HIGHEST_PROTOCOL)
        with self._talking:
            if self._other is None or _has_ended(self._other.pidfd, 0):
                self._end()
                self._start()
            opened = False
            try:
                opened = self._open()
                answer = self._ask(request)
            except _LostError:
                raise self._how_lost(opened) from None
            except BaseException:  # Ctrl-C: a late answer must not be taken for the next one's
                self._end()
                raise
        return cast(Found, _unpack(answer))

    def close(self) -> None:
        """End the process and all it started; safe to call twice, and from another thread.

        A `perform` of another thread then raises `SimulationError` and tidies up by itself.
        """
        self._closed = True
        with self._door:
            if self._other is not None:
                with suppress(OSError):
                    self._other.line.shutdown(socket.SHUT_RDWR)
        if self._talking.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._talking.release()

    def __del__(self) -> None:
        try:  # noqa: SIM105 -- at the interpreter's end contextlib may be gone
            self.close()
        except Exception:
            pass

    def _start(self) -> None:
        if self._closed:
            raise _closed()
        ours, theirs = socket.socketpair()
        with theirs:
            # Its modules come from where ours do, the user's too; -P keeps out those of the current
            # folder, which stays the same, so that functions find their files. Its own session: a
            # Ctrl-C at the terminal does not reach it, and a kill reaches what it starts.
            path = [place for place in sys.path if isinstance(place, str)]
            code = (
                f"import sys; sys.path[:] = {path!a}; "
                "from spiceloop.study.evaluator_main import main; "
                f"main({theirs.fileno()})"
            )
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        pidfd = os.pidfd_open(process.pid)
        self._other = _Other(process, pidfd, ours, ours.makefile("rwb"))
        if self._closed:  # meanwhile, by a thread that saw no process yet
            self._end()
            raise _closed()

    def _open(self) -> bool:
        """Send the bench to a process that does not have it yet."""
        assert self._other is not None
        if not self._other.opened:
            _unpack(self._ask(self._first))
            self._other.opened = True
        return True

    def _ask(self, request: bytes) -> bytes:
        other = self._other
        assert other is not None
        poller = select.poll()
        poller.register(other.line, select.POLLIN)
        poller.register(other.pidfd, select.POLLIN)  # a child of its own may hold the socket open
        try:
            send(other.stream, request)
            if other.line.fileno() not in dict(poller.poll()):
                raise EOFError
            return receive(other.stream)
        except (EOFError, OSError):
            raise _LostError from None

    def _how_lost(self, opened: bool) -> Exception:
        status = self._end()
        if self._closed:
            return _closed()
        if not opened:
            return SetupError(
                f"an evaluator process {how_it_ended(status)} before it had loaded the problem; "
                "with one worker there is none"
            )
        cause = how_it_ended(status)
        if status != -signal.SIGKILL:
            cause += "; look at the problem's Python functions, and at what they call"
        return SimulationError(FailureKind.CRASH, f"the process that evaluates designs {cause}")

    def _end(self) -> int | None:
        """Hang up, wait for the end of the process, return its exit status."""
        other, self._other = self._other, None
        if other is None:
            return None
        with self._door:
            for end in (other.stream, other.line):
                with suppress(OSError):
                    end.close()
        _has_ended(other.pidfd, _GRACE_MS)
        os.close(other.pidfd)
        with suppress(ProcessLookupError):  # with what the user's functions have started
            os.killpg(other.process.pid, signal.SIGKILL)
        return other.process.wait()


def _has_ended(pidfd: int, wait_ms: int) -> bool:
    """Whether a process is at its end; its number stays its own until it is waited for."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(wait_ms))


def _unpack(answer: bytes) -> Any:
    succeeded, value = pickle.loads(answer)
    if succeeded:
        return value
    raise value


def _closed() -> SimulationError:
    return SimulationError(FailureKind.CRASH, "the evaluation was ended from outside")
