"""The model of `spiceloop.opt.ehvi` as it was, or is, for a given history."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from spiceloop.errors import StudyError
from spiceloop.opt.base import Floats, History, Task
from spiceloop.opt.explain.units import Units
from spiceloop.opt.feasibility import FailureModel
from spiceloop.opt.learn import learn
from spiceloop.opt.model import Surrogate
from spiceloop.opt.outputs import Outputs
from spiceloop.opt.thin import thinned
from spiceloop.opt.threads import one_thread

__all__ = ["LEAST", "Moment"]

# Finished trials that a model needs: with fewer, every answer is the prior's.
LEAST = 5


@dataclass(frozen=True)
class Moment:
    """What a study's history says by the optimizer's own model.

    The optimizer is a function of the history, so the model of an earlier moment is found again by
    giving it the history of that moment. ``history`` holds the trials that the model has.
    """

    task: Task
    history: History
    outputs: Outputs
    units: Units
    model: Surrogate

    @classmethod
    def of(cls, task: Task, history: History) -> Moment:
        """Fit the model. Raises `StudyError` for fewer than ``LEAST`` finished trials."""
        finished = int(np.count_nonzero(~history.failed))
        if finished < LEAST:
            raise StudyError(
                f"{finished} trial{'s' if finished != 1 else ''} finished; a model takes {LEAST}"
            )
        with one_thread():
            outputs, model = learn(task, history)
        history = thinned(task, history)
        return cls(task, history, outputs, Units.of(task, history, outputs), model)

    @property
    def n_goals(self) -> int:
        """The first outputs are the goals' losses."""
        return len(self.task.goals)

    @cached_property
    def failures(self) -> FailureModel | None:
        """The model of failed simulations; None where none has failed."""
        with one_thread():
            return FailureModel.learn(self.history.x, self.history.failed)

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Return posterior mean and standard deviation (b, m) of the outputs at points (b, d)."""
        with torch.no_grad(), one_thread():
            mean, sd = self.model.predict(torch.as_tensor(points))
        return mean.numpy(), sd.numpy()

    def gradient(self, point: Floats) -> tuple[Floats, Floats]:
        """Return the outputs' mean (m,) and its derivatives (m, d) at a point (d,)."""
        m = self.outputs.y.shape[1]
        # One copy of the point for each output, so that one pass gives all derivatives.
        copies = torch.as_tensor(np.tile(point, (m, 1))).requires_grad_()
        with one_thread():
            mean = self.model.predict(copies)[0].diagonal()
            (slopes,) = torch.autograd.grad(mean.sum(), copies)
        return mean.detach().numpy(), slopes.numpy()
