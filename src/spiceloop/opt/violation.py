"""While every design breaks many bounds: by how much they would be broken less.

The total violation V(x) = Σ_j max(0, g_j(x)) adds up what every bound is exceeded by, in units of
the model's outputs. Each g_j is normal under the model, so each term is a rectified normal with

    E = s·h(z),  E[max(0, g)²] = s²·((z² + 1)·Φ(z) + z·φ(z)),   z = mean/s,  h(z) = φ(z) + z·Φ(z);

their sum is taken as normal, and the expected improvement of it over the least V seen is that of
D. R. Jones, M. Schonlau, W. J. Welch, "Efficient Global Optimization of Expensive Black-Box
Functions", J. Global Optim. 13, 1998, in logarithms.

The probability of meeting all bounds at once says little while many are broken by far: it prefers
unknown designs, where each bound is met with some probability, to a small step that mends one of
ten. The expected improvement of V takes that step, but may stay where it is. `ehvi` takes turns
while many are broken.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spiceloop.opt.acquisition import log_h, normal_density

__all__ = ["FEW", "LogViolationImprovement"]

_LEAST_VARIANCE = 1e-12
# So many broken bounds are few.
FEW = 2


class LogViolationImprovement:
    """Log expected improvement of the total violation over designs that are known."""

    def __init__(self, y: Tensor, lower: Tensor, upper: Tensor) -> None:
        """Take outputs ``y`` (n, m) of known designs and bounds (m,), infinite where none."""
        self.lower, self.upper = lower, upper
        self.low, self.high = lower.isfinite(), upper.isfinite()
        self.best = self._excess(y).clamp_min(0.0).sum(dim=1).min()

    @classmethod
    def where_many(cls, y: Tensor, lower: Tensor, upper: Tensor) -> LogViolationImprovement | None:
        """Return it where every known design breaks more than `FEW` bounds.

        With few to mend the probability of meeting them all finds it sooner.
        """
        found = cls(y, lower, upper)
        broken = (found._excess(y) > 0.0).sum(dim=1)
        return found if broken.min() > FEW else None

    def __call__(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Return values (b,) for posterior means and standard deviations (b, m)."""
        g = self._excess(mean)
        s = torch.cat([sd[:, self.high], sd[:, self.low]], dim=1)
        z = g / s
        density, below = normal_density(z), torch.special.ndtr(z)
        first = s * (density + z * below).clamp_min(0.0)
        second = s.square() * ((z.square() + 1.0) * below + z * density).clamp_min(0.0)
        spread = (second - first.square()).sum(dim=1).clamp_min(_LEAST_VARIANCE).sqrt()
        value: Tensor = spread.log() + log_h((self.best - first.sum(dim=1)) / spread)
        return value

    def _excess(self, y: Tensor) -> Tensor:
        """Return by how much each bound is broken (n, bounds), negative where it is met."""
        above = y[:, self.high] - self.upper[self.high]
        return torch.cat([above, self.lower[self.low] - y[:, self.low]], dim=1)
