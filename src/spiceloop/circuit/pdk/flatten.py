"""Replace a deck's library line by numeric cards of only what the deck uses.

Step by step down, where something cannot be worked out ahead of ngspice:

1. an instance of a transistor whose parameters are all known becomes a call of a subcircuit
   ``<device>__<n>`` with one numeric M line, and its bin's model card stands at top level once;
2. where only values that ngspice must draw or compute are left (mismatch), the subcircuit keeps its
   expressions, with the one bin it needs;
3. where the geometry itself is not known, or the device is no plain transistor (resistors,
   capacitors, bipolars), the library's own subcircuit is copied with all that it uses;
4. a deck that could see the difference, or whose reach cannot be seen (an ``.include`` left in it,
   ``alterparam``, ``.if``), gets a ``.lib`` line with the library's full path.

User subcircuits are walked through for every set of parameter values they are called with. One that
needs different cards for different calls is copied, as ``<name>__<n>``; instance names, and so
every ``@m.x1.xm3.m…[gm]``, stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from spiceloop.circuit.pdk.base import CompileReport
from spiceloop.circuit.pdk.cards import Card, logical_lines, parse_card
from spiceloop.circuit.pdk.expressions import Expression, UnresolvedError, parse
from spiceloop.circuit.pdk.models import Models
from spiceloop.circuit.pdk.scope import ordered, resolve
from spiceloop.circuit.pdk.variants import Variants
from spiceloop.errors import DeckError, DesignError

__all__ = ["LIBRARY_NAME", "flatten"]

LIBRARY_NAME = "sky130.lib.spice"

_WORD = re.compile(r"[a-z_][a-z0-9_]*")
# Commands that change parameters after the deck is loaded, or options that change binning.
_SEES_PARAMETERS = re.compile(r"\balterparam\b|\bwnflag\b")
# What shows a model card's or an instance's nrd, nrs, rsh: then cards must not be shared.
_SEES_SQUARES = re.compile(r"\[nr[ds]\]|\brsh\b|\bshow(?:mod)?\b|\baltermod\b")
_CONDITIONAL = {".if", ".elseif", ".else", ".endif"}
_DEPTH = 40
_CONTEXTS = 2000

Scope = tuple[tuple[str, Expression | None], ...]


class _WholeLibrary(Exception):  # noqa: N818 - control flow, never seen outside
    """This deck must get the library's own file; the text says why."""


@dataclass
class _Line:
    start: int
    stop: int
    card: Card


@dataclass
class _Block:
    """The top level of a deck, or one of its subcircuits: the cards directly in it."""

    name: str
    start: int = 0
    stop: int = 0
    parameters: tuple[tuple[str, str], ...] = ()
    instances: list[_Line] = field(default_factory=list)


@dataclass
class _Deck:
    lines: list[str]
    top: _Block
    blocks: dict[str, _Block]
    library: list[tuple[int, int]]  # spans of the PDK's .lib lines
    reach: str  # why the deck's reach cannot be seen, or ""
    words: frozenset[str]  # identifiers in the deck's cards, the instances' excepted


def _is_library(text: str) -> bool:
    words = text.split()
    if len(words) < 3 or words[0].lower() != ".lib":
        return False
    path = " ".join(words[1:-1]).strip("\"'")
    return re.split(r"[/\\]", path)[-1].lower() == LIBRARY_NAME


