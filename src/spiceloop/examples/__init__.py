"""Ready-made sizing problems, one circuit a folder: problem file, decks, README with a schematic.

::

    from spiceloop.examples import names, path
    path("rc_filter") / "problem.yaml"
"""

from __future__ import annotations

from pathlib import Path

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.errors import InputError

__all__ = ["names", "path"]

_HOME = Path(__file__).resolve().parent


def names() -> tuple[str, ...]:
    """Return the examples' names, in alphabetical order."""
    return tuple(sorted(p.parent.name for p in _HOME.glob("*/problem.yaml")))


def path(name: str) -> Path:
    """Return an example's folder. Raises `InputError` for an unknown name."""
    known = names()
    if name not in known:
        raise InputError(
            f"no example {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}"
        )
    return _HOME / name
