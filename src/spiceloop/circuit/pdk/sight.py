"""What a deck does that decides how far its models can be worked out ahead of ngspice."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spiceloop.circuit.params import FUNCTIONS
from spiceloop.circuit.pdk.reading import ParsedDeck

__all__ = ["Sight", "look"]

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


@dataclass(frozen=True)
class Sight:
    """What was seen in a deck.

    Attributes:
        needs_library: why it must keep the library's own file, whatever the models; or empty.
        names: its subcircuits' names, and an empty one for the top level.
        shares: one model card may serve instances of different size.
        shortens: model cards may leave out what ngspice takes by itself.
        resizes: it alters sizes after it is loaded.
        nests: a subcircuit of its own is called with a multiplier.
    """

    needs_library: str
    names: frozenset[str]
    shares: bool
    shortens: bool
    resizes: bool
    nests: bool


def look(deck: ParsedDeck) -> Sight:
    """Look through a deck."""
    texts, commands = deck.texts, deck.commands
    names = frozenset(block.name for block in deck.top.every())
    return Sight(
        _needs_library(deck),
        names,
        not _SEES_SQUARES.search(commands) and not _READS_SQUARES.search(texts),
        not _SEES_DEFAULTS.search(commands) and not _SEES_DEFAULTS.search(texts),
        bool(_ALTERS_SIZE.search(commands)),
        any(
            line.card.words[-1] in names and "m" in dict(line.card.parameters)
            for block in deck.top.every()
            for line in block.instances
        ),
    )


def _needs_library(deck: ParsedDeck) -> str:
    if deck.unseen:
        return deck.unseen
    if found := _SEES_CARDS.search(deck.texts) or _SEES_CARDS.search(deck.commands):
        return f"it uses {found[0]}"
    if shadowed := sorted(deck.functions & FUNCTIONS):
        return f"it defines its own function {shadowed[0]}"
    return ""
