"""What a process design kit is to spiceloop: models that a deck uses, compiled for speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk.sample import Sample

__all__ = ["Bin", "CompileReport", "Pdk", "Sample"]


@dataclass(frozen=True)
class Bin:
    """The range of channel length and width (per finger) that one model card covers, in metres."""

    lmin: float
    lmax: float
    wmin: float
    wmax: float


@dataclass(frozen=True)
class CompileReport:
    """How a deck was compiled.

    ``flattened`` counts the instance lines that got numeric cards (one inside a user subcircuit
    counts once for each set of values it is called with), ``cards`` the model cards written.
    ``notes`` says, one line each, what was left to ngspice and why; empty when all was flattened.
    """

    flattened: int = 0
    cards: int = 0
    notes: tuple[str, ...] = ()


@runtime_checkable
class Pdk(Protocol):
    """Models of one process at one corner. Safe to share between threads."""

    @property
    def name(self) -> str:
        """Short name, e.g. ``sky130``."""
        ...

    @property
    def corner(self) -> str:
        """Section of the library, e.g. ``tt``."""
        ...

    @property
    def compat(self) -> str:
        """Value of ngspice's ``ngbehavior`` that the models need."""
        ...

    @property
    def library_path(self) -> Path:
        """The library file itself."""
        ...

    def devices(self) -> Sequence[str]:
        """Names of the devices (subcircuits) in the library, sorted."""
        ...

    def limits(self, device: str) -> tuple[Bin, ...]:
        """Return the bins of a device; empty for one that has none. Raises `DeckError`."""
        ...

    def compile(self, deck: Deck, *, sample: Sample | None = None) -> Deck:
        """Return a deck that runs without the library's file and gives the same results.

        With a ``sample``, devices deviate from the corner as the library's own statistics say.
        Raises `DesignError` for a W or L outside every bin, `SetupError` without the PDK, and
        `DeckError` for a sample of a deck whose random terms cannot be reached.
        """
        ...

    def compile_with_report(
        self, deck: Deck, *, sample: Sample | None = None
    ) -> tuple[Deck, CompileReport]:
        """Like `compile`, and says what could not be flattened."""
        ...
