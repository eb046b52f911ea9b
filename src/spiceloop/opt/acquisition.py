"""Expected hypervolume improvement in closed form and in logarithms, and probability bounds.

The region that would improve the hypervolume is cut into K disjoint boxes; with independent normal
outputs the expectation over a box is a product of one-dimensional integrals, so

    log EHVI = log Σ_k exp Σ_j log E[ (min(f_j, u_kj) − l_kj)₊ ] ,

K. Yang, M. Emmerich, A. Deutz, T. Bäck, "Efficient computation of expected hypervolume improvement
using box decomposition algorithms", J. Global Optim. 75, 2019, in the stable logarithmic form of
S. Ament et al., "Unexpected Improvements to Expected Improvement", NeurIPS 2023. BoTorch has the
first without logarithms and the second by Monte Carlo; without samples the gradient is exact and an
evaluation takes a hundredth of the time. With one objective it is log EI.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from botorch.utils.multi_objective.box_decompositions.non_dominated import (
    FastNondominatedPartitioning,
)
from botorch.utils.multi_objective.pareto import is_non_dominated
from botorch.utils.safe_math import log1mexp
from torch import Tensor

__all__ = ["LogEhvi", "log_h", "log_probability_between", "normal_density", "thin_front"]

# Stands for log 0: adds nothing to any sum, and its gradient is zero rather than NaN.
_LOG_ZERO = -1e30
# Largest front, by number of objectives, that is cut into boxes as it is: up to n^(k/2) of them;
# where they are so many, a larger front takes seconds. Real fronts often need far fewer, and then
# a larger one is cut: what a thinned front hides is never found.
_LARGEST_FRONT = {1: 10_000, 2: 200, 3: 75, 4: 35, 5: 22}
_FEW_BOXES, _LARGER = 250, 2.7
# Of more objectives than these, which nobody can cut in time, so many take part in turn.
_MOST_OBJECTIVES, _TAKE_PART = 5, 4


class LogEhvi:
    """Log of the expected hypervolume improvement over ``front``, to maximize.

    With more than five objectives it is that in four of them, drawn anew for each ``turn``: what
    nothing dominates in some, nothing dominates in all, and a front of so many objectives cannot
    be cut into boxes in time, nor thinned without losing its shape.

    Args:
        front: losses (n, k) of the designs to improve on; n may be 0.
        reference: the losses (k,) beyond which nothing counts.
        turn: a number that changes with every design, such as how many are known.
    """

    def __init__(self, front: Tensor, reference: Tensor, turn: int = 0) -> None:
        k = len(reference)
        self._part = list(range(k))
        if k > _MOST_OBJECTIVES:
            drawn = np.random.default_rng(turn).choice(k, _TAKE_PART, replace=False)
            self._part = sorted(drawn.tolist())
        lower, upper = _boxes(front[:, self._part], reference[self._part])
        self.n_boxes = len(lower)
        # Boxes share their faces: an integral is computed once a face, then gathered.
        self._faces: list[tuple[Tensor, Tensor, Tensor]] = []
        for low, high in zip(lower.T, upper.T, strict=True):
            values, index = torch.unique(torch.cat([low, high]), return_inverse=True)
            self._faces.append((values, index[: self.n_boxes], index[self.n_boxes :]))

    def __call__(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Return values (b,) for posterior means and standard deviations (b, k) of the losses."""
        total = torch.zeros(len(mean), self.n_boxes, dtype=mean.dtype)
        mean, sd = mean[:, self._part], sd[:, self._part]
        for (faces, low, high), m, s in zip(self._faces, mean.T, sd.T, strict=True):
            finite = faces[faces.isfinite()]
            at = log_h((-m[:, None] - finite) / s[:, None])
            if len(finite) < len(faces):  # faces are sorted, so infinity is the last
                at = torch.cat([at, torch.full_like(at[:, :1], _LOG_ZERO)], dim=1)
            log_low, log_high = at[:, low], at[:, high]
            # E over a box of [l, u]: s·h((f − l)/s) − s·h((f − u)/s)
            total = total + s.log()[:, None] + log_low
            total = total + log1mexp((log_high - log_low).clamp_max(-1e-14))
        return total.logsumexp(dim=1)


