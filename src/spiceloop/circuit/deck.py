"""The frozen thing that a simulator runs: one complete ngspice deck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Deck"]


@dataclass(frozen=True)
class Deck:
    """One ngspice deck, ready to run: includes in-line, parameters written in, commands vetted.

    ``text`` is what ``ngspice -b`` would read, first line the title. ``name`` is the testbench's
    name for messages. ``home`` is the folder that relative paths left in the text (a ``.lib`` that
    was not compiled, a data file of a source) are relative to. ``files`` are further files, by
    name, that must stand in the run's own working folder before it starts. ``compat`` is the value
    of ngspice's ``ngbehavior`` ("" for ngspice's own default, "hsa" for the SKY130 libraries).
    ``trusted``: commands were not vetted, and the simulator may write and start what they say.
    """

    text: str
    name: str = "deck"
    home: Path = field(default_factory=Path)
    files: Mapping[str, str] = field(default_factory=dict)
    compat: str = ""
    trusted: bool = False
