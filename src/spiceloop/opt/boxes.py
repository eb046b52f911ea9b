"""The region that would improve a front, cut into disjoint boxes.

What no design dominates is the union of the boxes below the front's local upper bounds u; each has
a defining design z^j(u) for every objective j, which has u_j = z^j_j and is better in all others.
They are found design by design, R. Lacour, K. Klamroth, C. M. Fonseca, "A box decomposition
algorithm to compute the hypervolume indicator", Comput. Oper. Res. 79, 2017, algorithm 1. Each
point y of the region is given to one of them: raise y_1 until a design dominates it, then y_2, and
so on. Those of u are then a box again,

    (−∞, u_1] × Π_{j≥2} [max_{i<j} z^i_j(u), u_j] ,

the mirror image of that paper's cut of the dominated region. There are as many as local upper
bounds. BoTorch's `FastNondominatedPartitioning` cuts the same region by a second run over all local
upper bounds, with five objectives into two to three times as many boxes, in hundreds of times as
long.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spiceloop.opt.base import Floats
from spiceloop.opt.pareto import pareto_mask

__all__ = ["cut", "improving_boxes", "thin_front"]

# The finest grid that a large front is thinned by, in steps a range; a coarser one is looked for by
# so many halvings, the last of them by some 7 %.
_FINEST, _HALVINGS = 64.0, 6
# On a grid most boxes have no volume: so many times more are let pass until that is known.
_ON_THE_WAY = 10


def improving_boxes(front: Floats, reference: Floats, most: int) -> tuple[Floats, Floats]:
    """Return lower and upper corners (K, k) of disjoint boxes, K ≤ ``most`` ≥ k, in losses.

    Their union is what lies below ``reference`` (k,) and no row of ``front`` (n, k) dominates. A
    front that takes more boxes is thinned (`thin_front`), as little as will do. The lower corners
    of a region without end are −∞.
    """
    front = front[(front < reference).all(axis=1)]
    front = front[pareto_mask(front)]
    found = cut(front, reference, most)
    if found is None:
        # The ideal point takes no more boxes than there are objectives.
        found = cut(front.min(axis=0, keepdims=True), reference, most)
        coarse, fine = 1.0, _FINEST
        for _ in range(_HALVINGS):
            steps = (coarse * fine) ** 0.5
            if (tried := cut(thin_front(front, steps), reference, most)) is None:
                fine = steps
            else:
                found, coarse = tried, steps
    assert found is not None
    return found


def thin_front(front: Floats, steps: float) -> Floats:
    """Return points that dominate every row of ``front`` (n, k), fewer of them.

    Losses are rounded down to a grid of ``steps`` a range: the improvement is then underestimated
    by less than a grid step, and no known design looks like an improvement.
    """
    low = front.min(axis=0)
    step = np.maximum(np.ptp(front, axis=0), 1e-12) / steps
    thin = np.unique(low + np.floor((front - low) / step) * step, axis=0)
    return thin[pareto_mask(thin)]


def cut(front: Floats, reference: Floats, most: int) -> tuple[Floats, Floats] | None:
    """Return the boxes of `improving_boxes`, None where there are more than ``most``.

    ``front`` (n, k): rows below ``reference`` (k,), none of which dominates another.
    """
    n, k = front.shape
    # Ranks in place of losses, equal ones in order of their rows: no two are equal any more. The
    # boxes between equal losses, which have no volume, are dropped at the end.
    ranks = np.argsort(np.argsort(front, axis=0, kind="stable"), axis=0, kind="stable")
    # Row n + j is what bounds the region in objective j where no design does.
    beyond = np.full((k, k), -1)
    np.fill_diagonal(beyond, n)
    ranks = np.vstack([ranks, beyond])
    bounds, defining = np.full((1, k), n), np.arange(n, n + k)[None]
    for row in np.argsort(ranks[:n].max(axis=1), kind="stable"):
        bounds, defining = _with(row, ranks, bounds, defining)
        if len(bounds) > _ON_THE_WAY * most:
            return None
    upper = np.vstack([front, np.tile(reference, (k, 1))])[defining, np.arange(k)]
    values = np.vstack([front, np.full((k, k), -np.inf)])
    lower = np.full(upper.shape, -np.inf)
    for j in range(1, k):
        lower[:, j] = values[defining[:, :j], j].max(axis=1)
    wide = (lower < upper).all(axis=1)
    return (lower[wide], upper[wide]) if wide.sum() <= most else None


Indices = npt.NDArray[np.int64]


def _with(row: int, ranks: Indices, bounds: Indices, defining: Indices) -> tuple[Indices, Indices]:
    """Return the local upper bounds (u, k) and their defining rows (u, k) with one row more."""
    point = ranks[row]
    above = (bounds > point).all(axis=1)
    old, old_defining = bounds[above], defining[above]
    k = len(point)
    among = ranks[old_defining]  # (a, k, k): of each bound and objective, a design
    among[:, np.arange(k), np.arange(k)] = -1
    which, j = np.nonzero(point > among.max(axis=1))
    new, new_defining = old[which], old_defining[which]
    new[np.arange(len(j)), j] = point[j]
    new_defining[np.arange(len(j)), j] = row
    return np.vstack([bounds[~above], new]), np.vstack([defining[~above], new_defining])
