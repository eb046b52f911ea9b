"""Which processes there are: one file each in `spiceloop.circuit.pdk.processes`.

A process of one's own, which need not be public, lives in any installed package that declares the
entry point ``spiceloop.pdks``; see docs/add-a-pdk.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.pdk import processes as builtin
from spiceloop.circuit.pdk.base import Pdk
from spiceloop.circuit.pdk.process import LibraryPdk, Process
from spiceloop.errors import ProblemError, SetupError

__all__ = ["ENTRY_POINTS", "find_process", "get_pdk", "get_process", "processes"]

ENTRY_POINTS = "spiceloop.pdks"


@lru_cache(maxsize=1)
def processes() -> Mapping[str, Process]:
    """Return every process by name, the built-in ones first.

    Raises `SetupError` for an entry point that cannot be loaded, is no `Process`, or takes a name
    that another has.
    """
    found: dict[str, Process] = {}
    for module in iter_modules(builtin.__path__, builtin.__name__ + "."):
        process = import_module(module.name).PROCESS
        found[process.name] = process
    for point in entry_points(group=ENTRY_POINTS):
        where = f"entry point {point.name} = {point.value} ({ENTRY_POINTS})"
        try:
            process = point.load()
        except Exception as error:  # another package's code: anything may come
            raise SetupError(f"{where} cannot be loaded: {error}") from error
        if not isinstance(process, Process):
            raise SetupError(f"{where}: expected a Process, got {type(process).__name__}")
        if process.name in found:
            raise SetupError(f"{where}: there is a pdk named {process.name!r} already; rename it")
        found[process.name] = process
    return found


def get_process(name: str) -> Process:
    """Return a process by name. Raises `ProblemError` for an unknown one."""
    known = processes()
    if name not in known:
        raise ProblemError(
            f"unknown pdk {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}"
        )
    return known[name]


def find_process(library: str) -> Process | None:
    """Return the process whose library file a deck's ``.lib`` line names, by the file's name."""
    file = Path(library).name.lower()
    return next((p for p in processes().values() if p.library_file.lower() == file), None)


@lru_cache(maxsize=32)
def _build(process: Process, corner: str, library: str, path: str) -> LibraryPdk:
    return LibraryPdk(process, corner, library)


def get_pdk(name: str, corner: str = "tt", library: str = "") -> Pdk:
    """Return a PDK at a corner; the same object for the same arguments.

    ``library`` is one of its model sets, by default the usual one. Raises `ProblemError` for an
    unknown name, corner or library, `SetupError` where the models are not installed.
    """
    process = get_process(name)
    library = library or process.libraries[0]
    # An unknown library has no path; the constructor says so.
    path = str(process.locate(library)) if library in process.libraries else ""
    return _build(process, corner.lower(), library, path)
