"""The worker process behind `NgspiceLib`: ``python -m spiceloop.sim.worker FOLDER``.

Loads libngspice once, then forks one child a deck. A child starts with a pristine ngspice, runs
one deck, sends back its vectors and is gone, so nothing a deck sets, leaks or breaks can reach
the next one. The child for the next deck is forked ahead, while the parent is busy elsewhere.

A deck that halts at `MARK` turns its child into a *template*: a process with the circuit loaded
and nothing simulated yet, which from there on forks children of its own. Each of them gets the
numbers that its deck has changed and goes on behind the mark (see `sim.template`).

Talk: a request comes on stdin, or on a template's named pipe, as `marshal` data behind eight bytes
of length (one interpreter at both ends). A reply goes out on stdout: two lengths, a head in JSON,
the vectors' bytes; who reads it need not trust the process that ran the deck. Text output goes to
the file ``log`` in the run's folder, line by line, so that it survives a crash or a kill.

No orphans: each process has one thread; one that waits for children sleeps in poll() and ends, and
kills them, when its requests' pipe is closed (the parent died, however it died) or when its
parent's id changes (someone else still holds that pipe open). Children die with their parent by
PR_SET_PDEATHSIG. A child that fails takes the whole family along: the parent starts another.
"""

from __future__ import annotations

import ctypes
import gc
import json
import marshal
import os
import select
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from spiceloop.errors import SetupError
from spiceloop.sim.libngspice import LibNgspice
from spiceloop.sim.rundir import make_folder
from spiceloop.sim.sandbox import Sandbox, kernel_support, limit
from spiceloop.sim.vector_names import is_asked

__all__ = ["LENGTH", "MARK", "VECTOR", "main", "send"]

VECTOR = "spiceloop_"  # and a number: the vectors that a template's new values come in
MARK = "spiceloop: the circuit is loaded"
LENGTH = 8  # bytes of a length, little-endian
LOG_LIMIT = 64 * 1024 * 1024  # bytes; an endless loop of echo must not fill the disk

_PR_SET_PDEATHSIG = 1
_PARENT_CHECK_MS = 1000
_NO_MORE = 77  # exit status of a process that found its requests' pipe closed
_MARK = MARK.encode()
_CONSTANTS = frozenset(
    [
        "planck",
        "boltz",
        "echarge",
        "kelvin",
        "i",
        "c",
        "e",
        "pi",
        "FALSE",
        "no",
        "TRUE",
        "yes",
        "false",
        "true",
    ]
)
# fork() itself, past Python's own: its hooks for threads and random seeds are of no use here and
# cost a fifth of a millisecond in pages copied.
_LIBC = ctypes.PyDLL(None)


class _Worker:
    """ngspice, and who asks for what, in this process; forked along."""

    def __init__(self, reply_fd: int) -> None:
        self.reply_fd = reply_fd
        self.request: dict[str, Any] = {}
        self.early: list[bytes] = []  # lines from before there was a log file
        self.log_fd = -1
        self.log_size = 0
        self.exit: tuple[int, bool] | None = None
        # A new template says so to the worker that forked it.
        self.news_in, self.news_out = os.pipe()
        self.ngspice = LibNgspice(self._on_line, self._on_exit)

    def _on_exit(self, status: int, is_quit: bool) -> None:
        if self.exit is None:
            self.exit = (status, is_quit)

    def _on_line(self, text: bytes) -> None:
        # ngspice puts "stdout " or "stderr " in front.
        line = text[7:] if text[:7] in (b"stdout ", b"stderr ") else text
        if line == _MARK and "template" in self.request:
            self._become_template()
        elif self.log_fd < 0 or "template" in self.request:
            self.early.append(line)
        elif self.log_size <= LOG_LIMIT:
            self.log_size += len(line) + 1
            if self.log_size > LOG_LIMIT:
                mebibytes = LOG_LIMIT >> 20
                line = b"spiceloop: more than %d MiB of output, the rest is cut" % mebibytes
            os.write(self.log_fd, line + b"\n")

    def serve_one(self) -> NoReturn:
        """Child: run the request, reply, end."""
        for command in self.request["commands"]:
            if self.exit is None:
                self.ngspice.command(command)
        if "template" in self.request:  # the deck did not come as far as the mark
            reply(self.reply_fd, False)
            os._exit(0)
        # After an exit ngspice has freed its plots; touching them would crash.
        plots = [] if self.exit else self._collect()
        reply(
            self.reply_fd,
            [
                self.exit and self.exit[1],
                [[plot, [[n, wide, len(raw)] for n, wide, raw in found]] for plot, found in plots],
            ],
            [raw for _, found in plots for _, _, raw in found],
        )
        os._exit(0)

    def _become_template(self) -> None:
        """Serve from here on; return only in a child, with its own request."""
        zygote = os.getppid()
        numbers = range(self.request["settings"])
        addresses = [self.ngspice.address(f"const.{VECTOR}{number}") for number in numbers]
        os.dup2(os.open(self.request["template"], os.O_RDONLY), 0)
        os.close(self.log_fd)
        os.write(self.news_out, b"T")
        self.news_in, self.news_out = os.pipe()
        del self.request["template"]
        reply(self.reply_fd, True)
        _serve(self, zygote)
        for address, value in zip(addresses, self.request["values"], strict=True):
            ctypes.c_double.from_address(address).value = value

    def receive(self) -> None:
        """Read a request, go to its folder, give up other rights, open the log."""
        sandbox = Sandbox()
        head = _read(LENGTH)
        if not head:
            os._exit(_NO_MORE)
        self.request = request = marshal.loads(_read(int.from_bytes(head, "little")))
        os.chdir(request["folder"])
        if request["confine"]:
            sandbox.enter(request["confine"])
        self.log_fd = fd = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # What C code prints past the callback belongs into the log too, not into the replies.
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        if not request["commands"]:  # as if this child had loaded the circuit
            os.write(fd, b"".join(line + b"\n" for line in self.early))

    def _collect(self) -> list[tuple[str, list[tuple[str, bool, bytes]]]]:
        """Return the plots, oldest first, with vectors of length one and those asked for.

        A vector's values come as its bytes: doubles, or pairs of them if it is complex.
        """
        wanted = frozenset(self.request["vectors"])
        ngspice = self.ngspice
        plots = []
        for plot in reversed(ngspice.plots()):
            vectors = []
            names = ngspice.vectors(plot)[::-1]  # the scale first
            keep = bool(wanted) and any(is_asked(name, wanted) for name in names)
            for position, name in enumerate(names):
                if plot == "const" and (name in _CONSTANTS or name.startswith(VECTOR)):
                    continue
                found = ngspice.vector(f"{plot}.{name}")
                if found is None:
                    continue
                is_complex, length, data = found
                if length == 1 or (keep and (position == 0 or is_asked(name, wanted))):
                    vectors.append((name, is_complex, bytes(data)))
            plots.append((plot, vectors))
        probed = []
        for name in self.request["probe"]:
            found = ngspice.vector(name)
            if found is not None and found[1] == 1:
                probed.append((name, found[0], bytes(found[2])))
        if probed:
            plots.append(("", probed))
        return plots


