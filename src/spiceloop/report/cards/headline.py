"""What was sized, how many trials it took, and what was gained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spiceloop.report.axes import shown
from spiceloop.report.cards.base import Plot
from spiceloop.report.compare import Change, change
from spiceloop.report.view import StudyView
from spiceloop.study.trial import Origin, Trial, TrialState

__all__ = ["make"]


@dataclass(frozen=True)
class Gain:
    """One objective of the chosen design."""

    name: str
    goal: str
    value: str
    before: str
    change: Change | None
    best: str  # the best over all feasible trials, where that is another trial


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    ended = [t for t in view.ended if t.origin.counts]
    think = sum(t.thinking_s for t in ended)
    return {
        "description": view.problem.description,
        "n_trials": len(ended),
        "n_initial": sum(t.origin is Origin.INITIAL for t in ended),
        "n_model": sum(t.origin is Origin.MODEL for t in ended),
        "n_earlier": sum(t.origin is Origin.EARLIER for t in view.ended),
        "n_running": sum(t.state is TrialState.RUNNING for t in view.trials),
        "n_feasible": sum(t.feasible for t in ended),
        "n_failed": sum(t.state is TrialState.FAILED for t in ended),
        "n_pareto": len(view.front.pareto_trials),
        "n_variables": len(view.task.space),
        "n_constraints": len(view.task.constraints),
        "simulating": _duration(
            sum(t.simulation_s for t in view.ended if t.origin is not Origin.EARLIER)
        ),
        "thinking": _duration(think),
        "n_corners": len(view.problem.corners),
        "simulations": sum(t.simulations for t in view.ended),
        "saved": sum(t.saved for t in view.ended),
        "chosen": view.chosen,
        "rule": view.chosen_rule,
        "gains": [_gain(view, n) for n in view.problem.objectives] if view.chosen else [],
        "objectives": [f"{m.goal} {n}" for n, m in view.problem.objectives.items()],
        "has_start": view.start is not None and bool(view.start.metrics),
    }, ()


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _gain(view: StudyView, name: str) -> Gain:
    metric = view.problem.metrics[name]
    assert view.chosen is not None
    value = view.chosen.metrics[name]
    before = view.start.metrics.get(name) if view.start else None
    best = _best(view, name)
    return Gain(
        name,
        metric.goal or "",
        shown(value, metric.unit),
        shown(before, metric.unit),
        change(metric, value, before) if before is not None else None,
        f"{shown(best.metrics[name], metric.unit)} (trial {best.number})"
        if best is not None and best.number != view.chosen.number
        else "",
    )


def _best(view: StudyView, name: str) -> Trial | None:
    feasible = [t for t in view.done if t.feasible]
    if not feasible:
        return None
    pick = max if view.problem.metrics[name].goal == "maximize" else min
    return pick(feasible, key=lambda t: t.metrics[name])
