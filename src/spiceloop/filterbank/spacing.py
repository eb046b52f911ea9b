"""Where the centre frequencies of a bank lie: equal steps on a stated scale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["SCALES", "spread"]

_Scale = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# Each scale and its inverse. Mel: O'Shaughnessy 1987; ERB rate: Glasberg and Moore 1990.
SCALES: dict[str, tuple[_Scale, _Scale]] = {
    "log": (np.log, np.exp),
    "linear": (lambda f: f, lambda f: f),
    "mel": (lambda f: 2595 * np.log10(1 + f / 700), lambda m: 700 * (10 ** (m / 2595) - 1)),
    "erb": (
        lambda f: 21.4 * np.log10(1 + 4.37e-3 * f),
        lambda e: (10 ** (e / 21.4) - 1) / 4.37e-3,
    ),
}


def spread(channels: int, low: float, high: float, scale: str = "log") -> NDArray[np.float64]:
    """Return ``channels`` frequencies in Hz from ``low`` to ``high``, equal steps on ``scale``.

    Raises ValueError for an unknown scale or a range that is none.
    """
    if scale not in SCALES:
        raise ValueError(f"no scale {scale!r}; there are {', '.join(SCALES)}")
    if channels < 1 or not 0 < low < high:
        raise ValueError(
            f"expected 0 < low < high and a channel or more, got {low}, {high}, {channels}"
        )
    there, back = SCALES[scale]
    ends = there(np.array([low, high]))
    return back(np.linspace(ends[0], ends[1], channels))
