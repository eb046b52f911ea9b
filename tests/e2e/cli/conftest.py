"""Small circuits of the command line's own tests, and the real ``spiceloop`` command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from spiceloop.cli.app import main

RC_DECK = """low-pass of the command line's tests
.param r=10k c=1n
.csparam area={r/1e3+c/1e-12}
v1 in 0 dc 0 ac 1 sin(0 1 1meg)
r1 in out {r}
c1 out 0 {c}
.control
ac dec 20 10 1g
meas ac bandwidth when vdb(out)=-3.0103
print area
.endc
.end
"""

RC_PROBLEM = """name: low_pass
testbenches:
  main: {deck: rc.spice}
parameters:
  r: {minimum: 1k, maximum: 100k, start: 10k, unit: Ω}
  c: {minimum: 10p, maximum: 10n, start: 1n, unit: F}
metrics:
  bandwidth: {unit: Hz, goal: maximize, minimum: 1k}
  area: {goal: minimize}
"""

# The bandwidth of R = 10 kΩ, C = 1 nF: 1/(2πRC).
RC_BANDWIDTH = 15915.494

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command() -> str:
    found = shutil.which("spiceloop", path=str(Path(sys.executable).parent))
    assert found, "the spiceloop command is not installed beside this Python"
    return found


@pytest.fixture
def cli(command: str, tmp_path: Path) -> Run:
    """Run the real command in ``tmp_path``; no traceback may ever show."""

    def run(
        *words: str | Path, env: Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [command, *map(str, words)],
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    return run


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    """A low-pass with two parameters and two objectives."""
    (tmp_path / "rc.spice").write_text(RC_DECK)
    path = tmp_path / "problem.yaml"
    path.write_text(RC_PROBLEM)
    return path


@pytest.fixture
def slow_problem(tmp_path: Path) -> Path:
    """The same with a transient that takes some tenths of a second."""
    deck = RC_DECK.replace("ac dec", "tran 1n 200u\nac dec")
    (tmp_path / "rc.spice").write_text(deck)
    path = tmp_path / "problem.yaml"
    path.write_text(RC_PROBLEM)
    return path


@pytest.fixture
def inside(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """The same command line within this process: what the many small cases can afford."""

    def run(*words: str | Path | int) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        arguments = [str(w) for w in words]
        capfd.readouterr()
        code = main(arguments)
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run
