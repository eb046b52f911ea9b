"""Parameter expressions of ngspice: ``{…}``, ``'…'`` and bare, worked out ahead of the simulator.

Only what ngspice 39 gives without surprise is evaluated; everything else raises `UnresolvedError`,
and the caller leaves the expression to ngspice. In particular the random functions are never
evaluated (ngspice draws them anew at each load; `Expression.with_draws` names the numbers that
stand in for them), nor a negative base with a fractional exponent, nor a name that only the
simulator knows (``temper``).

Peculiarities kept, each checked against ngspice by ``tests/oracle/pdk/test_pdk_expressions.py``:
``**`` and ``^`` group from the left and bind tighter than a sign before them (``-2**2`` is −4),
zero to any power is zero, ``log`` is the natural logarithm, ``1a`` is 1, ``1mil`` is 1e-3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import count
from typing import Any

__all__ = ["HELPERS", "Expression", "UnresolvedError", "parse", "python_source"]

Node = float | str | tuple[Any, ...]  # constant | name | (operator or function, *operands)


class UnresolvedError(Exception):
    """An expression that cannot, or should not, be evaluated outside ngspice."""


_SUFFIX = {"t": 1e12, "g": 1e9, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?P<suffix>[a-z]*)"
    r"|(?P<name>[a-z_][a-z0-9_]*)"
    r"|(?P<operator>\*\*|==|!=|<>|<=|>=|&&|\|\||[-+*/^%<>!?:,(){}]))"
)
_OPENS = {"(", "{", ",", "?", ":"}
_COMPARE = {"==", "!=", "<>", "<", ">", "<=", ">="}


def _power(base: float, exponent: float) -> float:
    if base == 0:
        return 0.0
    if base < 0 and exponent != int(exponent):
        raise UnresolvedError("fractional power of a negative number")
    return float(base**exponent)


def _positive_power(base: float, exponent: float) -> float:
    if base <= 0:
        raise UnresolvedError("power of a number that is not positive")
    return float(base**exponent)


_BINARY: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": _power,
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<>": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    ">": lambda a, b: float(a > b),
    "<=": lambda a, b: float(a <= b),
    ">=": lambda a, b: float(a >= b),
    "&&": lambda a, b: float(a != 0 and b != 0),
    "||": lambda a, b: float(a != 0 or b != 0),
}
_FUNCTIONS: dict[str, tuple[int, Callable[..., float]]] = {
    "sqrt": (1, math.sqrt),
    "sqr": (1, lambda x: x * x),
    "exp": (1, math.exp),
    "ln": (1, math.log),
    "log": (1, math.log),
    "log10": (1, math.log10),
    "abs": (1, abs),
    "sgn": (1, lambda x: float((x > 0) - (x < 0))),
    "int": (1, lambda x: float(math.trunc(x))),
    "nint": (1, lambda x: float(round(x))),
    "floor": (1, lambda x: float(math.floor(x))),
    "ceil": (1, lambda x: float(math.ceil(x))),
    "sin": (1, math.sin),
    "cos": (1, math.cos),
    "tan": (1, math.tan),
    "atan": (1, math.atan),
    "arctan": (1, math.atan),
    "sinh": (1, math.sinh),
    "cosh": (1, math.cosh),
    "tanh": (1, math.tanh),
    "min": (2, min),
    "max": (2, max),
    "pow": (2, _positive_power),
    "pwr": (2, _positive_power),
}
_UNARY: dict[str, Callable[[float], float]] = {
    "neg": lambda a: -a,
    "!": lambda a: float(a == 0),
}


class _Parser:
    """Recursive descent; one method a precedence level, loosest first."""

    def __init__(self, text: str) -> None:
        self.tokens: list[float | str] = []
        position, text = 0, text.lower().rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not match:
                raise UnresolvedError(f"cannot read {text!r}")
            position = match.end()
            if match["number"]:
                self.tokens.append(_number(match["number"], match["suffix"]))
            else:
                # Names are marked, so that they cannot be taken for operators.
                self.tokens.append("$" + match["name"] if match["name"] else match["operator"])
        self.position = 0

    def peek(self) -> float | str | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self, *operators: str) -> str | None:
        token = self.peek()
        if isinstance(token, str) and token in operators:
            self.position += 1
            return token
        return None

    def expect(self, operator: str) -> None:
        if not self.take(operator):
            raise UnresolvedError(f"expected {operator!r}")

    def parse(self) -> Node:
        node = self.ternary()
        if self.peek() is not None:
            raise UnresolvedError(f"unexpected {self.peek()!r}")
        return node

    def ternary(self) -> Node:
        condition = self.left(0)
        if self.take("?"):
            yes = self.ternary()
            self.expect(":")
            return ("?", condition, yes, self.ternary())
        return condition

    LEVELS: tuple[frozenset[str], ...] = (
        frozenset({"||"}),
        frozenset({"&&"}),
        frozenset(_COMPARE),
        frozenset({"+", "-"}),
        frozenset({"*", "/"}),
    )

    def left(self, level: int) -> Node:
        if level == len(self.LEVELS):
            return self.unary()
        node = self.left(level + 1)
        while operator := self.take(*self.LEVELS[level]):
            node = (operator, node, self.left(level + 1))
        return node

    def unary(self) -> Node:
        before = self.tokens[self.position - 1] if self.position else "("
        if self.take("-"):
            # ngspice 39 fails on "2*-name", though not on "2*-3".
            if before not in _OPENS and not isinstance(self.peek(), float):
                raise UnresolvedError("a sign after an operator")
            return ("neg", self.unary())
        if self.take("+"):
            return self.unary()
        if self.take("!"):
            return ("!", self.unary())
        node = self.primary()
        while self.take("**", "^"):
            negative = self.take("-")
            exponent = self.primary()
            node = ("**", node, ("neg", exponent) if negative else exponent)
        return node

    def primary(self) -> Node:
        for opening, closing in (("(", ")"), ("{", "}")):
            if self.take(opening):
                node = self.ternary()
                self.expect(closing)
                return node
        token = self.peek()
        self.position += 1
        if isinstance(token, float):
            return token
        if not isinstance(token, str) or not token.startswith("$"):
            raise UnresolvedError(f"unexpected {token!r}")
        name = token[1:]
        if not self.take("("):
            return name
        arguments = [self.ternary()]
        while self.take(","):
            arguments.append(self.ternary())
        self.expect(")")
        return (name, *arguments)


def _number(digits: str, suffix: str) -> float:
    scale = 1e6 if suffix.startswith("meg") else _SUFFIX.get(suffix[:1], 1.0)
    value = float(digits) * scale
    if not math.isfinite(value):
        raise UnresolvedError(f"{digits}{suffix} is too large")
    return value


def _names(node: Node) -> frozenset[str]:
    if isinstance(node, str):
        return frozenset({node})
    if isinstance(node, tuple):
        return frozenset().union(*(_names(child) for child in node[1:]))
    return frozenset()


def _apply(operator: str, values: list[float]) -> float:
    """Evaluate one operator on numbers. Raises `UnresolvedError` where ngspice may differ."""
    try:
        if operator == "?":
            return values[1] if values[0] != 0 else values[2]
        if len(values) == 2 and operator in _BINARY:
            result = _BINARY[operator](*values)
        elif len(values) == 1 and operator in _UNARY:
            result = _UNARY[operator](values[0])
        else:
            arity, function = _FUNCTIONS.get(operator, (-1, abs))
            if arity != len(values):
                raise UnresolvedError(f"{operator}() with {len(values)} arguments")
            result = float(function(*values))
    except (ArithmeticError, ValueError) as error:
        raise UnresolvedError(str(error)) from None
    if not math.isfinite(result):
        raise UnresolvedError("not a finite number")
    return result


def _fold(node: Node, known: Mapping[str, float]) -> Node:
    """Replace what is known by numbers. Zero times anything is zero, a random draw included."""
    if isinstance(node, str):
        return known.get(node, node)
    if not isinstance(node, tuple):
        return node
    operator, *children = node
    parts = [_fold(child, known) for child in children]
    if all(isinstance(part, float) for part in parts):
        try:
            return _apply(operator, parts)  # type: ignore[arg-type]
        except UnresolvedError:
            return (operator, *parts)
    if operator == "*" and 0.0 in parts:
        return 0.0
    if operator == "+" and 0.0 in parts:
        return parts[0] if parts[1] == 0.0 else parts[1]
    if operator == "-" and parts[1] == 0.0:
        return parts[0]
    return (operator, *parts)


def _write(node: Node) -> str:
    """Write a tree as ngspice text that parses to the same tree."""
    if isinstance(node, float):
        return repr(node) if node >= 0 else f"({node!r})"
    if isinstance(node, str):
        return node
    operator, *parts = node
    texts = [_write(part) for part in parts]
    if operator == "?":
        return f"({texts[0]}?{texts[1]}:{texts[2]})"
    if operator == "neg":
        return f"(-{texts[0]})"
    if operator == "!":
        return f"(!{texts[0]})"
    if operator in _BINARY:
        return f"({texts[0]}{operator}{texts[1]})"
    return f"{operator}({','.join(texts)})"


def _drawn(node: Node, stem: str, number: Iterator[int], names: list[str]) -> Node:
    """Replace ``agauss`` and ``gauss`` by sums that hold standard normal numbers by name."""
    if not isinstance(node, tuple):
        return node
    operator, *children = node
    parts = [_drawn(child, stem, number, names) for child in children]
    if operator not in {"agauss", "gauss"} or len(parts) != 3:
        return (operator, *parts)
    nominal, variation, sigmas = parts
    name = f"draw__{stem}__{next(number)}"
    names.append(name)
    # ngspice 39 scales the variation of gauss by the nominal value itself, so none for one of zero.
    spread = variation if operator == "agauss" else ("*", nominal, variation)
    return ("+", nominal, ("*", ("/", spread, sigmas), name))


# What the source of `python_source` calls.
HELPERS: dict[str, Any] = {f"_{name}": function for name, (_, function) in _FUNCTIONS.items()}
HELPERS["_power"] = _power


def python_source(node: Node) -> str:
    """Write a tree as Python source; names have passed the tokenizer, so they are harmless."""
    if isinstance(node, float):
        return f"({node!r})"
    if isinstance(node, str):
        return f"e[{node!r}]"
    operator, *children = node
    parts = [python_source(child) for child in children]
    if operator == "?":
        return f"({parts[1]} if {parts[0]} != 0 else {parts[2]})"
    if operator == "neg":
        return f"(-{parts[0]})"
    if operator == "!":
        return f"float({parts[0]} == 0)"
    if operator == "**":
        return f"_power({parts[0]},{parts[1]})"
    if operator in {"+", "-", "*", "/"}:
        return f"({parts[0]}{operator}{parts[1]})"
    if operator in _COMPARE:
        return f"float({parts[0]} {'!=' if operator == '<>' else operator} {parts[1]})"
    if operator in {"&&", "||"}:
        word = "and" if operator == "&&" else "or"
        return f"float({parts[0]} != 0 {word} {parts[1]} != 0)"
    arity, _ = _FUNCTIONS.get(operator, (-1, None))
    if arity != len(parts):
        raise UnresolvedError(f"{operator}() is left to ngspice")
    return f"_{operator}({','.join(parts)})"


class Expression:
    """A parsed expression. ``names`` are the parameters it needs, lower case."""

    __slots__ = ("_function", "names", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.names = _names(node)
        self._function: Callable[[Mapping[str, float]], float] | None = None

    @property
    def constant(self) -> float | None:
        """The value of an expression without names and functions, else None."""
        return self.node if isinstance(self.node, float) else None

    def evaluate(self, known: Mapping[str, float]) -> float:
        """Return the value. Raises `UnresolvedError` for an unknown name or function."""
        if isinstance(self.node, float):
            return self.node
        if self._function is None:
            code = compile(f"lambda e: {python_source(self.node)}", "<expression>", "eval")
            self._function = eval(code, dict(HELPERS, __builtins__={}, float=float))
        try:
            value = float(self._function(known))
        except KeyError as error:
            raise UnresolvedError(f"{error.args[0]} is not known") from None
        except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
            raise UnresolvedError(str(error)) from None
        if not math.isfinite(value):
            raise UnresolvedError("not a finite number")
        return value

    def fold(self, known: Mapping[str, float]) -> Expression:
        """Return the expression with what is known worked out."""
        return Expression(_fold(self.node, known))

    def with_draws(self, stem: str) -> tuple[Expression, tuple[str, ...]]:
        """Give each random draw in it a name ``draw__<stem>__<k>``; return those names too.

        A name stands for a standard normal number: ``agauss(nominal, variation, sigmas)`` becomes
        nominal + variation / sigmas · draw.
        """
        names: list[str] = []
        node = _drawn(self.node, stem, count(), names)
        return Expression(_fold(node, {})), tuple(names)

    def __str__(self) -> str:
        return _write(self.node)


def parse(text: str) -> Expression:
    """Parse an expression with or without its braces or quotes. Raises `UnresolvedError`."""
    if text[-1:].isdigit() and "_" not in text:  # a number, new with every design: not to be kept
        try:
            value = float(text)
        except ValueError:
            return _parse(text)
        if math.isfinite(value):
            return Expression(value)
    return _parse(text)


@lru_cache(maxsize=16384)
def _parse(text: str) -> Expression:
    text = text.strip()
    while len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        text = text[1:-1].strip()
    if text.startswith("{") and text.endswith("}"):
        inner = text[1:-1].strip()
        if "{" not in inner and len(inner) > 1 and inner[0] in "'\"" and inner[-1] == inner[0]:
            text = inner[1:-1]
    try:
        node = _Parser(text).parse()
    except RecursionError:
        raise UnresolvedError("nested too deeply") from None
    return Expression(_fold(node, {}))
