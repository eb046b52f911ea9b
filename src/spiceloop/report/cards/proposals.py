"""Why designs were proposed, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spiceloop.report.axes import shown
from spiceloop.report.cards.base import Plot
from spiceloop.report.compare import bounds_text
from spiceloop.report.explain.reasons import Reason
from spiceloop.report.explain.words import probability, reason_words
from spiceloop.report.view import StudyView

__all__ = ["make"]

# Bounds met with less than this probability are told in the table, the riskiest few of them.
_RISK, _RISKS = 0.95, 3


@dataclass(frozen=True)
class Row:
    """One metric: what was predicted, what came."""

    name: str
    bound: str
    p: str
    predicted: str
    interval: str
    came: str
    outside: bool


@dataclass(frozen=True)
class Proposal:
    """One trial. ``why`` is what the study recorded of the method's choice."""

    number: int
    labels: str
    origin: str
    own: bool
    why: str
    words: list[str]
    rows: list[Row]

    @property
    def bounded(self) -> bool:
        """Whether any row has a bound."""
        return any(r.bound for r in self.rows)


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    told = [
        Proposal(
            r.trial.number,
            ", ".join(r.labels),
            r.trial.origin.value,
            r.own,
            r.trial.reason,
            reason_words(view, r),
            _rows(view, r),
        )
        for r in view.explained.reasons
    ]
    return {"proposals": told, "optimizer": view.optimizer}, ()


def _rows(view: StudyView, reason: Reason) -> list[Row]:
    p = reason.terms.p_bounds
    risky = sorted((n for n in p if p[n] < _RISK), key=lambda n: p[n])[:_RISKS]
    names = dict.fromkeys([*(g.metric for g in view.task.goals), *risky])
    rows = []
    for name in names:
        metric = view.problem.metrics[name]
        predicted, came = reason.terms.forecast[name], reason.trial.metrics.get(name)
        rows.append(
            Row(
                name,
                bounds_text(metric),
                probability(p[name]) if name in p else "",
                shown(predicted.median, metric.unit, 3),
                f"{shown(predicted.low, metric.unit, 3)} … {shown(predicted.high, metric.unit, 3)}",
                shown(came, metric.unit, 3),
                came is not None and not predicted.holds(came),
            )
        )
    return rows
