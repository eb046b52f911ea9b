"""Which variables matter, over the whole design space and at one design."""

from __future__ import annotations

from dataclasses import dataclass

from spiceloop.opt.explain.indices import total_indices
from spiceloop.opt.explain.slopes import Slope, slopes_at
from spiceloop.report.explain.study import StudyModel
from spiceloop.study.trial import Trial

__all__ = ["Sensitivity", "sensitivity"]

# Points that indices are worked out with, in all; they take half a second.
_POINTS = 16_000


@dataclass(frozen=True)
class Sensitivity:
    """``total[metric][variable]`` are total Sobol indices, NaN for a metric that never changes;
    ``slopes`` are those at the design of ``trial``, the chosen one or the last.
    """

    total: dict[str, dict[str, float]]
    trial: int
    slopes: tuple[Slope, ...]


def sensitivity(model: StudyModel) -> Sensitivity:
    """Work them out. Raises `StudyError` for too few trials."""
    moment = model.now
    space = model.view.task.space
    log2_n = max(6, (_POINTS // (len(space) + 2)).bit_length() - 1)
    found = total_indices(lambda x: moment.predict(x)[0], len(space), log2_n=log2_n)
    trial: Trial = model.view.chosen or model.view.done[-1]
    return Sensitivity(
        {
            name: dict(zip(space.names, row.tolist(), strict=True))
            for name, row in zip(moment.units.names, found, strict=True)
        },
        trial.number,
        slopes_at(moment, space.to_unit(trial.design)),
    )
