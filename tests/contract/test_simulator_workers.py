"""Workers that are killed, crash or are interrupted; parts that are not installed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulator_decks import ENDLESS, RC, control, fails
from spiceloop.circuit.deck import Deck
from spiceloop.errors import FailureKind, SetupError
from spiceloop.sim import NgspiceLib, Simulator, make_simulator

pytestmark = pytest.mark.ngspice


def child_of(pid: int) -> int:
    """The process that the worker has forked for the next deck, or for the one that runs."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise AssertionError("no child")


def gone(pid: int, within: float = 2.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def in_a_while() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Call something half a second later, from another thread."""
    timers: list[threading.Timer] = []

    def later(action: Callable[[], None]) -> None:
        timers.append(threading.Timer(0.5, action))
        timers[-1].start()

    yield later
    for timer in timers:
        timer.join()


@pytest.fixture
def lib() -> Iterator[NgspiceLib]:
    simulator = NgspiceLib()
    simulator.version()
    yield simulator
    simulator.close()


def test_a_killed_worker_is_replaced(lib: NgspiceLib) -> None:
    assert lib.worker_pid is not None
    os.kill(lib.worker_pid, signal.SIGKILL)
    time.sleep(0.1)
    assert lib.run(control(RC, "op", "let x = 1"), measures=["x"]).measures["x"] == 1


def test_a_crash_inside_ngspice(lib: NgspiceLib, in_a_while: Callable[..., None]) -> None:
    pid = lib.worker_pid
    assert pid is not None

    def crash() -> None:
        os.kill(child_of(pid), signal.SIGSEGV)

    in_a_while(crash)
    deck = control(RC, "echo before the crash", "tran 1n 1000")
    error = fails(lib, deck, timeout=30)
    assert error.kind is FailureKind.CRASH
    assert "SIGSEGV" in error.message
    assert lib.run(control(RC, "op", "let x = 1"), measures=["x"]).measures["x"] == 1


def test_the_worker_dies_in_the_middle_of_a_run(
    lib: NgspiceLib, in_a_while: Callable[..., None]
) -> None:
    pid = lib.worker_pid
    assert pid is not None
    child = child_of(pid)
    in_a_while(lambda: os.kill(pid, signal.SIGKILL))
    assert fails(lib, Deck(ENDLESS), timeout=30).kind is FailureKind.CRASH
    assert gone(child), "the child outlived the worker"
    assert lib.run(control(RC, "op", "let x = 1"), measures=["x"]).measures["x"] == 1


def test_an_interrupted_run_does_not_answer_for_the_next(sim: Simulator) -> None:
    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            sim.run(control(RC, "tran 1n 3m", "let x = 1"), measures=["x"], timeout=60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert sim.run(control(RC, "op", "let x = 2"), measures=["x"]).measures["x"] == 2


def test_no_place_for_the_deck(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(SetupError, match="TMPDIR"):
        make_simulator(sim.name).run(Deck(RC))


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPICELOOP_LIBNGSPICE", "/nowhere/libngspice.so")
    with pytest.raises(SetupError, match=r"/nowhere/libngspice\.so"):
        NgspiceLib().run(Deck(RC))


def test_missing_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SetupError, match="apt-get install ngspice"):
        make_simulator("ngspice-batch").run(Deck(RC))


def test_unknown_simulator() -> None:
    with pytest.raises(SetupError, match="ngspice-lib, ngspice-batch"):
        make_simulator("hspice")


def _message(head: bytes, data: bytes = b"", claims: int = 0) -> bytes:
    lengths = len(head), claims or len(data)
    return b"".join(n.to_bytes(8, "little") for n in lengths) + head + data


@pytest.mark.parametrize(
    "forged",
    [
        _message(b"no JSON"),
        _message(b"[" * 100_000),
        _message(b"true"),
        _message(b"[null]"),
        _message(b'[null, false, {"ac1": 3}]'),
        _message(b'[null, false, [["ac1", [["v", false, 5]]]]]', b"12345"),
        _message(b'[null, false, [["ac1", [[3, false, 8]]]]]', b"12345678"),
        _message(b'[null, false, [["ac1", [["v", false, "8"]]]]]', b"12345678"),
        _message(b"[null, false, []]", claims=1 << 62),
        _message(b"[null, false, [], [" + b"9" * 10_000 + b"]]"),
        b"\xff" * 64,
    ],
    ids=range(11),
)
def test_a_reply_of_a_process_that_was_taken_over_fails_that_run_and_no_more(
    forged: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = tmp_path / "reply"
    reply.write_bytes(_message(b'{"banner": "ngspice-39", "library": ""}') + forged)
    program = tmp_path / "worker"
    program.write_text(f'#!/bin/sh\nmkdir "$3"\ncat {reply}\nexec sleep 60\n')
    program.chmod(0o700)
    simulator = NgspiceLib()
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", str(program))
        simulator.version()
    worker = simulator.worker_pid
    assert worker is not None
    error = fails(simulator, control(RC, "op"), timeout=20)
    assert error.kind is FailureKind.CRASH
    assert "cannot be read as results" in error.message
    assert gone(worker)
    assert simulator.run(control(RC, "op"), measures=["v(out)"]).measures["v(out)"] == 1
    simulator.close()
