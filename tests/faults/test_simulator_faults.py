"""What real decks and signals do to the simulator: each fault, and that the next run works."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from simulator_decks import ENDLESS, RC, control, fails
from spiceloop.circuit.deck import Deck
from spiceloop.errors import FailureKind
from spiceloop.sim import NgspiceLib, Simulator, make_simulator
from spiceloop.sim.patience import Patience

pytestmark = pytest.mark.ngspice

# Two faults of ngspice 39 that it does not survive: a function that calls itself overflows its
# stack, and the derivative of a single number writes past the end of it.
SEGFAULT = Deck("t\n.func f(x)={f(x)+1}\nv1 a 0 {f(1)}\nr1 a 0 1\n.control\nop\n.endc\n.end\n")
ABORT = control(RC, "tran 100u 1m", "let q = deriv(vecmax(v(out)))")


def works(simulator: Simulator) -> None:
    assert simulator.run(control(RC, "op", "let x = 4"), measures=["x"]).measures["x"] == 4


@pytest.fixture(params=["ngspice-lib", "ngspice-batch"])
def sim(request: pytest.FixtureRequest) -> Simulator:
    simulator = make_simulator(request.param)
    yield simulator
    simulator.close()


@pytest.mark.parametrize(
    ("deck", "signal_name"), [(SEGFAULT, "SIGSEGV"), (ABORT, "SIGABRT")], ids=["segfault", "abort"]
)
def test_ngspice_ends_on_an_internal_error(sim: Simulator, deck: Deck, signal_name: str) -> None:
    for _ in range(2):
        error = fails(sim, deck)
        assert error.kind is FailureKind.CRASH
        assert signal_name in error.message
        works(sim)


@pytest.mark.parametrize("command", ["tran 1u 2u", "rusage"], ids=["plain", "not plain"])
def test_an_endless_flood_of_output_fills_neither_disk_nor_memory(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    simulator = NgspiceLib()
    largest = [0]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            sizes = [f.stat().st_size for f in tmp_path.glob("*/*/log")]
            with contextlib.suppress(OSError):  # just closed
                sizes += [os.fstat(file.fd).st_size for file in simulator._memory]
            largest[0] = max([largest[0], *sizes])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        deck = control(RC, command, "while 1 > 0", f"  echo {'flood ' * 200}", "end")
        assert fails(simulator, deck, timeout=8).kind is FailureKind.TIMEOUT
    finally:
        stop.set()
        watcher.join()
    assert 1 << 20 < largest[0] <= 65 << 20
    works(simulator)
    simulator.close()
    assert list(tmp_path.iterdir()) == []


def test_a_netlist_of_10_megabytes(sim: Simulator) -> None:
    comment = "* " + "x" * 98 + "\n"
    ladder = "".join(f"r{i} n{i} n{i + 1} 1\n" for i in range(2000))
    text = f"t\nv1 n0 0 1\nrl n2000 0 2000\n{ladder}{comment * 105_000}"
    assert len(text) > 10 << 20
    deck = control(text, "op", "let x = v(n2000)")
    result = sim.run(deck, measures=["x"], timeout=120)
    assert result.measures["x"] == pytest.approx(0.5, rel=1e-6)
    works(sim)


def test_a_stopped_worker_goes_on(sim: Simulator) -> None:
    """Stopped for a moment and continued: the result is that of a run that was not."""
    deck = control(RC, "tran 1n 200u", "meas tran last find v(out) at=200u", "let n = length(time)")
    plain = sim.run(deck, measures=["last", "n"], timeout=100).measures
    stopped: list[int] = []

    def stop_and_go() -> None:
        deadline = time.monotonic() + 5
        while not stopped and time.monotonic() < deadline:
            process = sim._process  # type: ignore[attr-defined]
            if process is not None:
                os.killpg(process.pid, signal.SIGSTOP)
                stopped.append(process.pid)
                time.sleep(1.5)
                os.killpg(process.pid, signal.SIGCONT)
            time.sleep(0.01)

    thread = threading.Thread(target=stop_and_go)
    thread.start()
    again = sim.run(deck, measures=["last", "n"], timeout=100).measures
    thread.join()
    assert stopped
    assert dict(again) == dict(plain)


def test_a_worker_that_stays_stopped_is_killed(sim: Simulator) -> None:
    def stop() -> None:
        time.sleep(0.7)
        os.killpg(sim._process.pid, signal.SIGSTOP)  # type: ignore[attr-defined]

    thread = threading.Thread(target=stop)
    thread.start()
    assert fails(sim, Deck(ENDLESS), timeout=2.0).kind is FailureKind.TIMEOUT
    thread.join()
    works(sim)


STOPPED_PARENT = """
import sys, time
from spiceloop.circuit.deck import Deck
from spiceloop.sim import make_simulator

