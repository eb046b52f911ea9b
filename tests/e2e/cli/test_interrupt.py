"""Ctrl-C leaves a study that ``resume`` completes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.ngspice

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_ctrl_c_then_the_command_it_says(
    command: str, cli: Run, slow_problem: Path, tmp_path: Path
) -> None:
    # A new process group, signalled as a whole: what a terminal does at Ctrl-C.
    size = subprocess.Popen(
        [
            command, "size", str(slow_problem), "--budget", "8", "--optimizer", "sobol",
            "--out", "my run", "--no-report",
        ],
        cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        process_group=0,
    )  # fmt: skip
    assert size.stderr is not None
    told = ""
    for line in size.stderr:
        told += line
        if line.startswith("[3/8]"):
            break
    os.killpg(size.pid, signal.SIGINT)
    _, rest = size.communicate(timeout=30)
    told += rest
    assert size.returncode == 130, told
    assert "Traceback" not in told
    assert "interrupted" in told

    words = shlex.split(next(x for x in told.splitlines() if "spiceloop resume" in x))
    before = _finished(tmp_path / "my run" / "study.db")
    assert 3 <= len(before) < 9  # the start and two more at least; not all
    assert f"interrupted; {len(before)} trials are kept" in told
    done = cli(*words[1:], "--no-report", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["trials"]["ended"] == 8
    assert "used up" not in done.stderr
    again = cli(*words[1:], "--no-report")
    assert "the budget is used up (8/8); a larger --budget goes on" in again.stderr
    after = _finished(tmp_path / "my run" / "study.db")
    assert [n for n, _ in after] == list(range(9))
    assert after[: len(before)] == before  # nothing finished was simulated again


def test_ctrl_c_while_the_report_is_written(
    inside: Run, slow_problem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(result: object) -> Path:
        raise KeyboardInterrupt

    words = ["size", slow_problem, "--budget", "2", "--optimizer", "sobol"]
    with monkeypatch.context() as patch:
        patch.setattr("spiceloop.api.Result.report", interrupted)
        size = inside(*words, "--out", tmp_path / "run")
    assert size.returncode == 130, size.stderr
    assert "chosen: trial" in size.stdout
    assert "interrupted; 3 trials are kept" in size.stderr
    again = shlex.split(next(x for x in size.stderr.splitlines() if "spiceloop resume" in x))
    done = inside(*again[1:], "--json")
    assert Path(json.loads(done.stdout)["report"]).is_file()


def _finished(database: Path) -> list[tuple[int, str]]:
    """Number and end time of the finished trials, straight from Optuna's table."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(
            "select number, datetime_complete from trials where state != 'RUNNING' order by number"
        ).fetchall()
