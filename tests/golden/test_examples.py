"""The examples' starts and the files written for them, against what was recorded and looked at.

Whoever changes a number or a text here on purpose records it anew, see ``tests/README.md``.
"""

from __future__ import annotations

import pytest
from pytest_regressions.file_regression import FileRegressionFixture
from pytest_regressions.num_regression import NumericRegressionFixture

from spiceloop.examples import path
from spiceloop.spec.bench import Bench
from spiceloop.spec.draft import draft_problem
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem
from spiceloop.study.export import sized_netlists
from spiceloop.study.trial import Origin, Trial, TrialState


@pytest.mark.ngspice
@pytest.mark.parametrize(
    "name",
    ["generic_ota", "rc_filter", pytest.param("two_stage_opamp", marks=pytest.mark.pdk)],
)
def test_metrics_of_the_start(name: str, num_regression: NumericRegressionFixture) -> None:
    problem = load_problem(path(name) / "problem.yaml")
    assert problem.start is not None
    with Evaluator(problem) as evaluator:
        metrics = evaluator.evaluate(problem.start).metrics
    num_regression.check(
        {n: [v] for n, v in metrics.items()},
        # Builds of ngspice 39 differ in the sixth digit; decibels may be next to zero.
        default_tolerance={"rtol": 1e-4, "atol": 0.0},
        tolerances={"gain": {"atol": 1e-4}},
    )


@pytest.mark.parametrize("name", ["generic_ota", "rc_filter"])
def test_sized_netlists(name: str, file_regression: FileRegressionFixture) -> None:
    bench = Bench.load(load_problem(path(name) / "problem.yaml"))
    start = bench.problem.start or {}
    metrics = dict.fromkeys(bench.problem.metrics, 1.0)
    trial = Trial(7, TrialState.DONE, Origin.MODEL, start, metrics)
    texts = sized_netlists(bench, trial, {"study": "golden, seed 3"})
    file_regression.check("\n".join(texts.values()), extension=".spice")


@pytest.mark.parametrize(
    ("name", "deck"), [("generic_ota", "tb_ac.spice"), ("rc_filter", "rc.spice")]
)
def test_draft(name: str, deck: str, file_regression: FileRegressionFixture) -> None:
    file_regression.check(draft_problem(path(name) / deck, folder=path(name)), extension=".yaml")
