"""Clips moved in time and played faster or slower, so that few speakers sound like more."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["warp"]


def warp(clips: Tensor, speed: NDArray[np.float32], shift: NDArray[np.float32]) -> Tensor:
    """Return clips (batch, samples) read at (n - middle)·``speed`` + middle + ``shift`` samples.

    Cubic interpolation (Catmull-Rom), zeros outside. ``speed`` and ``shift``: (batch,). float32.
    """
    if clips.device.type != "cpu":
        return _on_device(clips, speed, shift)
    source = np.ascontiguousarray(clips.numpy(), np.float32)
    out = np.empty_like(source)
    for i in range(len(source)):
        _read(source[i], float(speed[i]), float(shift[i]), out[i])
    return torch.from_numpy(out)


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def _read(x: Any, speed: float, shift: float, out: Any) -> None:
    samples = x.shape[0]
    middle = 0.5 * (samples - 1)
    first = middle - middle * speed + shift
    for n in range(samples):
        position = first + n * speed
        k = int(np.floor(position))
        if k < 1 or k + 2 >= samples:
            out[n] = 0.0
            continue
        f = np.float32(position - k)
        a, b, c, d = x[k - 1], x[k], x[k + 1], x[k + 2]
        inner = 2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)
        out[n] = b + np.float32(0.5) * f * (c - a + f * inner)


def _on_device(clips: Tensor, speed: NDArray[np.float32], shift: NDArray[np.float32]) -> Tensor:
    """The same on another device, by gathering."""
    samples = clips.shape[1]
    middle = 0.5 * (samples - 1)
    rate = torch.from_numpy(speed.astype(np.float64)).to(clips.device)[:, None]
    moved = torch.from_numpy(shift.astype(np.float64)).to(clips.device)[:, None]
    steps = torch.arange(samples, device=clips.device, dtype=torch.float64)
    position = middle - middle * rate + moved + steps * rate
    k = position.floor()
    inside = (k >= 1) & (k + 2 < samples)
    f = (position - k).float()
    index = k.long().clamp(1, samples - 3)
    a, b, c, d = (clips.gather(1, index + j) for j in (-1, 0, 1, 2))
    inner = 2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)
    return torch.where(inside, b + 0.5 * f * (c - a + f * inner), 0.0)