deck = Deck("t\\nv1 a 0 sin(0 1 1meg)\\nr1 a b 1k\\nc1 b 0 1n\\n.control\\n"
            "tran 1n 500u\\nmeas tran last find v(b) at=500u\\n.endc\\n.end\\n")
simulator = make_simulator(sys.argv[1])
simulator.version()
print("running", flush=True)
began = time.monotonic()
# A limit that the run keeps by far, but not together with the time for which it was stopped.
result = simulator.run(deck, measures=["last"], vectors=["*"], timeout=float(sys.argv[2]))
print(repr(result.measures["last"]), flush=True)
print(time.monotonic() - began, flush=True)
simulator.close()
"""


def stopped_run(name: str, limit: float, stop_s: float) -> tuple[str, float]:
    parent = subprocess.Popen(
        [sys.executable, "-c", STOPPED_PARENT, name, str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout.readline() == "running\n"
    if stop_s:
        time.sleep(0.3)
        group = [parent.pid, *descendants(parent.pid)]
        for pid in group:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(stop_s)
        for pid in group:
            os.kill(pid, signal.SIGCONT)
    out, err = parent.communicate(timeout=100)
    assert parent.returncode == 0, err
    value, took = out.splitlines()
    return value, float(took)


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *descendants(child)]
    return found


@pytest.mark.parametrize("name", ["ngspice-lib", "ngspice-batch"])
def test_a_stopped_machine_turns_no_run_into_a_failure(name: str) -> None:
    """As a queue system does that stops a job with all its processes, and a laptop that sleeps."""
    plain, took = stopped_run(name, 100.0, 0.0)
    limit = 2.0 * took + 2.0
    value, took = stopped_run(name, limit, limit + 2.0)
    assert took > limit  # by the clock on the wall it was far over its limit
    assert value == plain


def test_patience_counts_waiting_only() -> None:
    patience = Patience(0.3)
    began = time.monotonic()
    calls = []

    def late(seconds: float) -> bool:
        calls.append(seconds)
        time.sleep(1.2 if len(calls) == 1 else seconds)  # the first time it was stopped
        return False

    assert not patience.wait(late)
    assert 1.4 < time.monotonic() - began < 3
    assert Patience(0.0).wait(lambda seconds: seconds == 0.0)


@pytest.mark.parametrize(
    ("last", "status", "word"),
    [
        (
            "Reference value : 6e-06realloc: Internal Error: can't allocate 50716672 bytes.",
            1,
            "memory",
        ),
        ("Note: something new", 3, "exit status 3"),
    ],
)
def test_an_ngspice_that_ends_before_the_deck_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str, status: int, word: str
) -> None:
    """It is the crash that is told, not the measures that are missing for it."""
    program = tmp_path / "ngspice"
    program.write_text(f'#!/bin/sh\necho "{last}"\nexit {status}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    failure = fails(make_simulator("ngspice-batch"), control(RC, "op"), "x")
    assert failure.kind is FailureKind.CRASH
    assert word in failure.message
