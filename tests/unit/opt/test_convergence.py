"""The stopping rule: stops on a converged front, not on one that moves, the same when resumed."""

from __future__ import annotations

import numpy as np
import pytest

from spiceloop.circuit.design_space import DesignSpace, Variable
from spiceloop.opt.base import Constraint, Goal, History, Task
from spiceloop.opt.convergence import THRESHOLD, convergence, next_look
from spiceloop.opt.population import Population

NAMES = ("f", "g")
SPACE = DesignSpace(tuple(Variable(f"x{i}", 0.0, 1.0) for i in range(4)))
TASK = Task(SPACE, (Goal("f", False, "linear"), Goal("g", False, "linear")), n_initial=10)


def measure(x: np.ndarray) -> np.ndarray:
    distance = x[:, 1:].sum(axis=1)
    return np.column_stack([x[:, 0] + distance, 1 - np.sqrt(x[:, 0]) + distance])


def history_of(x: np.ndarray, metrics: np.ndarray | None = None) -> History:
    metrics = measure(x) if metrics is None else metrics
    return History(x, metrics, NAMES, np.zeros(len(x), bool), np.empty((0, 4)), len(x))


def evolved_until_converged(most: int) -> list[History]:
    search, found = Population(), [history_of(np.empty((0, 4)))]
    while len(found[-1].x) < most:
        last = found[-1]
        said = convergence(TASK, last)
        if said is not None and said.converged:
            return found
        found.append(history_of(np.vstack([last.x, search.ask(TASK, last, 10, seed=0)])))
    return found


def test_it_stops_on_a_converged_front_and_not_before() -> None:
    runs = evolved_until_converged(3000)
    n = len(runs[-1].x)
    assert 100 < n < 3000
    said = convergence(TASK, runs[-1])
    assert said is not None
    assert said.trials[-1] <= n < said.trials[-1] + 10  # the first ask after the look
    assert said.growth < THRESHOLD
    # What the rule promises: as many trials again bring about as little.
    search, more = Population(), runs[-1]
    while len(more.x) < 2 * n:
        more = history_of(np.vstack([more.x, search.ask(TASK, more, 10, seed=0)]))
    later = convergence(TASK, more)
    assert later is not None
    assert later.growth < 2 * THRESHOLD


def test_it_does_not_stop_while_the_front_still_moves() -> None:
    rng = np.random.default_rng(0)
    for n in (40, 100, 400, 1000):
        x = rng.random((n, 4))
        x[:, 1:] /= 1.0 + np.arange(n)[:, None] / 20.0  # slowly nearer, to the end
        said = convergence(TASK, history_of(x))
        assert said is not None
        assert not said.converged


def test_few_feasible_designs_are_no_convergence() -> None:
    x = np.random.default_rng(0).random((100, 4))
    metrics = np.full((100, 2), 5.0)
    metrics[:3] = [[0.1, 0.3], [0.2, 0.2], [0.3, 0.1]]
    task = Task(SPACE, TASK.goals, (Constraint("f", maximum=1.0),))
    said = convergence(task, history_of(x, metrics))
    assert said is not None
    assert (said.growth, said.feasible, said.converged) == (0.0, 3, False)
    nothing = convergence(task, history_of(x, np.full((100, 2), 5.0)))
    assert nothing is not None
    assert not nothing.converged


def test_between_looks_nothing_changes() -> None:
    x = np.random.default_rng(0).random((48, 4))
    at_44 = convergence(TASK, history_of(x[:44]))
    assert at_44 is not None
    assert at_44.trials == (5, 11, 22, 44)
    assert [convergence(TASK, history_of(x[:n])) for n in (45, 48)] == [at_44] * 2
    assert convergence(TASK, history_of(x[:39])) is None
    assert [next_look(n) for n in (0, 39, 40, 44, 48)] == [40, 40, 44, 49, 49]


def test_the_prediction_falls_as_growth_did() -> None:
    said = convergence(TASK, evolved_until_converged(3000)[-1])
    assert said is not None
    before = said.volumes[-2] - said.volumes[-3]
    assert said.predicted == pytest.approx(said.growth * min(said.growth / before, 1.0))
    assert 0 <= said.predicted <= said.growth


def test_rows_of_an_earlier_study_are_no_trials_but_count_to_the_front() -> None:
    runs = evolved_until_converged(3000)
    n = len(runs[-1].x)
    earlier = runs[-1].x[:100]
    # Nothing new was found in the latter half of what both have seen, but the new study is young.
    assert convergence(TASK, history_of(np.vstack([earlier, earlier[:39]])), 100) is None
    both = convergence(TASK, history_of(runs[-1].x), 100)
    assert both is not None
    assert both.trials[-1] <= n - 100 < both.trials[-1] * 1.1 + 1
    whole = convergence(TASK, history_of(runs[-1].x[: 100 + both.trials[-1]]), 0)
    assert whole is not None
    # The window is the latter half of the new study's trials, after all that was known before.
    assert both.growth <= whole.growth
    again = convergence(TASK, history_of(np.vstack([earlier, earlier[:40]])), 100)
    assert again is not None
    assert again.volumes == pytest.approx((1.0, 1.0, 1.0, 1.0))
