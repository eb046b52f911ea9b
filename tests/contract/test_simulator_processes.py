"""No orphans, no cross-talk: the processes behind the simulators."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.errors import FailureKind, SimulationError
from spiceloop.sim import SIMULATORS, NgspiceLib, make_simulator
from spiceloop.sim.rundir import read_log

pytestmark = pytest.mark.ngspice

PARENT = """
import sys, threading
from spiceloop.circuit.deck import Deck
from spiceloop.sim import make_simulator

deck = Deck("t\\nv1 a 0 sin(0 1 1meg)\\nr1 a b 1k\\nc1 b 0 1n\\n"
            ".control\\necho started\\ntran 1n 1000\\n.endc\\n.end\\n")
def work():
    make_simulator(sys.argv[1]).run(deck, timeout=300)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *descendants(child)]
    return found


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("name", SIMULATORS)
def test_all_gone_soon_after_kill_9_of_the_parent(name: str, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), name],
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    processes: list[int] = []
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            time.sleep(0.1)
            processes = descendants(parent.pid)
            # Two simulations deep inside their endless transient.
            if sum(cpu_seconds(p) > 0.2 for p in processes) >= 2:
                break
        assert sum(cpu_seconds(p) > 0.2 for p in processes) >= 2, processes
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 2
    while any(map(running, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    left = [p for p in processes if running(p)]
    for p in left:
        os.kill(p, signal.SIGKILL)
    assert not left
    if name == "ngspice-lib":
        deadline = time.monotonic() + 2
        while list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert list(tmp_path.iterdir()) == [], "the workers remove the run folders"


def test_many_in_threads_do_not_disturb_each_other() -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        simulator = NgspiceLib()
        for i in range(10):
            x = number * 100 + i
            text = f"t\nv1 a 0 {x}\nr1 a 0 1\n.control\nop\nlet x = v(a)\n.endc\n.end\n"
            got = simulator.run(Deck(text), measures=["x"], timeout=30).measures["x"]
            if got != x:
                wrong.append((x, got))
        simulator.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_closing_one_worker_leaves_the_others_alone_and_frees_its_own() -> None:
    """A worker that held another's pipe open would keep that one alive."""
    first, second = NgspiceLib(), NgspiceLib()
    first.version()
    second.version()
    pid = first.worker_pid
    assert pid is not None
    process = first._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # what the kernel does when the parent dies
    assert process.wait(5) == 0
    assert second.worker_pid is not None
    assert running(second.worker_pid)
    first.close()
    second.close()


def test_the_worker_starts_light() -> None:
    code = (
        "import sys, spiceloop.sim.worker; "
        "print([m for m in ('numpy', 'torch', 'pandas', 'optuna', 'matplotlib', 'scipy') "
        "if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


ENDLESS = "t\nv1 a 0 sin(0 1 1meg)\nr1 a b 1k\nc1 b 0 1n\n.control\ntran 1n 1000\n.endc\n.end\n"


@pytest.mark.parametrize("name", SIMULATORS)
def test_closed_by_another_thread_a_run_ends_and_the_next_one_works(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the kill takes effect late, so that nobody relies on the pipe's end coming first.

    Closing a pipe that another thread waits for does not wake it.
    """
    simulator = make_simulator(name)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            simulator.run(Deck(ENDLESS), timeout=60)
        except SimulationError as error:
            raised.append(error)

    kill = os.killpg

    def late(pid: int, number: int) -> None:
        def now() -> None:
            with contextlib.suppress(ProcessLookupError):
                kill(pid, number)

        threading.Timer(0.3, now).start()

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(1.0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", late)
        began = time.monotonic()
        simulator.close()
        thread.join(20)
    assert not thread.is_alive()
    assert time.monotonic() - began < 10
    (error,) = raised
    assert isinstance(error, SimulationError)
    assert error.kind is FailureKind.CRASH
    good = Deck("t\nv1 a 0 3\nr1 a 0 1\n.control\nop\nlet x = v(a)\n.endc\n.end\n")
    assert simulator.run(good, measures=["x"], timeout=30).measures["x"] == 3
    simulator.close()


def test_of_a_huge_log_only_the_ends_are_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.write(b"first\n")
        file.truncate(3 << 30)  # a hole on the disk
        file.seek(0, 2)
        file.write(b"\nlast\n")
    tracemalloc.start()
    lines = read_log(log)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (lines[0], lines[-1]) == ("first", "last")
    assert "spiceloop: the middle of the output is cut" in lines
    assert peak < 512 << 20
    assert read_log(tmp_path / "none") == []


def test_a_log_that_is_open_stays_open(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\n")
    with (tmp_path / "log").open("rb") as file:
        for _ in range(2):
            assert read_log(file.fileno()) == ["one", "two"]
