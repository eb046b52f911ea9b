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
from collections.abc import Iterator

import numpy as np
import torch
from botorch.utils.safe_math import log1mexp
from torch import Tensor

from spiceloop.opt.boxes import improving_boxes

__all__ = ["LogEhvi", "log_h", "log_probability_between", "normal_density"]

# Stands for log 0: adds nothing to any sum, and its gradient is zero rather than NaN.
_LOG_ZERO = -1e30
# Boxes that the improving region is cut into at most; a larger front is thinned, and what that
# hides is never found. Each box costs time at every point that is looked at.
_MOST_BOXES = 1000
# Below this share of the unit of volume a sum in plain numbers may have lost its digits.
_PLAIN = 1e-100
# Of more objectives than these, so many take part in turn.
_MOST_OBJECTIVES, _TAKE_PART = 5, 4


class LogEhvi:
    """Log of the expected hypervolume improvement over ``front``, to maximize.

    With more than five objectives it is that in four of them, drawn anew for each ``turn``: what
    nothing dominates in some, nothing dominates in all, and a front of so many objectives takes so
    many boxes that thinned to few enough it would lose its shape.

    Args:
        front: losses (n, k) of the designs to improve on; n may be 0.
        reference: the losses (k,) beyond which nothing counts.
        turn: a number that changes with every design, such as how many are known.

    ``part`` are the objectives that take part.
    """

    def __init__(self, front: Tensor, reference: Tensor, turn: int = 0) -> None:
        k = len(reference)
        self.part = list(range(k))
        if k > _MOST_OBJECTIVES:
            drawn = np.random.default_rng(turn).choice(k, _TAKE_PART, replace=False)
            self.part = sorted(drawn.tolist())
        known, behind = front[:, self.part].numpy(), reference[self.part].numpy()
        lower, upper = (torch.as_tensor(c) for c in improving_boxes(known, behind, _MOST_BOXES))
        self.n_boxes = len(lower)
        # Boxes share their faces: an integral is computed once a face, then gathered.
        self._faces: list[tuple[Tensor, Tensor, Tensor]] = []
        for low, high in zip(-upper.T, -lower.T, strict=True):
            values, index = torch.unique(torch.cat([low, high]), return_inverse=True)
            self._faces.append((values, index[: self.n_boxes], index[self.n_boxes :]))

    def __call__(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Return values (b,) for posterior means and standard deviations (b, k) of the losses."""
        mean, sd = mean[:, self.part], sd[:, self.part]
        if torch.is_grad_enabled() and (mean.requires_grad or sd.requires_grad):
            return self._in_logarithms(mean, sd)
        total = self._in_plain_numbers(mean, sd)
        value, far = total.log(), total < _PLAIN
        if far.any():
            value[far] = self._in_logarithms(mean[far], sd[far])
        return value

    def _in_logarithms(self, mean: Tensor, sd: Tensor) -> Tensor:
        total = torch.zeros(len(mean), self.n_boxes, dtype=mean.dtype)
        for (_, low, high), at, s in zip(self._faces, self._beyond(mean, sd), sd.T, strict=True):
            log_low, log_high = at[:, low], at[:, high]
            # E over a box of [l, u]: s·h((f − l)/s) − s·h((f − u)/s)
            total = total + s.log()[:, None] + log_low
            total = total + log1mexp((log_high - log_low).clamp_max(-1e-14))
        return total.logsumexp(dim=1)

    def _in_plain_numbers(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Return the sum itself: a third of the time, where it is not too small to be told."""
        total = torch.ones(len(mean), self.n_boxes, dtype=mean.dtype)
        for (_, low, high), at, s in zip(self._faces, self._beyond(mean, sd), sd.T, strict=True):
            within = s[:, None] * at.exp()
            total *= within[:, low] - within[:, high]
        return total.sum(dim=1)

    def _beyond(self, mean: Tensor, sd: Tensor) -> Iterator[Tensor]:
        """Yield log h of each objective at its faces (b, f), by which a loss lies beyond them."""
        for (faces, _, _), m, s in zip(self._faces, mean.T, sd.T, strict=True):
            finite = faces[faces.isfinite()]
            at = log_h((-m[:, None] - finite) / s[:, None])
            if len(finite) < len(faces):  # faces are sorted, so infinity is the last
                at = torch.cat([at, torch.full_like(at[:, :1], _LOG_ZERO)], dim=1)
            yield at


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
