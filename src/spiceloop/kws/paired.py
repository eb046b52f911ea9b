"""Two systems on the same clips: how far their accuracies differ, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["Difference", "paired_difference"]

_Z = 1.959963984540054  # 95 % of a normal distribution lie within


@dataclass(frozen=True)
class Difference:
    """Accuracy of one system minus that of another, with its 95 % interval; parts, not percent."""

    value: float
    low: float
    high: float


def paired_difference(wrong: Collection[int], other: Collection[int], clips: int) -> Difference:
    """Compare the system that mishears the clips ``wrong`` with the one that mishears ``other``.

    Both heard the same ``clips`` clips, so only those that one of them alone mishears count. The
    interval is that of Agresti and Min, "Simple improved confidence intervals for comparing matched
    proportions" (2005): half a clip is added to each of the four counts. It covers the choice of
    test clips, not that of the training's seed.
    """
    mine, others = set(wrong), set(other)
    won, lost = len(others - mine), len(mine - others)
    n = clips + 2
    centre = (won - lost) / n
    half = _Z * math.sqrt((won + lost + 1) / n - centre**2) / math.sqrt(n)
    value = (won - lost) / clips
    return Difference(value, min(centre - half, value), max(centre + half, value))
