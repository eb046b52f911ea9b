"""Transforms, losses, feasibility, Pareto sets and the reference rule."""

from __future__ import annotations

import numpy as np
import pytest

from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.opt import Constraint, Goal, History, Task
from spiceloop.opt.outputs import improvement_reference
from spiceloop.opt.pareto import (
    feasible_mask,
    hypervolume,
    losses,
    pareto_mask,
    reference_point,
)
from spiceloop.opt.transform import metric_scales

SPACE = DesignSpace((Variable("a", 0, 1), Variable("b", 0, 1)))
NAMES = ("power", "range", "offset")
TASK = Task(
    SPACE,
    (Goal("range", True, "linear"), Goal("power", False)),
    (Constraint("offset", minimum=-1.0, maximum=1.0),),
)
METRICS = np.array([[1e-3, 0.2, 0.0], [1e-4, 0.4, -2.0], [np.nan] * 3, [1e-5, 0.1, 0.5]])


def test_positive_metrics_are_modelled_in_logarithms() -> None:
    scales = metric_scales(TASK, METRICS, NAMES)
    assert {n: s.log for n, s in scales.items()} == {"range": False, "power": True, "offset": False}


def test_one_value_of_zero_makes_auto_linear_and_explicit_log_keeps_a_floor() -> None:
    metrics = METRICS.copy()
    metrics[0, 0] = 0.0
    assert not metric_scales(TASK, metrics, NAMES)["power"].log
    explicit = Task(SPACE, (Goal("power", False, "log"),))
    values = losses(explicit, metrics, NAMES)[:, 0]
    assert values[0] == pytest.approx(np.log(1e-6))
    assert np.isnan(values[2])


def test_losses_turn_every_goal_into_less_is_better() -> None:
    found = losses(TASK, METRICS, NAMES)
    expected = np.column_stack([-METRICS[:, 1], np.log(METRICS[:, 0])])
    assert np.allclose(found, expected, equal_nan=True)


def test_feasible_means_finished_and_within_both_bounds() -> None:
    assert feasible_mask(TASK, METRICS, NAMES).tolist() == [True, False, False, True]
    edge = METRICS.copy()
    edge[0, 2] = 1.0
    assert feasible_mask(TASK, edge, NAMES)[0]


def test_pareto_mask_keeps_the_first_of_equals_and_no_nan() -> None:
    points = np.array([[1, 2], [2, 1], [1, 2], [2, 2], [np.nan, 0], [0.5, 3.0]])
    assert pareto_mask(points).tolist() == [True, True, False, False, False, True]


def test_the_reference_with_a_start_never_moves() -> None:
    first = reference_point(TASK, METRICS[:1], NAMES, start=0)
    later = reference_point(TASK, METRICS, NAMES, start=0)
    assert np.array_equal(first, later)
    assert later == pytest.approx([-0.2 + 0.2, np.log(1e-3) + np.log(10)])


def test_the_reference_without_a_start_lies_beyond_the_feasible_front() -> None:
    found = reference_point(TASK, METRICS, NAMES)
    front = losses(TASK, METRICS, NAMES)[[0, 3]]
    assert found == pytest.approx(front.max(0) + 0.1 * np.ptp(front, axis=0))


@pytest.mark.parametrize("rows", [[], [2], [1], [3]])
def test_the_reference_exists_for_poor_histories(rows: list[int]) -> None:
    found = reference_point(TASK, METRICS[rows], NAMES)
    assert found.shape == (2,)
    assert np.isfinite(found).all()
    finished = losses(TASK, METRICS[rows], NAMES)
    finished = finished[np.isfinite(finished).all(axis=1)]
    assert (found > finished).all()


def history_of(metrics: np.ndarray, start: int | None) -> History:
    x = np.random.default_rng(0).random((len(metrics), 2))
    failed = np.isnan(metrics[:, 0])
    return History(x, metrics, NAMES, failed, np.empty((0, 2)), len(metrics), start)


def test_improvement_is_counted_from_a_little_behind_a_feasible_start() -> None:
    none = np.full(2, np.inf)
    found = improvement_reference(TASK, history_of(METRICS, start=0), none)
    assert found == pytest.approx([-0.2 + 0.15 * 0.2, np.log(1e-3) + 0.15 * np.log(10)])
    # The bound of a goal's metric goes before the start.
    bounded = improvement_reference(TASK, history_of(METRICS, start=0), np.array([-0.3, np.inf]))
    assert bounded[0] == -0.3
    assert bounded[1] == found[1]


@pytest.mark.parametrize("start", [None, 1, 2])  # no start, an infeasible one, a failed one
def test_improvement_without_a_good_start_is_counted_from_behind_most_trials(
    start: int | None,
) -> None:
    found = improvement_reference(TASK, history_of(METRICS, start), np.full(2, np.inf))
    finished = losses(TASK, METRICS, NAMES)[[0, 1, 3]]
    assert (found >= np.percentile(finished, 75, axis=0)).all()
    assert (found > finished[[0, 2]].max(axis=0)).all()


def test_good_trials_do_not_draw_the_reference_of_improvement_in() -> None:
    """The front would stop to widen: nine tenths of a study's trials lie close to it."""
    rng = np.random.default_rng(1)
    poor = np.column_stack([10.0 ** rng.uniform(-5, -1, 10), rng.random(10), np.ones(10)])
    good = np.column_stack([np.full(200, 1e-5), rng.uniform(0.8, 0.9, 200), np.ones(200)])
    none = np.full(2, np.inf)
    early = improvement_reference(TASK, history_of(poor, None), none)
    late = improvement_reference(TASK, history_of(np.vstack([poor, good]), None), none)
    wide = np.percentile(losses(TASK, poor, NAMES), 90, axis=0)
    assert (late >= wide).all()
    assert (early >= wide).all()


def test_extremes_among_four_objectives_do_not_push_the_reference_of_improvement_out() -> None:
    """Whatever is best in one of four objectives is on the front, as bad as it may be in others."""
    rng = np.random.default_rng(2)
    task = Task(SPACE, tuple(Goal(name, False, "linear") for name in "abcd"))
    first = 1.0 + rng.random((10, 4))
    extremes = np.where(np.eye(4, dtype=bool), 0.1, 50.0)

    def reference(metrics: np.ndarray) -> np.ndarray:
        n = len(metrics)
        history = History(
            rng.random((n, 2)), metrics, tuple("abcd"), np.zeros(n, bool), np.empty((0, 2)), n
        )
        return improvement_reference(task, history, np.full(4, np.inf))

    assert reference(np.vstack([first, extremes])) == pytest.approx(reference(first))
    assert (reference(first) < 2.0).all()


def test_hypervolume_of_nothing_is_zero() -> None:
    assert hypervolume(np.empty((0, 2)), np.zeros(2)) == 0.0
    assert hypervolume(np.array([[1.0, -1.0]]), np.zeros(2)) == 0.0
