"""Tiny runs of the arena: every competitor keeps the protocol, a run survives its file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from arena import summary, tables
from arena.budget import Budget
from arena.competitors import COMPETITORS, make_competitor
from arena.one_run import run_one
from arena.problems import FOLDER, ArenaProblem, names
from arena.record import Record, run_file, under_way
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem
from spiceloop.units import parse_spice

pytest.importorskip("moocore")
HERE = [c for c in COMPETITORS if c != "ax"]  # Ax has an environment of its own


@pytest.fixture(autouse=True)
def _pymoo(request: pytest.FixtureRequest) -> None:
    if "pymoo" in request.node.name:
        pytest.importorskip("pymoo")


@pytest.mark.parametrize("competitor", HERE)
def test_every_competitor_repeats_itself_and_survives_failures(competitor: str) -> None:
    problem = ArenaProblem.load("czdt1")
    d, m = len(problem.task.space), len(problem.metric_names)
    asked = []
    n = 11 if competitor == "qlognehvi" else 12  # the eleventh is its first; it takes ten seconds
    for _ in range(2):
        player = make_competitor(competitor, problem, Budget.parse("100"), seed=3)
        points = []
        for i in range(n):
            x = player.ask()
            assert x.shape == (d,)
            assert ((x >= 0) & (x <= 1)).all()
            points.append(x)
            failed = i in (1, 4)
            row = np.full(m, np.nan) if failed else np.array([x[0], 1 - x[1], 0.5 - x[2]])
            player.tell(x, row)
        player.close()
        asked.append(np.array(points))
    assert asked[0] == pytest.approx(asked[1], abs=1e-6)
    assert len(np.unique(asked[0].round(9), axis=0)) == n


def test_the_centre_and_the_same_sobol_points_come_first() -> None:
    problem = ArenaProblem.load("czdt1")
    budget, row = Budget.parse("60s"), np.array([1.0, 2.0, 3.0])
    players = {
        name: make_competitor(name, problem, budget, 1)
        for name in ("ehvi", "auto", "sobol", "screened", "tpe", "gpsampler")
    }
    first = {name: player.ask() for name, player in players.items()}
    for name, point in first.items():
        own = np.full(8, 0.5) if name in ("ehvi", "auto") else first["sobol"]
        assert point == pytest.approx(own)
        players[name].tell(point, row)
    second = [player.ask() for player in players.values()]
    for point in second[1:]:
        assert point == pytest.approx(second[0])


def test_a_run_is_read_back_as_it_was_and_summarised(tmp_path: Path) -> None:
    problem = ArenaProblem.load("czdt1")
    for seed in range(2):
        file = run_file(tmp_path, "czdt1", "sobol", False, seed)
        record = run_one(problem, "sobol", Budget.parse("20"), seed, 100.0, file)
        again = Record.read(file, problem)
        assert again.designs == pytest.approx(record.designs, rel=1e-5)
        assert again.rows == pytest.approx(record.rows, rel=1e-5)
        assert again.thinking_s == pytest.approx(record.thinking_s, rel=1e-5)
        assert again.stopped == ""
    runs = summary.collect(tmp_path)
    assert len(runs["czdt1", "sobol", False]) == 2
    text = tables.table(runs, [Budget.parse("20"), Budget.parse("21")])
    assert len(text.splitlines()) == 3  # nothing has 21
    summary.draw(runs, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_a_run_in_seconds_and_one_over_its_limit_end(tmp_path: Path) -> None:
    problem = ArenaProblem.load("czdt1")
    timed = run_one(problem, "sobol", Budget.parse("0.2s"), 0, 100.0, tmp_path / "a.json.gz")
    assert timed.enough_for(Budget.parse("0.2s")) or timed.ended[-1] == pytest.approx(0.2, abs=0.1)
    assert len(timed.rows) >= 2
    file = run_file(tmp_path, "czdt1", "sobol", False, 0)
    limited = run_one(problem, "sobol", Budget.parse("100000"), 0, 0.2, file)
    assert "limit" in limited.stopped
    assert Record.read(file, problem).enough_for(Budget.parse("100000"))
    text = tables.table(summary.collect(tmp_path), [Budget.parse("100000"), Budget.parse("1")])
    assert [("(1 short)" in line) for line in text.splitlines()[2:]] == [True, False]


@pytest.mark.parametrize("name", names())
def test_every_problem_loads(name: str) -> None:
    problem = ArenaProblem.load(name)
    assert set(problem.worst) == {g.metric for g in problem.task.goals}
    assert {g.scale for g in problem.task.goals} <= {"log", "linear"}  # one meaning for everyone


@pytest.mark.ngspice
@pytest.mark.pdk
@pytest.mark.parametrize("name", ["folded_cascode", "ldo"])
def test_a_feasible_design_exists_inside_the_bounds(name: str) -> None:
    """The design in the folder's ``design_var.inc``, which no competitor is told."""
    problem = load_problem(FOLDER / name / "problem.yaml")
    words = [
        word
        for line in (FOLDER / name / "design_var.inc").read_text().splitlines()
        if line.startswith(".param")
        for word in line.split()[1:]
    ]
    design = {k: parse_spice(v) for k, v in (word.split("=") for word in words)}
    problem.space.check(design)
    with Evaluator(problem) as evaluator:
        metrics = dict(evaluator.evaluate(design).metrics)
    assert problem.violations(metrics) == {}
    arena = ArenaProblem.load(name)
    assert arena.feasible(np.array([arena.row(metrics)])).all()


