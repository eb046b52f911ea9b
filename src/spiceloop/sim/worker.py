"""The worker process behind `NgspiceLib`: ``python -m spiceloop.sim.worker FOLDER``.

Loads libngspice once, then forks one child for a deck. A child starts with a pristine ngspice, runs
the deck, sends back its vectors and is gone, so nothing a deck sets, leaks or breaks can reach the
next one. The child for the next deck is forked ahead, while the parent is busy elsewhere.

A *plain* deck (`sim.plain`) leaves nothing in ngspice that cannot be undone, so its child may stay:
it frees circuit, plots, vectors and variables while the parent is busy with the results, and takes
the next deck of the same kind, which saves a fork and the copies of the pages that it would write.
It goes after `_MOST_DECKS`, for ngspice loses some 2.5 kB a deck, and when it has grown too much.

Talk: a request comes on stdin, as `marshal` data behind eight bytes of length (one interpreter at
both ends); a length of zero sends a child that stayed away. A reply goes out on stdout: two
lengths, a head in JSON, the vectors' bytes; who reads it need not trust the process that ran the
deck. Text output goes, line by line, so that it survives a crash or a kill, to the file ``log`` in
the run's folder, or for a plain deck to a file in memory that the parent opened.

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

__all__ = ["LENGTH", "dismiss", "main", "send"]

LENGTH = 8  # bytes of a length, little-endian
LOG_LIMIT = 64 * 1024 * 1024  # bytes; an endless loop of echo must not fill the disk

_PR_SET_PDEATHSIG = 1
_PARENT_CHECK_MS = 1000
_PAGE = os.sysconf("SC_PAGE_SIZE")
_NO_MORE = 77  # exit status of a process that found its requests' pipe closed
_MOST_DECKS = 200  # for one child
_MOST_GROWTH = 64 << 20  # bytes
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

    def __init__(self, reply_fd: int, plain_log: int = -1) -> None:
        self.reply_fd = reply_fd
        self.plain_log = plain_log
        self.request: dict[str, Any] = {}
        self.early: list[bytes] = []  # lines from before there was a log file
        self.log_fd = -1
        self.log_size = 0
        self.exit: tuple[int, bool] | None = None
        self.quiet = False  # between decks
        self.ngspice = LibNgspice(self._on_line, self._on_exit)

    def _on_exit(self, status: int, is_quit: bool) -> None:
        if self.exit is None:
            self.exit = (status, is_quit)

    def _on_line(self, text: bytes) -> None:
        # ngspice puts "stdout " or "stderr " in front.
        line = text[7:] if text[:7] in (b"stdout ", b"stderr ") else text
        if self.log_fd < 0:
            self.early.append(line)
        elif self.quiet:
            return
        elif self.log_size <= LOG_LIMIT:
            self.log_size += len(line) + 1
            if self.log_size > LOG_LIMIT:
                mebibytes = LOG_LIMIT >> 20
                line = b"spiceloop: more than %d MiB of output, the rest is cut" % mebibytes
            os.write(self.log_fd, line + b"\n")

    def serve(self) -> NoReturn:
        """Child: run the request, reply; do it again if the deck was plain; end."""
        statm = os.open("/proc/self/statm", os.O_RDONLY)
        size = _memory(statm)
        for number in range(1, _MOST_DECKS + 1):
            for command in self.request["commands"]:
                if self.exit is None:
                    self.ngspice.command(command)
            # After an exit ngspice has freed its plots; touching them would crash.
            plots = [] if self.exit else self._collect()
            stays = (
                self.request["plain"] is not None
                and self.exit is None
                and number < _MOST_DECKS
                and _memory(statm) < size + _MOST_GROWTH
            )
            reply(
                self.reply_fd,
                [
                    self.exit and self.exit[1],
                    stays,
                    [[plot, [[n, w, len(raw)] for n, w, raw in found]] for plot, found in plots],
                ],
                [raw for _, found in plots for _, _, raw in found],
            )
            if not stays:
                break
            self._tidy()
            self._take_next()
        os._exit(0)

    def _tidy(self) -> None:
        """Undo what a plain deck did."""
        self.quiet = True
        ngspice = self.ngspice
        for command in ("destroy all", "remcirc", "setplot const"):
            ngspice.command(command)
        for name in ngspice.vectors("const"):
            if name not in _CONSTANTS:
                ngspice.command(f"unlet {name}")  # looks in the current plot only
        for name in self.request["plain"]:
            ngspice.command(f"unset {name}")

    def receive(self) -> None:
        """Read the first request, go to its folder, give up other rights, open the log."""
        sandbox = Sandbox()
        self._read_request()
        os.chdir(self.request["folder"])
        folder = self.request["confine"]
        if folder and not sandbox.enter(folder) and kernel_support():
            reply(self.reply_fd, {"unconfined": folder})
            os._exit(0)
        if self.request["plain"] is None:
            fd = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        else:
            fd = self.plain_log
            os.ftruncate(fd, 0)
        self.log_fd = fd
        # What C code prints past the callback belongs into the log too, not into the replies.
        os.dup2(fd, 1)
        os.dup2(fd, 2)

    def _take_next(self) -> None:
        """Read the next request, of the same folder, and start its log."""
        self._read_request()
        _LIBC.fflush(None)  # what the deck before printed past the callback, if anything
        os.ftruncate(self.log_fd, 0)
        self.log_size, self.quiet = 0, False

    def _read_request(self) -> None:
        head = _read(LENGTH)
        if not head:
            os._exit(_NO_MORE)
        size = int.from_bytes(head, "little")
        if not size:
            os._exit(0)
        self.request = marshal.loads(_read(size))

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
                if plot == "const" and name in _CONSTANTS:
                    continue
                found = ngspice.vector(f"{plot}.{name}")
                if found is None:
                    continue
                is_complex, length, _ = found
                if length == 1 or (keep and (position == 0 or is_asked(name, wanted))):
                    vectors.append((name, is_complex, _values(found)))
            plots.append((plot, vectors))
        probed = []
        for name in self.request["probe"]:
            found = ngspice.vector(name)
            if found is not None and found[1] == 1:
                probed.append((name, found[0], _values(found)))
        if probed:
            plots.append(("", probed))
        return plots


def _values(vector: tuple[bool, int, int]) -> bytes:
    """Return the bytes of what `LibNgspice.vector` found."""
    is_complex, length, address = vector
    return ctypes.string_at(address, length * (16 if is_complex else 8))


def send(fd: int, request: dict[str, Any]) -> None:
    """Write one request. Raises `OSError` if nobody can read it any more."""
    data = marshal.dumps(request)
    _write(fd, len(data).to_bytes(LENGTH, "little") + data)


def dismiss(fd: int) -> None:
    """Send a child that stayed away; another takes the next request. Raises `OSError` as `send`."""
    _write(fd, bytes(LENGTH))


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


def _memory(statm: int) -> int:
    """Return the bytes of this process that are in memory; ``statm`` is its /proc file, open."""
    return int(os.pread(statm, 200, 0).split()[1]) * _PAGE


def _serve(worker: _Worker, parent: int, folder: str) -> None:
    """Fork one child after the other, each with a request received; return in a child only.

    ``folder`` is to be removed at the end: the parent may be past doing it.
    """
    me = os.getpid()
    while True:
        child = _LIBC.fork()
        if child == 0:
            _die_with(me)
            worker.receive()
            return
        if child < 0:
            os._exit(1)
        ended = _wait(child, parent)
        status = _NO_MORE if ended is None else os.waitstatus_to_exitcode(ended)
        if status == _NO_MORE:
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)
        if status:
            # A signal as a shell reports it; `NgspiceLib` reads it.
            os._exit(128 - status if status < 0 else status)


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends. Linux only, else a no-op."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _wait(child: int, parent: int) -> int | None:
    """Wait for the child and return its status. Kills it and returns None if the parent is gone."""
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
            os.waitpid(child, 0)  # it must not write into a folder that is being removed
            return None


def main() -> NoReturn:
    """Serve decks until stdin closes. ``argv[1]``: a folder to make for their files; ``argv[2]``:
    the number of the open file for the logs of plain decks.

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
        plain_log = int(sys.argv[2]) if len(sys.argv) > 2 else -1
        worker = _Worker(reply_fd, plain_log)
        make_folder(folder)
    except SetupError as error:
        reply(reply_fd, {"setup": str(error)})
        os._exit(3)
    banner = b"\n".join(worker.early).decode(errors="replace")
    worker.early.clear()
    try:
        reply(reply_fd, {"banner": banner, "library": worker.ngspice.file()})
    except BrokenPipeError:  # the parent has gone already
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)
    limit()
    kernel_support()
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection in a child would copy every page it touches
    _serve(worker, parent, str(folder))
    worker.serve()


if __name__ == "__main__":
    main()
