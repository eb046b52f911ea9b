"""Every card, also from studies that have little to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import plotly.graph_objects as go
import pytest

from spiceloop.errors import FailureKind, SimulationError
from spiceloop.report import StudyView, write_report
from spiceloop.report.cards import (
    Card,
    all_cards,
    circuit,
    comparison,
    failures,
    fronts,
    headline,
    progress,
)
from spiceloop.report.cards.base import Maker, draw
from spiceloop.report.cards.variables import make as make_variables
from spiceloop.report.html import render
from spiceloop.sim.waves import Waves
from spiceloop.study.trial import TrialState

MAKERS: dict[str, Maker] = {
    "circuit": circuit.make,
    "comparison": comparison.make,
    "failures": failures.make,
    "fronts": fronts.make_matrix,
    "headline": headline.make,
    "progress": progress.make_best,
}


def cards(view: StudyView) -> dict[str, Card]:
    return {card.key: card for card in all_cards(view)}


def one(key: str, view: StudyView) -> Card:
    return draw(key, key, MAKERS[key], view)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
def test_any_number_of_objectives(make_view: Callable[..., StudyView], k: int) -> None:
    view = make_view(k, 16)
    drawn = cards(view)
    missing = {key for key, card in drawn.items() if card.why}
    assert missing == ({"circuit", "fronts", "parallel"} if k == 1 else {"circuit"})
    for card in drawn.values():
        for plot in card.plots:
            if plot.spec:  # plotly's own check of every property
                figure = go.Figure(plot.spec["data"], plot.spec["layout"])
                assert figure.data
    page = render(view, tuple(drawn.values()))
    assert all(f"goal{i}" in page for i in range(k))


def test_matrix_has_every_pair(five: StudyView) -> None:
    spec = one("fronts", five).plots[0].spec
    assert spec is not None
    panels = {(t["xaxis"], t["yaxis"]) for t in spec["data"]}
    assert len(panels) == 10
    per_panel = len(five.front.groups)
    assert len(spec["data"]) == 10 * per_panel
    assert sum(t["showlegend"] for t in spec["data"]) == per_panel


def test_log_axes_follow_the_optimizers_scale(make_view: Callable[..., StudyView]) -> None:
    view = make_view(2)
    linear = view.task.goals[0].__class__("goal0", True, "linear")
    view = replace(view, task=replace(view.task, goals=(linear, view.task.goals[1])))
    spec = one("fronts", view).plots[0].spec
    assert spec is not None
    assert spec["layout"]["xaxis"]["type"] == "linear"
    assert spec["layout"]["yaxis"]["type"] == "log"
    assert spec["layout"]["xaxis"]["title"]["text"] == "goal0 (V)"


def no_model(finished: str) -> dict[str, str]:
    reason = f"{finished} finished; a model takes 5"
    return {
        "sensitivity": reason, "model-error": reason, "limits": "",
        "forecasts": "had enough to learn", "proposals": "had enough finished trials",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        ({"feasible": False}, {
            "hypervolume": "meets every constraint", "netlist": "No design",
            "limits": "no trial meets every bound",
        }),
        ({"start": False}, {}),
        ({"trials": (), "chosen": None}, {
            "comparison": "No trial was simulated", "fronts": "No trial", "parallel": "No trial",
            "hypervolume": "No trial has ended", "progress": "No trial", "variables": "neither",
            "netlist": "No design was chosen", **no_model("0 trials"),
        }),
        ({"n": 1}, {"netlist": "No design was chosen", **no_model("1 trial")}),
    ],
)  # fmt: skip
def test_poor_studies_say_why(
    make_view: Callable[..., StudyView], more: dict[str, object], reasons: dict[str, str],
) -> None:  # fmt: skip
    view = make_view(**more)
    drawn = all_cards(view)
    for card in drawn:
        if card.key != "circuit":
            assert reasons.get(card.key, "") in card.why
            assert bool(card.why) == (card.key in reasons)
    page = render(view, drawn)
    for reason in reasons.values():
        assert reason in page


def test_a_chosen_design_that_is_infeasible_says_so(make_view: Callable[..., StudyView]) -> None:
    view = make_view(feasible=False)
    view = replace(view, chosen=view.done[-1])
    page = render(view, (one("headline", view), one("comparison", view)))
    assert "It violates margin." in page
    assert "misses by 5 deg" in page


def test_only_failed_trials(make_view: Callable[..., StudyView], tmp_path: Path) -> None:
    failed = make_view().failed
    view = make_view(trials=failed, chosen=None, netlists={})
    assert one("fronts", view).why
    assert one("failures", view).facts["kinds"] == [("timeout", 5)]
    page = write_report(view, tmp_path).read_text()
    assert "doAnalyses: TRAN" in page


def test_running_trials_are_counted_but_not_drawn(make_view: Callable[..., StudyView]) -> None:
    view = make_view()
    running = replace(view.trials[-1], state=TrialState.RUNNING, metrics={}, number=99)
    more = replace(view, trials=(*view.trials, running))
    assert one("headline", more).facts["n_running"] == 1
    assert more.done == view.done


def test_comparison_names_the_best_of_each_objective(five: StudyView) -> None:
    columns = one("comparison", five).facts["columns"]
    labels = [label for column in columns for label in column.labels]
    assert labels[0] == "start"
    assert {f"best goal{i}" for i in range(5)} <= set(labels)
    feasible = [t for t in five.done if t.feasible]
    for column in columns:
        if "best goal2" in column.labels:
            assert column.trial == max(feasible, key=lambda t: t.metrics["goal2"])


def test_variables_mark_the_bounds(five: StudyView) -> None:
    assert five.chosen is not None
    at_edge = replace(five.chosen, design={"w1": 100e-6, "ib": 1e-6})
    facts, _ = make_variables(replace(five, chosen=at_edge))
    assert [row.at_bound for row in facts["rows"]] == ["at maximum", "at minimum"]
    assert facts["rows"][0].chosen_at == pytest.approx(1.0)


FIGURES = """
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

