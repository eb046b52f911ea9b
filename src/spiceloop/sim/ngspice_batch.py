"""`NgspiceBatch`: one ``ngspice -b`` process a deck. Slow, simple, the reference for the other."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from spiceloop.circuit.deck import Deck
from spiceloop.errors import FailureKind, SetupError, SimulationError
from spiceloop.sim import diagnose, sandbox
from spiceloop.sim.base import SimResult
from spiceloop.sim.patience import Patience
from spiceloop.sim.prepare import MAIN, prepare
from spiceloop.sim.results import MARK, QUIT_COMMANDS, conclude, read_raw_tables, wanted_vectors
from spiceloop.sim.rundir import read_log, run_folder, setup_commands

__all__ = ["NgspiceBatch"]

# An operating point value, and nothing on which a command would act.
_PROBE = re.compile(r"@[\w.#:\[\]/+-]+", re.ASCII)
# Between us and ngspice: it is killed when we die, and confined to the run's folder.
_LAUNCH = [sys.executable, "-I", "-S", sandbox.__file__]


class NgspiceBatch:
    """Runs each deck in a process of its own; vectors come back through raw files."""

    name = "ngspice-batch"

    def __init__(self) -> None:
        self._version = ""
        self._process: subprocess.Popen[bytes] | None = None

    def version(self) -> str:
        """Return e.g. ``ngspice-39``. Raises `SetupError` where ngspice is missing."""
        if not self._version:
            output = subprocess.run(
                [_program(), "--version"], capture_output=True, text=True, timeout=60, check=False
            ).stdout
            match = re.search(r"ngspice-[\w.]+", output, re.IGNORECASE)
            self._version = match.group(0) if match else "ngspice"
        return self._version

    def run(
        self,
        deck: Deck,
        *,
        measures: Sequence[str] = (),
        vectors: Sequence[str] | None = None,
        timeout: float = 60.0,
    ) -> SimResult:
        """Run the deck; ``timeout`` in seconds of wall clock. Raises `SimulationError`."""
        program = _program()
        start = time.perf_counter()
        probes = [f"print {m.lower()}" for m in measures if _PROBE.fullmatch(m)]
        echo, *write = QUIT_COMMANDS
        extras = [echo, "set numdgt=15", *probes, *write]
        script = prepare(deck.text, at_quit=extras, at_end=[*extras, "quit"])
        with run_folder(deck, script.files) as folder:
            (folder / ".spiceinit").write_text(_init_file(deck))
            log = folder / "log"
            with log.open("wb") as output:
                # Its own process group, so that a time-out takes what the deck started along.
                self._process = process = subprocess.Popen(
                    [
                        *_LAUNCH,
                        str(os.getpid()),
                        program,
                        MAIN,
                        "" if deck.trusted else str(folder),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    start_new_session=True,
                )
            try:
                if not Patience(timeout).wait(lambda seconds: _ended(process, seconds)):
                    raise diagnose.timeout(timeout, read_log(log)).located(deck=deck.name)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self._process = None
            lines = read_log(log)
            if lines[:1] == [sandbox.UNCONFINED]:
                raise SimulationError(FailureKind.CRASH, lines[0], deck=deck.name)
            # Every deck ends with the mark, an aborted one too, unless ngspice ended before.
            at_end = any(line.startswith(MARK) for line in lines)
            if process.returncode < 0 or (process.returncode > 0 and not at_end):
                raise diagnose.crash(process.returncode, lines).located(deck=deck.name)
            return conclude(
                deck,
                lines=lines,
                tables=read_raw_tables(folder, lines, script.lets),
                lets=script.lets,
                measures=measures,
                vectors=wanted_vectors(vectors),
                fatal=False,
                seconds=time.perf_counter() - start,
            )

    def close(self) -> None:
        """End a `run` of another thread, which then raises; nothing stays behind between runs."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _ended(process: subprocess.Popen[bytes], wait_s: float) -> bool:
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _program() -> str:
    found = shutil.which("ngspice")
    if not found:
        raise SetupError(
            "ngspice is not on PATH; on Debian or Ubuntu run `apt-get install ngspice`"
        )
    return found


def _init_file(deck: Deck) -> str:
    """The user's own ``~/.spiceinit``, which a file in the working folder hides, and ours."""
    own = Path.home() / ".spiceinit"
    lines = [own.read_text(errors="replace")] if own.is_file() else []
    return "\n".join([*lines, *setup_commands(deck), ""])
