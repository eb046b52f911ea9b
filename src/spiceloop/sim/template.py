"""Which decks a loaded circuit can stand for, and what makes it so.

Loading a deck costs as much as simulating it, and from design to design only numbers change. So a
worker may keep a process with a deck's circuit loaded and nothing simulated yet, and fork from it
for each deck that `Template.values` has an answer for. ngspice works a circuit out (`CKTsetup`,
`CKTtemp`) at its first analysis, and ``alter`` sets a parameter by the same function as the parser
does, so before that analysis an altered circuit is the one that a load of the new deck would give.

It is so to the last bit only if ``alter`` gets the very number that the parser would make of the
text, and one bit can decide whether a search for an operating point takes another way. The parser
does not round as C does, and ``alter`` reads text in a third way; so numbers are worked out here as
the parser does (`parsed`), and ``alter`` takes them from vectors, into which they are put as they
are.

Two decks fit if they are the same but for

- numbers among `_GEOMETRY` on an M line whose model card is BSIM4's and has no bins to choose from,
- numbers of top-level ``.param`` cards, as long as each place that they reach, through other
  parameters and subcircuit calls, is the whole value ``{name}`` of a V, I, R, L or C element, a
  ``.csparam``, or nothing at all.

All else makes `values` return None, and `Template.of` gives up on a deck that draws random numbers,
reads files, decides by ``.if``, or runs commands that are not known to see only the loaded circuit.
The caller then loads the deck, which is always right.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spiceloop.circuit.pdk.cards import Card, logical_lines, parse_card
from spiceloop.circuit.pdk.expressions import Expression, UnresolvedError, parse
from spiceloop.circuit.pdk.scope import ordered, resolve
from spiceloop.sim.worker import VECTOR

__all__ = ["Template", "parsed"]

_GEOMETRY = frozenset(["l", "w", "ad", "as", "pd", "ps", "nrd", "nrs", "sa", "sb", "sd"])
_VALUE = {"v": "dc", "i": "dc", "r": "resistance", "c": "capacitance", "l": "inductance"}
_BINS = frozenset(["lmin", "lmax", "wmin", "wmax"])
_PLAIN_CARDS = frozenset(
    [
        ".model",
        ".option",
        ".options",
        ".temp",
        ".subckt",
        ".ends",
        ".save",
        ".global",
        ".end",
        ".param",
        ".csparam",
        ".ic",
        ".nodeset",
    ]
)
_PLAIN_COMMANDS = frozenset(
    [
        "op",
        "dc",
        "ac",
        "tran",
        "noise",
        "tf",
        "let",
        "print",
        "echo",
        "meas",
        "set",
        "unset",
        "setplot",
        "alter",
        "altermod",
        "save",
        "if",
        "else",
        "elseif",
        "end",
        "foreach",
        "while",
        "dowhile",
        "repeat",
        "break",
        "continue",
        "quit",
        "exit",
        "unlet",
        "linearize",
        "fft",
    ]
)
_RANDOM = re.compile(r"\b(?:agauss|gauss|aunif|unif|sgauss|sunif|limit|rnd|poisson|exponential)\b")
_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?")
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_ELEMENT = re.compile(
    r"(?P<name>[virlc]\S*)\s+\S+\s+\S+\s+(?:dc\s*=?\s*)?(?P<value>\{[^{}]*\}|'[^']*')(?P<rest>.*)"
)
_EXACT = 15  # so many digits are exact in a float
_MOST_POWER = 290
_MOST_CARDS = 3000
_MOST_SETTINGS = 2000


class _OtherwiseError(Exception):
    """This deck is not one to keep loaded."""


@dataclass(frozen=True)
class _Context:
    """One instance of a subcircuit, or the top level: its parameters' expressions by name."""

    path: str
    scope: tuple[tuple[str, Expression | None], ...]
    outer: _Context | None
    known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", frozenset(name for name, _ in self.scope))

    def hides(self, name: str) -> bool:
        """Whether a parameter of a subcircuit stands before the top level's."""
        return self.outer is not None and (name in self.known or self.outer.hides(name))

    def sources(self, name: str) -> frozenset[str]:
        """Top-level parameters that a parameter seen here depends on, itself included there."""
        here = dict(self.scope)
        if name not in here:
            return self.outer.sources(name) if self.outer else frozenset()
        expression = here[name]
        if expression is None:
            raise _OtherwiseError
        found = set() if self.outer else {name}
        for other in expression.names:
            if other == name and self.outer:
                found |= self.outer.sources(other)
            elif other != name:
                found |= self.sources(other)
        return frozenset(found)


def parsed(text: str) -> float | None:
    """Return a number as ngspice's parser reads it, to the last bit; None for other text.

    The digits one by one into a float, without regard to the point, times a power of ten.
    """
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    sign, whole, fraction, exponent = match.groups(default="")
    digits = whole + fraction
    mantissa = float(int(digits[:_EXACT]))
    for digit in digits[_EXACT:]:
        mantissa = 10 * mantissa + float(digit)
    power = int(exponent or 0) - len(fraction)
    if abs(power) > _MOST_POWER:
        return None
    value = mantissa * math.pow(10.0, power)
    return -value if sign == "-" else value


