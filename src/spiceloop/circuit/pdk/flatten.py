"""Replace a deck's library line by numeric cards of only what the deck uses.

Step by step down, where something cannot be worked out ahead of ngspice:

1. an instance of a transistor whose parameters are all known becomes a call of a subcircuit
   ``<device>__<n>`` with one numeric M line, and its bin's model card stands at top level once;
2. where only values that ngspice must draw or compute are left (mismatch), the subcircuit keeps its
   expressions, with the one bin it needs;
3. where the geometry itself is not known or altered later, or the device is no plain transistor
   (resistors, capacitors, bipolars), the library's own subcircuit is copied with all that it uses;
4. a deck that could see the difference, or whose reach cannot be seen (an ``.include`` left in it,
   ``alterparam``, ``altermod``), gets a ``.lib`` line with the library's full path.

``.if`` decides in ngspice, after all branches are expanded, so the instances of every branch are
compiled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from spiceloop.circuit.params import FUNCTIONS
from spiceloop.circuit.pdk.base import CompileReport
from spiceloop.circuit.pdk.cards import Card
from spiceloop.circuit.pdk.device import Transistor
from spiceloop.circuit.pdk.die import Die, DieModels
from spiceloop.circuit.pdk.expressions import UnresolvedError, parse
from spiceloop.circuit.pdk.hierarchy import (
    Edit,
    Hierarchy,
    WholeLibrary,
    merged,
    rewritten,
    spliced,
)
from spiceloop.circuit.pdk.models import Models
from spiceloop.circuit.pdk.reading import Line, ParsedDeck, read_deck
from spiceloop.circuit.pdk.scope import ordered, resolve
from spiceloop.circuit.pdk.variants import Variants
from spiceloop.errors import DeckError, DesignError

__all__ = ["flatten"]

# Commands that change parameters or model cards after the deck is loaded, names of model cards
# within subcircuits (``@xm1:nshort_model.3[vth0]``), options that change binning.
_SEES_CARDS = re.compile(r"\balterparam\b|\baltermod\b|@[^\s\[(]*:[^\s\[]*\[|\bwnflag\b")
# What shows a model card's or an instance's nrd, nrs, rsh: then cards must not be shared.
_SEES_SQUARES = re.compile(r"\bnr[ds]\b|\brsh\b|\bshow(?:mod)?\b")
_READS_SQUARES = re.compile(r"\[\s*(?:nr[ds]|rsh)\s*\]")
# What shows every parameter of a card, given or not; sens also tries a change of each.
_SEES_DEFAULTS = re.compile(r"\bshow(?:mod)?\b|\bsens\b")
# ngspice picks the bin anew for a changed size, so all bins must be there.
_ALTERS_SIZE = re.compile(r"\balter\b.*(?:\[\s*(?:w|l|nf)\s*\]|\s(?:w|l|nf)\s*=)")
_SHORTEST = 1e-9  # metres; no channel is as short
_SCALE = re.compile(r"\bscale\s*=\s*([^\s,]+)")


class _Compilation:
    """One compilation of one deck."""

    def __init__(
        self, deck: ParsedDeck, models: Models, where: str, dies: DieModels | None
    ) -> None:
        self.deck = deck
        self.models = models
        self.values = dies.values if dies else models.values
        self.die = Die(dies, deck.calls, where) if dies else None
        self.where = where
        self.scale = _scale(models.options)
        self.resized = bool(_ALTERS_SIZE.search(deck.commands))
        names = {block.name for block in deck.top.every()}
        nested = any(
            line.card.words[-1] in names and "m" in dict(line.card.parameters)
            for block in deck.top.every()
            for line in block.instances
        )
        known = self.values if dies else None
        self.variants = Variants(_shares(deck), _shortens(deck), nested, known)
        self.whole: set[str] = set()
        self.notes: list[str] = []
        self.flattened = 0

    def run(self) -> list[Edit]:
        """Return the replaced spans of the top level."""
        scope = ordered(self.deck.top.parameters)
        top, inside = resolve(scope, self.values)
        for name in dict(scope).keys() & self.models.parameter_names:
            if top.get(name) != self.values.get(name):
                raise WholeLibrary(f"it redefines the library's parameter {name}")
        hierarchy = Hierarchy(
            self.deck,
            self.models.subcircuit_names,
            self.device,
            self.models.parameter_names,
            each=self.die is not None and self.die.tells_apart,
        )
        return hierarchy.edits(inside)

    def device(self, line: Line, known: Mapping[str, float], path: str) -> str | None:
        """Compile one instance of a library device; None leaves its line as it is."""
        card = line.card
        target = card.words[-1]
        device = self.models.transistor(target)
        where = f"{path}{card.head}"
        if device is None:
            return self.library_own(card, where)
        if self.resized:
            return self.keep(card, where, "the deck alters sizes after it is loaded")
        scope, multiplier = merged(device.formals, card.parameters)
        if self.die:
            known = {**known, **self.die.draws(device, where)}
        unknown = [n for n, _ in scope if n not in device.formal_names]
        if unknown or len(card.words) != len(device.ports) + 2:
            what = f"parameter {unknown[0]}" if unknown else "number of nodes"
            return self.keep(card, where, f"the device has no such {what}")
        _, inside = resolve(scope, known)
        try:
            geometry = {n: e.evaluate(inside) for n, e in device.expressions if n in "l w nf"}
            length = geometry["l"] * self.scale
            fingers = geometry.get("nf", 1.0)
            width = geometry["w"] / fingers * self.scale
            copies = None
            if multiplier is not None:
                copies = resolve(ordered((("m", multiplier),)), known)[0]["m"]
        except (UnresolvedError, KeyError, ZeroDivisionError) as error:
            return self.keep(card, where, f"its geometry is not known before it runs ({error})")
        index = device.find(length, width)
        if index is None:
            if line.conditional:
                return self.keep(card, where, "its geometry, which .if may rule out, is in no bin")
            head = f"{self.where}: instance {where} ({target}): "
            raise DesignError(head + _outside(device, length, width, fingers) + self.unit(length))
        name, complete = self.variants.use(device, index, inside)
        if not complete:
            return rewritten(card, name)
        self.flattened += 1
        call = " ".join([*card.words[:-1], name])
        return call if copies is None else f"{call} m={copies!r}"

    def unit(self, length: float) -> str:
        """A hint where a length looks like metres given to a library that counts otherwise."""
        if self.scale == 1.0 or length > _SHORTEST:
            return ""
        return f" (this library counts in units of {self.scale:g} m: l=0.15, not l=0.15u)"

    def keep(self, card: Card, where: str, why: str) -> str | None:
        """Give an instance the library's own subcircuit, and note why."""
        target = card.words[-1]
        self.notes.append(f"{self.where}: {where} ({target}) keeps all its model cards: {why}")
        return self.library_own(card, where)

    def library_own(self, card: Card, where: str) -> str | None:
        """Give an instance the library's own subcircuit, or a copy of it on a die."""
        target = card.words[-1]
        name = self.die.copy(target, where) if self.die else target
        if name == target:
            self.whole.add(target)
            return None
        return rewritten(card, name)

    def cards(self) -> list[str]:
        """Everything that stands in place of the library's line."""
        direct = self.deck.words & self.models.names
        return [
            *self.models.options,
            *(self.die or self.models).whole(self.whole | direct | self.variants.names),
            *self.variants.cards(),
        ]

    def report(self) -> CompileReport:
        """What was compiled, and what was not."""
        return CompileReport(
            self.flattened, self.variants.model_count, tuple(dict.fromkeys(self.notes))
        )