def _read(text: str) -> _Deck:
    """Sort a deck's lines into blocks; the first line is the title, ``.control`` is passed over."""
    lines = text.splitlines()
    masked = list(lines)
    control = False
    for number, line in enumerate(lines):
        start = line.lstrip()[:8].lower()
        if start == ".control":
            control = True
        if control:
            masked[number] = ""
        if start[:5] == ".endc":
            control = False
    deck = _Deck(lines, _Block(""), {}, [], "", frozenset())
    current, words = deck.top, []
    for start_line, stop, joined in logical_lines(masked, 1):
        first = joined[0]
        if first in "xX":
            current.instances.append(_Line(start_line, stop, parse_card(joined)))
            words.append(joined.partition("=")[2] if "=" in joined else "")
            continue
        if first != ".":
            words.append(joined)
            continue
        command = joined.split(None, 1)[0].lower()
        if command == ".end":
            break
        if command == ".lib" and _is_library(joined):
            if current is not deck.top:
                deck.reach = "it names the library inside a subcircuit"
            deck.library.append((start_line, stop))
            continue
        if command in {".include", ".inc", ".lib"}:
            deck.reach = f"it includes another file ({joined.strip()})"
        elif command in _CONDITIONAL:
            deck.reach = f"it holds {command}"
        elif command in {".option", ".options", ".opt"} and "scale" in joined.lower():
            deck.reach = "it sets the option scale itself"
        words.append(joined)
        if command == ".param":
            current.parameters += parse_card(joined).parameters
            names = [name for name, _ in current.parameters]
            if current is not deck.top and len(set(names)) < len(names):
                deck.reach = f"its .subckt {current.name} gives a parameter twice"
        elif command == ".subckt":
            card = parse_card(joined)
            if current is not deck.top or len(card.words) < 2:
                deck.reach = "it nests one .subckt in another"
                continue
            current = _Block(card.words[1], start_line, parameters=card.parameters)
            deck.blocks[current.name] = current
        elif command == ".ends":
            current.stop = stop
            current = deck.top
    deck.words = frozenset(_WORD.findall("\n".join(words).lower()))
    return deck


@lru_cache(maxsize=4096)
def _call(
    defaults: tuple[tuple[str, str], ...], given: tuple[tuple[str, str], ...]
) -> tuple[Scope, str | None]:
    """Merge a call's parameters with the callee's; the multiplier ``m`` comes apart."""
    names = {name for name, _ in defaults}
    multiplier = None if "m" in names else dict(given).get("m")
    merged = dict(defaults)
    merged.update((n, t) for n, t in given if n != "m" or "m" in names)
    return ordered(tuple(merged.items())), multiplier


