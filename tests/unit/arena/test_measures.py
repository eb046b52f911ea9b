"""Figures of the arena's runs, against closed forms and BoTorch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arena import measures
from arena.analytic import CLOSED_FORMS, C2Dtlz2
from arena.budget import Budget
from arena.problems import ArenaProblem
from arena.record import Record

pytest.importorskip("moocore")


def test_hypervolume_of_steps_is_their_area() -> None:
    losses = np.array([[0.5, 0.5], [0.75, 0.25], [0.6, 0.6], [0.25, 0.25]])
    trace = measures.hypervolume_trace(losses, np.ones(4, dtype=bool))
    assert trace == pytest.approx([0.25, 0.3125, 0.3125, 0.5625])


def test_infeasible_failed_and_beyond_the_reference_add_nothing() -> None:
    losses = np.array([[0.1, 0.1], [np.nan, np.nan], [-3.0, 1.0], [0.5, 0.5]])
    feasible = np.array([False, False, True, True])
    assert measures.hypervolume_trace(losses, feasible) == pytest.approx([0, 0, 0, 0.25])


@pytest.mark.parametrize("k", [2, 3, 5])
def test_hypervolume_agrees_with_botorch(k: int) -> None:
    import torch
    from botorch.utils.multi_objective.hypervolume import Hypervolume
    from botorch.utils.multi_objective.pareto import is_non_dominated

    losses = np.random.default_rng(k).random((30, k)) * 1.2
    trace = measures.hypervolume_trace(losses, np.ones(30, dtype=bool))
    gains = torch.as_tensor(-losses)
    front = gains[is_non_dominated(gains)]
    assert trace[-1] == pytest.approx(Hypervolume(-torch.ones(k)).compute(front))
    assert (np.diff(trace) >= 0).all()


def test_first_feasible_and_simulations_to_count_from_one() -> None:
    assert measures.first_feasible(np.array([False, False, True])) == 3
    assert measures.first_feasible(np.zeros(3, dtype=bool)) == np.inf
    trace = np.array([0.0, 0.2, 0.2, 0.4])
    assert measures.simulations_to(trace, 0.2) == 2
    assert measures.simulations_to(trace, 0.5) == np.inf
    # Nobody has anything: there is nothing to reach.
    assert measures.simulations_to(np.zeros(3), 0.0) == np.inf


def test_value_at_a_time_is_that_of_the_last_evaluation_before_it() -> None:
    trace, ended = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 4.0])
    assert [measures.value_at(trace, ended, s) for s in (0.5, 1.0, 3.9, 9.0)] == [0, 0.1, 0.2, 0.3]


def test_c2dtlz2_agrees_with_botorch() -> None:
    import torch
    from botorch.test_functions.multi_objective import C2DTLZ2

    form = C2Dtlz2()
    theirs = C2DTLZ2(dim=form.d, num_objectives=2)
    assert theirs._r == form.radius
    x = np.random.default_rng(0).random((50, form.d))
    x[:20, 1:] = 0.5 + 0.05 * (x[:20, 1:] - 0.5)  # some near the front, where it is feasible
    found = [form.evaluate({f"x{i}": v for i, v in enumerate(row)}) for row in x]
    points = torch.as_tensor(x)
    slack = theirs.evaluate_slack_true(points).numpy()[:, 0]
    assert np.array([[m["f1"], m["f2"]] for m in found]) == pytest.approx(
        theirs.evaluate_true(points).numpy()
    )
    assert [m["c"] for m in found] == pytest.approx(slack)
    assert 0 < (slack >= 0).sum() < 50


def test_dtlz2_agrees_with_botorch() -> None:
    import torch
    from botorch.test_functions.multi_objective import DTLZ2

    form = CLOSED_FORMS["dtlz2"]
    x = np.random.default_rng(0).random((50, 8))
    found = [form.evaluate({f"x{i}": v for i, v in enumerate(row)}) for row in x]
    theirs = DTLZ2(dim=8, num_objectives=4).evaluate_true(torch.as_tensor(x)).numpy()
    assert np.array([[m[f"f{i}"] for i in range(1, 5)] for m in found]) == pytest.approx(theirs)


def test_czdt1_has_its_front_cut_in_two() -> None:
    form = CLOSED_FORMS["czdt1"]
    on_front = [
        form.evaluate({"x0": f, **{f"x{i}": 0.0 for i in range(1, 8)}}) for f in (0.02, 0.3, 0.9)
    ]
    assert [m["f2"] for m in on_front] == pytest.approx([1 - f**0.5 for f in (0.02, 0.3, 0.9)])
    assert [m["c"] >= 0 for m in on_front] == [True, False, True]


def test_losses_are_one_at_the_reference_on_the_objectives_scale() -> None:
    problem = ArenaProblem.load("folded_cascode")
    names = problem.metric_names
    rows = np.full((3, len(names)), 1.0)
    for j, (worst, best) in enumerate(
        zip(problem.worst.values(), problem.best.values(), strict=True)
    ):
        assert names[j] in problem.worst
        rows[:, j] = [worst, best, np.sqrt(worst * best)]  # the third half way on a log scale
    assert problem.losses(rows) == pytest.approx(np.array([[1.0] * 3, [0.0] * 3, [0.5] * 3]))


def test_violations_and_feasibility_follow_the_bounds() -> None:
    problem = ArenaProblem.load("czdt1")
    rows = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, -0.1], [np.nan] * 3])
    assert problem.violations(rows)[:2, 0] == pytest.approx([0.0, 0.1])
    assert problem.feasible(rows).tolist() == [True, False, False]


def test_a_budget_cuts_a_longer_run() -> None:
    record = Record(
        np.zeros((4, 2)),
        np.zeros((4, 1)),
        thinking_s=np.array([1.0, 1.0, 2.0, 3.0]),
        thinking_cpu_s=np.zeros(4),
        simulation_s=np.full(4, 0.5),
        asked=Budget.parse("4"),
    )
    assert record.within(Budget.parse("3")) == slice(0, 3)
    assert record.within(Budget.parse("5.6s")) == slice(0, 3)
    assert record.enough_for(Budget.parse("4"))
    assert not record.enough_for(Budget.parse("5"))
    assert record.enough_for(Budget.parse("9s"))
    assert not record.enough_for(Budget.parse("9.6s"))
    short = replace(record, asked=Budget.parse("35"), stopped="limit of 1 s")
    assert short.enough_for(Budget.parse("35"))
    assert not short.full(Budget.parse("35"))
    assert not short.enough_for(Budget.parse("100"))  # which it was never asked for
    for wrong in ("0", "-3s", "2.5", "soon"):
        with pytest.raises(ValueError):
            Budget.parse(wrong)


@pytest.mark.parametrize("n", range(1, 14))
def test_quartiles_are_those_of_numpy_and_bear_infinity(n: int) -> None:
    values = np.random.default_rng(n).permutation(np.linspace(0.0, 1.0, n))
    expected = np.quantile(values, (0.25, 0.5, 0.75), method="averaged_inverted_cdf")
    assert measures.quartiles(values) == pytest.approx(tuple(expected))
    assert measures.quartiles(values)[1] == pytest.approx(np.median(values))
    never = [2.0, np.inf, np.inf, 1.0]
    assert measures.quartiles(never) == (1.5, np.inf, np.inf)
