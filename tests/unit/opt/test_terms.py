"""The terms of a proposal are the optimizer's own, and mean what they are said to mean."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.errors import StudyError
from spiceloop.opt.base import Constraint, Floats, Goal, History, Task
from spiceloop.opt.ehvi import build_acquisition
from spiceloop.opt.explain.moment import Moment
from spiceloop.opt.explain.terms import terms_at

SPACE = DesignSpace((Variable("a", 1.0, 10.0, log=True), Variable("b", 0.0, 1.0)))
NAMES = ("cost", "speed", "margin")


def task(least_margin: float) -> Task:
    return Task(
        SPACE,
        (Goal("cost", maximize=False), Goal("speed", maximize=True)),
        (Constraint("margin", minimum=least_margin), Constraint("speed", minimum=0.5)),
    )


def metrics(x: Floats) -> Floats:
    a, b = x.T
    return np.column_stack([1 + a + b**2, 1 + a * (2 - b), 60 * (1 - a) + 20 * b])


def history(n: int = 12, *, failures: bool = False, pending: int = 0) -> History:
    rng = np.random.default_rng(2)
    x, failed = rng.random((n, 2)), np.zeros(n, dtype=bool)
    values = metrics(x)
    if failures:
        failed = (x[:, 0] > 0.7) & (x[:, 1] < 0.5)
        assert failed.any()
        values[failed] = np.nan
    return History(x, values, NAMES, failed, rng.random((pending, 2)), n + pending)


@pytest.mark.parametrize("failures", [False, True])
@pytest.mark.parametrize("pending", [0, 2])
@pytest.mark.parametrize("least_margin", [30.0, 1000.0])  # some designs feasible, and none
def test_the_terms_add_up_to_what_the_optimizer_maximizes(
    failures: bool, pending: int, least_margin: float
) -> None:
    moment = Moment.of(task(least_margin), history(failures=failures, pending=pending))
    acquisition = build_acquisition(
        moment.outputs, moment.model, moment.failures, moment.history.pending
    )
    for point in np.random.default_rng(5).random((6, 2)):
        terms = terms_at(moment, point)
        value = acquisition(torch.as_tensor(point).reshape(1, -1)).item()
        assert terms.acquisition == value
        assert terms.gain is not None
        # A bounded goal's bound is its reference; "speed" is counted twice until that is met.
        product = terms.gain * terms.p_bounds["margin"] * terms.p_finishes
        if least_margin == 1000.0:
            product *= terms.p_bounds["speed"]
        assert product == pytest.approx(math.exp(value), rel=1e-9, abs=1e-300)
        assert set(terms.p_bounds) == {"margin", "speed"}
        assert terms.riskiest in terms.p_bounds
        assert (terms.p_finishes < 1) == failures


def test_the_total_violation_has_no_gain() -> None:
    """Of three broken bounds, on its turn."""
    strict = replace(
        task(1000.0),
        constraints=tuple(
            Constraint(name, minimum=limit)
            for name, limit in (("cost", 100.0), ("speed", 100.0), ("margin", 1000.0))
        ),
    )
    gains = [
        terms_at(Moment.of(strict, history(n)), np.full(2, 0.5)).gain is None for n in (11, 12)
    ]
    assert gains == [True, False]


def test_known_ground_is_exploited_and_the_unknown_explored() -> None:
    known = history(12)
    near = Moment.of(task(-1000.0), known)
    by_mean = [
        terms_at(near, p).exploiting or 0.0 for p in np.random.default_rng(0).random((60, 2))
    ]
    assert max(by_mean) > 0.9
    assert min(by_mean) < 0.3
    terms = terms_at(near, known.x[0])  # a design that was simulated brings nothing for sure
    assert terms.gain is not None
    assert terms.gain < 1e-2 * terms.volume
    width = math.log(terms.forecast["cost"].high / terms.forecast["cost"].low)
    assert width < 0.1


def test_too_few_trials_make_no_model() -> None:
    with pytest.raises(StudyError, match="3 trials finished; a model takes 5"):
        Moment.of(task(0.0), history(3))
