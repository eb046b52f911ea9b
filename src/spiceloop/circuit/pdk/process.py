"""A process whose models are an ngspice library of ``.lib`` sections, one section a corner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.pdk.base import Bin, CompileReport
from spiceloop.circuit.pdk.die import Dies, refuse_random
from spiceloop.circuit.pdk.flatten import flatten
from spiceloop.circuit.pdk.library import section_names
from spiceloop.circuit.pdk.models import Models
from spiceloop.circuit.pdk.sample import Sample
from spiceloop.errors import DeckError, ProblemError

__all__ = ["LibraryPdk", "Process"]


@dataclass(frozen=True)
class Process:
    """What spiceloop must know of a process; one of these is all that a new PDK needs.

    Attributes:
        name: what ``pdk:`` in a problem file says.
        title: a few words for lists.
        library_file: file name in a deck's ``.lib`` line, whatever folder stands before it.
        libraries: names of the model sets, the usual one first.
        locate: gives the library file of a model set; raises `SetupError` where it is missing.
        install: how to get the models, one line.
        compat: ngspice's ``ngbehavior`` that the models need; empty for none.
        switches: the library's parameters that multiply its random terms, those of each instance
            and those of the whole die; None for a library without statistics.
    """

    name: str
    title: str
    library_file: str
    locate: Callable[[str], Path]
    install: str = ""
    libraries: tuple[str, ...] = ("continuous",)
    compat: str = "hsa"
    switches: tuple[str, str] | None = None


class LibraryPdk:
    """A process at one corner; meets `spiceloop.circuit.pdk.Pdk`.

    Raises `SetupError` where the models are not installed, `ProblemError` for a corner or a model
    set that the process does not have.
    """

    def __init__(self, process: Process, corner: str, library: str) -> None:
        if library not in process.libraries:
            raise ProblemError(
                f"pdk {process.name} has no library {library!r}"
                f"{did_you_mean(library, process.libraries)}; "
                f"it has {', '.join(process.libraries)}"
            )
        self.process = process
        self.corner = corner.lower()
        self.library = library
        self.library_path = process.locate(library)
        corners = section_names(self.library_path)
        if self.corner not in corners:
            raise ProblemError(
                f"pdk {process.name} ({library}) has no corner {corner!r}"
                f"{did_you_mean(self.corner, corners)}; it has {', '.join(corners)}"
            )

    @property
    def name(self) -> str:
        """Short name, e.g. ``sky130``."""
        return self.process.name

    @property
    def compat(self) -> str:
        """Value of ngspice's ``ngbehavior`` that the models need."""
        return self.process.compat

    @cached_property
    def models(self) -> Models:
        """The section's models, read at first use."""
        return Models(self.library_path, self.corner)

    @cached_property
    def dies(self) -> Dies:
        """The section's models on samples. Raises `ProblemError` for one without statistics."""
        if self.process.switches is None:
            raise ProblemError(f"pdk {self.name} has no statistics to draw samples from")
        return Dies(self.library_path, self.corner, self.process.switches)

    def devices(self) -> Sequence[str]:
        """Names of the devices in the library, sorted."""
        return sorted(self.models.subcircuit_names)

    def limits(self, device: str) -> tuple[Bin, ...]:
        """Return the bins of a device; empty for one without bins. Raises `DeckError`."""
        name = device.lower()
        if name not in self.models.subcircuit_names:
            known = self.devices()
            raise DeckError(f"{self.name} has no device {device!r}{did_you_mean(name, known)}")
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
        die = self.dies[sample] if sample else None
        models = die.models if die else self.models
        text, report = flatten(deck.text, models, deck.name, self.process.library_file, die)
        if die:
            refuse_random(text, deck.name)
        elif self._draws:
            report = replace(report, notes=(*report.notes, self._warning(deck.name)))
        return replace(deck, text=text, compat=self.compat), report

    @cached_property
    def _draws(self) -> bool:
        """Whether ngspice itself draws random numbers at this corner, as in ``tt_mm``."""
        return any(self.models.values.get(name) for name in self.process.switches or ())

    def _warning(self, where: str) -> str:
        return (
            f"{where}: at corner {self.corner} ngspice draws random numbers without a seed, so no "
            "result can be repeated; for statistics take an ordinary corner and spiceloop yield"
        )
