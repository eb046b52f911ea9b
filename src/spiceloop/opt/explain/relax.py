"""What an objective would gain if a bound were looser, by the model, near one design.

The model's mean of the objective is minimized by sequential quadratic programming (D. Kraft,
"A software package for sequential quadratic programming", DFVLR-FB 88-28, 1988) with the means of
the bounded metrics as constraints, within `RADIUS` of each variable's range around the design:
once with the bounds as they are, and once with one of them looser. The difference is that bound's.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import minimize

from spiceloop.opt.base import Floats
from spiceloop.opt.explain.moment import Moment

__all__ = ["RADIUS", "best_nearby"]

# How far from the design, as a share of each variable's range, the model is believed.
RADIUS = 0.1
_STEPS = 60
# By how much of its spread an output may miss its bound where the search ends.
_SLACK = 1e-2


def best_nearby(
    moment: Moment, goal: int, point: Floats, lower: Floats, upper: Floats
) -> tuple[Floats, float] | None:
    """Return where near ``point`` (d,) the model's mean of output ``goal`` is least, and that mean.

    ``lower`` and ``upper`` (m,) are the outputs' bounds, infinite where there is none. None where
    the search finds no point that meets them.
    """
    held = np.flatnonzero(np.isfinite(lower)), np.flatnonzero(np.isfinite(upper))

    @lru_cache(maxsize=8)  # value, constraints and their derivatives are asked for one by one
    def at(raw: bytes) -> tuple[Floats, Floats]:
        return moment.gradient(np.frombuffer(raw))

    def room(x: Floats) -> Floats:
        mean = at(x.tobytes())[0]
        return np.concatenate([mean[held[0]] - lower[held[0]], upper[held[1]] - mean[held[1]]])

    def room_slopes(x: Floats) -> Floats:
        slopes = at(x.tobytes())[1]
        return np.concatenate([slopes[held[0]], -slopes[held[1]]])

    found = minimize(
        lambda x: at(x.tobytes())[0][goal],
        point,
        jac=lambda x: at(x.tobytes())[1][goal],
        method="SLSQP",
        bounds=list(
            zip(np.maximum(point - RADIUS, 0.0), np.minimum(point + RADIUS, 1.0), strict=True)
        ),
        constraints=[{"type": "ineq", "fun": room, "jac": room_slopes}] if room(point).size else [],
        options={"maxiter": _STEPS, "ftol": 1e-6},
    )
    x = np.asarray(found.x, dtype=float)
    if not np.isfinite(x).all() or (room(x) < -_SLACK).any():
        return None
    return x, float(at(x.tobytes())[0][goal])
