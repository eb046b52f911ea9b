"""Sensitivities, cross-validation and slopes against closed forms and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.opt.base import Constraint, Floats, Goal, History, Task
from spiceloop.opt.explain.indices import total_indices
from spiceloop.opt.explain.leave_one_out import leave_one_out
from spiceloop.opt.explain.moment import Moment
from spiceloop.opt.explain.relax import best_nearby
from spiceloop.opt.explain.slopes import slopes_at
from spiceloop.opt.model import Surrogate, fit_surrogate


def ishigami(u: Floats) -> Floats:
    x = np.pi * (2.0 * u - 1.0)
    a, b, c = np.sin(x).T
    value = a + 7.0 * b**2 + 0.1 * x[:, 2] ** 4 * a
    return np.column_stack([value, 0.0 * c + 3.0])  # the second is constant


def test_total_indices_of_the_ishigami_function() -> None:
    """Closed form: T. Ishigami and T. Homma, 1990, with a = 7, b = 0.1."""
    by_1 = 0.5 * (1.0 + 0.1 * math.pi**4 / 5.0) ** 2
    by_2 = 7.0**2 / 8.0
    by_13 = 0.1**2 * math.pi**8 * (1.0 / 18.0 - 1.0 / 50.0)
    exact = np.array([by_1 + by_13, by_2, by_13]) / (by_1 + by_2 + by_13)

    found = total_indices(ishigami, 3)

    assert found[0] == pytest.approx(exact, abs=0.02)
    assert np.isnan(found[1]).all()
    assert total_indices(ishigami, 3, log2_n=14)[0] == pytest.approx(exact, abs=0.003)


def test_leaving_one_out_is_what_a_model_without_it_predicts() -> None:
    rng = np.random.default_rng(1)
    x = torch.as_tensor(rng.random((17, 3)))
    y = torch.stack([torch.sin(5 * x[:, 0]) + x[:, 1], x[:, 2] ** 2 - x[:, 0]], dim=1)
    y = (y - y.mean(0)) / y.std(0)
    model = fit_surrogate(x, y)

    found = leave_one_out(model)

    for i in range(len(x)):
        rest = torch.arange(len(x)) != i
        without = Surrogate(model.scales, model.mean, x[rest], y[rest], model.noise)
        mean, sd = without.predict(x[i : i + 1])
        # What is predicted is an observation, with its noise.
        with_noise = (sd[0].square() + model.noise).sqrt()
        assert found.mean[i] == pytest.approx(mean[0].numpy(), abs=1e-8)
        assert found.sd[i] == pytest.approx(with_noise.numpy(), rel=1e-6)
    errors = ((found.mean - y.numpy()) ** 2).sum(axis=0)
    assert found.q2 == pytest.approx(1 - errors / len(x) / y.numpy().var(axis=0))
    assert (found.q2 > 0.5).all()


SPACE = DesignSpace(
    (
        Variable("w", 1e-6, 100e-6, log=True),
        Variable("v", 0.5, 1.5, log=False),
        Variable("b", -1.0, 1.0, log=False),
    )
)
TASK = Task(
    SPACE,
    (Goal("power", maximize=False), Goal("speed", maximize=True)),
    (Constraint("level", minimum=-0.5), Constraint("speed", minimum=1e5)),
)


def circuit(w: float, v: float, b: float) -> dict[str, float]:
    """Power laws, so that elasticities are exponents, and a metric that has no logarithm."""
    return {
        "power": 3.0 * w**0.5 * v**2,
        "speed": 1e9 * w**0.7 * v**-1.0 * math.exp(0.3 * b),
        "level": b * v - 0.2,
    }


@pytest.fixture(scope="module")
def moment() -> Moment:
    rng = np.random.default_rng(0)
    names = ("power", "speed", "level")
    x = SPACE.snap_unit(rng.random((50, 3)))
    rows = [circuit(**SPACE.from_unit(u)) for u in x]
    history = History(
        x=x,
        metrics=np.array([[row[n] for n in names] for row in rows]),
        metric_names=names,
        failed=np.zeros(len(x), dtype=bool),
        pending=np.empty((0, 3)),
        n_asked=len(x),
    )
    return Moment.of(TASK, history)


DESIGN = {"w": 10e-6, "v": 1.1, "b": 0.3}


def test_predictions_are_in_the_metrics_own_units(moment: Moment) -> None:
    truth = circuit(**DESIGN)
    mean, sd = moment.predict(SPACE.to_unit(DESIGN)[None])
    for j, name in enumerate(moment.units.names):
        interval = moment.units.interval(j, mean[0, j], sd[0, j])
        assert interval.median == pytest.approx(truth[name], rel=0.03)
        assert interval.low < interval.median < interval.high
        output = moment.units.output(j, truth[name])
        assert moment.units.value(j, output) == pytest.approx(truth[name], rel=1e-9)
    # The data themselves come back, but for what was clipped.
    back = [moment.units.value(1, y) for y in moment.outputs.y[:, 1]]
    there = moment.history.metrics[:, 1]
    kept = np.isclose(back, there, rtol=1e-6)
    assert kept.mean() > 0.7


def test_elasticities_are_those_of_finite_differences_of_the_circuit(moment: Moment) -> None:
    slopes = {(s.metric, s.variable): s for s in slopes_at(moment, SPACE.to_unit(DESIGN))}
    assert len(slopes) == 9
    for variable in ("w", "v"):
        ratio = 1.001
        more = {**DESIGN, variable: DESIGN[variable] * ratio}
        for metric in ("power", "speed"):
            true = math.log(circuit(**more)[metric] / circuit(**DESIGN)[metric]) / math.log(ratio)
            assert slopes[metric, variable].elasticity == pytest.approx(true, abs=0.1)
            assert slopes[metric, variable].change == pytest.approx(0.1 * true, abs=0.01)
    # 10 % of b's range, which holds zero, is 0.2; level changes by v for each.
    of_b = slopes["level", "b"]
    assert of_b.elasticity is None
    assert not of_b.relative
    assert of_b.change == pytest.approx(0.2 * DESIGN["v"], rel=0.05)
    assert slopes["power", "b"].change == pytest.approx(0.0, abs=0.01)


def test_a_looser_bound_gains_what_the_circuit_says(moment: Moment) -> None:
    """Least power with speed ≥ bound: the exponents say what a lower bound saves."""
    point = SPACE.to_unit(DESIGN)
    lower, upper = moment.outputs.lower.copy(), moment.outputs.upper.copy()
    j = moment.units.names.index("speed")
    speed = circuit(**DESIGN)["speed"]
    powers = []
    for bound in (speed, 0.9 * speed):
        upper[j] = moment.units.output(j, bound)  # a goal to maximize has its bound above
        found = best_nearby(moment, 0, point, lower, upper)
        assert found is not None
        x, output = found
        assert (abs(x - point) <= 0.1 + 1e-9).all()
        assert circuit(**SPACE.from_unit(x))["speed"] == pytest.approx(bound, rel=0.03)
        powers.append(moment.units.value(0, output))
    # v is at the end of what is looked at in both, so w alone follows: power ∝ speed^(0.5/0.7).
    assert powers[1] / powers[0] == pytest.approx(0.9 ** (0.5 / 0.7), rel=0.02)
    impossible = np.full_like(upper, -50.0)
    assert best_nearby(moment, 0, point, lower, impossible) is None
