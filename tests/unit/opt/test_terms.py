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
from spiceloop.opt.pareto import hypervolume

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


def test_of_many_objectives_gain_and_volume_are_told_in_the_same_ones() -> None:
    """Six objectives, four of which take part: a sure gain is the growth of their volume."""
    goals = tuple(Goal(f"f{j}", maximize=False, scale="linear") for j in range(6))
    space = DesignSpace(tuple(Variable(f"x{j}", 0.0, 1.0) for j in range(6)))
    x = np.random.default_rng(4).random((40, 6))
    values = x + 0.2 * (1 - x[:, ::-1])
    names = tuple(g.metric for g in goals)
    known = History(x, values, names, np.zeros(40, bool), np.empty((0, 6)), 40)
    moment = Moment.of(Task(space, goals), known)
    terms = terms_at(moment, np.full(6, 0.05))
    assert len(terms.part) == 4
    part = list(terms.part)
    mean, _ = moment.predict(np.full((1, 6), 0.05))
    front, reference = moment.outputs.front[:, part], moment.outputs.reference[part]
    grown = hypervolume(np.vstack([front, mean[:, part]]), reference)
    assert terms.volume == pytest.approx(hypervolume(front, reference))
    assert terms.gain is not None
    assert terms.exploiting is not None
    # A front of 40 in four objectives may be thinned, so the gain is underestimated a little.
    assert terms.gain * terms.exploiting == pytest.approx(grown - terms.volume, rel=0.05)


def test_the_units_are_those_that_the_model_was_made_with() -> None:
    """A bounded metric of two values only, the far one clipped: no pair is left as it was."""
    known = history(20)
    two = np.where(np.arange(20) < 2, 50.0, 0.0)
    values = np.column_stack([known.metrics[:, :2], two])
    bounded = replace(task(0.0), constraints=(Constraint("margin", maximum=5.0, scale="linear"),))
    moment = Moment.of(bounded, replace(known, metrics=values))
    j = moment.units.names.index("margin")
    assert moment.units.output(j, 5.0) == pytest.approx(moment.outputs.upper[j])
    assert moment.units.value(j, moment.outputs.y[two == 0, j][0]) == pytest.approx(0.0, abs=1e-9)
    assert moment.units.value(j, moment.outputs.y[two > 0, j][0]) == pytest.approx(5.0)


def test_a_long_study_with_a_large_front_has_a_model_too() -> None:
    x = np.random.default_rng(6).random((250, 2))
    values = np.column_stack([1 + x[:, 0], 1 + x[:, 0], x[:, 1]])  # all of the first on the front
    known = History(x, values, NAMES, np.zeros(250, bool), np.empty((0, 2)), 250)
    moment = Moment.of(task(-1.0), known)
    assert len(moment.history.x) == len(moment.outputs.x) == len(moment.units.raw) == 200
    assert moment.outputs.n_finished == 250
