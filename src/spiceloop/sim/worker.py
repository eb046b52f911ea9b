"""The worker process behind `NgspiceLib`: ``python -m spiceloop.sim.worker FOLDER``.

Loads libngspice once, then forks one child a deck. A child starts with a pristine ngspice, runs
one deck, sends back its vectors and is gone, so nothing a deck sets, leaks or breaks can reach
the next one. The child for the next deck is forked ahead, while the parent is busy elsewhere.

Talk, over stdin and stdout: one JSON line in (a request), one JSON line out (a header) with the
vectors' bytes behind it. Text output goes to the file ``log`` in the run's folder, line by line,
so that it survives a crash or a kill.

No orphans: this process has one thread and sleeps in poll(); it ends, and kills its child, when
its stdin is closed (the parent died, however it died) or when its parent's id changes (someone
else still holds that pipe open). The child dies with it by PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import shutil
import signal
import sys
import time
from typing import Any, NoReturn

from spiceloop.errors import SetupError
from spiceloop.sim.libngspice import LibNgspice
from spiceloop.sim.sandbox import Sandbox, kernel_support, limit
from spiceloop.sim.vector_names import is_asked

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1
_PARENT_CHECK_MS = 1000
LOG_LIMIT = 64 * 1024 * 1024  # bytes; an endless loop of echo must not fill the disk


class _Log:
    """Collects ngspice's lines: in memory while ngspice starts, then in the run's file."""

    def __init__(self) -> None:
        self.early: list[bytes] = []
        self.fd = -1
        self.size = 0

    def line(self, text: bytes) -> None:
        # ngspice puts "stdout " or "stderr " in front.
        line = text[7:] if text[:7] in (b"stdout ", b"stderr ") else text
        if self.fd < 0:
            self.early.append(line)
            return
        if self.size > LOG_LIMIT:
            return
        self.size += len(line) + 1
        if self.size > LOG_LIMIT:
            line = b"spiceloop: more than %d MiB of output, the rest is cut" % (LOG_LIMIT >> 20)
        os.write(self.fd, line + b"\n")


class _Worker:
    def __init__(self, reply_fd: int) -> None:
        self.reply_fd = reply_fd
        self.log = _Log()
        self.exit: tuple[int, bool] | None = None
        self.ngspice = LibNgspice(self.log.line, self._on_exit)

    def _on_exit(self, status: int, is_quit: bool) -> None:
        if self.exit is None:
            self.exit = (status, is_quit)

    def serve_one(self) -> NoReturn:
        """Child: read one request, run it, reply, end."""
        sandbox = Sandbox()
        line = sys.stdin.buffer.readline()
        if not line:
            os._exit(_NO_MORE)
        request = json.loads(line)
        os.chdir(request["folder"])
        if request["confine"]:
            sandbox.enter(request["folder"])
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.log.fd = os.open("log", flags, 0o600)
        # What C code prints past the callback belongs into the log too, not into the replies.
        os.dup2(self.log.fd, 1)
        os.dup2(self.log.fd, 2)
        start = time.perf_counter()
        for command in request["commands"]:
            if self.exit is None:
                self.ngspice.command(command)
        header: dict[str, Any] = {"seconds": time.perf_counter() - start}
        header["exit"] = self.exit
        # After an exit ngspice has freed its plots; touching them would crash.
        header["plots"], parts = ([], []) if self.exit else self._collect(request)
        head = json.dumps(header).encode() + b"\n"
        with os.fdopen(self.reply_fd, "wb", buffering=0) as reply:
            for part in (memoryview(head), *parts):
                sent = 0
                while sent < len(part):
                    sent += reply.write(part[sent:]) or 0
        os._exit(0)

    def _collect(self, request: dict[str, Any]) -> tuple[list[Any], list[memoryview]]:
        """Return plot headers, oldest first, and the wanted vectors' bytes in that order.

        A vector of length one always travels, inside the header; longer ones if asked for.
        """
        wanted = frozenset(request["vectors"])
        plots: list[Any] = []
        parts: list[memoryview] = []
        for plot in reversed(self.ngspice.plots()):
            vectors: list[Any] = []
            names = self.ngspice.vectors(plot)[::-1]  # the scale first
            keep = any(is_asked(name, wanted) for name in names)
            for position, name in enumerate(names):
                found = self.ngspice.vector(f"{plot}.{name}")
                if found is None:
                    continue
                is_complex, length, data = found
                if length == 1:
                    vectors.append((name, is_complex, 1, data.cast("d").tolist()))
                elif (keep and position == 0) or is_asked(name, wanted):
                    vectors.append((name, is_complex, length, None))
                    parts.append(data)
            plots.append((plot, vectors))
        probed = []
        for name in request["probe"]:
            found = self.ngspice.vector(name)
            if found is not None and found[1] == 1:
                probed.append((name, found[0], 1, found[2].cast("d").tolist()))
        if probed:
            plots.append(("", probed))
        return plots, parts


_NO_MORE = 77  # exit status of a child that found the request pipe closed


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends. Linux only, else a no-op."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _wait(child: int, parent: int) -> int | None:
    """Wait for the child and return its status; kill it and return None if the parent is gone."""
    poller = select.poll()
    pidfd = os.pidfd_open(child)
    poller.register(pidfd, select.POLLIN)
    poller.register(0, 0)  # only the hang-up, which is always reported; the child reads the data
    hung_up = False
    while True:
        events = dict(poller.poll(_PARENT_CHECK_MS))
        if pidfd in events:
            os.close(pidfd)
            return os.waitpid(child, 0)[1]
        if 0 in events:
            hung_up = True
        if hung_up or os.getppid() != parent:
            os.kill(child, signal.SIGKILL)
            return None


def main() -> NoReturn:
    """Serve decks until stdin closes. ``argv[1]``: a folder to remove when the parent is gone."""
    folder = sys.argv[1]
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    reply_fd = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    try:
        worker = _Worker(reply_fd)
    except SetupError as error:
        os.write(reply_fd, json.dumps({"setup": str(error)}).encode() + b"\n")
        os._exit(3)
    banner = b"\n".join(worker.log.early).decode(errors="replace")
    os.write(reply_fd, json.dumps({"banner": banner}).encode() + b"\n")
    me = os.getpid()
    limit()
    kernel_support()
    gc.disable()  # a collection in a child would copy every page it touches
    while True:
        child = os.fork()
        if child == 0:
            _die_with(me)
            worker.serve_one()
        ended = _wait(child, parent)
        status = _NO_MORE if ended is None else os.waitstatus_to_exitcode(ended)
        if status == _NO_MORE:
            shutil.rmtree(folder, ignore_errors=True)  # the parent may be past doing it
            os._exit(0)
        if status:  # a signal as a shell reports it; `NgspiceLib` reads it
            os._exit(128 - status if status < 0 else status)


if __name__ == "__main__":
    main()
