"""The generic process end to end: a circuit on it is checked and sized, nothing else installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import spiceloop

pytestmark = pytest.mark.ngspice

DATA = Path(__file__).parents[1] / "data" / "generic_amplifier"


@pytest.fixture
def problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PDK_ROOT", raising=False)
    monkeypatch.setenv("SPICELOOP_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(DATA, tmp_path / "problem")) / "problem.yaml"


def test_an_amplifier_is_sized(problem: Path, tmp_path: Path) -> None:
    result = spiceloop.size(problem, budget=24, initial=24, optimizer="sobol", seed=1, out=tmp_path)
    start, *others = result.frame.to_dict("records")
    assert result.chosen.feasible
    assert result.chosen.metrics["gain"] > 30
    # Random points alone find a design that is faster at no more power than the hand-made start.
    assert any(
        o["gbw"] > start["gbw"] and o["power"] <= start["power"] and o["gain"] > 30 for o in others
    )
    (netlist,) = result.write_netlists(tmp_path / "sized")
    assert f"trial {result.chosen.number}" in netlist.read_text()


@pytest.mark.parametrize(("corner", "faster"), [("ff", True), ("ss", False)], ids=["fast", "slow"])
def test_corners_move_the_figures_the_right_way(problem: Path, corner: str, faster: bool) -> None:
    typical = spiceloop.simulate(problem).metrics
    other = problem.with_name("other.yaml")
    other.write_text(
        problem.read_text().replace("pdk: generic", f"pdk: {{name: generic, corner: {corner}}}")
    )
    moved = spiceloop.simulate(other).metrics
    assert (moved["gbw"] > typical["gbw"]) is faster
    assert (moved["power"] > typical["power"]) is faster  # the bias is a resistor
