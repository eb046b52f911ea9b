"""Ngspice, both ways, with combinations that are known to go wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from spiceloop.cli.doctor.finding import Finding, attempt, short
from spiceloop.errors import SetupError

__all__ = ["findings"]

_GROUP = "simulator"
_DIVIDER = """spiceloop doctor: a divider
v1 in 0 3
r1 in out 1k
r2 out 0 2k
.op
.control
op
print v(out)
.endc
.end
"""
_EXPECTED = 2.0  # volts at the divider's output
_TIMEOUT = 20.0  # seconds; the run itself takes milliseconds
_GET = "Debian, Ubuntu: apt install ngspice libngspice0"
_OLDEST, _NEWEST = 36, 45  # versions that `sim.diagnose` is written for; 39 is the tested one
_TESTED = 39


def findings() -> list[Finding]:
    """Run a divider through both and look at what they say of themselves."""
    library = attempt(
        _GROUP, "ngspice-lib", lambda: _run("ngspice-lib"), required=True, remedy=_GET
    )
    batch = attempt(
        _GROUP, "ngspice-batch", lambda: _run("ngspice-batch"), required=False, remedy=_GET
    )
    return [library, batch, *_doubts(library, batch), *_threads()]


def _run(name: str) -> str:
    from spiceloop.circuit.deck import Deck
    from spiceloop.sim import make_simulator
    from spiceloop.sim.libngspice import find_library

    simulator = make_simulator(name)
    try:
        result = simulator.run(Deck(_DIVIDER), measures=("v(out)",), timeout=_TIMEOUT)
        said = simulator.version()
    finally:
        simulator.close()
    answer = result.measures["v(out)"]
    if abs(answer - _EXPECTED) > 1e-6:
        raise SetupError(f"{said} gave {answer} V for a divider of {_EXPECTED} V")
    if name == "ngspice-batch":
        where = short(shutil.which("ngspice") or "ngspice")
    else:
        where = short(_library_file() or find_library())
    return f"{said} at {where}, a divider right in {result.seconds * 1e3:.0f} ms"


def _doubts(library: Finding, batch: Finding) -> list[Finding]:
    """Versions that are untested, differ, or have a fault that designs meet."""
    found = []
    ours, other = _version(library.detail), _version(batch.detail)
    if library.ok and batch.ok and ours != other:
        found.append(
            _doubt(
                f"the library is version {ours}, the program {other}: their numbers may differ",
                "install ngspice and libngspice0 of one release; SPICELOOP_LIBNGSPICE names the "
                "library to use",
            )
        )
    if library.ok and ours is not None and not _OLDEST <= ours <= _NEWEST:
        found.append(
            _doubt(
                f"version {ours}: spiceloop knows the messages of {_OLDEST} to {_NEWEST} and is "
                f"tested with {_TESTED}",
                "compare a few designs with --simulator ngspice-batch, and report what differs",
            )
        )
    if library.ok and ours is not None and ours < 42:
        found.append(
            _doubt(
                f"version {ours}: meas dc MAX, MIN, AVG and PP fail in temperature and current "
                "sweeps",
                "measure such sweeps by a Python function (functions: in the problem file), or "
                "use ngspice 42 or later",
            )
        )
    return found


def _doubt(detail: str, remedy: str) -> Finding:
    return Finding(_GROUP, "ngspice", True, False, detail, remedy)


def _version(text: str) -> int | None:
    match = re.search(r"ngspice-(\d+)", text)
    return int(match.group(1)) if match else None


def _threads() -> list[Finding]:
    """OpenMP inside ngspice: harmless in our runs, not in the same deck run by hand."""
    file = _library_file()
    if file is None or b"libgomp" not in file.read_bytes():
        return []
    return [
        Finding(
            _GROUP,
            "openmp",
            True,
            False,
            "this ngspice shares a simulation's devices out over threads; spiceloop sets one, "
            "which is faster for such circuits. By hand: set num_threads=1 in .spiceinit",
        )
    ]


def _library_file() -> Path | None:
    """Return where libngspice lies: it is loaded by its name alone, so the kernel has to tell."""
    from spiceloop.sim.libngspice import find_library

    try:
        name = find_library()
    except SetupError:
        return None
    if "/" in name:
        return Path(name) if Path(name).is_file() else None
    try:
        maps = Path("/proc/self/maps").read_text()  # find_library has loaded it to see it is there
    except OSError:
        return None
    match = re.search(rf"(/\S*{re.escape(name)}\S*)", maps)
    return Path(match.group(1)) if match else None
