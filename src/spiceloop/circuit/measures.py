"""The names of the numbers that a deck will give, as far as its text tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from spiceloop.circuit.logical import LogicalLine

__all__ = ["analysis_names", "is_computed", "matches", "measure_names"]

_CARD = re.compile(r"\.?meas\w*\s+\w+\s+([^\s=]+)", re.IGNORECASE)
_LET = re.compile(r"let\s+([^\s=\[]+)\s*=", re.IGNORECASE)
_ECHO = re.compile(r"([A-Za-z_][\w.]*)\s*[=:]\s*\$", re.IGNORECASE)
_VARIABLE = re.compile(r"\{?\$&?[\w.]+(?:\[[^\]]*\])?\}?")
_SIMPLE = re.compile(r"[A-Za-z_@][\w.#@\[\]()-]*\Z")


def measure_names(lines: Iterable[LogicalLine]) -> dict[str, str]:
    """Return name → how the deck gives it: ``meas``, ``let``, ``print`` or ``echo``.

    Names as written, each once (ngspice ignores case). A name that a deck both computes with
    ``let`` and prints counts as printed: it is a number then, where ``let`` may be a vector.
    """
    found: dict[str, str] = {}
    spelling: dict[str, str] = {}
    for line in lines:
        for name, kind in _names(line):
            name = spelling.setdefault(name.lower(), name)
            if found.get(name) in {None, "let"}:
                found[name] = kind
    return found


_OF_ANALYSES = {"noise": ("onoise_total", "inoise_total"), "tf": ("transfer_function",)}


def analysis_names(lines: Iterable[LogicalLine]) -> frozenset[str]:
    """Return the fixed names of the numbers that a deck's analyses give without being asked."""
    words = {line.word.removeprefix("" if line.control else ".") for line in lines}
    return frozenset(name for word in words for name in _OF_ANALYSES.get(word, ()))


def is_computed(name: str) -> bool:
    """Whether a name is put together as the deck runs, as in ``meas ac gain_$k`` in a loop."""
    return "$" in name


def matches(name: str, key: str) -> bool:
    """Whether a deck's measure ``name`` may turn out as ``key``, without regard to case."""
    if not is_computed(name):
        return name.lower() == key.lower()
    pattern = ".+".join(re.escape(part) for part in _VARIABLE.split(name))
    return re.fullmatch(pattern, key, re.IGNORECASE) is not None


def _names(line: LogicalLine) -> Iterator[tuple[str, str]]:
    if not line.control:
        if line.word.startswith(".meas") and (card := _CARD.match(line.text)):
            yield card.group(1), "meas"
        return
    word = line.word
    if word in {"meas", "measure"}:
        if card := _CARD.match(line.text):
            yield card.group(1), "meas"
    elif word == "let":
        if let := _LET.match(line.text):
            yield let.group(1), "let"
    elif word == "print":
        for name in re.split(r"\s*>", line.text)[0].split()[1:]:
            if name.lower() not in {"line", "col", "all"} and _SIMPLE.match(name):
                yield name, "print"
    elif word == "echo":
        for name in _ECHO.findall(line.text):
            yield name, "echo"