def log_probability_between(mean: Tensor, sd: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Return log P(lower_j ≤ f_j ≤ upper_j for every j), shape (b,).

    ``mean``, ``sd`` (b, c) of independent normal outputs; ``lower``, ``upper`` (c,), infinite where
    there is no bound.
    """
    has_low, has_high = lower.isfinite(), upper.isfinite()
    both, low_only, high_only = has_low & has_high, has_low & ~has_high, has_high & ~has_low

    def below(bound: Tensor, which: Tensor) -> Tensor:
        # Chosen before anything is computed: an infinite bound would make the gradients NaN.
        return (bound[which] - mean[:, which]) / sd[:, which]

    reach = torch.cat([-below(lower, low_only), below(upper, high_only)], dim=1)
    total: Tensor = torch.special.log_ndtr(reach).sum(dim=1)
    if both.any():
        # P = Φ(a) − Φ(b); mirrored where both are large, to keep the smaller tails.
        a, b = below(upper, both), below(lower, both)
        a, b = torch.where(a + b > 0, -b, a), torch.where(a + b > 0, -a, b)
        log_a = torch.special.log_ndtr(a)
        between = log_a + log1mexp((torch.special.log_ndtr(b) - log_a).clamp_max(-1e-14))
        total = total + between.sum(dim=1)
    return total


def thin_front(front: Tensor, most: int) -> Tensor:
    """Return at most ``most`` points that dominate every point of ``front`` (n, k).

    Losses are rounded down to a grid, coarser until few enough are left: the improvement is then
    underestimated by less than a grid step, and no known point looks like an improvement.
    """
    front = front[is_non_dominated(-front)]
    extent = (front.max(0).values - front.min(0).values).clamp_min(1e-12) if len(front) else front
    step = 1.0 / 64
    thin = front
    while len(thin) > most:
        low = front.min(0).values
        thin = torch.unique(low + ((front - low) / (step * extent)).floor() * step * extent, dim=0)
        thin = thin[is_non_dominated(-thin)]
        step *= 1.5
    return thin


def _boxes(front: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Return lower and upper corners (K, k) in objectives to maximize: minus the losses."""
    k = len(reference)
    front = front[(front < reference).all(dim=1)]
    if k == 1:
        best = torch.minimum(front.min(), reference) if len(front) else reference
        return -best.reshape(1, 1), torch.full((1, 1), torch.inf, dtype=reference.dtype)
    front = front[is_non_dominated(-front)]
    most = _LARGEST_FRONT[k]
    thin = thin_front(front, most)
    lower, upper = _cut(thin, reference)
    if len(thin) < len(front) and len(lower) <= _FEW_BOXES:
        lower, upper = _cut(thin_front(front, int(_LARGER * most)), reference)
    return lower, upper


def _cut(front: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    cells = FastNondominatedPartitioning(ref_point=-reference, Y=-front).get_hypercell_bounds()
    wide = (cells[1] > cells[0]).all(dim=1)
    return cells[0][wide], cells[1][wide]


def log_h(z: Tensor) -> Tensor:
    """Log of h(z) = φ(z) + z·Φ(z), expected improvement in units of the standard deviation.

    Below −1 by h = φ·(1 − |z|·Φ(z)/φ(z)) with the scaled complementary error function, below −10⁴
    by its leading term φ/z².
    """
    near = z.clamp_min(-1.0)
    log_near = (normal_density(near) + near * torch.special.ndtr(near)).log()
    size = (-z).clamp(1.0, 1e4)
    mills = math.sqrt(math.pi / 2) * torch.special.erfcx(size * math.sqrt(0.5))
    tail = torch.where(z > -1e4, (1.0 - size * mills).log(), -2.0 * (-z).clamp_min(1e4).log())
    return torch.where(z > -1.0, log_near, -0.5 * z.square() - _LOG_SQRT_2PI + tail)


def normal_density(z: Tensor) -> Tensor:
    """Return φ(z)."""
    return (-0.5 * z.square() - _LOG_SQRT_2PI).exp()


_LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
