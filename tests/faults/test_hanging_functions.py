"""A Python function of the problem that hangs costs its trial, and holds nothing else up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.ngspice

DECK = """low-pass
.param r=10k
r1 in out {r}
c1 out 0 1n
v1 in 0 ac 1
.control
ac dec 5 1 1meg
meas ac f3db when vdb(out)=-3
.endc
.end
"""
# The start, 10 kΩ, is above 5 kΩ: it ends; so do all others but those below.
FUNCTION = """import threading, time
def more(waves):
    resistance = 1 / (2 * 3.1416e-9 * abs(float(f3db(waves))))
    if resistance < {limit}:
        {hang}
    return {{"extra": resistance}}

def f3db(waves):
    import numpy as np
    plot = waves.plots[0]
    gain = abs(plot["out"])
    return np.interp(-0.7071, -gain, abs(plot.x))
"""
PROBLEM = """name: hangs
testbenches:
  main: {{deck: rc.spice, functions: [mine.py:more], timeout: {timeout}}}
parameters:
  r: {{minimum: 1k, maximum: 20k, start: 10k, scale: log}}
metrics:
  f3db: {{goal: maximize}}
  extra: {{goal: minimize}}
"""
HANGS = {"loop": "while True: pass", "sleep": "time.sleep(1e6)"}


def write(folder: Path, hang: str, *, timeout: float, limit: float) -> None:
    (folder / "rc.spice").write_text(DECK)
    (folder / "mine.py").write_text(FUNCTION.format(hang=hang, limit=limit))
    (folder / "problem.yaml").write_text(PROBLEM.format(timeout=timeout))


@pytest.fixture
def command() -> str:
    found = shutil.which("spiceloop", path=str(Path(sys.executable).parent))
    assert found
    return found


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("hang", list(HANGS))
def test_a_trial_fails_and_the_run_goes_on(
    command: str, tmp_path: Path, hang: str, workers: str
) -> None:
    write(tmp_path, HANGS[hang], timeout=1, limit=4e3)
    done = subprocess.run(
        [
            command, "size", "problem.yaml", "--budget", "6", "--optimizer", "sobol",
            "--out", "run", "--no-report", "--json", "--workers", workers,
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trials = json.loads(done.stdout)["trials"]
    assert trials["ended"] == 6
    assert trials["failed"].keys() == {"timeout"}
    assert 1 <= trials["failed"]["timeout"] < 6
    assert "mine.py:more took longer than the timeout of 1 s" in done.stderr


def test_check_and_simulate_end_too(command: str, tmp_path: Path) -> None:
    write(tmp_path, "time.sleep(1e6)", timeout=60, limit=1e9)
    for word in ("check", "simulate"):
        done = subprocess.run(
            [command, word, "problem.yaml", "--timeout", "1"],
            cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 4
        assert "took longer than the timeout of 1 s" in done.stdout + done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_does_not_wait_for_it(command: str, tmp_path: Path, workers: str) -> None:
    write(tmp_path, "time.sleep(1e6)", timeout=1000, limit=9e3)
    size = subprocess.Popen(
        [
            command, "size", "problem.yaml", "--budget", "9", "--optimizer", "sobol",
            "--out", "run", "--no-report", "--workers", workers,
        ],
        cwd=tmp_path, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        process_group=0,
    )  # fmt: skip
    assert size.stderr is not None
    for line in size.stderr:
        if "trial 0" in line:
            break
    time.sleep(3)  # by now each worker is at one that hangs
    assert size.poll() is None
    os.killpg(size.pid, signal.SIGINT)
    _, said = size.communicate(timeout=30)
    assert size.returncode == 130, said
    assert " kept. Go on with:" in said
    assert "Traceback" not in said
