"""``spiceloop doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from spiceloop.cli.arguments import JsonOption
from spiceloop.cli.console import print_json, print_text
from spiceloop.errors import SetupError, SpiceloopError

__all__ = ["Finding", "doctor", "examine"]

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
_GET_NGSPICE = "Debian, Ubuntu: apt install ngspice libngspice0"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: ``detail`` is its version and place, or what went wrong."""

    name: str
    ok: bool
    required: bool
    detail: str
    remedy: str = ""


def doctor(json: JsonOption = False) -> int:
    """Say what is installed, run a tiny simulation, and say how to get what is missing."""
    findings = examine()
    missing = [f for f in findings if f.required and not f.ok]
    if json:
        print_json({"ok": not missing, "findings": [asdict(f) for f in findings]})
        return SetupError.exit_code if missing else 0
    width = max(len(f.name) for f in findings)
    for finding in findings:
        mark = "ok     " if finding.ok else "MISSING" if finding.required else "absent "
        print_text(f"{mark}  {finding.name:<{width}}  {finding.detail}")
        if not finding.ok and finding.remedy:
            print_text(f"{'':7}  {'':<{width}}  get it: {finding.remedy}")
    if missing:
        print_text(f"\nNot ready: {', '.join(f.name for f in missing)} missing.")
        return SetupError.exit_code
    print_text("\nReady.")
    return 0


def examine() -> list[Finding]:
    """Look at everything that spiceloop needs or can use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        Finding("python", True, True, f"{platform.python_version()} at {sys.executable}"),
        Finding("machine", True, True, f"{platform.platform()}, {cores} cores for us"),
        *_packages(),
        _simulator("ngspice-lib", required=True),
        _simulator("ngspice-batch", required=False),
        *_pdks(),
        _optional("optuna-dashboard", "pip install 'spiceloop[dashboard]'"),
    ]


def _packages() -> list[Finding]:
    """Spiceloop and each of its declared dependencies, with versions."""
    findings = [Finding("spiceloop", True, True, version("spiceloop"))]
    for line in requires("spiceloop") or ():
        if "extra ==" in line:
            continue
        name = re.split(r"[<>=!~\[; ]", line, maxsplit=1)[0]
        try:
            findings.append(Finding(name, True, True, version(name)))
        except PackageNotFoundError:
            findings.append(Finding(name, False, True, "not installed", f"pip install '{line}'"))
    return findings


def _optional(name: str, remedy: str) -> Finding:
    try:
        return Finding(name, True, False, version(name))
    except PackageNotFoundError:
        return Finding(name, False, False, "not installed", remedy)


def _simulator(name: str, *, required: bool) -> Finding:
    """Run a divider through one of the simulators and look at the answer."""

    def run() -> str:
        from spiceloop.circuit.deck import Deck
        from spiceloop.sim import make_simulator

        simulator = make_simulator(name)
        try:
            result = simulator.run(Deck(_DIVIDER), measures=("v(out)",), timeout=_TIMEOUT)
            said = simulator.version()
        finally:
            simulator.close()
        answer = result.measures["v(out)"]
        if abs(answer - _EXPECTED) > 1e-6:
            raise SetupError(f"{said} gave {answer} V for a divider of {_EXPECTED} V")
        where = f" at {shutil.which('ngspice')}" if name == "ngspice-batch" else ""
        return f"{said}{where}, test circuit right in {result.seconds * 1e3:.0f} ms"

    return _try(name, run, required=required, remedy=_GET_NGSPICE)


def _pdks() -> list[Finding]:
    """The models of every process that spiceloop knows."""
    from spiceloop.circuit.pdk import get_pdk, processes

    try:
        known = processes()
    except SpiceloopError as error:
        return [Finding("pdks", False, False, str(error), "repair or remove that package")]
    found = []
    for process in known.values():

        def find(name: str = process.name) -> str:
            return f"models at {_short(get_pdk(name).library_path)}"

        found.append(_try(process.name, find, required=False, remedy=process.install))
    return found


def _try(name: str, find: Callable[[], str], *, required: bool, remedy: str) -> Finding:
    try:
        return Finding(name, True, required, find())
    except (SpiceloopError, ImportError, OSError) as error:
        return Finding(name, False, required, str(error).splitlines()[0], remedy)


def _short(path: Path) -> str:
    home = str(Path.home())
    text = str(path)
    return "~" + text.removeprefix(home) if text.startswith(home + "/") else text
