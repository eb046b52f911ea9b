"""A real study explained: page, file and Python interface say the same, and what the circuit is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import spiceloop

pytestmark = pytest.mark.ngspice

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_low_pass_is_explained(inside: Run, problem: Path) -> None:
    done = inside("size", problem, "--budget", 16, "--out", "run", "--no-report")
    assert done.returncode == 0, done.stderr
    done = inside("report", problem.parent / "run", "--json")
    assert done.returncode == 0, done.stderr
    paths = json.loads(done.stdout)
    page = Path(paths["report"]).read_text(encoding="utf-8")
    told = json.loads(Path(paths["explanations"]).read_text(encoding="utf-8"))

    result = spiceloop.open_study(problem.parent / "run")
    assert json.loads(json.dumps(result.explain())) == told

    # The bandwidth is 1/(2πRC) over equal ratios of R and ten times those of C.
    slopes = {(s["metric"], s["variable"]): s["elasticity"] for s in told["sensitivity"]["slopes"]}
    assert slopes["bandwidth", "r"] == pytest.approx(-1.0, abs=0.15)
    assert slopes["bandwidth", "c"] == pytest.approx(-1.0, abs=0.15)
    total = told["sensitivity"]["total"]["bandwidth"]
    assert 0.0 < total["r"] < total["c"] < 1.0
    assert told["model_error"][0]["metric"] == "bandwidth"
    assert told["model_error"][0]["q2"] > 0.9

    # What was simulated is what the study holds, and every model-guided trial was replayed.
    trials = {t.number: t for t in result.trials}
    guided = [n for n, t in trials.items() if t.origin == "model"]
    assert [t["trial"] for t in told["forecasts"]["trials"]] == guided
    for forecast in told["forecasts"]["trials"]:
        metrics = trials[forecast["trial"]].metrics
        assert forecast["simulated"] == {n: metrics[n] for n in ("bandwidth", "area")}
    assert result.chosen is not None
    assert told["sensitivity"]["trial"] == result.chosen.number
    for key in ("sensitivity", "limits", "model-error", "forecasts", "proposals"):
        section = page.partition(f'<section id="{key}">')[2].partition("</section>")[0]
        assert section
        assert "Not drawn" not in section
    share = f"<strong>{100 * told['forecasts']['coverage']:.0f} %</strong>"
    assert share in page
