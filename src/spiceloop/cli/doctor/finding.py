"""One thing that ``spiceloop doctor`` looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spiceloop.errors import SpiceloopError

__all__ = ["Finding", "attempt", "short"]


@dataclass(frozen=True)
class Finding:
    """``detail`` is its version and place, or what is wrong; ``remedy`` what to do about it.

    One that is there and has a remedy is a warning.
    """

    group: str
    name: str
    ok: bool
    required: bool
    detail: str
    remedy: str = ""

    @property
    def state(self) -> Literal["ok", "warning", "missing", "absent"]:
        """How it stands; ``absent`` is something optional that is not there."""
        if self.ok:
            return "warning" if self.remedy else "ok"
        return "missing" if self.required else "absent"


def attempt(
    group: str, name: str, find: Callable[[], str], *, required: bool, remedy: str
) -> Finding:
    """Return what ``find`` says, or its error with the remedy."""
    try:
        return Finding(group, name, True, required, find())
    except (SpiceloopError, ImportError, OSError) as error:
        said = str(error).splitlines()
        return Finding(group, name, False, required, said[0] if said else repr(error), remedy)


def short(path: Path | str) -> str:
    """Return a path with ``~`` for the home folder."""
    home, text = str(Path.home()), str(path)
    return "~" + text.removeprefix(home) if text.startswith(home + "/") else text
