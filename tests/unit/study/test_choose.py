"""The rule that picks the design to show."""

from __future__ import annotations

import pytest

from spiceloop.errors import StudyError
from spiceloop.study.choose import choose, pareto_trials
from spiceloop.study.trial import Failure, Origin, Trial, TrialState


def trial(problem, number, f3db, ipeak, rise=1e-6, origin=Origin.MODEL) -> Trial:
    metrics = {"f3db": f3db, "ipeak": ipeak, "rise": rise}
    return Trial(
        number,
        TrialState.DONE,
        origin,
        {"r": 1e3 + number, "c": 1e-9},
        metrics,
        problem.violations(metrics),
    )


@pytest.fixture
def start(problem):
    return trial(problem, 0, 1e5, 1e-3, origin=Origin.START)


def test_the_largest_mean_gain_among_those_no_worse_than_the_start(problem, start):
    trials = [
        start,
        trial(problem, 1, 9e5, 1.1e-3),  # far better in one, but worse in the other
        trial(problem, 2, 1.2e5, 0.5e-3),  # ×1.2, ÷2
        trial(problem, 3, 1.5e5, 0.9e-3),  # ×1.5, ÷1.1
        trial(problem, 4, 8e5, 0.1e-3, rise=11e-6),  # best of all, but not feasible
    ]
    found = choose(problem, trials)
    assert found.trial.number == 2
    assert "no worse than the start" in found.rule
    assert [t.number for t in pareto_trials(problem, trials)] == [1, 2, 3]


def test_a_start_that_nothing_dominates_gives_way_to_the_knee(problem, start):
    trials = [
        start,
        trial(problem, 1, 9e5, 8e-3),
        trial(problem, 2, 5e5, 2e-3),
        trial(problem, 3, 0.5e5, 0.9e-3),
    ]
    found = choose(problem, trials)
    assert found.trial.number == 2
    assert "knee" in found.rule


def test_the_start_is_not_shown_against_itself(problem):
    start = trial(problem, 0, 4e5, 2e-3, origin=Origin.START)  # the very knee
    trials = [start, trial(problem, 1, 1e6, 9e-3), trial(problem, 2, 1e5, 1e-3)]
    assert choose(problem, trials).trial.number != 0


def test_without_a_start_the_knee(problem):
    trials = [
        trial(problem, i, f, p) for i, (f, p) in enumerate([(1e6, 1e-2), (4e5, 2e-3), (1e5, 1e-3)])
    ]
    assert choose(problem, trials).trial.number == 1


def test_without_a_feasible_trial_the_least_violation(problem, start):
    trials = [trial(problem, i, 1e5, 1e-3, rise=r) for i, r in enumerate([30e-6, 12e-6, 20e-6])]
    found = choose(problem, trials)
    assert found.trial.number == 1
    assert "violates" in found.rule


def test_nothing_to_choose_from(problem):
    failed = Trial(
        0, TrialState.FAILED, Origin.START, {"r": 1e3, "c": 1e-9}, failure=Failure("crash", "x")
    )
    assert choose(problem, []) is None
    assert choose(problem, [failed]) is None
    with pytest.raises(StudyError, match="has no metrics: it is failed"):
        choose(problem, [failed], 0)


def test_one_point_is_its_own_front(problem, start):
    assert choose(problem, [start]).trial is start


def test_a_number_that_the_user_names(problem, start):
    trials = [start, trial(problem, 1, 9e5, 1.1e-3)]
    assert choose(problem, trials, 1).trial.number == 1
    with pytest.raises(StudyError, match="no trial 2; the study has 0 to 1"):
        choose(problem, trials, 2)
