"""Many expressions as one Python function: most of what one of them takes is its call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from spiceloop.circuit.pdk.expressions import HELPERS, Expression, UnresolvedError, python_source

__all__ = ["Together"]

Values = dict[str, float]


class Together:
    """Named expressions that are worked out all at once, or not at all.

    With ``chained``, what is known gains each value for the expressions after it.
    """

    def __init__(self, pairs: Iterable[tuple[str, Expression]], *, chained: bool = False) -> None:
        self._function: Callable[[Mapping[str, float]], Values] | None = None
        lines, names = ["def together(e):"], []
        try:
            for number, (name, expression) in enumerate(pairs):
                target = f"e[{name!r}] = v{number}" if chained else f"v{number}"
                lines.append(f" {target} = float({python_source(expression.node)})")
                names.append(f"{name!r}: v{number}")
            lines.append(f" return {{{', '.join(names)}}}")
            space = dict(HELPERS, __builtins__={}, float=float)
            exec(compile("\n".join(lines), "<expressions>", "exec"), space)
        except (UnresolvedError, SyntaxError, RecursionError, MemoryError):
            return  # one at a time will tell which
        self._function = space["together"]

    def evaluate(self, known: Mapping[str, float]) -> Values | None:
        """Return the values by name; None if one cannot be worked out."""
        if self._function is None:
            return None
        try:
            values = self._function(known)
        except (
            UnresolvedError,
            KeyError,
            ArithmeticError,
            ValueError,
            TypeError,
            RecursionError,
        ):
            return None
        return values if all(map(math.isfinite, values.values())) else None
