"""The RC example, run by plain ``ngspice -b`` and by both simulators, against closed forms."""

from __future__ import annotations

import math
import re
import subprocess

import numpy as np
import pytest

from spiceloop.examples import path
from spiceloop.sim import SIMULATORS
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem

pytestmark = pytest.mark.ngspice

BOLTZMANN = 1.380649e-23
KELVIN = 300.15  # 27 °C, ngspice's own zero is −273.15
POINTS = [(1e5, 1e-12), (3.3e3, 4.7e-11), (8.2e5, 2.2e-13)]


def closed_forms(r: float, c: float) -> dict[str, float]:
    return {
        "f_3db": 1 / (2 * math.pi * r * c),
        "noise_rms": math.sqrt(BOLTZMANN * KELVIN / c),
        "rise_time": math.log(9) * r * c,
        "i_peak": 1 / r,
        "area": r / 2e3 * 0.25e-12 + c / 2e-3,
    }


def agrees(got: dict[str, float], r: float, c: float) -> None:
    for name, value in closed_forms(r, c).items():
        assert got[name] == pytest.approx(value, rel=2e-3), name
    assert got["gain"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_evaluation(simulator: str) -> None:
    problem = load_problem(path("rc_filter") / "problem.yaml")
    with Evaluator(problem, simulator=simulator) as evaluator:
        for r, c in POINTS:
            agrees(evaluator.evaluate({"r": r, "c": c}).metrics, r, c)


def test_plain_batch_run() -> None:
    done = subprocess.run(
        ["ngspice", "-b", "rc.spice"],
        cwd=path("rc_filter"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = {
        name: float(value)
        for name, value in re.findall(r"^(\w+)\s*=\s*([-+.\deE]+)", done.stdout, re.MULTILINE)
    }
    agrees(found, 1e5, 1e-12)


def test_the_objectives_pull_against_each_other() -> None:
    problem = load_problem(path("rc_filter") / "problem.yaml")
    caps = np.geomspace(2e-13, 2e-11, 5)
    with Evaluator(problem, simulator=SIMULATORS[0]) as evaluator:
        rows = [evaluator.evaluate({"r": 1e4, "c": float(c)}).metrics for c in caps]
    assert np.all(np.diff([m["noise_rms"] for m in rows]) < 0)
    assert np.all(np.diff([m["area"] for m in rows]) > 0)
