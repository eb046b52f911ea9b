"""The confidence interval of a yield: of a proportion, from how many of how many passed."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONFIDENCE", "Interval", "interval"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """``low`` and ``high`` are parts of one."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2


def interval(passed: int, total: int, confidence: float = CONFIDENCE) -> Interval:
    """Return the exact interval of Clopper and Pearson (Biometrika 26, 1934).

    It holds the true yield in at least ``confidence`` of all runs, small ones too, so it is never
    narrower than it may claim. Without any sample it is the whole range.
    """
    from scipy.stats import beta

    if total == 0:
        return Interval(0.0, 1.0)
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, passed, total - passed + 1)) if passed else 0.0
    high = float(beta.ppf(1 - tail, passed + 1, total - passed)) if passed < total else 1.0
    return Interval(low, high)
