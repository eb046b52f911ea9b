"""The SKY130 process: where its models are, and how decks are compiled against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.pdk.base import Bin, CompileReport
from spiceloop.circuit.pdk.flatten import flatten
from spiceloop.circuit.pdk.library import section_names
from spiceloop.circuit.pdk.locate import LIBRARY_FILE, locate_sky130
from spiceloop.circuit.pdk.models import Models
from spiceloop.circuit.pdk.sample import Sample
from spiceloop.errors import DeckError, ProblemError

__all__ = ["Sky130"]


class Sky130:
    """SKY130 at one corner.

    ``library`` is ``continuous`` (W and L free) or ``binned`` (accurate at the characterised sizes
    only). Raises `SetupError` where the models are not installed, `ProblemError` for a corner that
    the library does not have.
    """

    name = "sky130"
    compat = "hsa"  # both libraries rely on HSPICE's rule for W/nf and for .param in subcircuits

    def __init__(self, corner: str = "tt", library: str = "continuous") -> None:
        self.corner = corner.lower()
        self.library = library
        self.library_path: Path = locate_sky130(library)
        corners = section_names(self.library_path)
        if self.corner not in corners:
            raise ProblemError(
                f"pdk sky130 ({library}) has no corner {corner!r}{did_you_mean(corner, corners)}; "
                f"it has {', '.join(corners)}"
            )

    @cached_property
    def models(self) -> Models:
        """The section's models, read at first use."""
        return Models(self.library_path, self.corner)

    def devices(self) -> Sequence[str]:
        """Names of the devices in the library, sorted."""
        return sorted(self.models.subcircuit_names)

    def limits(self, device: str) -> tuple[Bin, ...]:
        """Return the bins of a device; empty for one without bins. Raises `DeckError`."""
        name = device.lower()
        if name not in self.models.subcircuit_names:
            known = self.devices()
            raise DeckError(f"sky130 has no device {device!r}{did_you_mean(name, known)}")
        transistor = self.models.transistor(name)
        return tuple(card.range for card in transistor.bins) if transistor else ()

    def compile(self, deck: Deck, *, sample: Sample | None = None) -> Deck:
        """Return a deck that needs no library file and gives the same results.

        Raises `DesignError` for a W or L outside every bin, `DeckError` for a deck that uses the
        devices without a ``.lib`` line.
        """
        return self.compile_with_report(deck, sample=sample)[0]

    def compile_with_report(
        self, deck: Deck, *, sample: Sample | None = None
    ) -> tuple[Deck, CompileReport]:
        """Like `compile`, and says what could not be flattened and why."""
        if sample is not None:
            raise DeckError(f"{deck.name}: samples of mismatch and process are not drawn yet")
        text, report = flatten(deck.text, self.models, deck.name, LIBRARY_FILE)
        return replace(deck, text=text, compat=self.compat), report
