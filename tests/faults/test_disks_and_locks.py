"""No space left where simulations run; a study that another process holds locked."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from spiceloop.errors import SetupError, StorageError
from spiceloop.opt import make_optimizer
from spiceloop.opt.base import Budget
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study.loop import Ending, run_study
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Origin, TrialState

pytestmark = pytest.mark.ngspice

PROBLEM = Path(__file__).parents[1] / "data" / "rc_study" / "problem.yaml"
A = {"r": 2e3, "c": 1e-9}
METRICS = {"f3db": 79577.47154594767, "ipeak": 5e-4, "rise": 4.4e-6}


@pytest.fixture
def bench() -> Bench:
    return Bench.load(load_problem(PROBLEM))


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 2 MiB; skips without the right to mount one."""
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("mounting a small file system needs root")
    folder = Path(tempfile.mkdtemp(prefix="spiceloop-small-disk-"))
    try:
        words = [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
        made = subprocess.run(words, capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"cannot mount a small file system here: {made.stderr.strip()}")
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)
        folder.rmdir()


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as stream, suppress(OSError):
        while stream.write(b"x" * 4096):
            pass
    return filler


def test_no_room_for_run_folders_ends_the_run_and_room_lets_it_go_on(
    bench, small_disk, tmp_path, monkeypatch
):
    """Filled in the middle of a run: a trial that could not be simulated is no failed trial."""
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = Study.create(bench, url, Settings())

    def fill_up(event: object) -> None:
        if study.n_begun == 3:
            fill(small_disk)

    options = {"budget": Budget(5), "initial": 5, "seed": 3, "simulator": "ngspice-batch"}
    with pytest.raises(SetupError, match="cannot write a deck for the simulator") as caught:
        run_study(study, make_optimizer("sobol"), on_event=fill_up, **options)
    assert f"free some space in {small_disk}" in str(caught.value)
    trials = Study.open(url).trials
    assert [t.state.value for t in trials] == ["done", "done", "running"]
    (small_disk / "filler").unlink()
    again = Study.open(url, bench=bench)
    assert run_study(again, make_optimizer("sobol"), **options) is Ending.BUDGET
    assert again.trials[:2] == trials[:2]
    assert [t.state for t in again.trials] == 6 * [TrialState.DONE]
    assert list(small_disk.iterdir()) == []


def test_no_room_for_a_journal_cuts_nothing_that_was_kept(bench, small_disk):
    url = f"journal:///{small_disk / 'study.log'}"
    study = Study.create(bench, url, Settings())
    study.begin(A, Origin.START)
    study.finish(0, METRICS, simulation_s=1.0)
    study.begin({**A, "r": 3e3}, Origin.INITIAL)
    filler = fill(small_disk)

    def go_on() -> None:  # what is left of the file's last page still takes a line or two
        for number in range(1, 60):
            study.finish(number, METRICS, simulation_s=1.0)
            study.begin({**A, "r": 3e3 + number}, Origin.INITIAL)

    with pytest.raises(StorageError, match="the disk is full: make room"):
        go_on()
    known = [t for t in study.trials if t.state is TrialState.DONE]
    filler.unlink()
    again = Study.open(url, bench=bench)
    assert again.trials[: len(known)] == tuple(known)
    ending = run_study(again, make_optimizer("sobol"), budget=Budget(4), initial=4, seed=3)
    assert ending is Ending.BUDGET
    assert all(t.state is TrialState.DONE for t in Study.open(url, bench=bench).trials)


def hold(file: Path, seconds: float) -> threading.Thread:
    """Lock the file as another process that writes to it does, and let go later."""
    connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")

    def let_go() -> None:
        time.sleep(seconds)
        connection.rollback()
        connection.close()

    thread = threading.Thread(target=let_go)
    thread.start()
    return thread


def test_sqlite_locked_for_a_moment_is_waited_for(bench, tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = Study.create(bench, url, Settings())
    holders = [hold(tmp_path / "study.db", 1.0)]

    def again(event: object) -> None:
        if len(holders) < 3:
            holders[-1].join()
            holders.append(hold(tmp_path / "study.db", 0.5))

    ending = run_study(
        study, make_optimizer("sobol"), budget=Budget(3), initial=3, seed=3, on_event=again
    )
    for thread in holders:
        thread.join()
    assert ending is Ending.BUDGET
    assert [t.state for t in Study.open(url).trials] == 4 * [TrialState.DONE]


def test_sqlite_locked_for_long_ends_the_run_and_loses_nothing(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("spiceloop.study.storage.BUSY_S", 0.5)
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = Study.create(bench, url, Settings())
    holders = []

    def lock(event: object) -> None:
        if study.n_begun == 3 and not holders:
            holders.append(hold(tmp_path / "study.db", 4.0))

    with pytest.raises(StorageError, match="another process held it") as caught:
        run_study(
            study, make_optimizer("sobol"), budget=Budget(6), initial=6, seed=3, on_event=lock
        )
    assert "end that process, then `spiceloop resume`" in str(caught.value)
    holders[0].join()
    again = Study.open(url, bench=bench)
    assert [t.state for t in again.trials[:2]] == 2 * [TrialState.DONE]
    ending = run_study(again, make_optimizer("sobol"), budget=Budget(6), initial=6, seed=3)
    assert ending is Ending.BUDGET
    assert [t.number for t in again.trials] == list(range(7))


def test_a_journal_locked_by_another_process_is_waited_for(bench, tmp_path, monkeypatch):
    url = f"journal:///{tmp_path / 'study.log'}"
    study = Study.create(bench, url, Settings())
    code = (
        "import fcntl, sys, time\n"
        "stream = open(sys.argv[1], 'r+b')\n"
        "fcntl.flock(stream, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "study.log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    with monkeypatch.context() as impatient:
        impatient.setattr("spiceloop.study.turn.BUSY_S", 0.3)
        with pytest.raises(StorageError, match="is locked; another process held it"):
            study.begin(A, Origin.START)
    assert study.trials == ()
    killer = threading.Timer(1.0, process.kill)  # the lock goes with the process
    killer.start()
    began = time.monotonic()
    assert study.begin(A, Origin.START).number == 0
    assert time.monotonic() - began > 0.5
    killer.join()
    process.communicate()


def test_half_a_line_left_by_a_killed_process_harms_nobody_who_is_writing(bench, tmp_path):
    url = f"journal:///{tmp_path / 'study.log'}"
    study = Study.create(bench, url, Settings())
    study.begin(A, Origin.START)
    with (tmp_path / "study.log").open("ab") as stream:
        stream.write(b'{"op_code":4,"worker_id":"x","study')
    study.finish(0, METRICS, simulation_s=1.0)
    other = Study.open(url, bench=bench)
    assert dict(other.trials[0].metrics) == METRICS
    assert other.begin({**A, "r": 3e3}, Origin.INITIAL).number == 1
    study.reload()
    assert len(study.trials) == 2
