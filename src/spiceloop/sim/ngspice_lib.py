"""`NgspiceLib`: ngspice's shared library in a worker process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from spiceloop.circuit.deck import Deck
from spiceloop.errors import FailureKind, SetupError, SimulationError
from spiceloop.sim import diagnose
from spiceloop.sim.base import SimResult
from spiceloop.sim.memory_file import MemoryFile
from spiceloop.sim.patience import Patience
from spiceloop.sim.plain import plain
from spiceloop.sim.prepare import MAIN, prepare
from spiceloop.sim.rawfile import as_array
from spiceloop.sim.results import (
    QUIT_COMMANDS,
    Table,
    conclude,
    read_raw_tables,
    wanted_vectors,
)
from spiceloop.sim.rundir import (
    name_folder,
    new_folder,
    read_log,
    run_folder,
    setup_commands,
)
from spiceloop.sim.sandbox import UNCONFINED
from spiceloop.sim.worker import LENGTH, dismiss, send

__all__ = ["NgspiceLib"]

_MOST = 4 << 30  # bytes of a reply; as for files, more are a mistake or an attack
# Failures that say nothing of ngspice's state: the deck ran, a result is not there.
_HARMLESS = (FailureKind.MISSING_MEASURE, FailureKind.NOT_A_NUMBER)
_START_LIMIT = 60.0  # seconds; a worker is up in well under one unless the machine is on its knees


class _WorkerLostError(Exception):
    """The worker's end of the pipe closed."""


@dataclass(frozen=True)
class _Stay:
    """The child that has run plain decks and waits for more: its folder, what they must share."""

    folder: Path
    setting: object