@dataclass
class _Block:
    parameters: tuple[tuple[str, str], ...] = ()
    cards: list[tuple[int, str, Card]] = field(default_factory=list)  # line, text, card


class Template:
    """A deck's text, as prepared, with what is known about its numbers.

    ``settings`` are the commands that bring new values in, one for each of `values`: the k-th takes
    its value from the vector ``VECTOR`` k of the plot ``const``.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        self.settings: list[str] = []
        self._words: dict[int, list[str]] = {}  # line whose numbers may change → its words
        self._geometry: dict[tuple[int, str], list[int]] = {}  # line, parameter → settings
        self._plain: dict[str, list[int]] = {}  # top-level parameter → settings that take it whole
        self._computed: dict[int, Expression] = {}  # setting → what it is worked out from
        self._sources: dict[str, list[int]] = {}  # top-level parameter → those settings
        self._fixed: set[str] = set()  # top-level parameters that reach another kind of place
        self._top = _Context("", (), None)
        self._written: dict[str, str] = {}
        self._one_line: set[int] = set()  # cards without continuation
        self._numbers: list[float] = []  # of the settings, as they are in this deck

    @classmethod
    def of(cls, lines: Sequence[str]) -> Template | None:
        """Study a deck; None if a process with it loaded could not stand for any other."""
        template = cls(lines)
        try:
            template._study()
        except (_OtherwiseError, UnresolvedError, RecursionError):
            return None
        return template

    def values(self, lines: Sequence[str]) -> list[float] | None:
        """Return the numbers that turn the loaded circuit into that of ``lines``, or None."""
        if len(lines) != len(self.lines):
            return None
        numbers = self._numbers.copy()
        parameters: dict[str, str] = {}
        for line, (before, after) in enumerate(zip(self.lines, lines, strict=True)):
            if before == after:
                continue
            old = self._words.get(line)
            new = _words(after)
            if old is None or len(old) != len(new):
                return None
            for was, now in zip(old, new, strict=True):
                if was == now:
                    continue
                name, _, text = now.partition("=")
                value = parsed(text)
                if value is None or name != was.partition("=")[0]:
                    return None
                if old[0] == ".param":
                    if name in self._fixed:
                        return None
                    parameters[name] = text
                else:
                    for setting in self._geometry.get((line, name), ()):
                        numbers[setting] = value
                    if (line, name) not in self._geometry:
                        return None
        return self._follow(parameters, numbers) if parameters else numbers

    def _follow(self, changed: Mapping[str, str], numbers: list[float]) -> list[float] | None:
        """Work out what top-level parameters reach."""
        for name, text in changed.items():
            for setting in self._plain.get(name, ()):
                numbers[setting] = _substituted(text)
        computed = {s for name in changed for s in self._sources.get(name, ())}
        if computed:
            scope = tuple(
                (name, parse(changed[name]) if name in changed else expression)
                for name, expression in self._top.scope
            )
            known = resolve(scope, {})[1]
            try:
                for setting in computed:
                    numbers[setting] = _written(self._computed[setting].evaluate(known))
            except UnresolvedError:
                return None
        return numbers

    # --- studying a deck --------------------------------------------------------------------------

    def _study(self) -> None:
        top, blocks, control = self._read()
        for line in control:
            for statement in line.split(";"):
                word = statement.split(None, 1)[0].lower() if statement.strip() else ""
                if word and word[0] != "*" and word not in _PLAIN_COMMANDS:
                    raise _OtherwiseError
        if _RANDOM.search("\n".join(self.lines).lower()):
            raise _OtherwiseError
        self._written = dict(top.parameters)
        given = Counter(name for name, _ in top.parameters)
        self._fixed |= {name for name, count in given.items() if count > 1}  # the last one wins
        scope = ordered(top.parameters)
        self._top = _Context("", scope, None)
        plain = {
            card.words[1]
            for _, _, card in top.cards
            if card.head == ".model"
            and dict(card.parameters).get("level") == "54"
            and not _BINS & dict(card.parameters).keys()
        }
        self._walk(top, self._top, blocks, plain)
        for number, text in enumerate(self.lines):
            if text.startswith(".param ") and number in self._one_line:
                self._words[number] = _words(text)

    def _read(self) -> tuple[_Block, dict[str, _Block], list[str]]:
        """Sort the deck's cards into blocks; the first line is the title."""
        at = next((i for i, line in enumerate(self.lines) if line == ".control"), len(self.lines))
        top, blocks = _Block(), dict[str, _Block]()
        current = top
        for number, (start, stop, text) in enumerate(logical_lines(self.lines[:at], 1)):
            card = parse_card(text)
            if number > _MOST_CARDS or (text[0] == "." and card.head not in _PLAIN_CARDS):
                raise _OtherwiseError
            for line in range(start, stop):
                if line > start and self.lines[line].lstrip()[:1] not in ("+", "*", ""):
                    raise _OtherwiseError
            if stop == start + 1:
                self._one_line.add(start)
            if card.head == ".subckt":
                if current is not top or len(card.words) < 2 or card.words[1] in blocks:
                    raise _OtherwiseError
                current = blocks[card.words[1]] = _Block(card.parameters)
            elif card.head == ".ends":
                current = top
            elif card.head == ".param":
                if current is not top:
                    raise _OtherwiseError
                top.parameters += card.parameters
            else:
                current.cards.append((start, text.lower(), card))
        control = self.lines[at + 1 :]
        return top, blocks, control[: control.index(".endc")] if ".endc" in control else control

    def _walk(
        self, block: _Block, context: _Context, blocks: Mapping[str, _Block], plain: set[str]
    ) -> None:
        """Note what the parameters of one instance of a subcircuit reach."""
        for line, text, card in block.cards:
            kind = card.head[0]
            if kind == "x":
                self._call(card, context, blocks, plain)
            elif kind == "m" and len(card.words) > 5 and card.words[5] in plain:
                self._fix(context, " ".join(value for _, value in card.parameters))
                name = f"m.{context.path}.{card.head}" if context.path else card.head
                self._transistor(line, name, card)
            elif card.head == ".csparam":
                for name, value in card.parameters:
                    self._variable(name, value, context)
            elif kind == "a":  # XSPICE: code models read files
                raise _OtherwiseError
            elif kind in _VALUE and (match := _ELEMENT.fullmatch(text)):
                name = f"{kind}.{context.path}.{card.head}" if context.path else card.head
                self._fix(context, match["rest"])
                if kind in "rlc" and match["rest"].strip():
                    self._fix(context, match["value"])
                else:
                    self._element(f"alter @{name}[{_VALUE[kind]}]", match["value"], context)
            else:
                values = (value for _, value in card.parameters)
                self._fix(context, " ".join([*card.words[1:], *values]))

    def _call(
        self, card: Card, context: _Context, blocks: Mapping[str, _Block], plain: set[str]
    ) -> None:
        target = card.words[-1]
        if target not in blocks or context.path.count(".") > 20:
            raise _OtherwiseError
        block = blocks[target]
        formals = dict(block.parameters)
        for name, text in card.parameters:
            if name not in formals:
                self._fix(context, text)
        given = {n: t for n, t in card.parameters if n in formals}
        path = f"{context.path}.{card.head}" if context.path else card.head
        scope = ordered(tuple({**formals, **given}.items()))
        self._walk(block, _Context(path, scope, context), blocks, plain)

    def _fix(self, context: _Context, text: str) -> None:
        """Whatever stands in the text must not change."""
        for word in set(_WORD.findall(text)):
            self._fixed |= context.sources(word)

    def _set(self, command: str, value: float) -> int:
        """Add a setting; return its number."""
        if len(self.settings) >= _MOST_SETTINGS:
            raise _OtherwiseError
        self.settings.append(f"{command} = const.{VECTOR}{len(self.settings)}")
        self._numbers.append(value)
        return len(self.settings) - 1

    def _transistor(self, line: int, name: str, card: Card) -> None:
        """The geometry on an M line, for one instance of it."""
        text = self.lines[line]
        if line not in self._one_line or text != text.lower():
            return
        words = _words(text)
        given = Counter(name for name, _ in card.parameters)
        for word in words[6:]:
            key, _, number = word.partition("=")
            if given[key] > 1:
                continue  # the last one wins
            value = parsed(number)
            if key in _GEOMETRY and value is not None:
                setting = self._set(f"alter @{name}[{key}]", value)
                self._geometry.setdefault((line, key), []).append(setting)
        self._words[line] = words

    def _element(self, command: str, text: str, context: _Context) -> None:
        """An element whose value follows one top-level parameter, or must not change."""
        name = text[1:-1].strip()
        here = dict(self._top.scope).get(name)
        source = self._written.get(name, "")
        if context.hides(name) or here is None or parsed(source) is None:
            self._fix(context, text)
        else:
            setting = self._set(command, _substituted(source))
            self._plain.setdefault(name, []).append(setting)

    def _variable(self, name: str, text: str, context: _Context) -> None:
        """A vector that commands see; its last bit moves nothing else."""
        expression = parse(text)
        known = resolve(self._top.scope, {})[1]
        setting = self._set(f"let const.{name}", _written(expression.evaluate(known)))
        self._computed[setting] = expression
        for source in frozenset().union(*(context.sources(n) for n in expression.names)):
            self._sources.setdefault(source, []).append(setting)


def _words(line: str) -> list[str]:
    return line.replace(" = ", "=").split()


def _written(value: float) -> float:
    """A value as it comes out of its 16 digits, in which ngspice passes it on."""
    return float(f"{value:.15e}")


def _substituted(text: str) -> float:
    """The number that the parser makes of ``{name}``, which is first written with 16 digits."""
    value = parsed(f"{float(text):.15e}")
    if value is None:
        raise UnresolvedError(text)
    return value
