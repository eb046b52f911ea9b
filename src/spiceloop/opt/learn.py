"""From a study's history to its model, with length scales that are fitted now and then.

A fit takes longer than all else once there are dozens of trials and outputs, and one more trial
among a hundred hardly moves it. So length scales are those of the history as it was when it had a
tenth less at most, found once for all the trials since; everything else (outputs, means,
covariances) is of now. The model stays a function of the history: who asks in another process, or
after a pause, fits that earlier history again and gets the same.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from spiceloop.opt.base import Floats, History, Task
from spiceloop.opt.fit import fit_length_scales
from spiceloop.opt.model import NOISE, Surrogate, condition
from spiceloop.opt.outputs import Outputs, model_outputs

__all__ = ["learn"]

# Up to so many trials each one counts; then the history has to grow by this factor.
_FEW, _GROWTH = 20, 1.1
# Finished trials that length scales are fitted to at least, while there are more.
_LEAST = 2


def learn(task: Task, history: History) -> tuple[Outputs, Surrogate]:
    """Return the outputs and the model of a history with at least one finished trial."""
    outputs = model_outputs(task, history)
    n = _fitted_rows(len(history.x))
    known = outputs
    # An earlier history of failures only tells no length scale.
    if n < len(history.x) and np.count_nonzero(~history.failed[:n]) >= _LEAST:
        known = model_outputs(task, _first(history, n))
    scales = _length_scales(known.x.tobytes(), known.y.tobytes(), len(known.x))
    return outputs, condition(scales, torch.as_tensor(outputs.x), torch.as_tensor(outputs.y), NOISE)


def _fitted_rows(n: int) -> int:
    """Return how many of ``n`` trials the length scales are fitted to."""
    fitted = min(n, _FEW)
    while int(fitted * _GROWTH) <= n and n > _FEW:
        fitted = int(fitted * _GROWTH)
    return fitted


def _first(history: History, n: int) -> History:
    start = history.start if history.start is not None and history.start < n else None
    return replace(
        history,
        x=history.x[:n],
        metrics=history.metrics[:n],
        failed=history.failed[:n],
        n_asked=n,
        start=start,
        timing=None,
    )


@lru_cache(maxsize=8)
def _length_scales(x: bytes, y: bytes, n: int) -> Floats:
    """Return the length scales (m, d); the arrays come as their bytes, which can be looked up."""
    return fit_length_scales(
        np.frombuffer(x).reshape(n, -1), np.frombuffer(y).reshape(n, -1), NOISE
    )
