"""The Python interface on a real simulator, as its documentation shows it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import spiceloop

pytestmark = pytest.mark.ngspice

DATA = Path(__file__).parents[1] / "data" / "rc_study"


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "problem")) / "problem.yaml"


def test_five_lines_size_a_circuit(problem, tmp_path):
    loaded = spiceloop.load_problem(problem)
    result = spiceloop.size(
        loaded, budget=6, initial=6, optimizer="sobol", seed=4, out=tmp_path / "x"
    )
    assert result.ending == "budget"
    assert len(result.frame) == 7
    assert set(result.pareto["trial"]) <= set(result.frame["trial"])
    assert result.chosen.feasible
    assert (tmp_path / "x" / "study.db").is_file()
    (netlist,) = result.write_netlists(tmp_path / "sized")
    assert f"trial {result.chosen.number}" in netlist.read_text()

    more = spiceloop.resume(tmp_path / "x", budget=8)
    assert more.trials[:7] == result.trials
    assert len(more.trials) == 9
    again = spiceloop.open_study(f"sqlite:///{tmp_path / 'x' / 'study.db'}")
    assert again.trials == more.trials
    assert again.study.settings.versions["ngspice-lib"].startswith("ngspice-")
    with pytest.raises(spiceloop.StudyError, match="already; resume"):
        spiceloop.size(loaded, out=tmp_path / "x")


def test_a_study_alone_finds_its_problem_until_that_moves(problem, tmp_path):
    spiceloop.size(problem, budget=1, initial=1, optimizer="sobol", out=tmp_path / "x")
    moved = problem.parent.rename(tmp_path / "moved") / "problem.yaml"
    with pytest.raises(
        spiceloop.StudyError, match=r"is not there; say where it is now with --problem FILE"
    ):
        spiceloop.open_study(tmp_path / "x")
    assert len(spiceloop.resume(tmp_path / "x", problem=moved, budget=2).trials) == 3
    deck = moved.with_name("rc.spice")
    deck.write_text(deck.read_text().replace("50u", "70u"))
    with pytest.raises(spiceloop.StudyError, match=r"rc\.spice of testbench step has changed"):
        spiceloop.resume(tmp_path / "x", problem=moved, budget=3)


def test_one_simulation_by_names_and_human_numbers(problem):
    found = spiceloop.simulate(problem, r="4k", waves=True)
    assert found.metrics["ipeak"] == pytest.approx(1 / 4e3, rel=1e-2)
    assert found.waves["step"]["v(out)"].size > 100
    with pytest.raises(spiceloop.DesignError, match="outside its bounds"):
        spiceloop.simulate(problem, r="40k")
    with pytest.raises(spiceloop.DesignError, match=r"'rr'.*did you mean 'r'"):
        spiceloop.simulate(problem, rr="4k")


def test_a_place_without_a_study(tmp_path):
    with pytest.raises(spiceloop.StudyError, match=r"holds no study\.db"):
        spiceloop.open_study(tmp_path)
    with pytest.raises(spiceloop.StudyError, match="neither a folder, a file nor a URL"):
        spiceloop.open_study(tmp_path / "no")
