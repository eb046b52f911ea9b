"""A new study that begins with what an earlier one of the same circuit has simulated."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from spiceloop.errors import SimulationError, StorageError, StudyError
from spiceloop.opt import Budget, make_optimizer
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem
from spiceloop.study.earlier import read_earlier
from spiceloop.study.loop import run_study
from spiceloop.study.place import named_study
from spiceloop.study.reading import StudyReader
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Origin, Outcome, Plan, TrialState

CORNERS = Path(__file__).parents[2] / "data" / "rc_corners"


class Remembering:
    """Sobol points; remembers the histories and tasks that it was given."""

    name = "remembering"

    def __init__(self):
        self.seen = []

    def ask(self, task, history, n, seed):
        self.seen.append((task, history))
        return make_optimizer("sobol").ask(task, history, n, seed)


@pytest.fixture
def changed(folder: Path):
    """Return the bench with the problem file changed by a function of its content."""

    def change(edit=lambda content: None) -> Bench:
        content = yaml.safe_load((folder / "problem.yaml").read_text())
        edit(content)
        file = folder / "changed.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        return Bench.load(load_problem(file))

    return change


@pytest.fixture
def first(bench, url, forced):
    """A study of the start and eight trials, of which the fourth simulation failed."""

    def force(run, found):
        if run == 4:
            raise SimulationError("timeout", "forced")

    study = Study.create(bench, url, Settings(trials=8), name="first")
    run(study, lambda: forced(force), 8)
    return study


def run(study, simulator, trials, optimizer=None, initial=4):
    return run_study(
        study,
        optimizer or make_optimizer("sobol"),
        budget=Budget(trials),
        initial=initial,
        seed=1,
        simulator=simulator,
    )


def learn(bench, url, name="second"):
    earlier = read_earlier(url, "first", bench, {})
    return earlier, Study.create(bench, url, Settings(), name=name, earlier=earlier.trials)


def tighter(content):
    content["metrics"]["rise"]["maximum"] = "3u"
    content["metrics"]["ipeak"] = {"maximum": "400u"}


def test_trials_are_judged_by_the_bounds_and_goals_of_now(first, changed, url):
    bench = changed(tighter)
    earlier, second = learn(bench, url)
    assert not earlier.left_out
    assert len(second.trials) == 9
    for before, now in zip(first.trials, second.trials, strict=True):
        assert now.design == before.design
        assert now.state is before.state
        assert now.metrics == before.metrics
        assert now.failure == before.failure
        assert set(now.violations) == {
            n for n, most in (("rise", 3e-6), ("ipeak", 400e-6)) if before.metrics.get(n, 0) > most
        }
    assert any(t.feasible for t in first.trials)
    assert not any(t.feasible for t in second.trials[1:] if t.metrics.get("ipeak", 1) > 400e-6)
    assert [t.origin for t in second.trials] == [Origin.START, *8 * [Origin.EARLIER]]
    assert read_earlier(url, "second", bench, {}).trials == second.trials  # and so on
    again = Study.open(url, "second", bench=bench)
    assert again.trials == second.trials


def test_they_are_outside_the_budget_and_nothing_is_simulated_twice(first, changed, url, forced):
    _, second = learn(changed(tighter), url)
    simulator, asks = forced(), Remembering()
    run(second, lambda: simulator, 5, asks, initial=10)
    assert simulator.runs == 5
    new = second.trials[9:]
    # Two quasi-random ones more make ten, and the sequence goes on where it was.
    assert [t.origin for t in new] == [*2 * [Origin.INITIAL], *3 * [Origin.MODEL]]
    assert len({tuple(t.design.values()) for t in second.trials}) == 14
    task, history = asks.seen[0]
    assert len(history.x) == 9
    assert history.start == 0
    assert task.budget.trials - history.n_asked == 5
    assert history.failed.sum() == 1
    # Gone on with, they still do not count.
    resumed = Study.open(url, "second", bench=second.bench)
    run(resumed, lambda: simulator, 7, initial=10)
    assert simulator.runs == 7
    assert len(resumed.trials) == 16


def test_another_start_is_simulated_once_after_them(first, changed, url, forced):
    def move(content):
        content["parameters"]["r"]["start"] = "3k"

    _, second = learn(changed(move), url)
    assert [t.origin for t in second.trials] == 9 * [Origin.EARLIER]
    run(second, forced, 2, Remembering())
    assert [t.origin for t in second.trials[9:]] == [Origin.START, Origin.MODEL, Origin.MODEL]
    assert second.trials[9].design["r"] == 3e3
    assert second.history().start == 9
    run(Study.open(url, "second", bench=second.bench), forced, 2)
    assert len(Study.open(url, "second").trials) == 12


def test_a_design_that_is_the_start_of_now_is_the_start(first, changed, url, forced):
    at = first.trials[6].design

    def move(content):
        content["parameters"]["r"]["start"] = at["r"]
        content["parameters"]["c"]["start"] = at["c"]

    _, second = learn(changed(move), url)
    assert second.trials[6].origin is Origin.START
    assert second.trials[0].origin is Origin.EARLIER
    simulator = forced()
    run(second, lambda: simulator, 1)
    assert simulator.runs == 1


def test_designs_outside_the_ranges_or_off_the_grid_are_left_out(first, changed, url):
    def narrow(content):
        content["parameters"]["r"] |= {"minimum": "1k", "maximum": "5k"}

    outside = sum(not 1e3 <= t.design["r"] <= 5e3 for t in first.trials)
    assert 0 < outside < 8
    earlier, second = learn(changed(narrow), url)
    assert dict(earlier.left_out) == {"outside the ranges or off the grid": outside}
    assert len(second.trials) == 9 - outside
    assert f"left out: {outside} outside the ranges" in earlier.text

    def coarse(content):
        content["parameters"]["c"]["grid"] = "500p"

    earlier, _ = learn(changed(coarse), url, "third")
    assert [t.design["c"] for t in earlier.trials] == [1e-9]


def test_a_wider_range_keeps_them_all_at_other_places_of_the_cube(first, changed, url):
    def wide(content):
        content["parameters"]["r"]["maximum"] = "100k"

    earlier, second = learn(changed(wide), url)
    assert not earlier.left_out
    before, now = first.history().x[:, 0], second.history().x[:, 0]
    np.testing.assert_allclose(now, before * np.log(50) / np.log(500))


def test_what_is_not_whole_is_left_out(first, changed, url, monkeypatch):
    kept = list(first.trials)
    kept[1] = replace(kept[1], saved=3, plan=Plan(("a", "b"), True))
    kept[2] = replace(kept[2], state=TrialState.RUNNING, metrics={})
    kept[4] = replace(kept[4], metrics={"rise": 1e-6})
    kept[5] = replace(kept[5], design=kept[0].design)
    monkeypatch.setattr(StudyReader, "trials", tuple(kept))
    earlier = read_earlier(url, "first", changed(), {})
    assert dict(earlier.left_out) == {
        "not simulated at every corner": 1, "not ended": 1, "without every metric": 1,
    }  # fmt: skip
    assert len(earlier.trials) == 5  # the one that repeats a design is not needed
    assert [t.number for t in earlier.trials] == [0, 1, 2, 3, 4]


def test_corners_are_kept_and_count_as_nothing_simulated(url):
    bench = Bench.load(load_problem(CORNERS / "problem.yaml"))
    names = [c.name for c in bench.problem.corners]
    metrics = {"f3db": 2e5, "ipeak": 1e-3, "load": 5e-4}
    study = Study.create(bench, url, Settings(), name="first")
    for r, known in ((2e3, names), (1e3, names[:1])):
        trial = study.begin({"r": r, "c": 3e-10}, Origin.INITIAL)
        at = dict.fromkeys(known, metrics)
        left = len(names) - len(known)
        study.finish(trial.number, Outcome(metrics, None, at, len(known), left), simulation_s=0.1)
    earlier, second = learn(bench, url)
    assert dict(earlier.left_out) == {"not simulated at every corner": 1}
    (kept,) = Study.open(url, "second", bench=bench).trials
    assert kept == second.trials[0]
    assert kept.corners == study.trials[0].corners
    assert kept.plan == study.trials[0].plan
    assert (kept.simulations, kept.saved) == (0, 0)


def test_a_study_of_another_circuit_is_refused_and_says_what_differs(first, changed, folder, url):
    def other(content):
        content["metrics"]["q"] = {"measure": "rise"}
        content["metrics"]["rise"]["maximum"] = "3u"
        content["parameters"]["r"]["maximum"] = "20k"
        content["conditions"] = {"temperature": 85}

    deck = folder / "rc.spice"
    deck.write_text(deck.read_text().replace("50u", "60u"))
    with pytest.raises(StudyError, match="do not serve here") as caught:
        learn(changed(other), url)
    text = str(caught.value)
    assert "rc.spice of testbench step has changed" in text
    assert "metrics: q is new" in text
    assert "conditions.temperature is new" in text
    assert "maximum" not in text
    assert not [t for t in Study.open(url, "first").trials if t.origin is Origin.EARLIER]


def test_a_metric_may_be_gone_and_the_order_another(first, changed, url):
    def fewer(content):
        del content["metrics"]["rise"]
        content["metrics"] = dict(reversed(content["metrics"].items()))
        content["parameters"] = dict(reversed(content["parameters"].items()))

    _, second = learn(changed(fewer), url)
    assert [list(t.metrics) for t in second.trials if t.metrics] == 8 * [["ipeak", "f3db"]]
    assert all(t.feasible for t in second.trials if t.metrics)
    np.testing.assert_allclose(second.history().x, first.history().x[:, ::-1])


def test_a_design_beyond_a_bound_by_a_rounding_error_is_at_it(bench, changed, url, forced):
    study = Study.create(bench, url, Settings(), name="first")
    run(study, forced, 8)
    edge = max(t.design["r"] for t in study.trials)

    def narrow(content):
        content["parameters"]["r"]["maximum"] = float(edge * (1 - 1e-12))

    earlier, second = learn(changed(narrow), url)
    assert not earlier.left_out
    assert max(t.design["r"] for t in second.trials) < edge


def test_nothing_to_learn_from_is_an_error(bench, url, changed, first):
    Study.create(bench, url, Settings(), name="empty")
    with pytest.raises(StudyError, match=r"no trial to learn from \(it is empty\)"):
        read_earlier(url, "empty", bench, {})

    def far(content):
        content["parameters"]["r"] = {"minimum": "20k", "maximum": "30k"}

    with pytest.raises(StudyError, match="9 outside the ranges"):
        learn(changed(far), url)


def test_a_damaged_study_is_said_to_be_one(first, bench, url):
    with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
        file.execute(
            "UPDATE trial_user_attributes SET value_json="
            '\'{"f3db": "x", "ipeak": 1, "rise": "y"}\' WHERE key=\'metrics\''
        )
    with pytest.raises(StorageError, match="damaged"):
        read_earlier(url, "first", bench, {})


def test_other_versions_of_the_simulator_are_told(bench, url, forced):
    before = {"ngspice-lib": "39", "python": "3.11", "sky130": "1"}
    study = Study.create(bench, url, Settings(versions=before), name="first")
    run(study, forced, 1)
    now = {"ngspice-lib": "42", "python": "3.12", "sky130": "1"}
    earlier = read_earlier(url, "first", bench, now)
    assert earlier.remarks == ("it was simulated with ngspice-lib 39, now there is 42",)
    assert earlier.text.endswith(earlier.remarks[0])


def test_a_study_of_several_is_named_after_its_storage(tmp_path):
    assert named_study("postgresql://me@host/db#two") == ("postgresql://me@host/db", "two")
    assert named_study("postgresql://me@host/db") == ("postgresql://me@host/db", "")
    odd = tmp_path / "a#b"
    odd.mkdir()
    (odd / "study.db").touch()
    assert named_study(odd) == (f"sqlite:///{odd}/study.db", "")
    assert named_study(f"sqlite:///{odd}/study.db") == (f"sqlite:///{odd}/study.db", "")
    assert named_study(f"sqlite:///{odd}/study.db#two") == (f"sqlite:///{odd}/study.db", "two")
