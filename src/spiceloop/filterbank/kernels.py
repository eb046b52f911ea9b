"""The hot loops, compiled by numba: pre-filters, two-pole recursion, its adjoint, rectified means.

Layout: a clip's signals are (samples, channels), so that a time step handles all channels at once
in the processor's vector registers; rows are taken as views because numba can then prove the
accesses to be in range and vectorises the loop over channels.

Every kernel works on one clip and releases the interpreter's lock; `over_clips` spreads a batch
over threads. The order of all sums is fixed, so results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "ABS",
    "HALF",
    "SQUARE",
    "over_clips",
    "rectified_means",
    "rectified_means_adjoint",
    "run",
    "run_adjoint",
]

Array = NDArray[Any]

ABS, HALF, SQUARE = 0, 1, 2

# Added to every state: in silence the states would decay into denormal numbers, on which processors
# are some ten times slower. The products of two such states are still normal in float32.
_TINY = 1e-18

_compiled = njit(
    nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy", cache=True
)


@_compiled
def _convolve(padded: Array, taps: Array, out: Array) -> None:
    """out[n] = Σ_m taps[m]·padded[n + len(taps) - 1 - m]; the number of taps is a multiple of 8.

    Eight taps a pass: the output is read and written once for eight multiplications.
    """
    count = taps.shape[0]
    samples = out.shape[0]
    out[:] = 0
    for m in range(0, count, 8):
        t0, t1, t2, t3 = taps[m], taps[m + 1], taps[m + 2], taps[m + 3]
        t4, t5, t6, t7 = taps[m + 4], taps[m + 5], taps[m + 6], taps[m + 7]
        s = padded[count - 8 - m :]
        for n in range(samples):
            early = t0 * s[n + 7] + t1 * s[n + 6] + t2 * s[n + 5] + t3 * s[n + 4]
            out[n] += early + (t4 * s[n + 3] + t5 * s[n + 2] + t6 * s[n + 1] + t7 * s[n])


@_compiled
def _prefilter(x: Array, taps: Array, u: Array) -> None:
    """u[k, n] = Σ_m taps[k, m]·x[n - m + TAPS/2 - 1], zeros outside the clip."""
    filters, count = taps.shape
    padded = np.zeros(x.shape[0] + count, x.dtype)
    padded[count // 2 : count // 2 + x.shape[0]] = x
    for k in range(filters):
        _convolve(padded, taps[k], u[k])


@_compiled
def _recurse(u: Array, rows: Array, y: Array) -> None:
    """Fill y[2:]; y[0] and y[1] are the zero state before the first sample."""
    b0, b1, b2, b3, a1, a2 = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    channels = rows.shape[1]
    tiny = y.dtype.type(_TINY)
    y[0] = 0
    y[1] = 0
    for n in range(u.shape[1]):
        u0, u1, u2, u3 = u[0, n], u[1, n], u[2, n], u[3, n]
        now, before, earlier = y[n + 2], y[n + 1], y[n]
        for c in range(channels):
            drive = b0[c] * u0 + b1[c] * u1 + b2[c] * u2 + b3[c] * u3
            now[c] = drive - (a1[c] * before[c] + a2[c] * earlier[c]) + tiny


@_compiled
def _tiny_beside(g: Array) -> Any:
    """Return _TINY in proportion to the largest of g: the gradient of nothing is nothing."""
    peak = np.zeros(g.shape[1], g.dtype)
    for n in range(g.shape[0]):
        now = g[n]
        for c in range(peak.shape[0]):
            size = abs(now[c])
            peak[c] = size if size > peak[c] else peak[c]
    return g.dtype.type(_TINY) * peak.max()


@_compiled
def _adjoint(u: Array, rows: Array, y: Array, g: Array, tiny: Any, grad: Array) -> None:
    """Turn g (dL/dy, with two spare rows at its end) into the adjoint state λ; add to ``grad``.

    λ[n] = g[n] - a1·λ[n+1] - a2·λ[n+2]; dL/dweight_k = Σ λ[n]·u_k[n], dL/da_j = -Σ λ[n]·y[n-j].
    """
    a1, a2 = rows[4], rows[5]
    channels = rows.shape[1]
    samples = u.shape[1]
    g[samples] = 0
    g[samples + 1] = 0
    for back in range(samples):
        n = samples - 1 - back
        now, later, latest = g[n], g[n + 1], g[n + 2]
        for c in range(channels):
            now[c] -= a1[c] * later[c] + a2[c] * latest[c] - tiny
    # Separate passes: the compiler gives up where it must prove too many arrays distinct.
    g0, g1, g2, g3, ga1, ga2 = grad[0], grad[1], grad[2], grad[3], grad[4], grad[5]
    for n in range(samples):
        now = g[n]
        u0, u1, u2, u3 = u[0, n], u[1, n], u[2, n], u[3, n]
        for c in range(channels):
            g0[c] += now[c] * u0
            g1[c] += now[c] * u1
        for c in range(channels):
            g2[c] += now[c] * u2
            g3[c] += now[c] * u3
    for n in range(samples):
        now, before, earlier = g[n], y[n + 1], y[n]
        for c in range(channels):
            ga1[c] -= now[c] * before[c]
            ga2[c] -= now[c] * earlier[c]


@_compiled
def _input_gradient(rows: Array, adjoint: Array, taps: Array, gx: Array) -> None:
    """gx[i] = Σ_k Σ_m taps[k, m]·v_k[i + m - TAPS/2 + 1] with v_k[n] = Σ_c rows[k, c]·λ[n, c]."""
    filters, count = taps.shape
    samples = gx.shape[0]
    gx[:] = 0
    padded = np.zeros(samples + count, gx.dtype)
    part = np.empty(samples, gx.dtype)
    for k in range(filters):
        weights = rows[k]
        for n in range(samples):
            now = adjoint[n]
            total = weights[0] * now[0]
            for c in range(1, weights.shape[0]):
                total += weights[c] * now[c]
            padded[count // 2 - 1 + n] = total
        _convolve(padded, taps[k, ::-1].copy(), part)
        gx += part


@_compiled
def run(x: Array, taps: Array, rows: Array, y: Array) -> None:
    """Filter one clip x (samples,) into y (samples + 2, channels); see `_recurse`."""
    u = np.empty((taps.shape[0], x.shape[0]), x.dtype)
    _prefilter(x, taps, u)
    _recurse(u, rows, y)


@_compiled
def run_adjoint(
    x: Array, taps: Array, rows: Array, y: Array, g: Array, grad: Array, gx: Array
) -> None:
    """Gradients of one clip: ``grad`` like ``rows``; ``gx`` (samples,) unless it is empty.

    ``g`` (samples + 2, channels) holds dL/dy in its first rows and is overwritten.
    """
    u = np.empty((taps.shape[0], x.shape[0]), x.dtype)
    _prefilter(x, taps, u)
    grad[:] = 0
    _adjoint(u, rows, y, g, _tiny_beside(g[: x.shape[0]]), grad)
    if gx.shape[0] > 0:
        _input_gradient(rows, g, taps, gx)


@_compiled
def rectified_means(
    x: Array, taps: Array, rows: Array, hop: int, rectifier: int, out: Array
) -> None:
    """Means of the rectified outputs over consecutive ``hop`` samples: out (frames, channels).

    Neither the filtered signals nor the rectified ones leave the processor's cache.
    """
    channels = rows.shape[1]
    y = np.empty((x.shape[0] + 2, channels), x.dtype)
    run(x, taps, rows, y)
    scale = x.dtype.type(1.0 / hop)
    for frame in range(out.shape[0]):
        total = out[frame]
        total[:] = 0
        for n in range(frame * hop + 2, (frame + 1) * hop + 2):
            now = y[n]
            if rectifier == ABS:
                for c in range(channels):
                    total[c] += abs(now[c])
            elif rectifier == HALF:
                for c in range(channels):
                    total[c] += max(now[c], now[c] * 0)
            else:
                for c in range(channels):
                    total[c] += now[c] * now[c]
        for c in range(channels):
            total[c] *= scale


@_compiled
def rectified_means_adjoint(
    x: Array,
    taps: Array,
    rows: Array,
    hop: int,
    rectifier: int,
    gout: Array,
    grad: Array,
    gx: Array,
) -> None:
    """Gradients of `rectified_means`; the outputs are computed again rather than kept."""
    channels = rows.shape[1]
    samples = x.shape[0]
    u = np.empty((taps.shape[0], samples), x.dtype)
    y = np.empty((samples + 2, channels), x.dtype)
    g = np.empty((samples + 2, channels), x.dtype)
    _prefilter(x, taps, u)
    _recurse(u, rows, y)
    scale = x.dtype.type(1.0 / hop)
    used = gout.shape[0] * hop
    for frame in range(gout.shape[0]):
        weight = gout[frame]
        for n in range(frame * hop, (frame + 1) * hop):
            now, into = y[n + 2], g[n]
            if rectifier == ABS:
                for c in range(channels):
                    into[c] = np.sign(now[c]) * weight[c] * scale
            elif rectifier == HALF:
                for c in range(channels):
                    into[c] = weight[c] * scale if now[c] > 0 else now[c] * 0
            else:
                for c in range(channels):
                    into[c] = 2 * now[c] * weight[c] * scale
    g[used:] = 0
    grad[:] = 0
    _adjoint(u, rows, y, g, _tiny_beside(gout), grad)
    if gx.shape[0] > 0:
        _input_gradient(rows, g, taps, gx)


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="filterbank")


def over_clips(work: Callable[[int], None], clips: int) -> None:
    """Call ``work(clip)`` for every clip, on as many threads as torch may use."""
    threads = min(torch.get_num_threads(), clips)
    if threads <= 1:
        for clip in range(clips):
            work(clip)
        return

    def share(first: int) -> None:
        for clip in range(first, clips, threads):
            work(clip)

    for done in [_pool(threads).submit(share, first) for first in range(threads)]:
        done.result()
