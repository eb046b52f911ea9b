"""SPICE and human numbers in, engineering notation out. SI floats in between.

SPICE's suffixes ignore case: ``m`` and ``M`` are both milli, and mega is ``meg``. Writing ``1M``
for a megohm is the classic mistake, so a capital ``M`` is refused with a hint. So are ``a``, which
ngspice 39 takes for a unit and later versions for atto, and what is a unit to people and a suffix
to SPICE: ``1 F``, ``300 K``, ``2 min``.
"""

from __future__ import annotations

import decimal
import math
import re
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from spiceloop.errors import UnitError

if TYPE_CHECKING:
    from quantiphy import Quantity

__all__ = ["PLAIN_UNITS", "format_si", "parse_duration", "parse_spice"]

# Longer suffixes first: meg and mil begin with m.
_SCALE = {
    "meg": "1e6",
    "mil": "25.4e-6",
    "t": "1e12",
    "g": "1e9",
    "k": "1e3",
    "m": "1e-3",
    "u": "1e-6",
    "µ": "1e-6",  # micro sign
    "μ": "1e-6",  # Greek letter mu
    "n": "1e-9",
    "p": "1e-12",
    "f": "1e-15",
}
_LETTER = "A-Za-zµμΩΩ°%"
_NUMBER = re.compile(
    rf"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    rf"\s*([{_LETTER}]*)(?:/[{_LETTER}√()]+)*\s*\Z"
)
# Written with a blank, as a unit is, and a suffix to SPICE.
_UNITS_ALONE = {"F": "femto", "K": "kilo"}
_SECONDS = {"": 1.0, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"\s*(\d+\.?\d*(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*")
_LONGEST = 400  # characters; the search takes their square
_POWER = re.compile(r"([A-Za-zΩ]+)(\^[23]|[²³])(.*)\Z")
# A unit that has its prefix already, as a problem file may declare it: 0.5 µm is not 500 mµm.
_PREFIXED = re.compile(r"[fpnuµμmkMGT](?:m|s|g|V|A|W|F|H|S|C|J|K|Hz|Ohm|Ω|Ω)(?:/.*)?\Z")
# Units that take no prefix: 1000 dB is not 1 kdB.
PLAIN_UNITS = frozenset({"%", "dB", "dBm", "dBV", "deg", "°", "°C", "ppm"})


def parse_spice(text: str | float) -> float:
    """Read a number as ngspice does: ``4u`` → 4e-6, ``1meg`` → 1e6, ``10 pF`` → 1e-11.

    Letters after the suffix are a unit and ignored. The result is the float nearest to the decimal
    text. Raises `UnitError` for what is no finite number, for a capital ``M`` that is not ``Meg``
    or ``Mil`` (``1M``, ``1MHz``: SPICE would read milli), for the suffix ``a``, and for ``1 F``,
    ``300 K`` and ``2min``.
    """
    if isinstance(text, int | float):
        return float(text)
    if len(text) > _LONGEST:
        raise UnitError(f"cannot read {text[:20]!r}… as a number: it has {len(text)} characters")
    match = _NUMBER.match(text)
    if not match:
        raise UnitError(f"cannot read {text!r} as a number; expected e.g. 4u, 1meg, 2.5e-9")
    mantissa, tail = match.groups()
    lower = tail.lower()
    if tail.startswith("M") and not lower.startswith(("meg", "mil")):
        raise UnitError(
            f"{text!r} is ambiguous: SPICE reads M as milli; write {mantissa}meg for mega "
            f"or {mantissa}m for milli"
        )
    if lower.startswith("a"):
        raise UnitError(
            f"{text!r} is ambiguous: ngspice 39 ignores the a, later versions read atto; "
            f"write {mantissa} for a plain number or {mantissa}e-18 for atto"
            if "e" not in mantissa.lower()
            else f"{text!r} is ambiguous: leave out {tail!r}"
        )
    meant = _UNITS_ALONE.get(tail) if match.start(2) > match.end(1) else None
    if meant or lower.startswith("min"):
        raise UnitError(
            f"{text!r} is ambiguous: SPICE reads {tail} as {meant or 'milli'}; write {mantissa} "
            f"for a plain number or {mantissa}{tail[0].lower()} for {meant or 'milli'}"
        )
    scale = next((s for suffix, s in _SCALE.items() if lower.startswith(suffix)), "1")
    try:
        value = float(decimal.Decimal(mantissa) * decimal.Decimal(scale))
    except (decimal.InvalidOperation, decimal.Overflow):
        value = math.inf
    if not math.isfinite(value):
        raise UnitError(f"{text!r} is too large for a number")
    return value


def parse_duration(text: str) -> tuple[float, bool]:
    """Read a time, ``90``, ``60s``, ``2 min``, ``1h``: seconds, and whether a unit was given.

    Raises `UnitError` for anything else.
    """
    match = _DURATION.fullmatch(text) if len(text) <= _LONGEST else None
    factor = _SECONDS.get(match[2].lower()) if match else None
    if not match or factor is None:
        raise UnitError(f"cannot read {text[:40]!r} as a time; expected e.g. 60s, 2min or 1h")
    return float(match[1]) * factor, bool(match[2])


def format_si(value: float, unit: str = "", digits: int = 4) -> str:
    """Write a number in engineering notation for people: ``format_si(4e-6, "m")`` → ``4 µm``.

    ``digits`` are significant digits; trailing zeros are left out. `PLAIN_UNITS`, and units that
    have a prefix already (``µm``), get none. Mega is ``M``, as people write
    it, so what `parse_spice` takes is not always what this gives.
    """
    if not math.isfinite(value):
        return f"{value} {unit}".rstrip()
    if unit in PLAIN_UNITS or _PREFIXED.match(unit):
        return f"{value:.{digits}g} {unit}"
    if power := _POWER.match(unit):
        return _power(value, power.group(1), power.group(2), power.group(3), digits)
    return str(_quantity()(value, unit).render(prec=digits - 1)).rstrip()


def _power(value: float, base: str, sign: str, rest: str, digits: int) -> str:
    """Write m², V²/Hz and the like: a prefix counts to the power, 1 µm² is 1e-12 m²."""
    exponent = 3 if sign in {"^3", "³"} else 2
    order = math.floor(math.log10(abs(value))) if value else 0
    thousands = min(3, max(-5, order // (3 * exponent)))
    scaled = value / 10.0 ** (3 * exponent * thousands)
    return f"{scaled:.{digits}g} {'fpnµm kMG'[thousands + 5].strip()}{base}{sign}{rest}"


@cache
def _quantity() -> type[Quantity]:
    # A class of our own: preferences set on Quantity itself would be global to the process.
    from quantiphy import Quantity

    class Si(Quantity):
        map_sf: ClassVar[dict[str, str]] = {"u": "µ"}

    return Si
