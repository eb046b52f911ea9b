"""Why a design was proposed: the terms of the acquisition at its point.

The acquisition is that of `spiceloop.opt.ehvi.build_acquisition`,

    log EHVI + Σ log P(bound met) + log P(the simulation finishes) ,

or, in turns while every design breaks many bounds, the expected improvement of the total violation
in place of the first two. Of the expected improvement of the hypervolume, the part that the
predicted means alone would bring is exploiting what is known; the rest comes of the model's
uncertainty, and is exploring.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from spiceloop.opt.acquisition import LogEhvi, log_probability_between
from spiceloop.opt.base import Floats
from spiceloop.opt.ehvi import believing, build_acquisition, mending
from spiceloop.opt.explain.moment import Moment
from spiceloop.opt.explain.units import Interval
from spiceloop.opt.pareto import hypervolume
from spiceloop.opt.threads import one_thread

__all__ = ["Terms", "terms_at"]

# The predicted mean as a distribution: this share of its standard deviation.
_CERTAIN = 1e-4


@dataclass(frozen=True)
class Terms:
    """What the optimizer knew of a design before it was simulated.

    ``gain`` is the expected improvement of the hypervolume of the model's losses, each in units of
    its spread over the trials; ``volume`` is what the front had then, both in the objectives
    ``part``, which are all where there are five at most. ``gain`` is None where the total violation
    counted in its place. ``exploiting`` is the share of it that the predicted means
    bring. ``p_bounds`` has each bounded metric's probability to meet its bounds, ``p_finishes`` the
    simulation's to end. ``forecast`` has every metric. ``most_uncertain`` names the metric of the
    largest standard deviation relative to its spread.
    """

    gain: float | None
    volume: float
    part: tuple[int, ...]
    exploiting: float | None
    p_bounds: Mapping[str, float]
    p_finishes: float
    acquisition: float
    forecast: Mapping[str, Interval]
    most_uncertain: str

    @property
    def p_all(self) -> float:
        """Probability to meet every bound, metrics taken as independent."""
        return math.prod(self.p_bounds.values())

    @property
    def riskiest(self) -> str | None:
        """The metric whose bounds are the likeliest to be missed."""
        return min(self.p_bounds, key=lambda n: self.p_bounds[n], default=None)


def terms_at(moment: Moment, point: Floats) -> Terms:
    """Return the terms at a point (d,) for what was known at a moment."""
    with torch.no_grad(), one_thread():
        return _terms(moment, torch.as_tensor(point).reshape(1, -1))


def _terms(moment: Moment, at: torch.Tensor) -> Terms:
    outputs, units, k = moment.outputs, moment.units, moment.n_goals
    reference = torch.as_tensor(outputs.reference)
    pending = moment.history.pending
    model, front = believing(outputs, moment.model, pending)
    mean, sd = model.predict(at)
    p_bounds = {}
    for j, name in enumerate(units.names):
        if math.isfinite(outputs.lower[j]) or math.isfinite(outputs.upper[j]):
            one = slice(j, j + 1)
            args = (mean[:, one], sd[:, one])
            whole = torch.as_tensor(outputs.lower[one]), torch.as_tensor(outputs.upper[one])
            p_bounds[name] = math.exp(log_probability_between(*args, *whole).item())
    gain = exploiting = None
    turn = outputs.turn(pending)
    ehvi = LogEhvi(front, reference, turn)
    if mending(outputs, model, turn) is None:
        log_gain = ehvi(mean[:, :k], sd[:, :k]).item()
        certain = ehvi(mean[:, :k], _CERTAIN * sd[:, :k]).item()
        gain, exploiting = math.exp(log_gain), math.exp(min(0.0, certain - log_gain))
    acquisition = build_acquisition(outputs, moment.model, moment.failures, pending)
    log_finishes = moment.failures.log_probability(at).item() if moment.failures else 0.0
    means, sds = mean[0].tolist(), sd[0].tolist()
    return Terms(
        gain=gain,
        volume=hypervolume(front[:, ehvi.part].numpy(), outputs.reference[ehvi.part]),
        part=tuple(ehvi.part),
        exploiting=exploiting,
        p_bounds=p_bounds,
        p_finishes=math.exp(log_finishes),
        acquisition=acquisition(at).item(),
        forecast={n: units.interval(j, means[j], sds[j]) for j, n in enumerate(units.names)},
        most_uncertain=units.names[int(np.argmax(sds))],
    )
