"""What counts as passing, and the figures of hand-made dies."""

from __future__ import annotations

import math
import statistics

import pytest

from spiceloop.montecarlo import Outcome, Plan, Yield, interval
from spiceloop.montecarlo.summary import Narrowing
from spiceloop.spec.corners import Corner
from spiceloop.spec.problem import Problem

PROBLEM = Problem.model_validate(
    {
        "name": "made_up",
        "pdk": "generic",
        "testbenches": {"main": {"deck": "none.spice"}},
        "parameters": {"w": {"minimum": 1, "maximum": 2}},
        "metrics": {
            "gain": {"minimum": 10.0, "goal": "maximize"},
            "offset": {"minimum": -1.0, "maximum": 1.0},
            "power": {"goal": "minimize"},
            "shown": {},
        },
    }
)
CORNERS = (Corner("typical", "tt"), Corner("ss", "ss"))


def die(number: int, gain: float, offset: float, corner: str = "typical") -> Outcome:
    return Outcome(number, corner, {"gain": gain, "offset": offset, "power": gain, "shown": 1.0})


def sampled(*dies: tuple[Outcome, ...], corners: tuple[Corner, ...] = CORNERS[:1]) -> Yield:
    nominal = {c.name: {"gain": 12.0, "offset": 0.0, "power": 1.0, "shown": 1.0} for c in corners}
    plan = Plan({"w": 1.0}, corners)
    return Yield(PROBLEM, plan, {d[0].number: d for d in dies}, nominal, len(dies))


def test_figures_of_one_corner() -> None:
    gains, offsets = [12.0, 9.5, 14.0, 11.0], [0.2, -0.4, 1.2, -0.9]
    dies = [(die(k, g, o),) for k, (g, o) in enumerate(zip(gains, offsets, strict=True))]
    found = sampled(*dies, (Outcome(4, "typical", {}, "too many iterations", "no-convergence"),))
    assert (found.passed, found.total) == (2, 5)
    assert found.fraction == 0.4
    assert found.interval == interval(2, 5)
    assert [o.number for o in found.failures] == [4]
    by_name = {s.metric: s for s in found.statistics}
    assert list(by_name) == ["gain", "offset", "power", "shown"]

    gain = by_name["gain"]
    assert (gain.met, gain.count, gain.total) == (3, 4, 5)  # a failed simulation keeps no bound
    assert gain.mean == pytest.approx(statistics.mean(gains))
    assert gain.sigma == pytest.approx(statistics.stdev(gains))
    assert (gain.worst, gain.worst_sample) == (9.5, 1)
    assert gain.margin == pytest.approx((gain.mean - 10) / gain.sigma)

    offset = by_name["offset"]
    assert (offset.worst, offset.worst_sample, offset.met) == (1.2, 2, 3)
    room = min(offset.mean + 1, 1 - offset.mean)
    assert offset.margin == pytest.approx(room / offset.sigma)

    assert by_name["power"].worst == 14.0  # no bound: the worst by the goal
    assert math.isnan(by_name["power"].margin)
    assert by_name["shown"].sigma == 0
    assert [row["passed"] for row in found.rows()] == [True, False, False, True, False]
    assert next(r for r in found.rows() if r["sample"] == 1)["missed"] == "gain"


def test_a_die_must_pass_at_every_corner() -> None:
    good, bad = die(0, 12, 0), die(0, 9, 0, "ss")
    also, fine = die(1, 12, 0), die(1, 11, 0, "ss")
    found = sampled((good, bad), (also, fine), corners=CORNERS)
    assert (found.passed, found.total) == (1, 2)
    met = {(s.metric, s.corner): s.met for s in found.statistics if s.bounded}
    assert met["gain", "typical"] == 2
    assert met["gain", "ss"] == 1


def test_bounds_that_no_corner_measures_are_named() -> None:
    metrics = {"gain": {"minimum": 10.0, "goal": "maximize"},
               "offset": {"maximum": 1.0, "corners": "typical"}}  # fmt: skip
    problem = Problem.model_validate({**PROBLEM.model_dump(by_alias=True), "metrics": metrics})
    at_ss = Outcome(0, "ss", {"gain": 12.0})
    found = Yield(problem, Plan({"w": 1.0}, CORNERS[1:]), {0: (at_ss,)}, {"ss": {"gain": 12.0}}, 1)
    assert found.not_judged == ("offset",)
    assert found.fraction == 1.0
    both = Yield(
        problem,
        Plan({"w": 1.0}, CORNERS),
        {0: (Outcome(0, "typical", {"gain": 12.0, "offset": 0.0}), at_ss)},
        {"typical": {"gain": 12.0, "offset": 0.0}, "ss": {"gain": 12.0}},
        1,
    )
    assert both.not_judged == ()
    alone = {"gain": {"goal": "maximize"}, "offset": metrics["offset"]}
    problem = Problem.model_validate({**PROBLEM.model_dump(by_alias=True), "metrics": alone})
    found = Yield(problem, Plan({"w": 1.0}, CORNERS[1:]), {0: (at_ss,)}, {"ss": {"gain": 12.0}}, 1)
    assert not found.bounded
    assert math.isnan(found.fraction)


def test_a_mean_beyond_the_bound_has_a_negative_margin() -> None:
    found = sampled((die(0, 8, 0),), (die(1, 9, 0),))
    assert found.fraction == 0
    gain = found.statistics[0]
    assert gain.margin == pytest.approx(-1.5 / math.sqrt(0.5))


def test_early_stop_sees_dies_in_order_only() -> None:
    outcomes = {k: (die(k, 12, 0),) for k in range(200)}
    alone = Narrowing(PROBLEM, 0.03)
    assert alone.look(outcomes)
    count = alone.enough
    assert count is not None
    assert interval(count, count).half_width <= 0.03 < interval(count - 1, count - 1).half_width
    growing = Narrowing(PROBLEM, 0.03)
    seen = {k: outcomes[k] for k in range(199, 2, -1)}  # the first ones are still missing
    assert not growing.look(seen)
    assert growing.look(seen | {k: outcomes[k] for k in range(3)})
    assert growing.enough == count
    assert not Narrowing(PROBLEM, None).look(outcomes)
    few = Narrowing(PROBLEM, 0.49)
    assert not few.look({k: outcomes[k] for k in range(29)})  # never on a handful
    assert few.look(outcomes)
    assert few.enough == 30
