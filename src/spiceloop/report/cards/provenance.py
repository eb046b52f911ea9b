"""What is needed to make the same study again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from spiceloop.report.axes import metric_axes
from spiceloop.report.cards.base import Plot
from spiceloop.report.view import StudyView

__all__ = ["make"]

_OF_EARLIER = ", those of the earlier study counted first"
_RULE = (
    "the start's losses, each made worse by one decade on a logarithmic scale and by its own "
    "magnitude on a linear one; without a start, the worst of each over the Pareto set plus a "
    "tenth of its extent"
)


def make(view: StudyView) -> tuple[Mapping[str, Any], tuple[Plot, ...]]:
    """Make the card."""
    facts = [
        ("study", view.name),
        ("storage", view.url),
        ("problem file", view.problem_file),
        ("command", view.command),
        ("changed since the trials", "; ".join(view.changes)),
        ("learned from", view.learned_from),
        ("optimizer", view.optimizer),
        ("seed", "" if view.seed is None else str(view.seed)),
        ("initial trials", str(view.task.n_initial) + _OF_EARLIER * bool(view.learned_from)),
    ]
    reference = []
    if view.done or view.reference is not None:
        for axis, goal, log, loss in zip(
            metric_axes(view), view.task.goals, view.front.log, view.front.reference, strict=True
        ):
            value = -loss if goal.maximize else loss
            scale = "logarithmic" if log else "linear"
            reference.append((axis.name, axis.show(math.exp(value) if log else value), scale))
    return {
        "facts": [(name, value) for name, value in facts if value],
        "versions": list(view.versions.items()),
        "reference": reference,
        "rule": view.reference_rule or _RULE,
    }, ()
