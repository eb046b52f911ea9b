"""What the model of the moment predicted of each trial, against what the simulation gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spiceloop.errors import StudyError
from spiceloop.opt.explain.units import Interval
from spiceloop.report.explain.study import StudyModel, evenly
from spiceloop.study.trial import TrialState

__all__ = ["Forecast", "Forecasts", "forecasts"]

# Trials that are replayed at most, a fit of the model each.
_MOST = 30


@dataclass(frozen=True)
class Forecast:
    """One trial's metrics, SI: predicted before it was simulated, and simulated."""

    trial: int
    predicted: Mapping[str, Interval]
    simulated: Mapping[str, float]

    def inside(self, metric: str) -> bool:
        """Whether what came lies within the 95 % interval."""
        return self.predicted[metric].holds(self.simulated[metric])


@dataclass(frozen=True)
class Forecasts:
    """``trials`` of the ``of`` that could be replayed.

    ``own`` says whether they were proposed by the model that is replayed.
    """

    trials: tuple[Forecast, ...]
    of: int
    own: bool

    def coverage(self, metric: str | None = None) -> float:
        """Share of the predictions, of one metric or of all, whose 95 % interval held."""
        hits = [
            t.inside(name)
            for t in self.trials
            for name in t.predicted
            if metric is None or name == metric
        ]
        return sum(hits) / len(hits)


def forecasts(model: StudyModel) -> Forecasts:
    """Replay the proposals. Raises `StudyError` where there is none to replay."""
    view = model.view
    usable = [t for t in model.replayable if t.state is TrialState.DONE and not t.saved]
    if not usable:
        raise StudyError(
            "no trial was simulated to the end after the model had enough to learn from"
        )
    picked = evenly(usable, _MOST)
    found = []
    for trial in picked:
        moment = model.before(trial)
        mean, sd = moment.predict(view.task.space.to_unit(trial.design)[None])
        names = moment.units.names
        found.append(
            Forecast(
                trial.number,
                {n: moment.units.interval(j, mean[0, j], sd[0, j]) for j, n in enumerate(names)},
                {n: trial.metrics[n] for n in names},
            )
        )
    return Forecasts(
        tuple(found),
        len(usable),
        all(model.proposed(t) for t in picked),
    )
