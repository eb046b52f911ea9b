"""The card of corners: every value, the worst marked, bounds missed, and what was saved."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from spiceloop.report import StudyView
from spiceloop.report.cards import Card, all_cards, corners, failures, headline
from spiceloop.report.cards.base import draw
from spiceloop.report.html import render
from spiceloop.spec.corners import Varied
from spiceloop.spec.worst import worst
from spiceloop.study.trial import Failure, Trial, TrialState

SUPPLY = {"vdd": Varied(minimum=1.62, typical=1.8, maximum=1.98)}
NAMES = ("vdd=1.8", "vdd=1.62", "vdd=1.98")


def at_corners(view: StudyView, *, margin: tuple[float, ...] = (60.0, 50.0, 70.0)) -> StudyView:
    """The view of the same study over three supplies."""
    problem = view.problem.model_copy(update={"conditions": SUPPLY})
    assert tuple(c.name for c in problem.corners) == NAMES

    def spread(t: Trial) -> Trial:
        at = {
            name: {m: v * factor for m, v in t.metrics.items()} | {"margin": margin[i]}
            for i, (name, factor) in enumerate(zip(NAMES, (1.0, 0.9, 1.2), strict=True))
        }
        metrics = worst(problem, at, NAMES[0])
        return replace(
            t, corners=at, metrics=metrics, violations=problem.violations(metrics),
            simulations=3,
        )  # fmt: skip

    trials = tuple(spread(t) if t.state is TrialState.DONE else t for t in view.trials)
    chosen = next(t for t in trials if view.chosen and t.number == view.chosen.number)
    return replace(view, problem=problem, trials=trials, chosen=chosen)


def card(view: StudyView) -> Card:
    return draw("corners", "Corners", corners.make, view)


def test_no_card_for_a_problem_of_one_corner(five: StudyView) -> None:
    assert "corners" not in {c.key for c in all_cards(five)}
    assert 'href="#corners"' not in render(five, all_cards(five))


def test_the_worst_is_marked_in_the_sense_of_each_goal(five: StudyView) -> None:
    drawn = card(at_corners(five))
    marked = {r.name: [c.mark for c in r.cells].index("worst") for r in drawn.facts["rows"][:-1]}
    # goal0, goal2, goal4 are maximized, the others minimized; margin has a minimum.
    assert marked == {"goal0": 1, "goal1": 2, "goal2": 1, "goal3": 2, "goal4": 1, "margin": 1}
    assert [c.mark for c in drawn.facts["rows"][-1].cells] == ["typical", "", ""]
    assert drawn.facts["corners"][0] == (["vdd=1.8"], True)


def test_a_missed_bound_is_told_where_it_is_missed(five: StudyView) -> None:
    view = at_corners(five, margin=(60.0, 40.0, 70.0))
    drawn = card(view)
    row = next(r for r in drawn.facts["rows"] if r.name == "margin")
    assert [c.missed for c in row.cells] == [False, True, False]
    page = render(view, (drawn,))
    assert page.count("✗ missed") == 1


def test_what_was_saved_and_where_a_simulation_failed(five: StudyView) -> None:
    view = at_corners(five)
    failed = view.failed[0]
    assert failed.failure is not None
    where = Failure("timeout", "no answer", deck="tb", corner=NAMES[2])
    replaced = replace(failed, failure=where, simulations=1, saved=2)
    trials = tuple(replaced if t.number == failed.number else t for t in view.trials)
    view = replace(view, trials=trials)
    others = {"headline": headline.make, "failures": failures.make}
    page = render(view, (card(view), *(draw(k, k, make, view) for k, make in others.items())))
    simulated = sum(t.simulations for t in trials)
    assert re.search(rf"{simulated} simulations were run in this study\s+and 2 \(", page)
    assert "2 saved" in page
    assert "tb, vdd=1.98" in page


def test_a_chosen_design_that_skipped_corners_says_so(five: StudyView) -> None:
    view = at_corners(five)
    assert view.chosen is not None
    first = {NAMES[1]: dict(view.chosen.corners[NAMES[1]])}
    metrics = {m: v for m, v in first[NAMES[1]].items() if m != "shown"}
    chosen = replace(view.chosen, corners=first, metrics=metrics, saved=2)
    view = replace(view, chosen=chosen)
    page = render(view, (card(view),))
    assert "at 1 corners; 2 more were skipped" in page


def test_the_picture_fits_many_bounds(make_view: Callable[..., StudyView]) -> None:
    view = at_corners(make_view(1))
    (plot,) = card(view).plots
    assert plot.picture.name == "corners.png"
