"""What failed simulations teach: the probability that a design can be simulated at all.

A Gaussian process on the labels +1 (finished) and −1 (failed), squashed by the normal distribution
function: least-squares classification, C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes
for Machine Learning", 2006, section 6.5. Nothing is learned of the metrics from a failed design,
and no made-up penalty enters their model.
"""

from __future__ import annotations

import torch
from botorch.utils.probability.utils import log_ndtr
from torch import Tensor

from spiceloop.opt.base import Floats
from spiceloop.opt.model import Surrogate, fit_surrogate
from spiceloop.opt.pareto import Mask

__all__ = ["FailureModel"]

# Variance of the labels' noise. Large for the fit: labels jump at an edge, and a fit that had to
# follow the jump exactly would choose length scales so short that a failure taught nothing of the
# designs a step away. Smaller for the prediction, so that many failures add up to certainty.
_FIT_NOISE, _LABEL_NOISE = 0.3, 0.05
# Variance of the threshold; keeps the odds of a label finite.
_SLACK = 1e-2


class FailureModel:
    """Log of the probability that a simulation finishes."""

    def __init__(self, x: Tensor, failed: Tensor) -> None:
        """Learn from designs ``x`` (n, d) and flags ``failed`` (n,)."""
        labels = torch.where(failed, -1.0, 1.0).to(x).unsqueeze(1)
        fitted = fit_surrogate(x, labels, noise=_FIT_NOISE)
        # Far from all data the share of finished trials holds; near a failure its label does.
        share = labels.mean(0)
        noise = torch.full((1,), _LABEL_NOISE, dtype=x.dtype)
        self._model = Surrogate(fitted.scales, share, x, labels, noise)

    @classmethod
    def learn(cls, x: Floats, failed: Mask) -> FailureModel | None:
        """Return a model, or None where nothing has failed."""
        return cls(torch.as_tensor(x), torch.as_tensor(failed)) if failed.any() else None

    def log_probability(self, points: Tensor) -> Tensor:
        """Return log P(finishes), shape (b,), at ``points`` (b, d)."""
        mean, sd = self._model.predict(points)
        return log_ndtr(mean.squeeze(1) / (sd.squeeze(1).square() + _SLACK).sqrt())
