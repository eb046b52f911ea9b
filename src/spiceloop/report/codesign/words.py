"""Changes and differences as people read them."""

from __future__ import annotations

from spiceloop.kws.paired import Difference

__all__ = ["area", "change_words", "interval", "percent", "points", "verdict"]


def area(value: float | None) -> str:
    """Return an area given in m² in µm²: ``51 200 µm²``; a dash for what is missing."""
    return (
        "–"
        if value is None
        else f"{value * 1e12:,.0f} µm²".replace(",", "\N{NARROW NO-BREAK SPACE}")
    )


def percent(part: float, digits: int = 1) -> str:
    """Return a change in percent with its sign: ``−30.2 %`` of −0.302."""
    return f"{_signed(100 * part, digits)} %"


def points(part: float) -> str:
    """Return a difference of accuracies in points: ``−0.3`` of −0.003."""
    return _signed(100 * part, 1)


def interval(difference: Difference) -> str:
    """Return the ends of the 95 % interval in points: ``−1.2 to +0.6``."""
    return f"{points(difference.low)} to {points(difference.high)}"


def change_words(part: float, noun: str) -> str:
    """Return ``30.2 % less power``, or ``unchanged power``."""
    if abs(part) < 5e-4:
        return f"unchanged {noun}"
    return f"{abs(100 * part):.1f} % {'less' if part < 0 else 'more'} {noun}"


def verdict(difference: Difference) -> str:
    """Say what an interval allows to say."""
    if difference.low > 0:
        return "higher"
    return "lower" if difference.high < 0 else "not to be told apart"


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"
