"""Python packages, required and optional, and the programs that demonstrations call."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version

from spiceloop.cli.doctor.finding import Finding, attempt

__all__ = ["findings"]

# What each extra is for. The packages themselves are what the extra declares.
_EXTRAS = {
    "dashboard": "optuna-dashboard shows a running study",
    "cluster": "size and resume --scheduler",
    "postgresql": "studies on a PostgreSQL server",
    "onnx": "trained networks as ONNX files",
    "tensorboard": "curves of co-design runs",
}


def findings() -> list[Finding]:
    """Look at spiceloop, each declared dependency, each optional extra, and programs."""
    declared = [(_name(line), line) for line in requires("spiceloop") or ()]
    core = [(name, line) for name, line in declared if "extra ==" not in line]
    found = [Finding("packages", "spiceloop", True, True, version("spiceloop"))]
    found += [
        attempt(
            "packages",
            name,
            partial(_version, name),
            required=True,
            remedy=f"pip install '{line}'",
        )
        for name, line in core
    ]
    for extra, purpose in _EXTRAS.items():
        names = [n for n, line in declared if re.search(rf"extra == ['\"]{extra}['\"]", line)]
        if names:
            found.append(
                attempt(
                    "optional",
                    extra,
                    partial(_named_versions, names),
                    required=False,
                    remedy=f"pip install 'spiceloop[{extra}]', for {purpose}",
                )
            )
    found.append(
        attempt(
            "optional",
            "speech",
            _speech,
            required=False,
            remedy="Debian, Ubuntu: apt install espeak-ng flite, for the co-design demo's data",
        )
    )
    return found


def _name(line: str) -> str:
    return re.split(r"[<>=!~\[; ]", line, maxsplit=1)[0]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        raise ImportError(f"{name} is not installed") from None


def _named_versions(names: Sequence[str]) -> str:
    return ", ".join(f"{name} {_version(name)}" for name in names)


def _speech() -> str:
    programs = {name: shutil.which(name) for name in ("espeak-ng", "flite")}
    if absent := [name for name, where in programs.items() if where is None]:
        raise ImportError(f"{' and '.join(absent)} not found")
    return ", ".join(f"{name} at {where}" for name, where in programs.items())
