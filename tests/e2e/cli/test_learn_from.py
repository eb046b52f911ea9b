"""``spiceloop size --learn-from RUN``: other goals and bounds, nothing simulated again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.cli.conftest import RC_DECK, RC_PROBLEM

pytestmark = pytest.mark.ngspice

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def first(cli: Run, tmp_path: Path) -> Path:
    (tmp_path / "rc.spice").write_text(RC_DECK)
    (tmp_path / "problem.yaml").write_text(RC_PROBLEM)
    sized = cli("size", "problem.yaml", "--budget", "12", "--no-report", "--out", "a", "--json")
    assert sized.returncode == 0, sized.stderr
    (tmp_path / "problem.yaml").write_text(
        RC_PROBLEM.replace("minimum: 1k}", "minimum: 300k, maximum: 400k}")
    )
    return tmp_path


def test_a_changed_bound_begins_with_what_is_known(cli: Run, first: Path) -> None:
    begun = cli("size", "problem.yaml", "--budget", "6", "--out", "b", "--learn-from", "a")
    assert begun.returncode == 0, begun.stderr
    assert "learned from" in begun.stderr
    assert ": 13 trials, " in begun.stderr
    assert "[6/6] trial 18 model" in begun.stderr
    assert "used: 6/6;" in begun.stdout
    page = (first / "b" / "report.html").read_text()
    assert "besides 12 of an earlier study" in page
    assert f"--learn-from {first / 'a'}" in page
    shown = cli("report", "b", "--json")
    assert shown.returncode == 0, shown.stderr
    exported = cli("export", "b", "--csv", "trials.csv")
    assert exported.returncode == 0
    rows = (first / "trials.csv").read_text().splitlines()
    assert len(rows) == 20
    assert sum(",earlier," in row for row in rows) == 12
    resumed = cli("resume", "b", "--budget", "8", "--no-report", "--json")
    assert resumed.returncode == 0, resumed.stderr
    document = json.loads(resumed.stdout)
    assert document["trials"]["ended"] == 8
    assert document["trials"]["earlier"] == 12
    assert document["trials"]["feasible"] >= 1
    assert document["chosen"]["feasible"]


def test_what_cannot_serve_is_said_and_no_study_is_made(cli: Run, first: Path) -> None:
    (first / "rc.spice").write_text(RC_DECK.replace("1meg", "2meg"))
    refused = cli("size", "problem.yaml", "--out", "b", "--learn-from", "a")
    assert refused.returncode == 2
    assert "rc.spice of testbench main has changed" in refused.stderr
    assert "begin without --learn-from" in refused.stderr
    missing = cli("size", "problem.yaml", "--out", "b", "--learn-from", "nowhere")
    assert missing.returncode == 2
    assert "there is no study 'nowhere'" in missing.stderr
    assert not (first / "b").exists()


def test_resume_of_a_changed_problem_points_to_it(cli: Run, first: Path) -> None:
    refused = cli("resume", "a")
    assert refused.returncode == 2
    assert "metrics.bandwidth.minimum was 1k and is now 300k" in refused.stderr
    assert f"--learn-from {first / 'a'}" in refused.stderr