def send(fd: int, request: dict[str, Any]) -> None:
    """Write one request. Raises `OSError` if nobody can read it any more."""
    data = marshal.dumps(request)
    _write(fd, len(data).to_bytes(LENGTH, "little") + data)


def reply(fd: int, head: Any, data: Sequence[bytes] = ()) -> None:
    """Write one reply: a head of plain values, and bytes. Raises `OSError` as `send` does."""
    text = json.dumps(head).encode()
    lengths = [len(text), sum(map(len, data))]
    _write(fd, b"".join([*(n.to_bytes(LENGTH, "little") for n in lengths), text, *data]))


def _write(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _read(size: int) -> bytes:
    """Read that many bytes of a request; fewer only where the pipe ends."""
    data = os.read(0, size)
    while 0 < len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            break
        data += more
    return data


def _serve(worker: _Worker, parent: int, folder: str = "") -> None:
    """Fork one child after the other, each with a request received; return in a child only.

    ``folder`` is to be removed at the end: the parent may be past doing it.
    """
    me = os.getpid()
    templates: dict[int, int] = {}  # pidfd → process
    while True:
        child = _LIBC.fork()
        if child == 0:
            _die_with(me)
            worker.receive()
            return
        if child < 0:
            os._exit(1)
        ended = _wait(child, parent, templates, worker.news_in)
        status = _NO_MORE if ended is None else os.waitstatus_to_exitcode(ended)
        if status:
            for process in templates.values():
                os.kill(process, signal.SIGKILL)
            if folder and status == _NO_MORE:
                shutil.rmtree(folder, ignore_errors=True)
                os._exit(0)
            # A signal as a shell reports it; `NgspiceLib` reads it.
            os._exit(128 - status if status < 0 else status)


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends. Linux only, else a no-op."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _wait(child: int, parent: int, templates: dict[int, int], news: int) -> int | None:
    """Wait for the child and return its status, 0 too if it is to stay as a template.

    A template that fails counts as the child. Kills the child and returns None if the parent is
    gone.
    """
    poller = select.poll()
    pidfd = os.pidfd_open(child)
    for fd in (pidfd, news, *templates):
        poller.register(fd, select.POLLIN)
    poller.register(0, 0)  # only the hang-up, which is always reported; the child reads the data
    hung_up = False
    while True:
        events = dict(poller.poll(_PARENT_CHECK_MS))
        if pidfd in events:
            os.close(pidfd)
            return os.waitpid(child, 0)[1]
        if news in events:
            os.read(news, 1)
            templates[pidfd] = child
            return 0
        for fd in templates.keys() & events.keys():
            poller.unregister(fd)
            os.close(fd)
            status = os.waitpid(templates.pop(fd), 0)[1]
            if os.waitstatus_to_exitcode(status) != _NO_MORE:
                os.kill(child, signal.SIGKILL)
                return status
        if 0 in events:
            hung_up = True
        if hung_up or os.getppid() != parent:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)  # it must not write into a folder that is being removed
            return None


def main() -> NoReturn:
    """Serve decks until stdin closes. ``argv[1]``: a folder to make for their files.

    The worker makes it, so that there is no moment in which it exists and nobody is left to remove
    it: the parent does when it ends the worker, and the worker does when the parent has gone.
    """
    folder = Path(sys.argv[1])
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    reply_fd = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    try:
        worker = _Worker(reply_fd)
        make_folder(folder)
    except SetupError as error:
        reply(reply_fd, {"setup": str(error)})
        os._exit(3)
    banner = b"\n".join(worker.early).decode(errors="replace")
    worker.early.clear()
    try:
        reply(reply_fd, {"banner": banner})
    except BrokenPipeError:  # the parent has gone already
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)
    limit()
    kernel_support()
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection in a child would copy every page it touches
    _serve(worker, parent, str(folder))
    worker.serve_one()


if __name__ == "__main__":
    main()
