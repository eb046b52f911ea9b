"""The circuits that a worker keeps loaded, as its client sees them: which, and since when."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spiceloop.sim.template import Template
from spiceloop.sim.worker import MARK, VECTOR

__all__ = ["LoadedCircuit", "LoadedCircuits", "halting"]

MOST = 8  # a process each, about 3 MB of its own
# Each `alter` has its price: some 95 of the op-amp's cost as much as the load that they stand for,
# the transconductor's 354 cost 9 ms more (an evaluation with and without, side by side).
MOST_SETTINGS = 64
_REMEMBERED = 256
_OUT_OF_USE = 100  # runs without it, before a circuit makes room for another

_NUMBER = re.compile(r"=\s*[-+]?[\d.][\d.e+-]*", re.IGNORECASE)


def halting(template: Template) -> str:
    """Return the deck's text with a halt where the circuit is loaded and its commands begin.

    Behind it come the commands that take in new values.
    """
    lines = template.lines
    at = lines.index(".control") + 1
    vectors = [f"let {VECTOR}{number} = 0" for number in range(len(template.settings))]
    return "\n".join([*lines[:at], *vectors, f"echo {MARK}", *template.settings, *lines[at:]])


@dataclass(frozen=True)
class LoadedCircuit:
    """One template process and what to set there: its pipe, the values in order."""

    pipe: int
    values: list[float]


@dataclass
class _Kept:
    template: Template
    setting: object
    pipe: int
    last_used: int  # number of the run


class LoadedCircuits:
    """Keeps at most `MOST` circuits; a deck is worth keeping from its second coming on.

    Where more than that take turns (testbenches times corners), the first ones stay: one that is
    thrown out before it is used again would have cost more than it saves.
    """

    def __init__(self) -> None:
        self._runs = 0
        self._kept: list[_Kept] = []  # the one used last comes last
        self._came: dict[int, bool] = {}  # what a deck looks like → whether it is worth loading

    def find(self, lines: Sequence[str], setting: object) -> LoadedCircuit | None:
        """Return a circuit that can stand for the deck's, with what to change in it."""
        self._runs += 1
        for kept in reversed(self._kept):
            if kept.setting == setting:
                values = kept.template.values(lines)
                if values is not None:
                    self._kept.remove(kept)
                    self._kept.append(kept)
                    kept.last_used = self._runs
                    return LoadedCircuit(kept.pipe, values)
        return None

    def worth_loading(self, lines: Sequence[str], setting: object) -> Template | None:
        """Note that a deck came that `find` has nothing for; return how to keep it, if it pays."""
        looks = hash((setting, tuple(_without_numbers(line) for line in lines)))
        if looks not in self._came:
            if len(self._came) >= _REMEMBERED:
                del self._came[next(iter(self._came))]
            self._came[looks] = True
            return None
        if len(self._kept) == MOST and self._runs - self._kept[0].last_used < _OUT_OF_USE:
            return None
        template = Template.of(lines) if self._came[looks] else None
        if template is not None and len(template.settings) > MOST_SETTINGS:
            template = None
        self._came[looks] = template is not None
        return template

    def add(self, template: Template, setting: object, pipe: Path) -> LoadedCircuit:
        """Open the pipe to a template process that is about to start."""
        os.mkfifo(pipe, 0o600)
        # Open for both, so that this does not wait for the other end.
        kept = _Kept(template, setting, os.open(pipe, os.O_RDWR | os.O_CLOEXEC), self._runs)
        self._kept.append(kept)
        while len(self._kept) > MOST:
            self._drop(self._kept[0])
        return LoadedCircuit(kept.pipe, template.values(template.lines) or [])

    def drop_newest(self) -> None:
        """Take back the last `add`: its process did not start."""
        self._drop(self._kept[-1])

    def clear(self) -> None:
        """Forget all circuits, because their processes are gone."""
        while self._kept:
            self._drop(self._kept[0])

    def _drop(self, kept: _Kept) -> None:
        """Close the pipe, which ends the template process."""
        self._kept.remove(kept)
        with contextlib.suppress(OSError):
            os.close(kept.pipe)


def _without_numbers(line: str) -> str:
    if line[:1] in "mM" or line[:6].lower() == ".param":
        return _NUMBER.sub("=", line)
    return line
