"""Parameter scopes as ngspice's numparam has them.

Parameters of one scope may refer to each other in any order. In a call of a subcircuit the given
values replace the defaults first, those of ``.param`` lines in its body included (with
``ngbehavior=hsa``); a value that names another parameter of the callee means the callee's; one that
names itself (``w={w}``) means the caller's. Names that a scope lacks are looked up in the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping

from spiceloop.circuit.pdk.expressions import Expression, UnresolvedError, parse
from spiceloop.circuit.pdk.together import Together

__all__ = ["Pairs", "Scope", "ordered", "refilled", "resolve"]

_OPENS = ("{", "'", '"')
_OFTEN = 3

Parameters = tuple[tuple[str, str], ...]
Pairs = tuple[tuple[str, Expression | None], ...]


def ordered(parameters: Parameters) -> Pairs:
    """Sort a scope's parameters so that each follows those it needs; the last of a name wins.

    What cannot be parsed, or depends on itself through others, comes with None.
    """
    texts = dict(parameters)
    parsed: dict[str, Expression | None] = {}
    for name, text in texts.items():
        # "{a} + b" is read differently by different versions of ngspice, and of "a / b" ngspice
        # 39 reads the a alone.
        if "}" in text.rstrip()[:-1] or (text[:1] not in _OPENS and len(text.split()) > 1):
            parsed[name] = None
        else:
            parsed[name] = _parsed(text)
    done: dict[str, Expression | None] = {}
    active: set[str] = set()

    def visit(name: str) -> bool:
        """Order what ``name`` needs; False for a cycle."""
        if name in done:
            return True
        if name in active:
            return False
        active.add(name)
        expression = parsed[name]
        if expression is not None:
            for other in sorted(expression.names & parsed.keys() - {name}):
                if not visit(other):
                    expression = None
        active.discard(name)
        done[name] = expression
        return True

    for name in parsed:
        visit(name)
    return tuple(done.items())


def refilled(pairs: Pairs, numbers: Mapping[str, str]) -> Pairs:
    """Put numbers in place of others in an `ordered` scope: its order stays."""
    return tuple((n, _parsed(numbers[n]) if n in numbers else e) for n, e in pairs)


def _parsed(text: str) -> Expression | None:
    try:
        return parse(text)
    except UnresolvedError:
        return None


class Scope:
    """An `ordered` scope that is resolved again and again, soon by a function of its own."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self._times = 0
        self._together: Together | None = None

    def resolve(self, outer: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
        """Do what the function `resolve` does."""
        self._times += 1
        if self._times == _OFTEN:
            known = [(name, e) for name, e in self.pairs if e is not None]
            if len(known) == len(self.pairs):
                self._together = Together(known, chained=True)
        if self._together is not None:
            inside = dict(outer)
            values = self._together.evaluate(inside)
            if values is not None:
                return values, inside
        return resolve(self.pairs, outer)


def resolve(pairs: Pairs, outer: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Evaluate an `ordered` scope.

    Returns the values that could be worked out and the environment inside the scope, where an
    unresolved name hides the outer one.
    """
    inside = dict(outer)
    values: dict[str, float] = {}
    for name, expression in pairs:
        try:
            if expression is None:
                raise UnresolvedError(name)
            values[name] = inside[name] = expression.evaluate(inside)
        except UnresolvedError:
            inside.pop(name, None)
    return values, inside
