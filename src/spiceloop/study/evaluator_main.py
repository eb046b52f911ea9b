"""The other end of `EvaluatorProcess`: one evaluator, which does what the parent sends.

Talk goes over a socket whose number is the argument of `main`: frames of eight bytes of length and
as many of pickle data. First comes the frozen bench with the simulator's name, then piece after
piece of work; each is answered by (True, result) or (False, the exception). Standard output stays
what it is for the parent: a function of the user's may print.

No orphans: a thread waits for the socket's hang-up (the parent closed it, or died, however it died)
or for another parent's id (somebody else still holds the socket). It closes the evaluator, which
ends the simulation and removes its files, and takes the process group along, with whatever a
function of the user's has started.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from io import BufferedIOBase
from typing import Any, NoReturn

from spiceloop.errors import SpiceloopError
from spiceloop.spec.evaluate import Evaluator
from spiceloop.study.parcel import thaw

__all__ = ["main", "receive", "send"]

_LENGTH = 8  # bytes of a length, little-endian
_PARENT_CHECK_MS = 1000
_AGAIN_S = 0.02
_GRACE_S = 2.0  # for a function of the user's, which nobody can end, to come to its end


def send(stream: BufferedIOBase, data: bytes) -> None:
    """Write one frame. Raises `OSError` where nobody reads it any more."""
    stream.write(len(data).to_bytes(_LENGTH, "little"))
    stream.write(data)
    stream.flush()


def receive(stream: BufferedIOBase) -> bytes:
    """Read one frame. Raises `EOFError` where the other end has gone."""
    return _read(stream, int.from_bytes(_read(stream, _LENGTH), "little"))


def _read(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


class _Service:
    """The evaluator of this process, and the thread that ends both."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.parent = os.getppid()
        self.evaluator: Evaluator | None = None
        self.working = threading.Lock()  # held while the evaluator is at work

    def serve(self) -> None:
        """Do piece after piece until the parent hangs up."""
        with self.line.makefile("rwb") as stream:
            opened = self._open(receive(stream))
            send(stream, opened)
            while self.evaluator is not None:
                request = receive(stream)
                with self.working:
                    answer = self._answer(request)
                send(stream, answer)

    def _open(self, request: bytes) -> bytes:
        try:
            frozen, simulator = pickle.loads(request)
            bench = thaw(frozen)
            self.evaluator = Evaluator(bench.problem, simulator, bench=bench)
            return _pack(True, None)
        except BaseException as error:
            return _pack_error(error)

    def _answer(self, request: bytes) -> bytes:
        try:
            work, arguments = pickle.loads(request)
            return _pack(True, work(self.evaluator, *arguments))
        except BaseException as error:
            return _pack_error(error)

    def watch(self) -> NoReturn:
        """Wait until nobody needs this process any more, and end it."""
        poller = select.poll()
        poller.register(self.line, 0)  # only the hang-up, which is always reported
        while not poller.poll(_PARENT_CHECK_MS) and os.getppid() == self.parent:
            pass
        until = time.monotonic() + _GRACE_S
        self._close()
        # Again and again: it may be between two simulations. What is killed removes its files.
        while not self.working.acquire(timeout=_AGAIN_S) and time.monotonic() < until:
            self._close()
        self._close()
        with suppress(OSError):
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(0)

    def _close(self) -> None:
        if self.evaluator is not None:
            with suppress(Exception):
                self.evaluator.close()


def _pack(succeeded: bool, value: Any) -> bytes:
    return pickle.dumps((succeeded, value), pickle.HIGHEST_PROTOCOL)


def _pack_error(error: BaseException) -> bytes:
    if not isinstance(error, SpiceloopError):  # a fault of ours: where was it?
        error.add_note("".join(traceback.format_exception(error)))
    try:
        data = _pack(False, error)
        pickle.loads(data)  # of exceptions this is what fails
    except Exception:
        data = _pack(False, RuntimeError("".join(traceback.format_exception(error))))
    return data


def main(number: int) -> NoReturn:
    """Serve on the socket with this file descriptor until the parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    line = socket.socket(fileno=number)
    line.set_inheritable(False)
    for stream in (sys.stdout, sys.stderr):  # so that a crash loses nothing that was printed
        if stream is not None:
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    service = _Service(line)
    watch = threading.Thread(target=service.watch, name="spiceloop-watch", daemon=True)
    watch.start()
    with suppress(EOFError, OSError):
        service.serve()
    watch.join()
    os._exit(0)
