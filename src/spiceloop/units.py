"""SPICE and human numbers in, engineering notation out. SI floats in between.

SPICE's suffixes ignore case: ``m`` and ``M`` are both milli, and mega is ``meg``. Writing ``1M``
for a megohm is the classic mistake, so a capital ``M`` alone is refused with a hint.
"""

from __future__ import annotations

import math
import re

from quantiphy import Quantity

from spiceloop.errors import UnitError

__all__ = ["format_si", "parse_spice"]

_SCALE = {
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "k": 1e3,
    "mil": 25.4e-6,
    "m": 1e-3,
    "u": 1e-6,
    "µ": 1e-6,
    "μ": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
    "a": 1e-18,
}
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-zµμΩ°%]*)\s*\Z")


def parse_spice(text: str | float) -> float:
    """Read a number as ngspice does: ``4u`` → 4e-6, ``1meg`` → 1e6, ``10pF`` → 1e-11.

    Letters after the suffix are a unit and ignored. Raises `UnitError` for what is no number, and
    for a lone capital ``M`` or one before a unit (``1M``, ``1MHz``): SPICE would read milli.
    """
    if isinstance(text, int | float):
        return float(text)
    match = _NUMBER.match(text)
    if not match:
        raise UnitError(f"cannot read {text!r} as a number; expected e.g. 4u, 1meg, 2.5e-9")
    mantissa, tail = match.groups()
    if tail.startswith("M") and not tail.lower().startswith(("meg", "mil")):
        raise UnitError(
            f"{text!r} is ambiguous: SPICE reads M as milli; write {mantissa}meg for mega "
            f"or {mantissa}m for milli"
        )
    lower = tail.lower()
    for suffix, scale in _SCALE.items():  # meg and mil stand before m
        if lower.startswith(suffix):
            return float(mantissa) * scale if scale >= 1 else float(f"{mantissa}") * scale
    return float(mantissa)


def format_si(value: float, unit: str = "", digits: int = 4) -> str:
    """Write a number in engineering notation for people: ``format_si(4e-6, "m")`` → ``4 µm``."""
    if not math.isfinite(value):
        return str(value)
    if unit in {"%", "dB", "deg", "°"}:
        return f"{value:.{digits}g} {unit}"
    return Quantity(value, unit).render(prec=digits - 1)
