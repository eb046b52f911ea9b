"""The view's derived facts: groups, Pareto set, hypervolume."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spiceloop.report import StudyView


def test_every_done_trial_stands_in_one_group(five: StudyView) -> None:
    groups = five.front.groups
    numbers = [t.number for trials in groups.values() for t in trials]
    assert sorted(numbers) == [t.number for t in five.done]
    assert [t.number for t in groups["start"]] == [0]
    assert five.chosen is not None
    assert [t.number for t in groups["chosen"]] == [five.chosen.number]
    assert all(t.violations for t in groups["infeasible"])


def test_no_feasible_trial_dominates_a_pareto_trial(five: StudyView) -> None:
    front = five.front
    feasible = front.losses[front.feasible]
    for row in front.losses[front.pareto]:
        assert not ((feasible <= row).all(axis=1) & (feasible < row).any(axis=1)).any()


def test_hypervolume_never_falls_and_failed_trials_add_nothing(five: StudyView) -> None:
    values = five.front.volume.values
    assert (np.diff(values) >= 0).all()
    assert values[-1] > 0
    for i, trial in enumerate(five.front.trials):
        if i and not trial.feasible:
            assert values[i] == values[i - 1]


def test_a_given_reference_is_used(make_view: Callable[..., StudyView]) -> None:
    ours = make_view(2)
    worse = make_view(2, reference=tuple(ours.front.reference + 1.0))
    assert worse.front.volume.values[-1] > ours.front.volume.values[-1]


def test_phase_boundary_and_counts(five: StudyView) -> None:
    assert five.first_model_trial == 13
    assert len(five.failed) == 5
    assert len(five.ended) == 36
