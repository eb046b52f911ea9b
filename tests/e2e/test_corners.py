"""Corners with the real simulator and the real models, and after kill -9."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from spiceloop.examples import path
from spiceloop.spec.bench import Bench
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem
from spiceloop.study.store import Study
from spiceloop.study.trial import TrialState

pytestmark = pytest.mark.ngspice

RC = Path(__file__).parents[1] / "data" / "rc_corners"
DRIVER = Path(__file__).with_name("study_driver.py")
LIMIT_S = 200.0


def alone(folder: Path, corner, file: str = "problem.yaml"):
    """The problem of one corner only, written as it was before there were corners."""
    content = yaml.safe_load((folder / file).read_text(encoding="utf-8"))
    content.pop("corners", None)
    content["conditions"] = dict(corner.conditions)
    if "pdk" in content:
        content["pdk"] = {**content["pdk"], "corner": corner.process}
    single = folder / "alone.yaml"
    single.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return load_problem(single)


def agree_with_single_corners(folder: Path, file: str, chosen: slice, design) -> None:
    problem = load_problem(folder / file)
    with Evaluator(problem) as evaluator:
        found = evaluator.evaluate(design)
    assert list(found.corners) == [c.name for c in problem.corners]
    for corner in problem.corners[chosen]:
        with Evaluator(alone(folder, corner, file)) as evaluator:
            assert evaluator.bench.corners[0].process == corner.process
            single = evaluator.evaluate(design)
        # To the digits that ngspice prints.
        assert single.metrics == pytest.approx(found.corners[corner.name].metrics, rel=1e-9)
    for name, metric in problem.metrics.items():
        values = [a.metrics[name] for a in found.corners.values()]
        wants_low = metric.goal == "minimize" or (metric.goal is None and metric.maximum)
        if metric.goal or metric.bounded:
            assert found.metrics[name] == (max if wants_low else min)(values), name


def test_the_worst_is_that_of_corners_simulated_one_by_one(tmp_path):
    folder = Path(shutil.copytree(RC, tmp_path / "rc"))
    agree_with_single_corners(folder, "problem.yaml", slice(None), {"r": 2.2e3, "c": 250e-12})


@pytest.mark.pdk
def test_the_worst_is_that_of_process_corners_simulated_one_by_one(tmp_path):
    folder = Path(shutil.copytree(path("two_stage_opamp"), tmp_path / "opamp"))
    start = load_problem(folder / "corners.yaml").start
    assert start is not None
    agree_with_single_corners(folder, "corners.yaml", slice(0, None, 4), start)


def run_driver(url: str, optimizer: str, *, kill_after: float | None = None) -> subprocess.Popen:
    words = [str(RC / "problem.yaml"), url, optimizer, "12", "4", "1"]
    process = subprocess.Popen(
        [sys.executable, str(DRIVER), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=dict(os.environ),
    )  # fmt: skip
    if kill_after is not None:
        process.stdout.readline()
        time.sleep(kill_after)
        process.kill()
    out, err = process.communicate(timeout=LIMIT_S)
    if kill_after is None:
        assert process.returncode == 0, err
        assert out.split()[-1] == "budget"
    return process


def story(url: str) -> list[object]:
    study = Study.open(url, bench=Bench.load(load_problem(RC / "problem.yaml")))
    found = [
        (t.number, t.state, dict(t.design), dict(t.metrics), dict(t.corners), list(t.corners),
         t.simulations, t.saved, t.plan)
        for t in study.trials
    ]  # fmt: skip
    study.close()
    return found


@pytest.mark.parametrize("optimizer", ["sobol", pytest.param("tpe", marks=pytest.mark.slow)])
def test_a_killed_study_goes_on_with_the_same_corners_in_the_same_order(tmp_path, optimizer):
    whole, cut = (f"sqlite:///{tmp_path / name}.db" for name in ("whole", "cut"))
    run_driver(whole, optimizer)
    rng = random.Random(4)
    for _ in range(2):
        run_driver(cut, optimizer, kill_after=rng.uniform(0.0, 0.4))
    run_driver(cut, optimizer)
    expected = story(whole)
    assert story(cut) == expected
    assert sum(t[7] for t in expected) > 0  # something was skipped
    assert len({t[8].order for t in expected}) > 1  # and the order was learned
    assert all(t[1] is TrialState.DONE for t in expected)
