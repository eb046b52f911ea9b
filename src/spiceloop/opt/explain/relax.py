"""What an objective would gain if a bound were looser, by the model, near one design.

The model's mean of the objective is minimized by sequential quadratic programming (D. Kraft,
"A software package for sequential quadratic programming", DFVLR-FB 88-28, 1988) with the means of
the bounded metrics as constraints, within `RADIUS` of each variable's range around the design:
once with the bounds as they are, and once with one of them looser. The difference is that bound's.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, nnls

from spiceloop.opt.base import Floats
from spiceloop.opt.explain.moment import Moment

__all__ = ["RADIUS", "best_nearby", "reduced_slopes"]

# How far from the design, as a share of each variable's range, the model is believed.
RADIUS = 0.1
_STEPS = 60
# By how much of its spread an output may miss its bound where the search ends.
_SLACK = 1e-2


def best_nearby(
    moment: Moment,
    goal: int,
    begin: Floats,
    lower: Floats,
    upper: Floats,
    centre: Floats | None = None,
) -> tuple[Floats, float] | None:
    """Return where near ``centre`` (d,) the mean of output ``goal`` is least, and that mean.

    The search begins at ``begin``, which is also the centre unless one is given. ``lower`` and
    ``upper`` (m,) are the outputs' bounds, infinite where there is none. None where the search
    finds no point that meets them.
    """
    centre = begin if centre is None else centre
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
        begin,
        jac=lambda x: at(x.tobytes())[1][goal],
        method="SLSQP",
        bounds=list(
            zip(np.maximum(centre - RADIUS, 0.0), np.minimum(centre + RADIUS, 1.0), strict=True)
        ),
        constraints=[{"type": "ineq", "fun": room, "jac": room_slopes}] if room(begin).size else [],
        options={"maxiter": _STEPS, "ftol": 1e-6},
    )
    x = np.asarray(found.x, dtype=float)
    if not np.isfinite(x).all() or (room(x) < -_SLACK).any():
        return None
    return x, float(at(x.tobytes())[0][goal])


def reduced_slopes(goal: Floats, room: Floats, free: npt.NDArray[np.bool_]) -> Floats:
    """Return the slopes (d,) of an objective with the bounds that it touches taken into account.

    ``goal`` (d,) are its own slopes, ``room`` (p, d) those of what is left to each touched bound,
    ``free`` (d,) marks the variables that may move both ways. The result is the gradient of the
    Lagrangian with the multipliers that suit the free variables best (J. Nocedal and S. J. Wright,
    "Numerical Optimization", 2006, section 12.3): what moving a variable on brings when the others
    follow along the bounds.
    """
    if not len(room) or not free.any():
        return goal
    multipliers = nnls(room[:, free].T, goal[free])[0]
    return np.asarray(goal - multipliers @ room)
