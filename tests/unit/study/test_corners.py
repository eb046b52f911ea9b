"""Designs over corners: what is simulated, skipped, kept, estimated, and in which order."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spiceloop.cli.corner_tables import worst_table
from spiceloop.cli.tables import metric_rows, metric_table
from spiceloop.errors import FailureKind, ProblemError, SimulationError, StudyError
from spiceloop.opt.base import Budget
from spiceloop.opt.sobol import Sobol
from spiceloop.sim.base import SimResult
from spiceloop.spec.bench import Bench
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem
from spiceloop.study.choose import choose, pareto_trials
from spiceloop.study.export import trials_frame
from spiceloop.study.fingerprint import differences
from spiceloop.study.loop import run_study
from spiceloop.study.skipped import estimated, plan_for
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Failure, Origin, Outcome, Trial, TrialState

DATA = Path(__file__).parents[2] / "data" / "rc_corners"
HOT, COLD = "vdd=1.98/125C", "vdd=1.98/-40C"


class ClosedForm:
    """What the decks of ``rc_corners`` give, without ngspice; ``runs`` are their conditions."""

    name = "closed-form"

    def __init__(self, fail=lambda deck, t: None):
        self.runs = []
        self.fail = fail

    def version(self):
        return "1"

    def run(self, deck, *, measures=(), vectors=None, timeout=60.0):
        def value(name):
            return float(re.search(rf"\.(?:param )?{name}(?: =)? (\S+)", deck.text)[1])

        t = value("temp")
        r = value("r") * (1 + 4e-3 * (t - 27))
        if deck.name == "static":
            self.runs.append((deck.name, t))
            return SimResult({"load": 1 / r})
        self.runs.append((deck.name, value("vdd"), t))
        self.fail(deck, t)
        return SimResult({"f3db": 1 / (2 * math.pi * r * value("c")), "ipeak": value("vdd") / r})

    def close(self):
        pass


def load(tmp_path, *changes):
    folder = tmp_path / "corners"
    if not folder.exists():
        shutil.copytree(DATA, folder)
    file = folder / "problem.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return Bench.load(load_problem(file))


@pytest.fixture
def bench(tmp_path):
    return load(tmp_path)


def names(bench):
    return [c.name for c in bench.corners]


GOOD = {"r": 2e3, "c": 300e-12}
BAD = {"r": 750.0, "c": 300e-12}  # at 1.98 V not more than 2 mA when hot, but when cold


def evaluator(bench, simulator=None):
    return Evaluator(bench.problem, bench=bench, engine=simulator or ClosedForm())


def test_the_worst_over_all_corners_and_no_deck_twice(bench):
    simulator = ClosedForm()
    found = evaluator(bench, simulator).evaluate(GOOD)
    assert list(found.corners) == names(bench)
    assert found.metrics["f3db"] == min(a.metrics["f3db"] for a in found.corners.values())
    assert found.metrics["f3db"] == found.corners["vdd=1.8/125C"].metrics["f3db"]
    assert found.metrics["ipeak"] == found.corners[COLD].metrics["ipeak"]
    assert found.metrics["load"] == pytest.approx(1 / 2e3)
    # 9 corners of the step; the static testbench fixes its temperature and knows no vdd.
    assert found.simulations == len(simulator.runs) == len(set(simulator.runs)) == 10
    assert simulator.runs.count(("static", 27.0)) == 1
    assert found.saved == 0
    assert len(bench.runs(bench.corners)) == 10


def test_corners_of_ones_own_choice(bench):
    hot = bench.find_corner(HOT)
    found = evaluator(bench).evaluate(GOOD, corners=[hot])
    assert list(found.corners) == [HOT]
    assert dict(found.metrics) == dict(found.corners[HOT].metrics)
    assert ".temp 125.0" in found.decks["step"].text
    assert bench.find_corner("typical") is bench.corners[0]
    with pytest.raises(ProblemError, match=r"no corner 'vdd=1.98/125'.*did you mean"):
        bench.find_corner("vdd=1.98/125")


def test_early_stop_skips_the_rest_and_counts(bench):
    order = [bench.find_corner(n) for n in (HOT, COLD, "typical")]
    order += [c for c in bench.corners if c not in order]
    simulator = ClosedForm()
    found = evaluator(bench, simulator).attempt(BAD, order, early_stop=True)
    assert list(found.corners) == [HOT, COLD]
    assert found.metrics["ipeak"] == pytest.approx(1.98 / (750 * (1 - 0.268)))
    assert (found.simulations, found.saved) == (3, 7)
    assert "load" not in found.metrics  # the typical corner was not simulated
    off = evaluator(bench).attempt(BAD, order)
    assert (off.simulations, off.saved) == (10, 0)
    assert set(bench.problem.violations(found.metrics)) <= set(
        bench.problem.violations(off.metrics)
    )


def test_a_failure_names_its_corner_and_ends_the_trial(bench):
    def fail(deck, t):
        if t > 100:
            raise SimulationError(FailureKind.NO_CONVERGENCE, "singular matrix")

    one = evaluator(bench, ClosedForm(fail))
    with pytest.raises(SimulationError, match=r"testbench step, corner vdd=1.8/125C") as caught:
        one.evaluate(GOOD)
    assert caught.value.corner == "vdd=1.8/125C"
    found = one.attempt(GOOD)
    assert found.failure is not None
    assert not found.metrics
    assert list(found.corners) == names(bench)[:2]
    assert found.simulations + found.saved == 10


def test_a_metric_of_the_typical_corner_alone(tmp_path):
    bench = load(tmp_path, ("ipeak: {", "ipeak: {corners: typical, "))
    found = evaluator(bench).evaluate(GOOD)
    assert found.metrics["ipeak"] == found.corners["vdd=1.8/27C"].metrics["ipeak"]
    assert all("ipeak" not in a.metrics for c, a in list(found.corners.items())[1:])
    trials = [done(bench, 0, GOOD)]
    assert plan_for(bench.problem, trials).order[0] == "vdd=1.8/27C"


def test_a_testbench_of_typical_metrics_is_simulated_once(tmp_path):
    bench = load(tmp_path, ("load: {", "load: {corners: typical, testbench: static, "),
                 (", conditions: {temperature: 27}", ""))  # fmt: skip
    simulator = ClosedForm()
    evaluator(bench, simulator).evaluate(GOOD)
    assert [r for r in simulator.runs if r[0] == "static"] == [("static", 27.0)]


def done(bench, number, design, corners=None, *, early_stop=True):
    """A finished trial, as an evaluation gives it."""
    found = evaluator(bench).attempt(design, corners, early_stop=early_stop and bool(corners))
    metrics = dict(found.metrics)
    return Trial(
        number, TrialState.DONE, Origin.INITIAL, design, metrics, bench.problem.violations(metrics),
        corners={n: dict(a.metrics) for n, a in found.corners.items()},
        simulations=found.simulations, saved=found.saved,
    )  # fmt: skip


def test_nothing_is_skipped_before_one_design_was_simulated_everywhere(bench):
    failed = Trial(0, TrialState.FAILED, Origin.START, GOOD, failure=Failure("crash", "it is gone"))
    for trials in ([], [failed]):
        plan = plan_for(bench.problem, trials)
        assert plan.order == tuple(names(bench))
        assert not plan.early_stop
    assert plan_for(bench.problem, [done(bench, 0, GOOD)]).early_stop


def test_the_corner_where_most_designs_fail_comes_first(bench):
    start = done(bench, 0, GOOD)
    # Nothing has failed: the least margin. Of f3db ≥ 100 kHz and ipeak ≤ 2 mA, the current's.
    assert plan_for(bench.problem, [start]).order[0] == COLD
    slow = [{"r": 4e3 + i, "c": 480e-12} for i in range(3)]  # less than 100 kHz when hot
    first = [bench.find_corner("typical")]
    trials = [start, *(done(bench, i + 1, d, first + [c for c in bench.corners if c.conditions[
        "temperature"] == 125]) for i, d in enumerate(slow))]  # fmt: skip
    order = plan_for(bench.problem, trials).order
    assert order[0].endswith("125C")
    assert sorted(order) == sorted(names(bench))
    # These are caught; of what is left, the start, the current when cold has the least margin.
    assert order[1] == COLD


def test_a_failed_simulation_counts_for_its_corner(bench):
    failure = Failure("timeout", "too long", corner="vdd=1.62/-40C")
    trials = [done(bench, 0, GOOD)]
    trials += [Trial(i, TrialState.FAILED, Origin.INITIAL, GOOD, failure=failure) for i in (1, 2)]
    assert plan_for(bench.problem, trials).order[0] == "vdd=1.62/-40C"


def test_early_stop_can_be_switched_off(tmp_path):
    bench = load(tmp_path, ("metrics:", "early_stop: false\nmetrics:"))
    assert not plan_for(bench.problem, [done(bench, 0, GOOD)]).early_stop


def test_one_corner_needs_no_plan(tmp_path):
    bench = load(
        tmp_path, ("vdd: {minimum: 1.62, typical: 1.8, maximum: 1.98}", "vdd: 1.8"),
        ("temperature: {minimum: -40, typical: 27, maximum: 125}", "temperature: 27"),
    )  # fmt: skip
    assert plan_for(bench.problem, []) is None


def test_estimates_of_what_was_skipped(bench):
    """Here the corners differ by exact factors, so the estimate is the truth."""
    order = [bench.find_corner(n) for n in (HOT, COLD)] + list(bench.corners)
    partial = done(bench, 1, BAD, list(dict.fromkeys(order)))
    assert partial.saved
    found = estimated(bench.problem, [done(bench, 0, GOOD), partial])
    truth = evaluator(bench).evaluate(BAD).metrics
    assert found.keys() == {1}
    for name in ("f3db", "ipeak"):
        assert found[1][name] == pytest.approx(truth[name], rel=1e-9)
    assert partial.metrics["f3db"] > 1.001 * truth["f3db"] or partial.metrics["f3db"] == (
        pytest.approx(truth["f3db"])
    )
    assert bench.problem.violations(found[1])


def test_an_estimate_is_never_better_than_what_was_simulated(bench):
    rng = np.random.default_rng(5)
    whole = [done(bench, i, {"r": r, "c": 200e-12}) for i, r in enumerate((1500.0, 2500.0))]
    # Corners that differ in another way than the offsets say.
    crooked = [
        replace(t, corners={c: {m: v * rng.uniform(0.5, 2) for m, v in at.items()}
                            for c, at in t.corners.items()})
        for t in whole
    ]  # fmt: skip
    order = [bench.corners[i] for i in rng.permutation(9)]
    partial = [done(bench, 10 + i, {"r": 500.0 + i, "c": 200e-12}, order) for i in range(5)]
    found = estimated(bench.problem, [*crooked, *partial])
    for t in partial:
        if t.saved:
            assert bench.problem.violations(found[t.number])
            assert found[t.number]["f3db"] <= t.metrics["f3db"]
            assert found[t.number]["ipeak"] >= t.metrics["ipeak"]


def sized(bench, url, trials=12, simulator=ClosedForm, **more):
    study = Study.create(bench, url, Settings())
    run_study(
        study,
        Sobol(),
        budget=Budget(trials),
        initial=trials,
        seed=1,
        simulator=lambda: simulator(),
        **more,
    )
    return study


def test_a_study_keeps_every_corner(bench, url):
    study = sized(bench, url)
    trials = study.trials
    assert Study.open(url, bench=bench).trials == trials
    assert trials[0].simulations == 10
    assert trials[0].corners.keys() == set(names(bench))
    partial = [t for t in trials if t.saved]
    assert partial
    for t in trials:
        assert t.simulations + t.saved == 10
        assert list(t.corners) == list(t.plan.order)[: len(t.corners)]
        assert bool(t.saved) <= bool(t.violations)
    assert not any(t.saved for t in pareto_trials(bench.problem, trials))
    frame = trials_frame(bench.problem, trials)
    assert frame["simulations"].sum() == sum(t.simulations for t in trials)
    assert frame["saved"].sum() == sum(t.saved for t in trials) > 0
    at = frame[f"ipeak@{HOT}"]
    assert at[0] == trials[0].corners[HOT]["ipeak"]
    assert math.isnan(at[next(t.number for t in partial if HOT not in t.corners)])


def test_what_the_optimizer_is_told_is_the_estimate(bench, url):
    study = sized(bench, url)
    history = study.history()
    guesses = estimated(bench.problem, study.trials)
    assert guesses
    j = list(bench.problem.metrics).index("ipeak")
    for row, t in zip(history.metrics, study.trials, strict=True):
        assert row[j] == guesses.get(t.number, t.metrics)["ipeak"]


def test_early_stop_agrees_on_every_feasible_design(tmp_path, bench):
    on = sized(bench, f"sqlite:///{tmp_path / 'on.db'}").trials
    off = sized(
        load(tmp_path, ("metrics:", "early_stop: false\nmetrics:")),
        f"sqlite:///{tmp_path / 'off.db'}",
    ).trials
    assert [t.feasible for t in on] == [t.feasible for t in off]
    assert any(t.feasible for t in on)
    for a, b in zip(on, off, strict=True):
        assert a.design == b.design
        if a.feasible:
            assert a.metrics == b.metrics
            assert dict(a.corners) == dict(b.corners)
    assert sum(t.saved for t in off) == 0 < sum(t.saved for t in on)


def test_the_failed_trial_keeps_the_corner_in_the_store(bench, url):
    def hot_fails():
        def fail(deck, t):
            if t > 100:
                raise SimulationError(FailureKind.TIMEOUT, "too long")

        return ClosedForm(fail)

    study = sized(bench, url, trials=2, simulator=hot_fails)
    again = Study.open(url, bench=bench).trials
    assert again == study.trials
    assert all(t.failure.corner.endswith("125C") for t in again)
    assert again[0].corners.keys() == set(names(bench)[:2])
    assert [t.simulations + t.saved for t in again] == [10] * 3


def test_without_a_feasible_design_the_least_violation_is_judged_over_all_corners(bench):
    start = done(bench, 0, {"r": 1000.0, "c": 300e-12})
    assert start.violations["ipeak"] == pytest.approx(1.98 / 732 / 2e-3 - 1)
    # Worse, but at the only corner where it was simulated it does not look so.
    partial = done(bench, 1, {"r": 900.0, "c": 300e-12}, [bench.find_corner("typical"), *[
        c for c in bench.corners if c.name != "vdd=1.8/27C"]][:1])  # fmt: skip
    partial = replace(partial, metrics={**partial.metrics}, violations={"ipeak": 0.01}, saved=8)
    assert choose(bench.problem, [start, partial]).trial is start
    alone = choose(bench.problem, [partial])
    assert alone.rule.endswith("as far as 1 of its corners tell")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("minimum: -40", "minimum: -20", r"conditions.temperature.minimum was -40 and is now -20"),
        ("metrics:", "early_stop: false\nmetrics:", "early_stop is new"),
        ("metrics:", "corners: [{vdd: 1.7}]\nmetrics:", "corners is new"),
    ],
)
def test_a_study_of_other_corners_is_not_gone_on_with(tmp_path, bench, url, old, new, said):
    sized(bench, url, trials=1)
    study = Study.open(url, bench=load(tmp_path, (old, new)))
    with pytest.raises(StudyError, match=said):
        study.claim()


def test_changed_lists_are_told_by_what_came_and_went():
    corners = [{"vdd": 1.62, "corner": "ss"}, {"vdd": 1.98}]
    recorded = {"corners": json.dumps(corners), "order of metrics": '["a", "b"]', "seed": "0"}
    current = {
        "corners": json.dumps([*corners[1:], {"name": "hot", "temperature": 125.0}]),
        "order of metrics": '["b", "a"]',
        "seed": "1",
    }
    assert differences(recorded, current) == [
        "corners: {vdd: 1.62, corner: ss} is gone",
        "corners: {name: hot, temperature: 125} is new",
        "the order of metrics has changed",
        "seed was 0 and is now 1",
    ]


def test_a_study_without_corners_is_read_as_before(problem, bench, url):
    """As written before there were corners: neither plan nor simulated nor a failure's corner."""
    study = Study.create(Bench.load(problem), url, Settings())
    study.begin({"r": 2e3, "c": 1e-9}, Origin.START)
    study.finish(0, {"f3db": 1.0, "ipeak": 1.0, "rise": 1e-6}, simulation_s=1.0)
    study.begin({"r": 3e3, "c": 1e-9}, Origin.INITIAL)
    study.finish(1, Failure("crash", "it is gone"), simulation_s=1.0)
    trials = Study.open(url, bench=Bench.load(problem)).trials
    assert [(t.corners, t.simulations, t.saved, t.plan) for t in trials] == [({}, 0, 0, None)] * 2
    assert "simulations" not in trials_frame(problem, trials)


def test_an_outcome_can_be_pickled(bench):
    import pickle

    from spiceloop.study.outcome import outcome_of

    outcome, _ = outcome_of(evaluator(bench), BAD, plan_for(bench.problem, [done(bench, 0, GOOD)]))
    assert isinstance(outcome, Outcome)
    assert outcome.saved
    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_a_metric_that_was_not_measured_is_not_called_met(tmp_path):
    bench = load(tmp_path, ("ipeak: {", "ipeak: {corners: typical, "))
    other = bench.corners[1]
    found = evaluator(bench).evaluate(GOOD, corners=[other])
    rows = {row["metric"]: row for row in metric_rows(bench.problem, found.metrics)}
    assert bench.problem.metrics["ipeak"].bounded
    assert (rows["ipeak"]["value"], rows["ipeak"]["met"]) == (None, None)
    assert {row["met"] for n, row in rows.items() if n in found.metrics} <= {True, None}
    for table in (
        metric_table(bench.problem, found.metrics),
        worst_table(bench.problem, found.metrics, {other.name: found.metrics}),
    ):
        verdicts = dict(zip(table.columns[0].cells, table.columns[-1].cells, strict=True))
        assert verdicts["ipeak"] == ""
