"""Trials that failed, by kind, with the simulator's own line; and constraints not met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spiceloop.report.axes import shown
from spiceloop.report.cards.base import Plot
from spiceloop.report.compare import bounds_text
from spiceloop.report.view import StudyView
from spiceloop.study.trial import Failure, Trial

__all__ = ["make"]

_MOST = 100  # failed trials that are listed one by one


@dataclass(frozen=True)
class Line:
    """One failed trial."""

    number: int
    origin: str
    kind: str
    message: str
    line: str
    place: str
    design: str


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    kinds = Counter(t.failure.kind if t.failure else "unknown" for t in view.failed)
    violated = Counter(name for t in view.done for name in t.violations)
    constraints = [
        (name, bounds_text(metric), violated[name])
        for name, metric in view.problem.metrics.items()
        if bounds_text(metric)
    ]
    return {
        "kinds": kinds.most_common(),
        "lines": [_line(view, t) for t in view.failed[:_MOST]],
        "left_out": max(0, len(view.failed) - _MOST),
        "constraints": constraints,
        "n_done": len(view.done),
    }, ()


def _line(view: StudyView, trial: Trial) -> Line:
    failure = trial.failure
    units = {v.name: v.unit for v in view.task.space.variables}
    return Line(
        trial.number,
        trial.origin.value,
        failure.kind if failure else "unknown",
        failure.message if failure else "",
        failure.line if failure else "",
        _place(view, failure) if failure else "",
        ", ".join(f"{n} = {shown(v, units.get(n, ''))}" for n, v in trial.design.items()),
    )


def _place(view: StudyView, failure: Failure) -> str:
    corner = failure.corner if len(view.problem.corners) > 1 else ""
    return ", ".join(p for p in (failure.deck, corner, failure.analysis) if p)