def _scale(options: Sequence[str]) -> float:
    """Metres per unit of W and L: the library's option scale, 1 without."""
    found = [match[1] for text in options if (match := _SCALE.search(text.lower()))]
    return parse(found[-1]).evaluate({}) if found else 1.0


def _outside(device: Transistor, length: float, width: float, fingers: float) -> str:
    """Say which dimension lies outside the bins, and what they cover."""
    ranges = [card.range for card in device.bins]
    l_um, w_um = length * 1e6, width * 1e6
    label = "w" if fingers == 1 else f"w per finger (w/nf, nf = {fingers:g})"
    at_length = [r for r in ranges if r.lmin <= length <= r.lmax]
    if not at_length:
        low, high = min(r.lmin for r in ranges), max(r.lmax for r in ranges)
        return (
            f"l = {l_um:g} um is outside the model's {low * 1e6:g} … {high * 1e6:g} um; "
            "change l or its bounds"
        )
    low, high = min(r.wmin for r in at_length), max(r.wmax for r in at_length)
    return (
        f"{label} = {w_um:g} um is outside the model's {low * 1e6:g} … {high * 1e6:g} um "
        f"at l = {l_um:g} um; change w or its bounds"
    )


def _needs_library(deck: ParsedDeck, models: Models) -> str:
    """Say why a deck must keep the library's own file, or return an empty text."""
    if not models.understood:
        return "the library holds cards that are not understood"
    if deck.unseen:
        return deck.unseen
    if found := _SEES_CARDS.search(deck.texts) or _SEES_CARDS.search(deck.commands):
        return f"it uses {found[0]}"
    if shadowed := sorted(deck.functions & FUNCTIONS):
        return f"it defines its own function {shadowed[0]}"
    names = {block.name for block in deck.top.every()}
    if clash := sorted(names & models.subcircuit_names):
        return f"it defines its own {clash[0]}"
    return ""


