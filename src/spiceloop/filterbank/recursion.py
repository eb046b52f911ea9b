"""A band-pass H(s) as a short recursion in time: exact poles, fitted zeros.

The poles go to z = exp(s/fs) exactly. What is left, H(jω)·D(e^{jω}) with D the two-pole
denominator, is a smooth function of ω whatever f0 and Q are: a few fixed FIR pre-filters, common to
all channels, span it. They are the leading singular vectors of that family; a channel's weights on
them are the least-squares fit to H(jω) itself (not to H·D), up to `BAND` of the Nyquist frequency,
so no bilinear or impulse-invariant warping enters. The weights are differentiable functions of the
poles and the gain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spiceloop.filterbank.elements import Transfer

__all__ = ["BAND", "PREFILTERS", "TAPS", "Recursion", "discretize", "prefilter_taps"]

BAND = 0.9375  # of Nyquist: 7.5 kHz at 16 kHz
PREFILTERS = 4
TAPS = 48
_BEYOND = 1e-2  # weight of the band's edge beyond BAND, against a blow-up there


@dataclass(frozen=True)
class Recursion:
    """y[n] = Σ_k weights[k]·u_k[n] - a1·y[n-1] - a2·y[n-2], u_k the pre-filtered input.

    ``rows``: (PREFILTERS + 2, channels): the weights, then a1, then a2.
    """

    rows: Tensor


def discretize(transfer: Transfer, sample_rate: float) -> Recursion:
    """Return the recursion of every channel at ``sample_rate`` (Hz); differentiable, float64."""
    d1, d0, b = (
        v.double() / sample_rate**k
        for v, k in ((transfer.d1, 1), (transfer.d0, 2), (transfer.b, 1))
    )
    a2 = (-d1).exp()
    a1 = -2 * (-d1 / 2).exp() * _cos_sqrt(d0 - d1 * d1 / 4)
    grid = _grid()
    w = torch.from_numpy(grid.w)
    delay = torch.from_numpy(grid.delay)
    # Wanted H and the available shapes F_k/D, (channels, frequencies[, k]), real and imaginary.
    wanted = 1j * w * b[:, None] / ((d0[:, None] - w * w) + 1j * w * d1[:, None])
    denominator = 1 + a1[:, None] * delay + a2[:, None] * delay * delay
    shapes = torch.from_numpy(grid.shapes)[None] / denominator[..., None]
    matrix = torch.view_as_real(shapes).transpose(2, 3).flatten(1, 2)
    target = torch.view_as_real(wanted).flatten(1)
    # Normal equations, in double: only four columns, and lstsq's derivative takes far longer.
    transposed = matrix.mT
    weights = torch.linalg.solve(transposed @ matrix, transposed @ target[..., None])[..., 0]
    return Recursion(torch.cat([weights.T, a1[None], a2[None]]))


def _cos_sqrt(x: Tensor) -> Tensor:
    """Return cos(√x), which is cosh(√-x) for negative x, smooth through zero."""
    near = x.abs() < 1e-4
    series = 1 - x / 2 * (1 - x / 12 * (1 - x / 30))
    positive = torch.where(near | (x < 0), 1.0, x).sqrt().cos()
    negative = torch.where(near | (x > 0), 1.0, -x).sqrt().cosh()
    return torch.where(near, series, torch.where(x > 0, positive, negative))


@dataclass(frozen=True)
class _Grid:
    """Frequencies of the fit in rad/sample and what the pre-filters do there."""

    w: NDArray[np.float64]  # (frequencies,)
    delay: NDArray[np.complex128]  # e^{-jw}
    shapes: NDArray[np.complex128]  # (frequencies, PREFILTERS)


@lru_cache(maxsize=1)
def _grid() -> _Grid:
    w = _frequencies(200)
    return _Grid(w, np.exp(-1j * w), _spectra(w) @ prefilter_taps().T)


def _frequencies(count: int) -> NDArray[np.float64]:
    """Half evenly, half logarithmically spaced up to the band's edge, in rad/sample."""
    edge = math.pi * BAND
    return np.unique(
        np.concatenate(
            [np.linspace(edge / count, edge, count), np.geomspace(edge / 300, edge, count)]
        )
    )


def _spectra(w: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return e^{-jw(m - TAPS/2 + 1)} for every tap m, (frequencies, TAPS)."""
    spectra: NDArray[np.complex128] = np.exp(-1j * np.outer(w, np.arange(TAPS) - TAPS // 2 + 1))
    return spectra


@lru_cache(maxsize=1)
def prefilter_taps() -> NDArray[np.float64]:
    """Return the common FIR pre-filters, (PREFILTERS, TAPS); tap m delays by m - TAPS/2 + 1.

    They are found once a process from a grid of f0 (0.6 % to 100 % of Nyquist) and Q (0.5 to 16).
    """
    w = _frequencies(120)
    z1 = np.exp(-1j * w)
    beyond = _BEYOND * _spectra(np.linspace(math.pi * BAND, math.pi, 20)[1:])
    spectra = _spectra(w)
    found = []
    for w0 in math.pi * np.geomspace(0.006, 1.0, 10):
        for q in (0.5, 1.0, 3.0, 16.0):
            poles = np.roots([1, w0 / q, w0 * w0]).astype(complex)
            denominator = np.prod([1 - np.exp(p) * z1 for p in poles], axis=0)
            wanted = 1j * w * w0 / q / (w0 * w0 - w * w + 1j * w * w0 / q)
            inside = spectra / denominator[:, None]
            matrix = np.vstack([inside.real, inside.imag, beyond.real, beyond.imag])
            target = np.concatenate([wanted.real, wanted.imag, np.zeros(2 * len(beyond))])
            taps = np.linalg.lstsq(matrix, target, rcond=1e-10)[0]
            found.append(taps / np.linalg.norm(taps))
    return np.linalg.svd(np.array(found), full_matrices=False)[2][:PREFILTERS]
