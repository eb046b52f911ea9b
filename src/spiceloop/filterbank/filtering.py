"""The recursion as differentiable operations on a batch of waveforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spiceloop.filterbank import kernels
from spiceloop.filterbank.recursion import prefilter_taps

__all__ = ["RECTIFIERS", "filter_by_recursion", "rectified_means"]

RECTIFIERS = {"full-wave": kernels.ABS, "half-wave": kernels.HALF, "square": kernels.SQUARE}


def filter_by_recursion(x: Tensor, rows: Tensor) -> Tensor:
    """Filter ``x`` (batch, samples) by ``rows`` of a `Recursion`: (batch, channels, samples)."""
    y: Tensor = _Filter.apply(x, rows)  # type: ignore[no-untyped-call]
    return y


def rectified_means(x: Tensor, rows: Tensor, hop: int, rectifier: str) -> Tensor:
    """Filter, rectify and average over ``hop`` samples in one pass: (batch, channels, frames).

    Equal to rectifying `filter_by_recursion`'s output and averaging it, without the memory traffic.
    """
    y: Tensor = _RectifiedMeans.apply(x, rows, hop, RECTIFIERS[rectifier])  # type: ignore[no-untyped-call]
    return y


class _Filter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor) -> Tensor:
        wave, taps, table = _arrays(x, rows)
        clips, samples = wave.shape
        y = np.empty((clips, samples + 2, table.shape[1]), wave.dtype)
        kernels.over_clips(lambda i: kernels.run(wave[i], taps, table, y[i]), clips)
        ctx.save_for_backward(x, rows)
        ctx.y = y
        return torch.from_numpy(y)[:, 2:].transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        wave, taps, table = _arrays(*ctx.saved_tensors)
        y = ctx.y
        clips, samples = wave.shape
        g = np.empty_like(y)
        g[:, :samples] = grads[0].detach().transpose(1, 2).numpy()
        grad = np.empty((clips, *table.shape), wave.dtype)
        gx = np.empty_like(wave) if ctx.needs_input_grad[0] else wave[:, :0]
        kernels.over_clips(
            lambda i: kernels.run_adjoint(wave[i], taps, table, y[i], g[i], grad[i], gx[i]), clips
        )
        return _returned(ctx, grad, gx)


class _RectifiedMeans(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor, hop: int, rectifier: int) -> Tensor:
        wave, taps, table = _arrays(x, rows)
        clips, samples = wave.shape
        out = np.empty((clips, samples // hop, table.shape[1]), wave.dtype)
        kernels.over_clips(
            lambda i: kernels.rectified_means(wave[i], taps, table, hop, rectifier, out[i]), clips
        )
        ctx.save_for_backward(x, rows)
        ctx.averaging = hop, rectifier
        return torch.from_numpy(out).transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        wave, taps, table = _arrays(*ctx.saved_tensors)
        hop, rectifier = ctx.averaging
        gout = np.ascontiguousarray(grads[0].detach().transpose(1, 2).numpy(), wave.dtype)
        grad = np.empty((len(wave), *table.shape), wave.dtype)
        gx = np.empty_like(wave) if ctx.needs_input_grad[0] else wave[:, :0]

        def one(i: int) -> None:
            kernels.rectified_means_adjoint(
                wave[i], taps, table, hop, rectifier, gout[i], grad[i], gx[i]
            )

        kernels.over_clips(one, len(wave))
        return (*_returned(ctx, grad, gx), None, None)


def _arrays(x: Tensor, rows: Tensor) -> tuple[Any, Any, Any]:
    """Return waveform, pre-filters and coefficients as arrays of the waveform's type."""
    wave = np.ascontiguousarray(x.detach().numpy())
    taps = prefilter_taps().astype(wave.dtype)
    return wave, taps, np.ascontiguousarray(rows.detach().numpy(), wave.dtype)


def _returned(ctx: Any, grad: Any, gx: Any) -> tuple[Tensor | None, Tensor | None]:
    # The sum over clips in double: thousands of samples' terms have gone into each.
    rows = torch.from_numpy(grad.sum(0, dtype=np.float64)).to(ctx.saved_tensors[1].dtype)
    return (torch.from_numpy(gx) if ctx.needs_input_grad[0] else None), rows
