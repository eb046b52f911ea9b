"""Option values are checked before anything is loaded; errors are told in one shape."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spiceloop.cli import app as app_module
from spiceloop.cli.app import app, main
from spiceloop.errors import FailureKind, ProblemError, SimulationError, StorageError


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["size", "p.yaml", "--budget", "-1"], ["--budget -1", "1 or more"]),
        (["size", "p.yaml", "--budget", "0s"], ["--budget 0s", "60s"]),
        (["size", "p.yaml", "--budget", "many"], ["--budget many", "a number of simulations"]),
        (["size", "p.yaml", "--batch", "0"], ["--batch 0"]),
        (["size", "p.yaml", "--workers", "0"], ["--workers 0"]),
        (["size", "p.yaml", "--seed", "-3"], ["--seed -3"]),
        (["size", "p.yaml", "--initial", "0"], ["--initial 0"]),
        (["size", "p.yaml", "--budget", "5", "--initial", "6"], ["--initial 6", "5 trials"]),
        (["size", "p.yaml", "--optimizer", "evhi"], ["evhi", "did you mean 'ehvi'"]),
        (["size", "p.yaml", "--simulator", "spectre"], ["--simulator", "spectre"]),
        (["size", "p.yaml", "--timeout", "0"], ["--timeout 0", "more than 0"]),
        (["size", "p.yaml", "--timeout", "nan"], ["--timeout nan"]),
        (["size", "p.yaml", "--bugdet", "5"], ["--bugdet", "--budget"]),
        (["size"], ["PROBLEM"]),
        (["sise"], ["sise", "size"]),
        (["resume"], ["--study"]),
        (["resume", "run", "--study", "sqlite:///x.db"], ["not both"]),
        (["resume", "run", "--budget", "0"], ["--budget 0"]),
        (["resume", "run", "--workers", "-2"], ["--workers -2"]),
        (["export", "run"], ["--parquet", "--csv", "--netlist"]),
        (["export", "run", "--csv", "t.csv", "--trial", "3"], ["--trial", "--netlist"]),
        (["examples", "copy", "rc_filtre"], ["rc_filtre", "did you mean 'rc_filter'"]),
        (["init", "nowhere.spice"], ["nowhere.spice"]),
    ],
)
def test_wrong_options(
    words: list[str],
    named: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    for word in named:
        assert word in err
    # The same as JSON, on standard output alone.
    if words[0] not in {"init"} and "copy" not in words:
        assert main([*words, "--json"]) == 2
        out, err = capsys.readouterr()
        assert err == ""
        error = json.loads(out)["error"]
        assert error["exit_code"] == 2
        assert all(word in error["message"] for word in named)


def test_every_command_has_help() -> None:
    commands = ("size", "resume", "simulate", "check", "init", "report", "export", "doctor")
    for words in (*((c,) for c in commands), ("examples",), ("examples", "copy")):
        result = CliRunner().invoke(app, [*words, "--help"])
        assert result.exit_code == 0
        assert "Usage" in result.output


def test_help_is_fast_and_loads_no_heavy_library() -> None:
    """The budget in CPU seconds is generous: an import of torch alone takes more."""
    code = (
        "import sys, time; from spiceloop.cli.app import main; code = main(['size', '--help']); "
        "heavy = {'torch', 'optuna', 'pandas', 'scipy', 'matplotlib', 'plotly', 'sqlalchemy', "
        "'numpy'} & set(sys.modules); "
        "print(code, sorted(heavy), time.process_time() < 1.0, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.split("\n")[-2] == "0 [] True"


class Failing:
    """Stands in for a command whose backend raises."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def main(self, *_: object, **__: object) -> None:
        raise self.error


def told(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, words: list[str], **env: str
) -> int:
    monkeypatch.setattr(app_module.typer.main, "get_command", lambda _: Failing(error))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return main(words)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ProblemError("p.yaml has a mistake:", ["p.yaml:3: metrics: is missing"]), 2),
        (SimulationError(FailureKind.TIMEOUT, "no answer", line="ngspice's own"), 4),
        (StorageError("the disk is full"), 5),
        (OSError(28, "No space left on device", "out.npz"), 5),
        (PermissionError(13, "Permission denied", "out"), 2),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("division by zero"), 1),
    ],
)
def test_boundary(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told(error, monkeypatch, ["size"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert err.startswith("spiceloop: ")
    assert told(error, monkeypatch, ["size", "--json"]) == code
    document = json.loads(capsys.readouterr().out)["error"]
    assert document["type"] == type(error).__name__
    assert document["exit_code"] == code
    if isinstance(error, SimulationError):
        assert document["kind"] == "timeout"
        assert document["line"] == "ngspice's own"
    if isinstance(error, ProblemError):
        assert document["mistakes"] == ["p.yaml:3: metrics: is missing"]


@pytest.mark.parametrize(("words", "env"), [(["--debug", "size"], {}), (["size"], {"on": "1"})])
def test_debug_shows_the_traceback(
    words: list[str],
    env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    variables = {"SPICELOOP_DEBUG": env["on"]} if env else {}
    assert told(ZeroDivisionError("division by zero"), monkeypatch, words, **variables) == 1
    assert "Traceback" in capsys.readouterr().err


def test_unexpected_error_says_how_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(ZeroDivisionError("division by zero"), monkeypatch, ["size"]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in err
    assert "--debug" in err
    assert "doctor" in err


def test_closed_pipe_is_quiet() -> None:
    """Standard output is closed before anything is written to it."""
    reading, writing = os.pipe()
    os.close(reading)
    code = "import sys; from spiceloop.cli.app import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 1


def test_ctrl_c_while_the_command_loads_gives_no_traceback() -> None:
    code = """
import sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "spiceloop.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from spiceloop.__main__ import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "spiceloop: interrupted\n")
