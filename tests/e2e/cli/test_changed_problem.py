"""A problem file that was changed after its study ran."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.ngspice

Run = Callable[..., subprocess.CompletedProcess[str]]
DATA = Path(__file__).parents[2] / "data" / "rc_corners"


def test_resume_tells_a_change_once_and_export_tells_it_too(cli: Run, tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "mine")
    file = tmp_path / "mine" / "problem.yaml"
    sized = cli(
        "size", file, "--budget", "1", "--optimizer", "sobol", "--no-report", "--out", "run"
    )
    assert sized.returncode == 0, sized.stderr
    file.write_text(file.read_text().replace("maximum: 125", "maximum: 110"))
    change = "conditions.temperature.maximum was 125 and is now 110"
    resumed = cli("resume", "run")
    assert resumed.returncode == 2
    assert resumed.stderr.count(change) == 1
    exported = cli("export", "run", "--csv", "trials.csv")
    assert exported.stderr.count(change) == 1, exported.stderr
    cli("export", "run", "--netlist", "sized")
    decks = [*(tmp_path / "sized").glob("*.spice")]
    assert decks
    for deck in decks:
        assert f"* CHANGED since these metrics were simulated: {change}" in deck.read_text()
