"""A netlist: an ordinary ngspice testbench, read once and rendered for many designs."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.includes import Line, Source, expand, find_file, library_words, named_library
from spiceloop.circuit.logical import LogicalLine, join_lines
from spiceloop.circuit.measures import measure_names
from spiceloop.circuit.params import assignments, used_names
from spiceloop.circuit.trust import vet
from spiceloop.errors import DeckError

__all__ = ["Library", "Netlist"]

TEMPERATURE = "temperature"

_TEMP_CARD = re.compile(r"\.temp(?![a-z])", re.IGNORECASE)
_LIB_CARD = re.compile(r"\.lib\b", re.IGNORECASE)


@dataclass(frozen=True)
class Library:
    """A ``.lib file section`` card. ``path`` is the file, or None where it was not found."""

    written: str
    section: str
    path: Path | None
    source: Source


@dataclass(frozen=True)
class Netlist:
    """An ngspice deck with its includes in-line. Build one with `Netlist.load`.

    ``lines`` are the physical lines with where each was written, ``cards`` the logical ones.
    """

    path: Path
    lines: tuple[Line, ...]
    cards: tuple[LogicalLine, ...] = field(repr=False)
    parameter_file: str | None = None
    trusted: bool = False

    @classmethod
    def load(
        cls, path: Path | str, *, parameter_file: str | None = None, trust: bool = False
    ) -> Netlist:
        """Read a deck as it is.

        Args:
            path: the testbench.
            parameter_file: a file that the deck includes and that `render` writes, whether it
                exists or not, e.g. ``design_var.inc``.
            trust: let commands pass that leave the simulator.

        Raises:
            DeckError: for a missing file or include, an include circle, an empty netlist, a
                ``parameter_file`` that the deck does not include.
            UntrustedDeckError: for commands that leave the simulator.
        """
        path = Path(path)
        lines = expand(path, parameter_file)
        cards = join_lines(lines)
        if parameter_file is not None and not any(line.slot for line in lines):
            raise DeckError(
                f"{path}: the deck includes no {parameter_file!r}, which the problem names as its "
                f"parameter_file; add the line .include '{parameter_file}' or drop the setting"
            )
        if not any(c.control or c.word[:1].isalpha() for c in cards):
            raise DeckError(
                f"{path}: the netlist is empty: it holds no element and no .control block "
                f"(its first line is only the title)"
            )
        if not trust:
            vet(lines, cards, path.parent.resolve())
        return cls(path, lines, cards, parameter_file, trust)

    @property
    def title(self) -> str:
        """The deck's first line."""
        return self.lines[0].text.strip()

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """Top-level ``.param`` names, as written, and their default text, in deck order.

        With a parameter file that does not exist yet, the names that the deck uses and nobody
        defines are parameters too; their default is empty.
        """
        found: dict[str, str] = {}
        spelling: dict[str, str] = {}
        for card in self._top_params:
            for a in assignments(card.text):
                found[spelling.setdefault(a.name.lower(), a.name)] = a.value
        if self.parameter_file is not None:
            for name in self._undefined():
                found.setdefault(spelling.setdefault(name, name), "")
        return found

    @cached_property
    def measures(self) -> Mapping[str, str]:
        """Names of the numbers that the deck gives, and how: meas, let, print or echo."""
        return measure_names(self.cards)

    @cached_property
    def libraries(self) -> tuple[Library, ...]:
        """The ``.lib file section`` cards, in deck order."""
        found = []
        for card in self.cards:
            if not card.control and _LIB_CARD.match(card.text):
                name, section = named_library(card.raw[4:])
                if section:
                    where, _ = find_file(name, self.home, card.source.file.parent)
                    found.append(Library(name, section, where, card.source))
        return tuple(found)

    @cached_property
    def home(self) -> Path:
        """The deck's folder, absolute."""
        return self.path.parent.resolve()

    def render(
        self,
        values: Mapping[str, float],
        *,
        name: str,
        conditions: Mapping[str, float] | None = None,
    ) -> Deck:
        """Write the values in and return a deck that ``ngspice -b`` runs as it is.

        Every ``.param`` of a given name gets the number in place of its default, names without
        regard to case; the others stay. The condition ``temperature`` (°C) replaces the deck's
        own ``.temp``, and sets a ``.param temperature`` where there is one; other conditions are
        ``.param`` names. ``name`` is for messages.

        Raises `DeckError` for a name that is no ``.param`` of the deck, and for a value that is
        not finite.
        """
        given = {**(conditions or {}), **values}
        temperature = given.get(TEMPERATURE)
        if TEMPERATURE not in {n.lower() for n in self.parameters}:
            given.pop(TEMPERATURE, None)
        numbers = {n.lower(): _number(n, v) for n, v in given.items()}
        self._check_names(given)
        edits: dict[int, str | None] = {}
        for card in self._top_params:
            _replace(edits, card, _override(card.text, numbers))
        for card, absolute in self._library_cards:
            _replace(edits, card, absolute)
        if temperature is not None:
            for card in self._temperature_cards:
                _replace(edits, card, "* " + card.text)
        text = []
        for index, line in enumerate(self.lines):
            edited = edits.get(index, line.text)
            if edited is not None:
                text.append(edited)
            if line.slot:
                text += [f".param {n} = {v}" for n, v in numbers.items() if n not in self._given]
            if index == 0 and temperature is not None:
                # .temp wins over .options temp= wherever it stands; the last .temp wins.
                text.append(f".temp {_number(TEMPERATURE, temperature)}")
        return Deck("\n".join(text) + "\n", name=name, home=self.home, trusted=self.trusted)

    # Looked up once, because a study renders a netlist thousands of times.
    @cached_property
    def _given(self) -> frozenset[str]:
        """Names, in lower case, that a ``.param`` card of the deck's own gives."""
        return frozenset(a.name.lower() for c in self._top_params for a in assignments(c.text))

    @cached_property
    def _top_params(self) -> tuple[LogicalLine, ...]:
        return tuple(
            card
            for card in self.cards
            if not card.control and not card.depth and card.word.startswith(".param")
        )

    @cached_property
    def _library_cards(self) -> tuple[tuple[LogicalLine, str], ...]:
        found = (c for c in self.cards if not c.control and _LIB_CARD.match(c.text))
        return tuple((card, self._absolute(card)) for card in found)

    @cached_property
    def _temperature_cards(self) -> tuple[LogicalLine, ...]:
        return tuple(c for c in self.cards if not c.control and _TEMP_CARD.match(c.text))

    def _undefined(self) -> list[str]:
        defined: set[str] = set()
        used: dict[str, None] = {}
        for card in self.cards:
            if card.control:
                continue
            if card.word.startswith(".subckt"):
                defined.update(w.lower() for w in re.findall(r"(\w+)\s*=", card.text))
            if card.word.startswith(".func"):
                defined.update(w.lower() for w in re.findall(r"\w+", card.text.partition("{")[0]))
            defined.update(a.name.lower() for a in assignments(card.text))
            used.update(dict.fromkeys(used_names(card.text)))
        return [name for name in used if name not in defined]

    def _check_names(self, given: Mapping[str, float]) -> None:
        known = {n.lower(): n for n in self.parameters}
        unknown = [n for n in given if n.lower() not in known]
        if unknown:
            raise DeckError(
                f"{self.path}: no .param "
                + ", ".join(f"{n!r}{did_you_mean(n, self.parameters)}" for n in unknown)
                + (f"; it has {', '.join(known.values())}" if known else "; it has none")
            )

    def _absolute(self, card: LogicalLine) -> str:
        name, section = named_library(card.raw[4:])
        path, _ = find_file(name, self.home, card.source.file.parent)
        if not path or not section:
            return card.text
        if re.search(r"[\x00-\x1f\x7f\"]", str(path)):
            raise DeckError(
                f"{card.source}: the library {str(path)!r} has a quote or a control character in "
                "its path, which cannot be written into a deck; rename it"
            )
        # ngspice takes a name up to a blank or an apostrophe, which the folder may well hold.
        relative = os.path.relpath(path, self.home)
        whole = library_words(str(path))[0] == str(path)
        return f'.lib "{path if whole or library_words(relative)[1] else relative}" {section}'


def _override(card: str, numbers: Mapping[str, str]) -> str:
    for a in reversed(assignments(card)):
        if a.name.lower() in numbers:
            card = card[: a.start] + numbers[a.name.lower()] + " " + card[a.end :].lstrip()
    return card.rstrip()


def _replace(edits: dict[int, str | None], card: LogicalLine, text: str) -> None:
    if text != card.text:
        edits[card.rows[0]] = text
        edits.update(dict.fromkeys(card.rows[1:]))


def _number(name: str, value: float) -> str:
    if not math.isfinite(value):
        raise DeckError(f"{name} = {value} is not a finite number")
    return repr(float(value))  # the shortest text that reads back as the same float
