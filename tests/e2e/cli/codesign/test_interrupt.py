"""A run that is killed or interrupted goes on with the numbers of one that was not."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from codesign_runs import Place, records

pytestmark = pytest.mark.ngspice


def until(command: Sequence[str | Path], start: str, wait: float, kind: int) -> str:
    """Run until a line of standard error begins with ``start``, wait, then send the signal."""
    process = subprocess.Popen(
        [str(c) for c in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        process_group=0,
    )  # fmt: skip
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told += line
        if line.startswith(start):
            break
    else:
        raise AssertionError(f"it never said {start!r}: {told}")
    time.sleep(wait)
    os.killpg(process.pid, kind)
    _, rest = process.communicate(timeout=60)
    told += rest
    expected = 130 if kind == signal.SIGINT else -kind
    assert process.returncode == expected, told
    return told


def tensors(run: Path, arm: str) -> dict[str, torch.Tensor]:
    state = torch.load(run / f"{arm}.pt", weights_only=True)
    assert state["arm"] == arm
    optimizer = {
        f"{name}.{k}.{which}": value
        for name in ("optimizer", "filters")
        for k, values in state[name]["state"].items()
        for which, value in values.items()
    }
    return {**state["system"], **optimizer}


def assert_same(run: Path, whole: Path) -> None:
    """The same to the last bit, but for wall clocks."""
    assert records(run) == records(whole)
    for arm in ("common", "fixed", "learned"):
        here, there = tensors(run, arm), tensors(whole, arm)
        assert here.keys() == there.keys()
        assert all(torch.equal(here[k], there[k]) for k in here), arm
    for name in ("evaluation.json", "fixed.bank.json", "learned.bank.json"):
        assert json.loads((run / name).read_text()) == json.loads((whole / name).read_text())


@pytest.fixture
def begin(command: str, place: Place, tmp_path: Path) -> list[str | Path]:
    return [
        command, "codesign", place.config, "--data", place.data, "--out", tmp_path / "my run",
        "--threads", "1", "--no-report",
    ]  # fmt: skip


def test_killed_then_resumed(begin, command, inside, place, tmp_path):
    """Once in the common phase, once in the first arm; between, a report of what there is.

    Epochs take a tenth of a second here, so the kill comes within the next one or the one after.
    The second arm begins in another process than the common phase it begins from.
    """
    run = tmp_path / "my run"
    until(begin, "[1/4] classifier", 0.03, signal.SIGKILL)
    before = records(run)
    assert 1 <= len(before) < 6
    assert inside("codesign", "report", run).returncode == 0
    assert "The run is not finished" in (run / "report.html").read_text()
    again = [command, "codesign", "resume", run, "--threads", "1", "--no-report"]
    until(again, "[3/4] fixed", 0.03, signal.SIGKILL)
    assert records(run)[: len(before)] == before
    done = inside("codesign", "resume", run, "--threads", 1, "--no-report", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["arms"] == place.said["arms"]
    assert_same(run, place.run)


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0.0, 0.1])
@pytest.mark.parametrize(
    "line", ["start:", "[2/4] classifier", "[3/4] fixed", "[4/4] fixed", "[3/4] learned"]
)
def test_killed_anywhere(begin, inside, place, tmp_path, line, wait):
    until(begin, line, wait, signal.SIGKILL)
    done = inside("codesign", "resume", tmp_path / "my run", "--threads", 1, "--no-report")
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "my run", place.run)


def test_ctrl_c_then_the_command_it_says(begin, inside, place, tmp_path):
    told = until(begin, "[2/4] classifier", 0.05, signal.SIGINT)
    assert "Traceback" not in told
    assert "of 6 epochs are kept" in told
    words = shlex.split(next(x for x in told.splitlines() if "spiceloop codesign resume" in x))
    done = inside(*words[1:], "--threads", 1, "--no-report")
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "my run", place.run)


def test_a_finished_run_has_nothing_left_to_do(inside, copied, place):
    run = copied()
    done = inside("codesign", "resume", run, "--threads", 1, "--no-report")
    assert done.returncode == 0, done.stderr
    assert not [x for x in done.stderr.splitlines() if x.startswith("[")]
    assert_same(run, place.run)
