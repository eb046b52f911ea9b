"""``spiceloop yield``: the real command, killed and resumed, on trials and on mistakes."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mirror_problem import deck_with, typical_only, without_bounds, write_mirror

pytestmark = pytest.mark.ngspice

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return write_mirror(tmp_path)


def test_table_report_and_files(cli: Run, mirror: Path, tmp_path: Path) -> None:
    done = cli("yield", mirror, "--samples", "30", "--corner", "all", "--workers", "2")
    assert done.returncode == 0, done.stderr
    found = re.search(r"yield: ([\d.]+) % \((\d+) of 30 dies; 95 % interval", done.stdout)
    assert found, done.stdout
    folder = tmp_path / "runs" / "mirror" / "yield-start-seed0-all"
    page = (folder / "report.html").read_text()
    assert f"{found[1]} % ({found[2]} of 30 dies" in page
    assert "Not drawn" not in page
    assert (folder / "histograms.png").stat().st_size > 10_000
    rows = list(csv.DictReader((folder / "samples.csv").read_text().splitlines()))
    assert [(r["sample"], r["corner"]) for r in rows[:3]] == [("0", "tt"), ("0", "ss"), ("1", "tt")]
    passing = [all(r["passed"] == "True" for r in rows if r["sample"] == str(k)) for k in range(30)]
    assert sum(passing) == int(found[2])

    shown = cli("yield", mirror, "--samples", "30", "--corner", "all", "--no-report", "--json")
    document = json.loads(shown.stdout)
    assert document["passed"] == int(found[2])
    assert document["interval"][0] < document["yield"] < document["interval"][1]
    assert {m["corner"] for m in document["metrics"]} == {"tt", "ss"}


def test_killed_and_interrupted_runs_go_on(command: str, cli: Run, tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path, deck=deck_with(".control\ntran 1n 10u\n.endc"))
    words = ["yield", str(mirror), "--samples", "12", "--no-report", "--json"]
    kept = tmp_path / "runs" / "mirror" / "yield-start-seed0" / "samples.jsonl"
    for number, sent in enumerate((signal.SIGKILL, signal.SIGINT)):
        run = subprocess.Popen(
            [command, *words], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, process_group=0,
        )  # fmt: skip
        wanted = 3 + 3 * number  # dies, after the line of what is sampled
        deadline = time.monotonic() + 60
        while not kept.is_file() or kept.read_bytes().count(b"\n") <= wanted:
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(run.pid, sent)
        out, err = run.communicate(timeout=30)
        assert "Traceback" not in out + err
        if sent is signal.SIGINT:
            assert run.returncode == 130
            assert "The same command goes on" in err
            assert 6 <= json.loads(out)["samples"] < 12
    before = kept.read_bytes()
    done = cli(*words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["samples"] == 12
    assert kept.read_bytes().startswith(before)  # nothing was simulated again
    fresh = cli(*words, "--out", tmp_path / "fresh")
    first, second = json.loads(done.stdout), json.loads(fresh.stdout)
    assert first["metrics"] == second["metrics"]


def test_a_trial_of_a_study(cli: Run, mirror: Path, tmp_path: Path) -> None:
    size = cli("size", mirror, "--budget", "3", "--optimizer", "sobol", "--no-report", "--json")
    assert size.returncode == 0, size.stderr
    chosen = json.loads(size.stdout)["chosen"]
    document = json.loads(
        cli("yield", mirror, "--design", "chosen", "--samples", "3", "--json").stdout
    )
    assert document["design"] == pytest.approx(chosen["design"])
    assert document["label"] == f"trial {chosen['trial']}"
    assert Path(document["report"]).is_relative_to(tmp_path / "runs" / "mirror")
    changed = cli(
        "yield", mirror, "--design", "2", "--set", "w=5u", "--samples", "2", "--json",
        "--no-mismatch", "--study", "runs/mirror",
    )  # fmt: skip
    document = json.loads(changed.stdout)
    assert document["design"]["w"] == pytest.approx(5e-6)
    assert document["mismatch"] is False
    none = cli("yield", mirror, "--design", "99")
    assert none.returncode == 2
    assert "has no such trial" in none.stderr


def test_without_bounds_it_says_so(cli: Run, tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path, problem=without_bounds())
    done = cli("yield", mirror, "--samples", "5")
    assert done.returncode == 0, done.stderr
    assert "no yield: the problem gives no bounds" in done.stdout
    assert "There is no yield" in Path(tmp_path, done.stdout.split()[-1]).read_text()
    assert json.loads(cli("yield", mirror, "--samples", "5", "--json").stdout)["yield"] is None


def test_bounds_of_the_typical_corner_only_are_not_left_out_unsaid(
    cli: Run, tmp_path: Path
) -> None:
    mirror = write_mirror(tmp_path, problem=typical_only())
    done = cli("yield", mirror, "--samples", "3", "--corner", "ss")
    assert done.returncode == 0, done.stderr
    assert "no yield: no bound is measured at the corners given" in done.stdout
    said = "current, measured at the typical corner only (corners: typical); add --corner tt"
    assert f"not judged: {said}" in done.stdout
    assert f"Not judged: {said}" in Path(tmp_path, done.stdout.split()[-1]).read_text()
    words = ["yield", mirror, "--samples", "3", "--no-report", "--json", "--corner", "ss"]
    document = json.loads(cli(*words).stdout)
    assert document["not_judged"] == ["current"]
    assert document["yield"] is None
    document = json.loads(cli(*words, "--corner", "tt").stdout)
    assert document["not_judged"] == []
    assert document["yield"] is not None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--samples", "0"], "--samples 0: expected 1 or more"),
        (["--precision", "0.7"], "expected a part below 0.5"),
        (["--precision", "0"], "expected more than 0"),
        (["--no-mismatch", "--no-process"], "every die is the same"),
        (["--design", "best"], "expected the number of a trial, 'chosen' or 'start'"),
        (["--design", "3"], "holds no study.db|no study"),
        (["--corner", "ff"], "no corner 'ff'"),
        (["--set", "q=1"], "unknown parameter 'q'"),
    ],
)
def test_mistakes_are_told_in_plain_words(
    words: list[str], said: str, cli: Run, mirror: Path
) -> None:
    done = cli("yield", mirror, *words)
    assert done.returncode == 2, done.stderr
    assert re.search(said, done.stderr), done.stderr
