"""Why designs were proposed: what the optimizer expected of them, and what came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spiceloop.errors import StudyError
from spiceloop.opt.explain.moment import Moment
from spiceloop.opt.explain.terms import Terms, terms_at
from spiceloop.opt.pareto import hypervolume
from spiceloop.report.explain.limits import best_trials
from spiceloop.report.explain.study import StudyModel
from spiceloop.study.trial import Trial, TrialState

__all__ = ["Reason", "reasons"]

_LAST = 3


@dataclass(frozen=True)
class Reason:
    """One trial: ``labels`` say why it is told of.

    ``gained`` is what the hypervolume grew by in truth, in the units of ``terms.gain``; None for a
    failed simulation. ``missed`` names the bounds that were not met. ``own`` says whether this
    model proposed the trial; if not, ``terms`` are what it would have thought of it.
    """

    trial: Trial
    labels: tuple[str, ...]
    terms: Terms
    gained: float | None
    missed: tuple[str, ...]
    own: bool


def reasons(model: StudyModel) -> tuple[Reason, ...]:
    """Explain the chosen design, each objective's best, and the last few, by number.

    Raises `StudyError` where none of them can be replayed.
    """
    view = model.view
    labels: dict[int, list[str]] = {}
    if view.chosen is not None:
        labels[view.chosen.number] = ["chosen"]
    for goal, trial in best_trials(view).items():
        labels.setdefault(trial.number, []).append(f"best {goal}")
    for trial in model.replayable[-_LAST:]:
        labels.setdefault(trial.number, []).append("one of the last")
    told = [t for t in model.replayable if t.number in labels]
    if not told:
        raise StudyError(
            "no trial was proposed after the model had enough finished trials to learn from"
        )
    return tuple(_reason(model, t, tuple(labels[t.number])) for t in told)


def _reason(model: StudyModel, trial: Trial, labels: tuple[str, ...]) -> Reason:
    moment = model.before(trial)
    terms = terms_at(moment, model.view.task.space.to_unit(trial.design))
    return Reason(
        trial,
        labels,
        terms,
        _gained(moment, trial, list(terms.part)),
        tuple(trial.violations),
        model.proposed(trial),
    )


def _gained(moment: Moment, trial: Trial, part: list[int]) -> float | None:
    """Growth of the hypervolume by what was simulated, in the units of `Terms.gain`."""
    if trial.state is TrialState.FAILED:
        return None
    if not trial.feasible:
        return 0.0
    units = moment.units
    loss = [units.output(j, trial.metrics[units.names[j]]) for j in part]
    front, reference = moment.outputs.front[:, part], moment.outputs.reference[part]
    return hypervolume(np.vstack([front, loss]), reference) - hypervolume(front, reference)
