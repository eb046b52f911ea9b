"""The model of a history: of which trials its length scales are, and that it can be found again."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.opt import learn as module
from spiceloop.opt.base import Constraint, Goal, History, Task
from spiceloop.opt.ehvi import Ehvi, mending
from spiceloop.opt.fit import fit_length_scales
from spiceloop.opt.learn import learn
from spiceloop.opt.model import NOISE, fit_surrogate
from spiceloop.opt.outputs import model_outputs
from spiceloop.opt.thin import thinned

SPACE = DesignSpace(tuple(Variable(f"x{j}", 0.0, 1.0) for j in range(3)))
TASK = Task(SPACE, (Goal("f", False, "linear"), Goal("g", False, "linear")), n_initial=5)


def history_of(n: int) -> History:
    x = np.random.default_rng(7).random((n, 3))
    metrics = np.column_stack([np.sin(3.0 * x @ [1.0, 0.4, 0.0]), x @ [-1.0, 0.2, 0.5]])
    failed = np.arange(n) % 9 == 4
    metrics[failed] = np.nan
    return History(x, metrics, ("f", "g"), failed, np.empty((0, 3)), n, start=0)


def first(history: History, n: int) -> History:
    rows = {name: getattr(history, name)[:n] for name in ("x", "metrics", "failed")}
    return replace(history, **rows, n_asked=n)


@pytest.fixture(autouse=True)
def forget() -> None:
    module._length_scales.cache_clear()


@pytest.mark.parametrize("n", [3, 12, 20, 22])
def test_few_trials_are_all_fitted(n: int) -> None:
    outputs, model = learn(TASK, history_of(n))
    again = fit_surrogate(*map(module.torch.as_tensor, (outputs.x, outputs.y)))
    assert np.array_equal(model.scales, again.scales)
    assert np.array_equal(model.weights, again.weights)


def test_later_the_scales_are_those_of_at_most_a_tenth_less_and_all_else_is_of_now() -> None:
    history = history_of(150)
    outputs, model = learn(TASK, history)
    assert len(outputs.x) == np.count_nonzero(~history.failed)
    assert np.array_equal(outputs.y, model_outputs(TASK, history).y)
    fitted = [
        n
        for n in range(20, 151)
        for earlier in [model_outputs(TASK, first(history, n))]
        if np.array_equal(model.scales, fit_length_scales(earlier.x, earlier.y, NOISE))
    ]
    assert len(fitted) == 1 or history.failed[fitted[0] : fitted[-1]].all()
    assert 150 / 1.1 <= fitted[-1] < 150


def test_a_fit_serves_until_the_history_has_grown_by_a_tenth() -> None:
    sizes = []

    def counting(x, y, noise):
        sizes.append(len(x))
        return fit_length_scales(x, y, noise)

    with patch.object(module, "fit_length_scales", counting):
        for n in range(60, 121):
            learn(TASK, history_of(120) if n == 120 else first(history_of(120), n))
    assert 6 <= len(sizes) <= 9
    assert sizes == sorted(sizes)


def test_another_process_proposes_the_same() -> None:
    """What was fitted before is a matter of speed: with nothing remembered, the same designs."""
    whole = history_of(70)
    for n in range(50, 71):
        warm = Ehvi().ask(TASK, first(whole, n), 1, seed=3)
    module._length_scales.cache_clear()
    assert np.array_equal(Ehvi().ask(TASK, whole, 1, seed=3), warm)


def test_thousands_of_trials_are_thinned_the_same_way_each_time() -> None:
    history = history_of(900)
    few = thinned(TASK, history)
    assert len(few.x) == 200
    assert np.array_equal(few.x[few.start], history.x[0])
    quasi_random = 1 + TASK.n_initial  # and the start
    assert np.array_equal(few.x[:quasi_random], history.x[:quasi_random])
    assert np.array_equal(thinned(TASK, history).x, few.x)
    best = np.nanmin(history.metrics, axis=0)
    assert (few.metrics == best).any(axis=0).all()
    assert thinned(TASK, history_of(200)).x.shape == (200, 3)
    outputs, _ = learn(TASK, history)
    assert len(outputs.x) == np.count_nonzero(~few.failed)


def test_scales_of_a_thinned_history_are_remembered_too() -> None:
    history = history_of(260)
    with patch.object(module, "fit_length_scales", wraps=fit_length_scales) as fit:
        for n in range(250, 261):
            learn(TASK, first(history, n))
    assert fit.call_count <= 2


@pytest.mark.parametrize("factor", [1e-15, 1e12])
@pytest.mark.parametrize("start", [0, None])
def test_linear_metrics_may_have_any_size(factor: float, start: int | None) -> None:
    task = replace(TASK, constraints=(Constraint("g", maximum=0.1, scale="linear"),))
    small = replace(task, constraints=(Constraint("g", maximum=0.1 * factor, scale="linear"),))
    history = replace(history_of(20), start=start)
    one = model_outputs(task, history)
    other = model_outputs(small, replace(history, metrics=history.metrics * factor))
    np.testing.assert_allclose(other.y, one.y, rtol=1e-9)
    np.testing.assert_allclose(other.reference, one.reference, rtol=1e-9)
    np.testing.assert_allclose(other.upper, one.upper, rtol=1e-9)


@pytest.mark.parametrize("failures", [30, 39])
def test_a_study_that_began_with_failures_only_is_learnt_from(failures: int) -> None:
    """Length scales are of an earlier history, which has no finished trial yet."""
    history = history_of(failures + 2)
    failed = np.arange(failures + 2) < failures
    metrics = np.where(failed[:, None], np.nan, history.x[:, :2])
    history = replace(history, metrics=metrics, failed=failed, start=None)
    proposed = Ehvi().ask(TASK, history, 1, seed=0)
    assert ((proposed >= 0) & (proposed <= 1)).all()


def test_turns_go_on_when_the_model_has_as_many_trials_as_it_ever_will() -> None:
    """Every other design of a long study that breaks many bounds is to mend them."""
    bounds = tuple(Constraint(f"c{j}", maximum=-1.0) for j in range(3))
    task = replace(TASK, constraints=bounds)
    x = np.random.default_rng(3).random((206, 3))
    metrics = np.hstack([x[:, :2], x])
    names = ("f", "g", "c0", "c1", "c2")
    turns = []
    for n in range(196, 206):
        history = History(x[:n], metrics[:n], names, np.zeros(n, bool), np.empty((0, 3)), n)
        outputs, model = learn(task, history)
        assert len(model.y) == min(n, 200)
        turns.append(mending(outputs, model, outputs.n_finished) is not None)
    assert turns == [n % 2 == 1 for n in range(196, 206)]
