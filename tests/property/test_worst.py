"""The worst-case rule: a design meets its bounds by it exactly as it does at every corner."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spiceloop.spec.problem import Metric, Problem
from spiceloop.spec.worst import worst, worst_index

numbers = st.floats(-1e6, 1e6).map(lambda x: x + 0.0)
bounds = st.none() | numbers


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    low, high = draw(bounds), draw(bounds)
    if low is not None and high is not None and low > high:
        low, high = high, low
    goal = draw(st.sampled_from([None, "maximize", "minimize"]))
    return Metric(goal=goal, minimum=low, maximum=high)


def problem(metric: Metric) -> Problem:
    goal = {"goal": "minimize"}
    return Problem.model_validate(
        {
            "name": "p",
            "testbenches": {"t": {"deck": "t.spice"}},
            "parameters": {"x": {"minimum": 1, "maximum": 2}},
            "metrics": {"m": metric.model_dump(exclude_none=True), "other": goal},
        }
    )


corners = st.lists(numbers, min_size=1, max_size=6)


@settings(deadline=None)
@given(metrics(), corners)
def test_bounds_are_met_exactly_if_they_are_at_every_corner(metric: Metric, values: list[float]):
    p = problem(metric)
    by_corner = {f"c{i}": {"m": v} for i, v in enumerate(values)}
    found = worst(p, by_corner, "c0")
    at_each = [p.violations({"m": v}).get("m", 0.0) for v in values]
    assert p.violations(found).get("m", 0.0) == max(at_each)


@settings(deadline=None)
@given(metrics(), corners)
def test_it_is_what_the_rule_says(metric: Metric, values: list[float]):
    found = worst(problem(metric), {f"c{i}": {"m": v} for i, v in enumerate(values)}, "c0")["m"]
    excesses = [metric.excess(v) for v in values]
    if metric.bounded and (metric.goal is None or max(excesses) > 0):
        assert metric.excess(found) == max(excesses)
    elif metric.goal:
        assert found == (min(values) if metric.goal == "maximize" else max(values))
    else:
        assert found == values[0]
    # One-sided bounds and goals in the words of a datasheet.
    if metric.minimum is not None and metric.maximum is None and metric.goal != "minimize":
        assert metric.excess(found) == metric.excess(min(values))


@settings(deadline=None)
@given(metrics(), corners, st.data())
def test_more_corners_make_nothing_better(metric: Metric, values: list[float], data: st.DataObject):
    p = problem(metric)
    by_corner = {f"c{i}": {"m": v} for i, v in enumerate(values)}
    kept = data.draw(st.sets(st.sampled_from(list(by_corner)), min_size=1))
    some = worst(p, {c: by_corner[c] for c in by_corner if c in kept}, "c0")
    every = worst(p, by_corner, "c0")
    missed = [p.violations(each).get("m", 0.0) for each in (some, every)]
    assert missed[0] <= missed[1]
    if metric.goal and not missed[1]:
        better = np.less if metric.goal == "maximize" else np.greater
        assert not better(some["m"], every["m"])


@settings(deadline=None)
@given(metrics(), st.lists(st.tuples(numbers | st.just(np.nan), numbers), min_size=1, max_size=5))
def test_rows_are_judged_alone_and_what_is_not_known_never_decides(metric: Metric, rows: list):
    table = np.array(rows)
    index = worst_index(metric, table, 1)
    for row, at in zip(table, index, strict=True):
        assert at == worst_index(metric, row[None], 1)[0]
        assert np.isfinite(row[at])
