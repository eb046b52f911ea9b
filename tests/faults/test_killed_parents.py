"""`kill -9` of the parent at random moments of one study: nothing lost, nothing left behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spiceloop.errors import StudyError
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study.store import Study
from spiceloop.study.trial import TrialState

pytestmark = pytest.mark.ngspice

PROBLEM = Path(__file__).parents[1] / "data" / "rc_study" / "problem.yaml"
LIMIT_S = 800.0
DRIVER = Path(__file__).parents[1] / "e2e" / "study_driver.py"


def start(url: str, trials: int, tmpdir: Path, mark: str, workers: int = 1) -> subprocess.Popen:
    words = [str(PROBLEM), url, "sobol", str(trials), str(trials), str(workers)]
    return subprocess.Popen(
        [sys.executable, str(DRIVER), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmpdir), "SPICELOOP_TEST_MARK": mark},
    )


def marked(mark: str) -> list[tuple[int, str]]:
    """Processes with the mark in their environment, zombies of our own included: number, state."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            ours = mark.encode() in (folder / "environ").read_bytes()
            if ours or (state == "Z" and int(parent) == os.getpid()):
                found.append((int(folder.name), state))
        except OSError:
            continue
    return found


def nothing_left(mark: str, tmpdir: Path) -> bool:
    deadline = time.monotonic() + 15
    while marked(mark) or list(tmpdir.iterdir()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def story(study: Study) -> list[tuple[object, ...]]:
    return [(t.number, t.origin, t.state, dict(t.design), dict(t.metrics)) for t in study.trials]


def killed(tmp_path: Path, kills: int, trials: int, scheme: str) -> None:
    bench = Bench.load(load_problem(PROBLEM))
    tmpdir = tmp_path / "tmp"
    tmpdir.mkdir()
    whole_url = f"{scheme}:///{tmp_path / 'whole.db'}"
    began = time.monotonic()
    process = start(whole_url, trials, tmpdir, "whole")
    process.stdout.readline()
    start_s = time.monotonic() - began
    out, err = process.communicate(timeout=LIMIT_S)
    assert out.endswith("budget\n"), err
    trial_s = (time.monotonic() - began - start_s) / trials
    assert list(tmpdir.iterdir()) == []
    whole = story(Study.open(whole_url, bench=bench))

    url, mark = f"{scheme}:///{tmp_path / 'cut.db'}", str(tmp_path)
    rng = random.Random(4)
    kept: list[tuple[object, ...]] = []
    for kill in range(kills):
        process = start(url, trials, tmpdir, mark)
        if kill % 3:  # once the run is under way; else while it starts
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 4.0) * trial_s)
        else:
            time.sleep(rng.uniform(0.3, 1.1) * start_s)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "the budget was spent before the kills were"
        assert nothing_left(mark, tmpdir), (kill, marked(mark), list(tmpdir.iterdir()))
        try:
            now = story(Study.open(url, bench=bench))
        except StudyError:
            assert not kept  # killed before the study was made
            continue
        done = [t for t in now if t[2] is not TrialState.RUNNING]  # some designs fail by rights
        assert done[: len(kept)] == kept
        assert len(now) - len(done) <= 1
        kept = done
    assert 0 < len(kept) <= trials
    out, err = start(url, trials, tmpdir, mark).communicate(timeout=LIMIT_S)
    assert out.endswith("budget\n"), err
    assert nothing_left(mark, tmpdir)
    assert story(Study.open(url, bench=bench)) == whole


def test_four_kills(tmp_path):
    killed(tmp_path, kills=4, trials=60, scheme="sqlite")


def test_four_kills_of_one_with_two_evaluator_processes(tmp_path):
    """While they start, while they simulate; nothing stays of them, and no trial is lost."""
    bench = Bench.load(load_problem(PROBLEM))
    tmpdir = tmp_path / "tmp"
    tmpdir.mkdir()
    url, mark = f"sqlite:///{tmp_path / 'cut.db'}", str(tmp_path)
    rng = random.Random(5)
    kept: list[tuple[object, ...]] = []
    for kill in range(4):
        process = start(url, 400, tmpdir, mark, workers=2)
        if kill % 2:
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.2))
            assert sum(state != "Z" for _, state in marked(mark)) >= 5  # it, two, their simulators
        else:
            while len(marked(mark)) < 3:
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 0.5))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "the budget was spent before the kills were"
        assert nothing_left(mark, tmpdir), (kill, marked(mark), list(tmpdir.iterdir()))
        now = story(Study.open(url, bench=bench))
        done = [t for t in now if t[2] is not TrialState.RUNNING]
        assert all(t in done for t in kept)
        assert len(now) - len(done) <= 2
        kept = done
    assert kept


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scheme", ["sqlite", "journal"])
def test_fifty_kills(tmp_path, scheme):
    killed(tmp_path, kills=50, trials=400, scheme=scheme)
