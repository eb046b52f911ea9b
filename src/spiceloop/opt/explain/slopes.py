"""Which variables matter at one design: what a variable that is 10 % larger does to each metric."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spiceloop.circuit.design_space import Variable
from spiceloop.opt.base import Floats
from spiceloop.opt.explain.moment import Moment

__all__ = ["STEP", "Slope", "slopes_at"]

# The step of a variable that a slope is told for: of its value, or of its range where it may be
# zero or less.
STEP = 0.1


@dataclass(frozen=True)
class Slope:
    """First order effect of one variable on one metric at a design.

    ``elasticity`` is d log(metric) / d log(variable), None unless the metric is modelled as a
    logarithm and the variable is positive. ``change`` is what `STEP` more of the variable does: in
    SI units, or as a share of the metric where it is modelled as a logarithm.
    """

    metric: str
    variable: str
    elasticity: float | None
    change: float
    relative: bool


def slopes_at(moment: Moment, point: Floats) -> tuple[Slope, ...]:
    """Return a slope for every metric and variable at a point (d,), from the model's gradient."""
    units, variables = moment.units, moment.task.space.variables
    _, gradient = moment.gradient(point)
    found = []
    for j, name in enumerate(units.names):
        for i, variable in enumerate(variables):
            by_unit = float(units.sign[j] * units.sd[j] * gradient[j, i])  # d T(metric) / d u
            per_step = by_unit * _step(variable, float(point[i]))
            elastic = units.log[j] and variable.lower > 0
            found.append(
                Slope(name, variable.name, per_step / STEP if elastic else None, per_step,
                      units.log[j])
            )  # fmt: skip
    return tuple(found)


def _step(variable: Variable, u: float) -> float:
    """Return what `STEP` more of a variable is on the scale of the unit cube, to first order."""
    if variable.lower <= 0:
        return STEP
    if variable.log:
        return STEP / math.log(variable.upper / variable.lower)
    span = variable.upper - variable.lower
    return STEP * (variable.lower + u * span) / span