class _Flattener:
    """One compilation of one deck."""

    def __init__(self, deck: _Deck, models: Models, where: str, share: bool) -> None:
        self.deck = deck
        self.models = models
        self.where = where
        blocks = (deck.top, *deck.blocks.values())
        nested = any(
            line.card.words[-1] in deck.blocks and "m" in dict(line.card.parameters)
            for block in blocks
            for line in block.instances
        )
        self.variants = Variants(share, nested)
        self.whole: set[str] = set()
        self.notes: list[str] = []
        self.flattened = 0
        self.contexts: dict[tuple[str, tuple[tuple[str, float], ...]], str] = {}
        self.copies: dict[str, dict[tuple[tuple[int, str], ...], str]] = {}

    def run(self) -> dict[int, tuple[int, str]]:
        """Return the replaced spans of the top level: start → (stop, new text)."""
        scope = ordered(self.deck.top.parameters)
        top, inside = resolve(scope, self.models.values)
        for name in dict(scope).keys() & self.models.parameter_names:
            if top.get(name) != self.models.values.get(name):
                raise _WholeLibrary(f"it redefines the library's parameter {name}")
        edits = self.walk(self.deck.top, inside, {}, "", 0)
        spans = {start: (stop, text) for start, stop, text in edits}
        for block in self.deck.blocks.values():
            # A subcircuit that nothing calls would name devices that are not there: it goes.
            copies = self.copies.get(block.name, {})
            text = "\n".join(self.copy(block, changes, name) for changes, name in copies.items())
            spans[block.start] = (block.stop, text)
        return spans

    def copy(self, block: _Block, changes: tuple[tuple[int, str], ...], name: str) -> str:
        """Write a user subcircuit with its instance lines replaced, under a name."""
        new = dict(changes)
        out: list[str] = []
        replaced = {line.start: line for line in block.instances if line.start in new}
        number = block.start
        while number < block.stop:
            if number in replaced:
                out.append(new[number])
                number = replaced[number].stop
                continue
            out.append(self.deck.lines[number])
            number += 1
        if name != block.name:
            head = re.compile(rf"(\.subckt\s+){re.escape(block.name)}(?=\s|$)", re.IGNORECASE)
            out[0] = head.sub(rf"\g<1>{name}", out[0], count=1)
            out[-1] = ".ends"
        return "\n".join(out)

    def walk(
        self,
        block: _Block,
        known: Mapping[str, float],
        local: dict[str, float],
        path: str,
        depth: int,
    ) -> list[tuple[int, int, str]]:
        """Go through a block's instances with the parameter values of one call."""
        if depth > _DEPTH:
            raise _WholeLibrary(f"its subcircuits call each other {_DEPTH} deep ({path})")
        edits = []
        for line in block.instances:
            card = line.card
            target = card.words[-1]
            if target in self.deck.blocks:
                new = self.user_call(card, target, known, local, path, depth)
            elif target in self.models.subcircuit_names:
                new = self.device(card, target, known, path)
            else:
                continue  # ngspice will say that it is not defined
            if new is not None:
                edits.append((line.start, line.stop, new))
        return edits

    def user_call(
        self,
        card: Card,
        target: str,
        known: Mapping[str, float],
        local: dict[str, float],
        path: str,
        depth: int,
    ) -> str | None:
        """Walk through a called user subcircuit; return the new call if it needs a copy."""
        block = self.deck.blocks[target]
        scope, _ = _call(block.parameters, card.parameters)
        values, inside = resolve(scope, known)
        for name, _ in scope:
            if name in self.models.parameter_names:
                raise _WholeLibrary(f"its .subckt {target} redefines the parameter {name}")
        here = {k: v for k, v in local.items() if k in inside} | values
        key = (target, tuple(sorted(here.items())))
        found = self.contexts.get(key)
        if found is not None:
            name = found
        else:
            if len(self.contexts) >= _CONTEXTS:
                raise _WholeLibrary(f"it calls subcircuits with over {_CONTEXTS} sets of values")
            edits = self.walk(block, inside, here, f"{path}{card.head}.", depth + 1)
            changes = tuple((start, new) for start, _, new in edits)
            copies = self.copies.setdefault(target, {})
            name = copies.setdefault(changes, f"{target}__{len(copies)}" if copies else target)
            self.contexts[key] = name
        if name == target:
            return None
        return _rewrite(card, name)

    def device(self, card: Card, target: str, known: Mapping[str, float], path: str) -> str | None:
        """Compile one instance of a library device; None leaves its line as it is."""
        device = self.models.transistor(target)
        if device is None:
            self.whole.add(target)
            return None
        scope, multiplier = _call(device.formals, card.parameters)
        where = f"{path}{card.head}"
        unknown = [n for n, _ in scope if n not in device.formal_names]
        if unknown or len(card.words) != len(device.ports) + 2:
            what = f"parameter {unknown[0]}" if unknown else "number of nodes"
            self.keep(target, where, f"the device has no such {what}")
            return None
        _, inside = resolve(scope, known)
        try:
            geometry = {n: e.evaluate(inside) for n, e in device.expressions if n in "l w nf"}
            length = geometry["l"] * 1e-6
            fingers = geometry.get("nf", 1.0)
            width = geometry["w"] / fingers * 1e-6
            copies = None if multiplier is None else parse(multiplier).evaluate(known)
        except (UnresolvedError, KeyError, ZeroDivisionError) as error:
            self.keep(target, where, f"its geometry is not known before it runs ({error})")
            return None
        index = device.find(length, width)
        if index is None:
            raise DesignError(self.outside(target, where, length, width, fingers))
        name, complete = self.variants.use(device, index, inside)
        if not complete:
            return _rewrite(card, name)
        self.flattened += 1
        call = " ".join([*card.words[:-1], name])
        return call if copies is None else f"{call} m={copies!r}"

    def keep(self, target: str, where: str, why: str) -> None:
        """Give an instance the library's own subcircuit, and note why."""
        self.whole.add(target)
        self.notes.append(f"{self.where}: {where} ({target}) keeps all its model cards: {why}")

    def outside(self, target: str, where: str, length: float, width: float, fingers: float) -> str:
        """Say which dimension lies outside the bins, and what they cover."""
        device = self.models.transistor(target)
        assert device is not None
        ranges = [card.range for card in device.bins]
        l_um, w_um = length * 1e6, width * 1e6
        label = "w" if fingers == 1 else f"w per finger (w/nf, nf = {fingers:g})"
        head = f"{self.where}: instance {where} ({target}): "
        at_length = [r for r in ranges if r.lmin <= length <= r.lmax]
        if not at_length:
            low, high = min(r.lmin for r in ranges), max(r.lmax for r in ranges)
            return (
                f"{head}l = {l_um:g} um is outside the model's {low * 1e6:g} … {high * 1e6:g} um; "
                "change l or its bounds"
            )
        low, high = min(r.wmin for r in at_length), max(r.wmax for r in at_length)
        return (
            f"{head}{label} = {w_um:g} um is outside the model's {low * 1e6:g} … {high * 1e6:g} um "
            f"at l = {l_um:g} um; change w or its bounds"
        )


