"""Folders whose names mean something to a URL, to Optuna, or to nobody."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.ngspice

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("name", ["what?", "%41%2", "{r}"])
def test_a_run_in_a_folder_with_an_odd_name(
    inside: Run, problem: Path, tmp_path: Path, name: str
) -> None:
    out = f"runs/{name}"
    begun = inside(
        "size", problem, "--budget", 2, "--optimizer", "sobol", "--out", out, "--no-report"
    )
    assert begun.returncode == 0, begun.stderr
    assert [p.name for p in (tmp_path / "runs").iterdir()] == [name]
    gone_on = inside("resume", out, "--budget", 3, "--json", "--no-report")
    assert gone_on.returncode == 0, gone_on.stderr
    found = json.loads(gone_on.stdout)
    assert found["trials"]["ended"] == 3
    for where in ([out], [f"{out}/study.db"], ["--study", found["study"]["url"]]):
        shown = inside("export", *where, "--csv", "t.csv")
        assert shown.returncode == 0, shown.stderr
    assert inside("report", out).returncode == 0
    assert (tmp_path / out / "report.html").is_file()
    of_trial = inside("yield", problem, "--study", out, "--design", 1)
    assert "pdk" in of_trial.stderr  # the study was found: only then is the process asked for