def good(simulate, designs):
    assert set(designs) == {"start", "chosen"}, designs
    for design in designs.values():
        simulate("tb", design)
    figure, ax = plt.subplots()
    ax.plot([1, 2], [3, 4])
    figure.set_label("Gm against Vtune")
    return [figure]

def breaks(simulate, designs):
    return [1 / 0]

def fails(simulate, designs):
    simulate("broken", designs["start"])

def wrong(simulate, designs):
    return 3
"""


def hooks(make_view: Callable[..., StudyView], folder: Path, *names: str) -> StudyView:
    (folder / "draw.py").write_text(FIGURES)
    view = make_view()
    problem = view.problem.model_copy(update={"figures": tuple(f"draw.py:{n}" for n in names)})
    object.__setattr__(problem, "_folder", folder)

    def simulate(testbench: str, design: object) -> Waves:
        if testbench == "broken":
            raise SimulationError(FailureKind.TIMEOUT, "no answer within 60 s")
        return Waves()

    return replace(view, problem=problem, simulate=simulate)


def test_figure_hooks(make_view: Callable[..., StudyView], tmp_path: Path) -> None:
    view = hooks(make_view, tmp_path, "breaks", "good", "fails", "wrong")
    card = one("circuit", view)
    assert not card.why
    assert [p.caption for p in card.plots] == ["Gm against Vtune"]
    told = dict(card.facts["failures"])
    assert told["draw.py:breaks"] == "ZeroDivisionError: division by zero"
    assert "no answer within 60 s" in told["draw.py:fails"]
    assert "expected a list of matplotlib figures" in told["draw.py:wrong"]
    from matplotlib import pyplot as plt

    assert plt.get_fignums() == []  # nothing is left open


def test_missing_hook_and_no_simulator_say_why(
    make_view: Callable[..., StudyView], tmp_path: Path
) -> None:
    view = hooks(make_view, tmp_path, "absent")
    assert "absent" in one("circuit", view).facts["failures"][0][1]
    assert "without a simulator" in one("circuit", replace(view, simulate=None)).why


def test_a_card_that_breaks_spares_the_others(five: StudyView) -> None:
    assert five.chosen is not None
    broken = replace(five, chosen=replace(five.chosen, metrics={}))
    assert "KeyError" in one("headline", broken).why
    assert not one("progress", broken).why