def test_the_folded_cascode_is_as_hard_as_the_arena_says() -> None:
    task = ArenaProblem.load("folded_cascode").task
    assert len(task.space) >= 20
    assert all(v.grid > 0 for v in task.space.variables)
    assert len(task.constraints) >= 25
    assert sum(c.metric.startswith("margin") for c in task.constraints) >= 12


def test_where_spiceloop_stands_is_told_in_simulations_and_in_seconds(tmp_path: Path) -> None:
    """Hypervolumes made up; a timed run takes a second an evaluation."""
    problem = ArenaProblem.load("czdt1")

    def write(competitor: str, timed: bool, depth: np.ndarray, seed: int = 0) -> None:
        # Feasible designs whose two objectives go down together.
        f = 1.1 - 0.5 * depth
        others = np.ones((len(f), len(problem.metric_names) - 2))
        rows = np.column_stack([f, f, others])
        ones = np.ones(len(f))
        designs = np.full((len(f), len(problem.task.space)), 0.5)
        asked = Budget.parse("10s" if timed else "10")
        record = Record(designs, rows, 0 * ones, 0 * ones, ones, asked)
        about = {"problem": "czdt1", "competitor": competitor, "seed": seed}
        record.write(run_file(tmp_path, "czdt1", competitor, timed, seed), problem, about)

    quick, slow = np.linspace(0.2, 2.0, 10), np.linspace(0.1, 1.0, 10)
    for timed in (False, True):
        write("auto" if timed else "ehvi", timed, quick)
        write("tpe", timed, slow)
    text = tables.standing(summary.collect(tmp_path), [Budget.parse("10"), Budget.parse("10s")])
    simulations, seconds = text.splitlines()[2:]
    assert simulations.startswith("| czdt1 | 10 |")
    assert "tpe" in simulations
    assert simulations.endswith("| 4.00 | 5 (50%) |")
    assert seconds.endswith("| 4.00 | 5 s (50%) |")
    # Half of the runs are as far after five simulations, where the other never gets.
    write("ehvi", False, 0.1 * slow, seed=1)
    (line,) = tables.standing(summary.collect(tmp_path), [Budget.parse("10")]).splitlines()[2:]
    assert line.endswith("| 2.00 | 5 (50%) |")


def test_a_longer_run_that_is_killed_leaves_the_shorter_one(tmp_path: Path) -> None:
    problem, file = ArenaProblem.load("czdt1"), run_file(tmp_path, "czdt1", "sobol", False, 0)
    run_one(problem, "sobol", Budget.parse("20"), 0, 100.0, file)
    longer = [sys.executable, "-m", "arena.one_run", "czdt1", "sobol", "1000000", "0", "100"]
    process = subprocess.Popen([*longer, str(file)], cwd=FOLDER.parent)
    try:
        deadline = time.monotonic() + 100
        while not under_way(file).exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    assert len(Record.read(under_way(file), problem).rows) > 20
    (run,) = summary.collect(tmp_path)["czdt1", "sobol", False]
    assert len(run.record.rows) == 20
