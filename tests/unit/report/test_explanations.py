"""What the report explains, on synthetic studies whose truth is known."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spiceloop.errors import StudyError
from spiceloop.report import StudyView, write_report
from spiceloop.report.cards import all_cards
from spiceloop.report.explain.document import document
from spiceloop.report.explain.explained import Explained
from spiceloop.report.explain.words import limit_words, reason_words
from spiceloop.spec.problem import Problem
from spiceloop.study.trial import Failure, Origin, Trial, TrialState

CARDS = ("sensitivity", "limits", "model-error", "forecasts", "proposals")

DESCRIBED = {
    "name": "amplifier",
    "testbenches": {"tb": {"deck": "tb.spice"}},
    "parameters": {
        "w": {"minimum": "1u", "maximum": "100u", "unit": "m"},
        "ib": {"minimum": "1u", "maximum": "100u", "unit": "A"},
        "idle": {"minimum": 0.0, "maximum": 1.0},
    },
    "metrics": {
        "power": {"unit": "W", "goal": "minimize"},
        "bandwidth": {"unit": "Hz", "minimum": "20meg"},
        "headroom": {"unit": "V", "minimum": 0.1},
    },
}
PROBLEM = Problem.model_validate(DESCRIBED)


def simulate(design: Mapping[str, float]) -> dict[str, float]:
    """Power laws: power ∝ ib, bandwidth ∝ √(w·ib)."""
    w, ib = design["w"], design["ib"]
    return {
        "power": 1.8 * ib,
        "bandwidth": 1e7 * math.sqrt(w * ib) / 1e-5,
        "headroom": 0.5 - 0.1 * math.log10(ib / 1e-6),
    }


def study(n: int, *, optimizer: str = "ehvi", workers: int = 1, thinking: float = 0.5) -> StudyView:
    points = np.random.default_rng(11).random((n, 3))
    trials = []
    for number, point in enumerate(points):
        design = PROBLEM.space.from_unit(point)
        origin = Origin.INITIAL if number < 10 else Origin.MODEL
        if number == 13:
            trials.append(
                Trial(number, TrialState.FAILED, origin, design, failure=Failure("timeout", "late"),
                      thinking_s=thinking)
            )  # fmt: skip
            continue
        metrics = simulate(design)
        trials.append(
            Trial(number, TrialState.DONE, origin, design, metrics, PROBLEM.violations(metrics),
                  thinking_s=thinking)
        )  # fmt: skip
    feasible = [t for t in trials if t.feasible]
    return StudyView(
        problem=PROBLEM,
        trials=tuple(trials),
        task=PROBLEM.task(),
        optimizer=optimizer,
        workers=workers,
        chosen=min(feasible, key=lambda t: t.metrics["power"]) if feasible else None,
    )


@pytest.fixture(scope="module")
def view() -> StudyView:
    return study(30)


@pytest.fixture(scope="module")
def explained(view: StudyView) -> Explained:
    return view.explained


def test_sensitivities_are_the_power_laws(explained: Explained) -> None:
    found = explained.sensitivity
    assert found.total["power"]["ib"] == pytest.approx(1.0, abs=0.02)
    assert found.total["power"]["w"] < 0.02
    # Equal exponents over equal ranges: half of the variance each.
    assert found.total["bandwidth"] == pytest.approx({"w": 0.5, "ib": 0.5, "idle": 0.0}, abs=0.03)
    elasticity = {(s.metric, s.variable): s.elasticity for s in found.slopes}
    assert elasticity["power", "ib"] == pytest.approx(1.0, abs=0.05)
    assert elasticity["bandwidth", "w"] == pytest.approx(0.5, abs=0.05)
    assert elasticity["bandwidth", "idle"] is None  # it may be zero


def test_the_models_error_is_told_in_the_metrics_terms(
    view: StudyView, explained: Explained
) -> None:
    power, bandwidth, _ = explained.cross_validation
    assert power.metric == "power"
    assert power.q2 > 0.98
    assert power.relative
    # Recomputed from what is told, by its definition.
    logs = np.log([[p.median for p in power.predicted], power.actual])
    assert power.rms == pytest.approx(math.expm1(np.sqrt(((logs[0] - logs[1]) ** 2).mean())))
    inside = [p.holds(a) for p, a in zip(bandwidth.predicted, bandwidth.actual, strict=True)]
    assert bandwidth.coverage == pytest.approx(np.mean(inside))
    assert len(power.actual) == len(view.done) == 29


def test_forecasts_are_of_the_trials_before(view: StudyView, explained: Explained) -> None:
    found = explained.forecasts
    assert [t.trial for t in found.trials] == [n for n in range(10, 30) if n != 13]
    assert found.own
    last = found.trials[-1]
    before = StudyView(PROBLEM, view.trials[:-1], view.task)
    moment = before.explained.model.now
    mean, sd = moment.predict(PROBLEM.space.to_unit(view.trials[-1].design)[None])
    assert last.predicted["power"] == moment.units.interval(0, mean[0, 0], sd[0, 0])
    assert last.simulated == view.trials[-1].metrics
    hits = [t.predicted[n].holds(t.simulated[n]) for t in found.trials for n in t.predicted]
    assert found.coverage() == pytest.approx(np.mean(hits))
    assert found.coverage() > 0.5


def test_several_workers_and_batches_were_not_finished_when_a_trial_was_proposed() -> None:
    four = study(20, workers=4).explained.model
    trial = four.view.trials[19]
    history = four.before(trial).history
    assert len(history.pending) == 3
    assert len(history.x) == 16
    batched = [
        Trial(**{**vars(t), "thinking_s": 0.5 if t.number % 5 == 0 else 0.0})
        for t in study(20).trials
    ]
    batch = StudyView(PROBLEM, tuple(batched), PROBLEM.task(), optimizer="ehvi").explained.model
    pending = [len(batch.before(t).history.pending) for t in batched[15:]]
    assert pending == [0, 1, 2, 3, 4]


def test_limits_name_the_bound_that_costs_and_the_range_that_ends() -> None:
    """Least ib with √(w·ib) ≥ bound and w at its end."""
    drawn = study(30)
    design = {"w": 100e-6, "ib": 4.1e-6, "idle": 0.5}
    metrics = simulate(design)
    assert not PROBLEM.violations(metrics)
    assert all(t.metrics["power"] > metrics["power"] for t in drawn.done if t.feasible)
    extra = Trial(30, TrialState.DONE, Origin.MODEL, design, metrics, {}, thinking_s=1.0)
    view = StudyView(PROBLEM, (*drawn.trials, extra), drawn.task, optimizer="ehvi")

    (limit,) = view.explained.limits

    assert (limit.goal, limit.trial, limit.value) == ("power", 30, metrics["power"])
    (bound,) = limit.bounds
    assert (bound.metric, bound.side, bound.bound) == ("bandwidth", "minimum", 2e7)
    assert bound.room == pytest.approx(metrics["bandwidth"] / 2e7 - 1)
    # The root of w·ib may be 10 % less, and w can grow no further.
    assert bound.gain == pytest.approx(1 - 0.9**2, abs=0.03)
    assert limit.nearby == pytest.approx(1 - 4.0 / 4.1, abs=0.02)
    assert limit.nearby_design is not None
    better = simulate(limit.nearby_design)
    assert better["power"] == pytest.approx(metrics["power"] * (1 - limit.nearby), rel=0.01)
    assert better["bandwidth"] == pytest.approx(2e7, rel=0.01)
    # Power does not depend on w, but more of it would let ib fall.
    (edge,) = limit.edges
    assert (edge.variable, edge.end, edge.pulls) == ("w", "maximum", True)
    words = " ".join(limit_words(view, limit))
    assert "Held back most by bandwidth: with its minimum 10 % looser" in words
    assert "wider bounds may help: w at its maximum." in words


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e9])
def test_room_to_a_bound_of_zero_is_told_in_the_metrics_own_spread(size: float) -> None:
    """Half a decade of bandwidth is left in one case, next to nothing in the other."""
    bounded = {"unit": "s", "minimum": 0.0, "scale": "linear"}
    problem = Problem.model_validate(
        {**DESCRIBED, "metrics": {**DESCRIBED["metrics"], "bandwidth": bounded}}
    )

    def told(trial: Trial) -> Trial:
        excess = size * math.log10(trial.metrics["bandwidth"] / 2e7) if trial.metrics else 0.0
        return replace(trial, metrics={**trial.metrics, "bandwidth": excess} if excess else {})

    drawn = study(30)
    rooms = []
    for ib in (4.1e-6, 12.6e-6):
        design = {"w": 100e-6, "ib": ib, "idle": 0.5}
        extra = Trial(30, TrialState.DONE, Origin.MODEL, design, simulate(design), {})
        poorer = [t for t in drawn.trials if not t.metrics or t.design["ib"] > 13e-6]
        trials = tuple(told(replace(t, number=i)) for i, t in enumerate((*poorer, extra)))
        (limit,) = StudyView(problem, trials, problem.task(10), optimizer="ehvi").explained.limits
        assert limit.trial == len(poorer)
        rooms += [[b.room for b in limit.bounds if b.metric == "bandwidth"]]
    assert len(rooms[0]) == 1
    assert 0.0 < rooms[0][0] < 0.05
    assert not [room for room in rooms[1] if room < 0.3]


def test_reasons_know_what_was_expected_and_what_came(
    view: StudyView, explained: Explained
) -> None:
    told = {r.trial.number: r for r in explained.reasons}
    assert {27, 28, 29} <= set(told)
    for reason in told.values():
        assert reason.own
        assert reason.missed == tuple(reason.trial.violations)
        assert (reason.gained or 0.0) >= 0.0
        assert not (reason.missed and reason.gained)
    improving = [r for r in told.values() if r.gained]
    for reason in improving:  # one goal: the hypervolume grows by what the best loss fell
        before = [t for t in view.done if t.feasible and t.number < reason.trial.number]
        assert reason.trial.metrics["power"] < min(t.metrics["power"] for t in before)


def test_trials_of_a_peer_are_not_called_the_models_own() -> None:
    peer = study(20, optimizer="tpe").explained
    assert not peer.forecasts.own
    assert not any(r.own for r in peer.reasons)


def test_every_answer_says_why_it_cannot_be_given() -> None:
    few = study(3)
    answers = document(few.explained)
    assert set(answers) == {"sensitivity", "limits", "model_error", "forecasts", "proposals"}
    assert answers["sensitivity"] == {"why": "3 trials finished; a model takes 5"}
    assert all(isinstance(a, dict) and a["why"] for a in answers.values())
    cards = {c.key: c for c in all_cards(few)}
    for key in CARDS:
        assert cards[key].why
        assert "Error" not in cards[key].why
    with pytest.raises(StudyError):
        _ = few.explained.forecasts


def test_long_studies_are_thinned_with_the_best_kept() -> None:
    long = study(260)
    kept = long.explained.model.now.history.x
    assert len(kept) == 200
    for trial in long.front.pareto_trials:
        assert (kept == PROBLEM.space.to_unit(trial.design)).all(axis=1).any()
    assert len(long.explained.model.replayable) == 191  # as long as nothing was thinned


def test_the_cards_are_drawn_and_the_file_beside_the_page_has_their_numbers(tmp_path: Path) -> None:
    view = study(18)
    text = write_report(view, tmp_path).read_text(encoding="utf-8")
    answers = json.loads((tmp_path / "explanations.json").read_text(encoding="utf-8"))
    assert answers == json.loads(json.dumps(document(view.explained)))
    for key in CARDS:
        _, _, section = text.partition(f'<section id="{key}">')
        assert section
        assert "Not drawn" not in section.partition("</section>")[0]
    for words in (w for part in ("limits", "proposals") for a in answers[part] for w in a["words"]):
        assert html.escape(words, quote=False) in text
    q2 = answers["model_error"][0]["q2"]
    assert q2 > 0.5
    assert f'<td class="num">{q2:.2g}</td>' in text
    assert f"<strong>{100 * answers['forecasts']['coverage']:.0f} %</strong>" in text


def test_many_goals_without_a_feasible_trial(make_view: Callable[..., StudyView]) -> None:
    view = make_view(5, 24, feasible=False, start=False)
    answers = document(view.explained)
    assert "no trial meets every bound" in answers["limits"]["why"]
    assert answers["proposals"]
    assert all("no hypervolume yet" in a["words"][0] for a in answers["proposals"])
    reason = view.explained.reasons[0]
    mending = replace(reason, terms=replace(reason.terms, gain=None, exploiting=None))
    assert "least total violation" in reason_words(view, mending)[0]