def _shares(deck: ParsedDeck) -> bool:
    """Whether one model card may serve instances of different size."""
    return not _SEES_SQUARES.search(deck.commands) and not _READS_SQUARES.search(deck.texts)


def _shortens(deck: ParsedDeck) -> bool:
    """Whether model cards may leave out what ngspice takes by itself."""
    return not _SEES_DEFAULTS.search(deck.commands) and not _SEES_DEFAULTS.search(deck.texts)


def flatten(
    text: str, models: Models, where: str, library_file: str, dies: DieModels | None = None
) -> tuple[str, CompileReport]:
    """Compile a deck's text.

    ``where`` is its name, for messages; ``library_file`` the file name of the ``.lib`` line that is
    to be replaced; ``dies`` the models on one die, where the deck is a sample. Raises `DesignError`
    for a geometry outside every bin, `DeckError` for a deck that uses the library's devices without
    naming the library, and for a sample of one that must keep the library's own file.
    """
    deck = read_deck(text, library_file)
    if not deck.library:
        used = {line.card.words[-1] for b in deck.top.every() for line in b.instances}
        own = {block.name for block in deck.top.every()}
        missing = sorted(used & models.subcircuit_names - own)
        if missing and not deck.unseen:
            raise DeckError(
                f"{where}: uses {missing[0]} but names no model library; add the line "
                f'.lib "{library_file}" {models.section}'
            )
        return text, CompileReport()
    compilation = _Compilation(deck, models, where, dies)
    try:
        if why := _needs_library(deck, models):
            raise WholeLibrary(why)
        edits = compilation.run()
        cards, report = compilation.cards(), compilation.report()
    except WholeLibrary as reason:
        if dies:
            raise DeckError(
                f"{where}: mismatch and process cannot be sampled, for {reason}, so the models "
                "would have to stay in the library's own file, where ngspice draws without a seed"
            ) from None
        edits = []
        cards = [f'.lib "{models.path}" {models.section}']
        report = CompileReport(notes=(f"{where}: keeps the whole library file: {reason}",))
    edits += [(start, stop, "") for start, stop in deck.library[1:]]
    edits.append((*deck.library[0], "\n".join(cards)))
    return "\n".join(spliced(deck.lines, edits, 0, len(deck.lines))) + "\n", report
