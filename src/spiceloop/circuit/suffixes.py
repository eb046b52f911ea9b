"""Numbers in a deck that ngspice reads otherwise than their writer probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from spiceloop.circuit.logical import LogicalLine

__all__ = ["suspicious_numbers"]

_TOKEN = re.compile(r"(?<![\w.#@\[$µμ])([0-9]++\.?+[0-9]*+|\.[0-9]++)([A-Za-zµμ][\wµμ]*)")
_FREE_TEXT = (".title", "echo", "*#echo", "set", "shell", ".inc", ".lib", "plot", "hardcopy")


def suspicious_numbers(card: LogicalLine) -> Iterator[str]:
    """Yield a line for each number whose suffix is a likely mistake, e.g. ``1M`` for a mega.

    How ngspice 39 reads each was seen by experiment, see ``tests/oracle/test_suffixes.py``.
    """
    if card.word.startswith(_FREE_TEXT):
        return
    first = len(card.text.split(maxsplit=1)[0]) if card.text else 0
    for match in _TOKEN.finditer(card.text, first):
        if why := _why(card, *match.groups()):
            yield f"{match.group()}: {why}"


def _why(card: LogicalLine, digits: str, suffix: str) -> str:
    lower = suffix.lower()
    if suffix.startswith("M") and not lower.startswith(("meg", "mil")):
        return f"SPICE reads M as milli; write {digits}meg for mega or {digits}m for milli"
    if re.fullmatch(r"(meg|[tgkmunpf])[0-9]+", lower):
        letters = lower.rstrip("0123456789")
        after = lower[len(letters) :]
        return f"ngspice drops what follows the suffix; write {digits}.{after}{letters}"
    if suffix.startswith("μ"):
        return f"ngspice does not know the Greek letter μ and ignores it; write {digits}u"
    param = card.word.startswith(".param")
    if suffix.startswith("µ") and param:
        return f"ngspice reads no µ in a .param; write {digits}u"
    if lower.startswith("mil") and param:
        return "ngspice reads mil as milli in a .param, as 25.4 µm elsewhere; write it in metres"
    if suffix == "F" and card.word.startswith("c"):
        return f"SPICE reads F as femto; write {digits} for farads or {digits}f for femtofarads"
    if lower == "a":
        return f"ngspice 39 ignores the a, later versions read atto; write {digits} or {digits}e-18"
    return ""
