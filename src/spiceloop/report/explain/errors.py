"""Cross-validated error of the model, metric by metric."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spiceloop.opt.explain.leave_one_out import leave_one_out
from spiceloop.opt.explain.units import Interval
from spiceloop.report.explain.study import StudyModel

__all__ = ["MetricError", "cross_validation"]


@dataclass(frozen=True)
class MetricError:
    """Each finished trial of ``actual`` values predicted from all the others.

    ``q2`` is the share of the variance that is predicted, NaN where nothing varies. ``rms`` is the
    root mean squared error: a share of the value where ``relative``, which is where logarithms are
    modelled, else in SI units. ``coverage`` is the share of trials within their 95 % interval.
    ``clipped`` values lie so far on the bad side that the model was told less.
    """

    metric: str
    q2: float
    rms: float
    relative: bool
    coverage: float
    clipped: int
    actual: tuple[float, ...]
    predicted: tuple[Interval, ...]


def cross_validation(model: StudyModel) -> tuple[MetricError, ...]:
    """Work them out, goals first. Raises `StudyError` for too few trials."""
    moment = model.now
    units = moment.units
    left = leave_one_out(moment.model)
    told = units.centre + units.sd * left.actual
    found = []
    for j, name in enumerate(units.names):
        rms = float(left.rmse[j] * units.sd[j])
        found.append(
            MetricError(
                metric=name,
                q2=float(left.q2[j]),
                rms=math.expm1(min(rms, 700.0)) if units.log[j] else rms,
                relative=units.log[j],
                coverage=float(left.coverage[j]),
                clipped=int((abs(units.raw[:, j] - told[:, j]) > 1e-6 * units.sd[j]).sum()),
                actual=tuple(units.value(j, y) for y in left.actual[:, j]),
                predicted=tuple(
                    units.interval(j, mean, sd)
                    for mean, sd in zip(left.mean[:, j], left.sd[:, j], strict=True)
                ),
            )
        )
    return tuple(found)
