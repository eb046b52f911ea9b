"""``.param`` cards: which names they define, and where the values stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["FUNCTIONS", "Assignment", "assignments", "used_names"]

_PARAM = re.compile(r"\.param[^ \t]*", re.IGNORECASE | re.ASCII)
_FUNCTION = re.compile(r"[A-Za-z_]\w*\s*\([^()]*\)\s*\Z", re.ASCII)
_LONGEST = 500  # characters of a function's name and arguments
_OPEN, _CLOSE = "({[", ")}]"
_BRACED = re.compile(r"\{([^}]*)\}|'([^']*)'|=\s*([A-Za-z_]\w*)(?![\w(.])", re.ASCII)
_WORD = re.compile(r"(?<![\w.$@#\\])[A-Za-z_]\w*(?![\w(])", re.ASCII)

# ngspice's functions for .param expressions. A parameter of such a name (Ln is a likely one) can
# be defined but not used.
_FUNCTIONS = """
    abs acos acosh agauss arctan asin asinh atan atanh aunif ceil cos cosh exp floor gauss int limit
    ln log log10 max min nint pow pwr sgn sin sinh sqr sqrt tan tanh ternary_fcn unif
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())

# What ngspice itself defines inside expressions.
_BUILT_IN = frozenset(
    {"temper", "hertz", "time", "pi", "e", "c", "i", "kelvin", "echarge", "boltz"}
)


@dataclass(frozen=True)
class Assignment:
    """``name = value`` inside a card; the value's text is ``card[start:end]``."""

    name: str
    value: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def assignments(card: str) -> tuple[Assignment, ...]:
    """Return the assignments of a ``.param`` card in order; () for any other card.

    A function definition (``.param f(x) = …``) is none.
    """
    head = _PARAM.match(card)
    if not head:
        return ()
    signs = list(_equal_signs(card, head.end()))
    names = [_name_before(card, head.end(), sign) for sign in signs]
    found = []
    for k, (sign, name) in enumerate(zip(signs, names, strict=True)):
        if name is None:
            continue
        end = _next_start(card, signs, names, k)
        start = sign + 1
        value = card[start:end]
        start += len(value) - len(value.lstrip())
        found.append(
            Assignment(card[slice(*name)], value.strip(), start, start + len(value.strip()))
        )
    return tuple(found)


def _name_before(card: str, start: int, sign: int) -> tuple[int, int] | None:
    """Return where the name that ends in front of a ``=`` begins and ends, if there is one."""
    end = sign
    while end > start and card[end - 1].isspace():
        end -= 1
    begin = end
    while begin > start and card[begin - 1].isascii() and _is_word(card[begin - 1]):
        begin -= 1
    while begin < end and card[begin].isdigit():
        begin += 1
    return (begin, end) if begin < end else None


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _next_start(card: str, signs: list[int], names: list[tuple[int, int] | None], k: int) -> int:
    if k + 1 == len(signs):
        return len(card)
    name = names[k + 1]
    if name is not None:
        return name[0]
    # The next one defines a function: its name stands before the parenthesis.
    start = max(signs[k] + 1, signs[k + 1] - _LONGEST)
    function = _FUNCTION.search(card, start, signs[k + 1])
    return function.start() if function else signs[k + 1]


def _equal_signs(card: str, start: int) -> Iterator[int]:
    """Yield the assigning ``=`` signs: outside braces and quotes, no part of a comparison."""
    depth, quote = 0, ""
    for k in range(start, len(card)):
        char = card[k]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPEN:
            depth += 1
        elif char in _CLOSE:
            depth = max(0, depth - 1)
        elif (
            char == "=" and depth == 0 and card[k - 1] not in "<>!=" and card[k + 1 : k + 2] != "="
        ):
            yield k


def used_names(card: str) -> Iterator[str]:
    """Yield the names that a card's expressions use, in lower case, built-in ones left out."""
    for braced, quoted, bare in _BRACED.findall(card):
        for word in _WORD.findall(bare or braced or quoted):
            if word.lower() not in _BUILT_IN:
                yield word.lower()