class NgspiceLib:
    """Runs decks in a worker process, each as from a pristine ngspice (see `sim.worker`).

    Owns at most one worker. A time-out kills it; the next `run` starts another. Not for use by
    several threads at once, but for `close`; several threads may each have their own.
    """

    name = "ngspice-lib"

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._banner = self._library = ""
        self._folder: Path | None = None
        self._memory: tuple[MemoryFile, ...] = ()  # a plain deck and its log
        self._buffer = bytearray()
        self._stay: _Stay | None = None
        # Held by the thread that talks to the worker: only it may close the pipes. Closed by
        # another one, they would never wake a waiting select, and their numbers could belong to
        # another file by the time it reads.
        self._talking = threading.RLock()

    def version(self) -> str:
        """Return e.g. ``ngspice-39``; starts the worker if none runs."""
        with self._talking:
            self._worker()
        words = self._banner.split()
        return next((w for w in words if w.lower().startswith("ngspice-")), "ngspice")

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, or None while none runs; for tests and ``doctor``."""
        return self._process.pid if self._process else None

    def run(
        self,
        deck: Deck,
        *,
        measures: Sequence[str] = (),
        vectors: Sequence[str] | None = None,
        timeout: float = 60.0,
    ) -> SimResult:
        """Run the deck; ``timeout`` in seconds of wall clock. Raises `SimulationError`."""
        with self._talking:
            return self._run(deck, measures, vectors, timeout)

    def _run(
        self,
        deck: Deck,
        measures: Sequence[str],
        vectors: Sequence[str] | None,
        timeout: float,
    ) -> SimResult:
        start = time.perf_counter()
        script = prepare(deck.text, at_quit=QUIT_COMMANDS, at_end=())
        wanted = wanted_vectors(vectors)
        self._worker()
        patience = Patience(timeout)
        alone = deck.files or len(script.files) > 1
        kind = None if alone else plain(script.files[MAIN].split("\n"), self._library)
        setting = (deck.home, deck.compat, deck.trusted, kind.options) if kind else None
        with self._place(deck, script.files, setting) as (folder, log):
            request = {
                "folder": str(folder),
                "confine": "" if deck.trusted else str(folder),
                "plain": kind and kind.variables,
                "commands": [*setup_commands(deck), f"source {MAIN}"],
                "vectors": sorted(wanted),
                "probe": [m.lower() for m in measures if m.startswith("@")],
            }
            try:
                by_quit, stays, tables = self._ask(request, patience)
            except TimeoutError:
                lines = read_log(log)  # before close() removes the folder
                self.close()
                raise diagnose.timeout(timeout, lines).located(deck=deck.name) from None
            except _WorkerLostError:
                lines = read_log(log)
                raise diagnose.crash(self._reap(), lines).located(deck=deck.name) from None
            except SimulationError as error:
                self.close()
                raise error.located(deck=deck.name) from None
            except BaseException:  # Ctrl-C: the late reply must not be taken for the next run's
                self.close()
                raise
            if by_quit:  # quit inside a block: the plots are in raw files
                tables = read_raw_tables(folder, read_log(log), script.lets)
            lines = read_log(log)
            if not stays:
                self._forget_stay()
            try:
                return conclude(
                    deck,
                    lines=lines,
                    tables=tables,
                    lets=script.lets,
                    measures=measures,
                    vectors=wanted,
                    fatal=by_quit is False,
                    seconds=time.perf_counter() - start,
                )
            except SimulationError as error:
                if error.kind not in _HARMLESS:
                    self._dismiss()
                raise

    def close(self) -> None:
        """Kill the worker and all it started; safe to call twice, and from another thread.

        A `run` of another thread then raises `SimulationError` and tidies up by itself.
        """
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if self._talking.acquire(blocking=False):
            try:
                self._reap()
            finally:
                self._talking.release()

    def __del__(self) -> None:
        try:  # noqa: SIM105 -- at the interpreter's end contextlib may be gone
            self.close()
        except Exception:
            pass

    def _reap(self) -> int | None:
        """Wait for the worker's end, forget it, return its exit status."""
        process, self._process = self._process, None
        folder, self._folder = self._folder, None
        memory, self._memory = self._memory, ()
        for file in memory:
            file.close()
        self._buffer.clear()
        if process is None:
            return None
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            status = process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        self._stay = None
        if folder:  # after its end: it could still be making it
            shutil.rmtree(folder, ignore_errors=True)
        return status

    def _worker(self) -> subprocess.Popen[bytes]:
        """Return the worker, started if there is none or it died since the last run."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._reap()
        self._folder = name_folder()
        self._memory = MemoryFile("deck"), MemoryFile("log")
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        log = str(self._memory[1].fd)
        # Its own session, so that killing its group reaches the child that runs ngspice and a
        # Ctrl-C at the terminal does not. The root folder, so that no file of the user's folder
        # shadows a module. Popen closes all other descriptors: no worker holds another's pipes.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "spiceloop.sim.worker", str(self._folder), log],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[file.fd for file in self._memory],
            bufsize=0,
            cwd="/",
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        try:
            hello, _ = self._receive(Patience(_START_LIMIT))
        except (_WorkerLostError, TimeoutError):
            self.close()
            raise SetupError(
                "the simulator's worker process did not start; run `python -m "
                "spiceloop.sim.worker /tmp/x </dev/null` to see why"
            ) from None
        except BaseException:  # Ctrl-C: its greeting must not be taken for a reply
            self.close()
            raise
        if "setup" in hello:
            self.close()
            raise SetupError(hello["setup"])
        self._banner, self._library = hello["banner"], hello["library"]
        return self._process

    @contextlib.contextmanager
    def _place(
        self, deck: Deck, files: Mapping[str, str], setting: object
    ) -> Iterator[tuple[Path, Path | int]]:
        """Give the folder to run the deck in and the log.

        The folder is that of the child that stayed, if it fits. A plain deck and its log are in
        memory; a link in the folder leads to the deck.
        """
        if self._stay and self._stay.setting != setting:
            self._dismiss()
        if setting is None:
            with run_folder(deck, files, self._folder) as folder:
                yield folder, folder / "log"
            return
        text, log = self._memory
        text.write(files[MAIN])
        if self._stay is None:
            self._stay = _Stay(new_folder(self._folder), setting)
            (self._stay.folder / MAIN).symlink_to(text.path)
        yield self._stay.folder, log.fd

    def _dismiss(self) -> None:
        """Send the child away that stayed, if there is one."""
        if self._stay is not None:
            with contextlib.suppress(OSError):  # the next request will find out
                dismiss(_pipe(self._worker().stdin).fileno())
            self._forget_stay()

    def _forget_stay(self) -> None:
        if self._stay is not None:
            shutil.rmtree(self._stay.folder, ignore_errors=True)
            self._stay = None

    def _ask(
        self, request: dict[str, Any], patience: Patience
    ) -> tuple[bool | None, bool, list[Table]]:
        """Send a request; return whether ngspice wanted to end by ``quit`` (False: by an error,
        None: it did not), whether its process stays, and the plots.
        """
        try:
            send(_pipe(self._process.stdin if self._process else None).fileno(), request)
        except OSError:
            raise _WorkerLostError from None
        head, data = self._receive(patience)
        if isinstance(head, dict) and "unconfined" in head:
            raise SimulationError(FailureKind.CRASH, UNCONFINED)
        try:
            return _read_reply(head, data)
        except (ValueError, TypeError, AttributeError, OverflowError):
            raise _no_reply() from None

    def _receive(self, patience: Patience) -> tuple[Any, bytes]:
        """Read one reply of the worker's: its head and the bytes behind it.

        A deck's process writes it, so it may be anything. Raises `SimulationError` for no reply.
        """
        n_head, n_data = (int.from_bytes(self._read(LENGTH, patience), "little") for _ in "hd")
        if n_head + n_data > _MOST:
            raise _no_reply()
        text = self._read(n_head, patience)
        try:
            return json.loads(text), self._read(n_data, patience)
        except (ValueError, RecursionError):
            raise _no_reply() from None

    def _read(self, size: int, patience: Patience) -> bytes:
        while len(self._buffer) < size:
            self._fill(patience)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _fill(self, patience: Patience) -> None:
        pipe = _pipe(self._process.stdout if self._process else None)
        poller = select.poll()
        poller.register(pipe, select.POLLIN)
        if not patience.wait(lambda seconds: bool(poller.poll(1000 * seconds))):
            raise TimeoutError
        data = os.read(pipe.fileno(), 1 << 20)
        if not data:
            raise _WorkerLostError
        self._buffer += data


def _read_reply(head: Any, data: bytes) -> tuple[bool | None, bool, list[Table]]:
    """Read what `worker.reply` wrote; anything else raises one of the errors caught above."""
    by_quit, stays, plots = head
    tables, at = [], 0
    for plot, found in plots:
        vectors = {}
        for name, wide, size in found:
            raw = data[at : at + size]
            vectors[name.lower()] = as_array(raw, wide)
            at += len(raw)
        tables.append(Table(str(plot), vectors))
    return None if by_quit is None else bool(by_quit), stays is True, tables


def _no_reply() -> SimulationError:
    return SimulationError(
        FailureKind.CRASH,
        "ngspice's process sent something that cannot be read as results; a fault in ngspice, or "
        "in a deck that means to harm, could do that",
    )


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise _WorkerLostError
    return pipe
