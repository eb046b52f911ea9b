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
from spiceloop.circuit.pdk.reading import Line
from spiceloop.circuit.pdk.scope import ordered, resolve
from spiceloop.circuit.pdk.template import Design, read_design
from spiceloop.circuit.pdk.variants import Variants
from spiceloop.errors import DeckError, DesignError

__all__ = ["flatten"]

_SHORTEST = 1e-9  # metres; no channel is as short
_SCALE = re.compile(r"\bscale\s*=\s*([^\s,]+)")


class _Compilation:
    """One compilation of one deck."""

    def __init__(self, design: Design, models: Models, where: str, dies: DieModels | None) -> None:
        self.design = design
        self.models = models
        self.values = dies.values if dies else models.values
        self.die = Die(dies, design.deck.calls, where) if dies else None
        self.where = where
        self.scale = _scale(models.options)
        sight, known = design.sight, self.values if dies else None
        self.variants = Variants(sight.shares, sight.shortens, sight.nests, known)
        self.whole: set[str] = set()
        self.notes: list[str] = []
        self.flattened = 0

    def run(self) -> list[Edit]:
        """Return the replaced spans of the top level."""
        scope = self.design.scope
        top, inside = resolve(scope, self.values)
        for name in dict(scope).keys() & self.models.parameter_names:
            if top.get(name) != self.values.get(name):
                raise WholeLibrary(f"it redefines the library's parameter {name}")
        hierarchy = Hierarchy(
            self.design,
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
        if self.design.sight.resizes:
            return self.keep(card, where, "the deck alters sizes after it is loaded")
        scope, multiplier = merged(device.formals, card.parameters)
        if self.die:
            known = {**known, **self.die.draws(device, where)}
        unknown = [n for n, _ in scope.pairs if n not in device.formal_names]
        if unknown or len(card.words) != len(device.ports) + 2:
            what = f"parameter {unknown[0]}" if unknown else "number of nodes"
            return self.keep(card, where, f"the device has no such {what}")
        _, inside = scope.resolve(known)
        try:
            geometry = {n: e.evaluate(inside) for n, e in device.geometry}
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
        direct = self.design.deck.words & self.models.names
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


def _needs_library(design: Design, models: Models) -> str:
    """Say why a deck must keep the library's own file, or return an empty text."""
    if not models.understood:
        return "the library holds cards that are not understood"
    if design.sight.needs_library:
        return design.sight.needs_library
    if clash := sorted(design.sight.names & models.subcircuit_names):
        return f"it defines its own {clash[0]}"
    return ""


def flatten(
    text: str, models: Models, where: str, library_file: str, dies: DieModels | None = None
) -> tuple[str, CompileReport]:
    """Compile a deck's text.

    ``where`` is its name, for messages; ``library_file`` the file name of the ``.lib`` line that is
    to be replaced; ``dies`` the models on one die, where the deck is a sample. Raises `DesignError`
    for a geometry outside every bin, `DeckError` for a deck that uses the library's devices without
    naming the library, and for a sample of one that must keep the library's own file.
    """
    design = read_design(text, library_file)
    deck = design.deck
    if not deck.library:
        used = {line.card.words[-1] for b in deck.top.every() for line in b.instances}
        missing = sorted(used & models.subcircuit_names - design.sight.names)
        if missing and not deck.unseen:
            raise DeckError(
                f"{where}: uses {missing[0]} but names no model library; add the line "
                f'.lib "{library_file}" {models.section}'
            )
        return text, CompileReport()
    compilation = _Compilation(design, models, where, dies)
    try:
        if why := _needs_library(design, models):
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
    return "\n".join(spliced(design.lines, edits, 0, len(design.lines))) + "\n", report
