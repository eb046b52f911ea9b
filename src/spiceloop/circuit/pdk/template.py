"""Read a deck once for all its designs, which differ in the numbers on ``.param`` cards only.

The numbers of top-level ``.param`` cards are covered by a mark; what is left is the same text for
every design of a testbench, read and looked through once. A deck that a mark could make read
otherwise is read as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from spiceloop.circuit.pdk.reading import ParsedDeck, read_deck
from spiceloop.circuit.pdk.scope import Pairs, ordered, refilled
from spiceloop.circuit.pdk.sight import Sight, look

__all__ = ["Design", "read_design"]

_MARK = "9.87654321012345"
_SMALL = f"{_MARK}e-99"  # for numbers with an exponent, for the e is a letter
_NUMBER = re.compile(r"=\s*(-?\d+(?:\.\d+)?(e[+-]\d+)?)(?!\S)")
_LONGEST = 1 << 20  # characters of a text that is worth keeping


@dataclass(frozen=True)
class Design:
    """One design's deck. ``deck`` may hold marks in ``lines``, ``texts`` and ``top.parameters``.

    ``lines`` are the design's own, ``scope`` its top-level parameters.
    """

    deck: ParsedDeck
    sight: Sight
    lines: list[str]
    scope: Pairs


@dataclass(frozen=True)
class _Template:
    deck: ParsedDeck
    sight: Sight
    scope: Pairs
    marked: tuple[str, ...]  # names of the parameters that were covered, in the deck's order
    held: frozenset[str]  # those of them that no later card gives again


def read_design(text: str, file_name: str) -> Design:
    """Sort a deck's lines; ``file_name`` is that of the PDK's library (see `read_deck`)."""
    lines = text.splitlines()
    masked, numbers = _masked(lines)
    if len(text) <= _LONGEST and _MARK not in text:
        template = _template("\n".join(masked), file_name)
        if len(template.marked) == len(numbers):
            given = dict(zip(template.marked, numbers, strict=True))  # the last of a name wins
            scope = refilled(template.scope, {name: given[name] for name in template.held})
            return Design(template.deck, template.sight, lines, scope)
    deck = read_deck(text, file_name)
    return Design(deck, look(deck), lines, ordered(deck.top.parameters))


def _masked(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Cover the numbers of top-level ``.param`` cards; return the lines and the numbers."""
    masked, numbers, depth = list(lines), list[str](), 0

    def cover(match: re.Match[str]) -> str:
        numbers.append(match[1])
        return "=" + (_SMALL if match[2] else _MARK)

    for number, line in enumerate(lines):
        if line[:1] != ".":
            continue
        start = line[:7].lower()
        if start == ".subckt":
            depth += 1
        elif start[:5] == ".ends":
            depth -= 1
        elif start[:6] == ".param" and not depth:
            masked[number] = _NUMBER.sub(cover, line)
    return masked, numbers


@lru_cache(maxsize=16)
def _template(text: str, file_name: str) -> _Template:
    deck = read_deck(text, file_name)
    parameters = deck.top.parameters
    marked = tuple(name for name, value in parameters if value in (_MARK, _SMALL))
    held = frozenset(name for name, value in dict(parameters).items() if value in (_MARK, _SMALL))
    return _Template(deck, look(deck), ordered(parameters), marked, held)
