"""Find the named scalars of one run in ngspice's text output and in its vectors."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from spiceloop.errors import UnitError
from spiceloop.sim.vector_names import spellings
from spiceloop.units import parse_spice

__all__ = ["Scalars", "merge", "normal_name", "scalars_in_text"]

_NUMBER = r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|nan|inf(?:inity)?)"
_PAIR = re.compile(
    rf"\s*(?P<name>[^\s=:][^=]*?)\s*=\s*(?P<value>{_NUMBER})(?P<imag>,{_NUMBER})?"
    r"(?P<unit>[A-Za-zµμΩ°%][^\s=]*)?(?=\s|$)",
    re.IGNORECASE,
)
_UNIT_ALONE = re.compile(r"\s+[A-Za-zµμΩ°%/]+(?=\s*$|\s+[^\s=]+\s*=)")
# What `meas` adds behind its result; not results of their own.
_MEAS_EXTRAS = frozenset({"at", "from", "to", "targ", "trig", "with"})
_FAILED = re.compile(r"^\s*\.?meas(?:ure)?\s+\w+\s+(\S+)\s.*failed!?\s*$", re.IGNORECASE)
_FAILED_VALUE = re.compile(r"^\s*(\S+)\s*=\s*failed\b", re.IGNORECASE)
_OPERATOR = re.compile(r"[-+*/(),\[\]^]")
# Letters that SPICE reads as a scale; "a" and "f" are left out: 1F and 1A are units to people.
_SCALES = "tgkmunpµμ"
_LONGEST_LINE = 2000  # no result of `meas` or `print` is longer; the search takes its square
_CLOSE = 2e-5  # print shows six significant digits at least


@dataclass
class Scalars:
    """Scalars found in the text: the last value of each name, and measures that failed last."""

    values: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)  # name → ngspice's line


@lru_cache(maxsize=4096)  # a testbench's names come again with every design
def normal_name(name: str) -> str:
    """Names compare in lower case and without blanks: ``v(a) - v(b)`` is ``v(a)-v(b)``."""
    return "".join(name.split()).lower()


def scalars_in_text(lines: Iterable[str]) -> Scalars:
    """Read ``name = value`` lines as ``meas``, ``print`` and ``echo`` write them."""
    found = Scalars()
    for whole in lines:
        if "=" not in whole:
            continue
        line = whole[:_LONGEST_LINE]
        failure = _FAILED.match(line) or _FAILED_VALUE.match(line)
        if failure:
            name = normal_name(failure.group(1))
            found.values.pop(name, None)
            found.failed[name] = line.strip()
            continue
        for name, value in _pairs(line):
            found.values[name] = value
            found.failed.pop(name, None)
    return found


def _pairs(line: str) -> Iterable[tuple[str, float]]:
    position, first = 0, True
    while match := _PAIR.match(line, position):
        position = match.end()
        raw = match.group("name").strip("\"'")
        if " " in raw and not _OPERATOR.search(raw):
            return  # a sentence such as "Doing analysis at TEMP = 27"
        name = normal_name(raw)
        if not first and name in _MEAS_EXTRAS:
            return
        first = False
        value = _value(match)
        if value is not None:
            yield name, value
        # "gain = 12 dB": skip a unit that stands alone, so that a further pair is found.
        unit = _UNIT_ALONE.match(line, position)
        if unit:
            position = unit.end()


def _value(match: re.Match[str]) -> float | None:
    text, imag, unit = match.group("value"), match.group("imag"), match.group("unit")
    if imag and float(imag[1:]) != 0.0:
        return None  # complex: no scalar measure
    if unit and unit[0].lower() in "af":
        return None
    if unit and unit[0].lower() in _SCALES:
        try:
            return parse_spice(text + unit)
        except UnitError:
            return None
    return float(text)


def merge(
    text: Scalars, plots: Iterable[Mapping[str, complex]], lets: frozenset[str]
) -> dict[str, float]:
    """Join text and length-one vectors; ``plots`` come oldest first, names as in ngspice.

    A line printed last says which value counts, its vector gives the digits that printing cut
    off. A name never printed is the newest plot's. A measure that failed last stays absent.
    """
    vectors: dict[str, list[float]] = {}
    for plot in plots:
        for name, number in plot.items():
            if number.imag == 0.0:
                vectors.setdefault(normal_name(name), []).append(number.real)
    found = {k: v[-1] for k, v in vectors.items() if k not in text.failed or k in lets}
    for name, printed in text.values.items():
        known = [v for key in (name, *spellings(name)) for v in vectors.get(key, [])]
        exact = (v for v in reversed(known) if _same(v, printed))
        found[name] = next(exact, printed)
    return found


def _same(exact: float, printed: float) -> bool:
    return math.isclose(exact, printed, rel_tol=_CLOSE)
