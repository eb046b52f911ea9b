"""Finding the maximum of an acquisition over the unit cube and the grid.

Many raw points, the best of them climbed by L-BFGS-B in one batch with exact gradients, the ends
moved to the grid. Quality here is worth more than speed: a missed maximum costs a simulation.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from botorch.exceptions.errors import OptimizationGradientError
from botorch.generation.gen import gen_candidates_scipy
from scipy.stats import qmc
from torch import Tensor

from spiceloop.circuit.design_space import DesignSpace
from spiceloop.opt.base import Floats

__all__ = ["Acquisition", "climb", "climb_on_grid", "raw_points", "values_of"]

log = logging.getLogger(__name__)

Acquisition = Callable[[Tensor], Tensor]

# Points evaluated at once; bounds the memory where the hypervolume has thousands of boxes.
_CHUNK = 256
# A grid with more steps than this between the bounds is as good as continuous.
_FINE = 200
# Standard deviations of the steps away from known designs, as shares of each variable's range, and
# the shares of the variables that a step changes.
_STEPS = (0.02, 0.07, 0.2)
_SHARES = (0.2, 0.5, 1.0)


def raw_points(
    centres: Sequence[Floats], n_sobol: int, n_near: int, rng: np.random.Generator
) -> Floats:
    """Return ``n_sobol`` Sobol points, and ``n_near`` steps away from each group of designs (g, d).

    Groups of ``centres`` are followed in their order.
    """
    d = centres[0].shape[1]
    points = [qmc.Sobol(d, rng=rng).random(n_sobol)]
    for group in centres:
        centre = group[rng.integers(len(group), size=n_near)]
        moved = rng.random((n_near, d)) < rng.choice(_SHARES, (n_near, 1))
        step = rng.choice(_STEPS, (n_near, 1)) * rng.standard_normal((n_near, d))
        points.append(np.clip(centre + moved * step, 0.0, 1.0))
    return np.vstack(points)


def climb(
    acquisition: Acquisition, raw: Floats, *, restarts: int, max_steps: int
) -> tuple[Floats, Floats]:
    """Climb from the best of ``raw`` (r, d). Returns points and values, best first.

    Half of the restarts are the best raw points, the other half the best of equal slices of them,
    in the order given, so that no one region takes every restart.
    """
    points = torch.as_tensor(raw)
    values = values_of(acquisition, points)
    chosen = values.argsort(descending=True)[: restarts - restarts // 2].tolist()
    for part in np.array_split(np.arange(len(points)), max(restarts // 2, 1)):
        chosen.append(int(part[int(values[part].argmax())]))
    begin = points[sorted(set(chosen))].unsqueeze(1)
    with warnings.catch_warnings(record=True):
        # A line search that ends early is no news: its point competes with all the others.
        # BoTorch forces its warnings through any filter, so they are recorded and dropped.
        try:
            ends, _ = gen_candidates_scipy(
                begin,
                lambda x: acquisition(x.squeeze(1)),  # type: ignore[arg-type]
                lower_bounds=0.0,
                upper_bounds=1.0,
                options={"maxiter": max_steps},
            )
        except (OptimizationGradientError, RuntimeError) as error:
            log.warning("the acquisition could not be climbed (%s); using its raw points", error)
            ends = begin
    return _ordered(acquisition, torch.cat([begin, ends.detach()]).squeeze(1))


def climb_on_grid(
    acquisition: Acquisition, points: Floats, space: DesignSpace, *, best: int = 4, rounds: int = 8
) -> Floats:
    """Move points (p, d) to the grid and climb from the best along it. Returns them best first.

    Only coarse grids are climbed; on a fine one the nearest grid point is good enough.
    """
    snapped = space.snap_unit(points)
    found, values = _ordered(acquisition, torch.as_tensor(snapped))
    coarse = [
        j for j, v in enumerate(space.variables) if v.grid and (v.upper - v.lower) / v.grid <= _FINE
    ]
    if not coarse:
        return found
    trail = [found]
    for i in range(min(best, len(found))):
        point, value = found[i], values[i]
        for _ in range(rounds):
            around = _grid_neighbours(space, point, coarse)
            trail.append(around)
            near, near_values = _ordered(acquisition, torch.as_tensor(around))
            if not near_values[0] > value:
                break
            point, value = near[0], near_values[0]
    return _ordered(acquisition, torch.as_tensor(np.vstack(trail)))[0]


def _grid_neighbours(space: DesignSpace, point: Floats, along: list[int]) -> Floats:
    """Return the designs one grid step up or down from ``point`` (d,) in one variable each."""
    design = space.from_unit(point)
    rows = []
    for j in along:
        v = space.variables[j]
        for sign in (-1.0, 1.0):
            value = v.snap(design[v.name] + sign * v.grid)
            row = point.copy()
            row[j] = v.to_unit(value)
            rows.append(row)
    return np.array(rows)


def values_of(acquisition: Acquisition, points: Tensor) -> Tensor:
    """Return the acquisition (p,) at points (p, d); what is not a number comes last."""
    with torch.no_grad():
        values = torch.cat([acquisition(part) for part in torch.split(points, _CHUNK)])
    return values.nan_to_num(nan=-torch.inf)


def _ordered(acquisition: Acquisition, points: Tensor) -> tuple[Floats, Floats]:
    values = values_of(acquisition, points)
    order = values.argsort(descending=True, stable=True)
    return points[order].numpy(), values[order].numpy()