def _rewrite(card: Card, name: str) -> str:
    """Write an instance line again with another subcircuit's name."""
    words = [*card.words[:-1], name, *(f"{n}={t}" for n, t in card.parameters)]
    return " ".join(words)


def flatten(text: str, models: Models, where: str) -> tuple[str, CompileReport]:
    """Compile a deck's text. ``where`` is its name, for messages.

    Raises `DesignError` for a geometry outside every bin, `DeckError` for a deck that uses the
    library's devices without naming the library.
    """
    deck = _read(text)
    if not deck.library:
        used = {
            line.card.words[-1] for b in (deck.top, *deck.blocks.values()) for line in b.instances
        }
        missing = sorted(used & models.subcircuit_names - deck.blocks.keys())
        if missing and not deck.reach:
            raise DeckError(
                f"{where}: uses {missing[0]} but names no model library; add the line "
                f'.lib "{LIBRARY_NAME}" {models.section}'
            )
        return text, CompileReport()
    lowered = text.lower()
    try:
        if not models.understood:
            raise _WholeLibrary("the library holds cards that are not understood")
        if deck.reach:
            raise _WholeLibrary(deck.reach)
        if found := _SEES_PARAMETERS.search(lowered):
            raise _WholeLibrary(f"it uses {found[0]}")
        if clash := sorted(deck.blocks.keys() & models.subcircuit_names):
            raise _WholeLibrary(f"it defines its own {clash[0]}")
        flattener = _Flattener(deck, models, where, not _SEES_SQUARES.search(lowered))
        spans = flattener.run()
    except _WholeLibrary as reason:
        line = f'.lib "{models.path}" {models.section}'
        spans = {start: (stop, "") for start, stop in deck.library}
        start, stop = deck.library[0]
        spans[start] = (stop, line)
        report = CompileReport(notes=(f"{where}: keeps the whole library file: {reason}",))
        return _assemble(deck.lines, spans), report
    direct = deck.words & models.names
    cards = [
        *models.options,
        *models.whole(flattener.whole | direct | flattener.variants.names),
        *flattener.variants.cards(),
    ]
    spans.update({start: (stop, "") for start, stop in deck.library})
    start, stop = deck.library[0]
    spans[start] = (stop, "\n".join(cards))
    report = CompileReport(
        flattener.flattened, flattener.variants.model_count, tuple(dict.fromkeys(flattener.notes))
    )
    return _assemble(deck.lines, spans), report


def _assemble(lines: list[str], spans: Mapping[int, tuple[int, str]]) -> str:
    """Write the deck's lines with some spans replaced."""
    out: list[str] = []
    number = 0
    while number < len(lines):
        if number in spans:
            number, new = spans[number]
            if new:
                out.append(new)
            continue
        out.append(lines[number])
        number += 1
    return "\n".join(out) + "\n"
