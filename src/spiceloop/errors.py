"""Every exception spiceloop raises on purpose.

::

    SpiceloopError                 exit code 1
    ├── InputError                 2   something the user wrote is wrong
    │   ├── UnitError                  a number such as "4x7"
    │   ├── DeckError                  a netlist, with file and line
    │   │   └── UntrustedDeckError     a deck that would leave the simulator
    │   ├── ProblemError               a problem file; lists every mistake at once
    │   ├── UntrustedPythonError       a file that runs Python and is not the user's own
    │   ├── DesignError                a design outside its space or outside the model bins
    │   ├── StudyError                 no such study, or a study of another problem
    │   ├── DataError                  a speech data set: a missing folder, an empty class
    │   │   └── AudioError                 one sound file: truncated, stereo, wrong sampling rate
    │   └── ConfigError                a co-design configuration; lists every mistake at once
    ├── SetupError                 3   ngspice, libngspice or the PDK is missing
    │   └── ClusterError               no scheduler answers, or no worker of it can be used
    ├── SimulationError            4   one evaluation failed; the run goes on
    ├── TrainingError              4   a loss is no number, or SPICE and model disagree
    └── StorageError               5   the study cannot be written (disk full, locked)
        └── OutputError                nor can standard output

A message says which thing, which value, what was expected and what to do next. The command line
prints it without a traceback and leaves with the exit code above.
"""

from __future__ import annotations

import copyreg
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

__all__ = [
    "AudioError",
    "ClusterError",
    "ConfigError",
    "DataError",
    "DeckError",
    "DesignError",
    "FailureKind",
    "InputError",
    "OutputError",
    "ProblemError",
    "SetupError",
    "SimulationError",
    "SpiceloopError",
    "StorageError",
    "StudyError",
    "TrainingError",
    "UnitError",
    "UntrustedDeckError",
    "UntrustedPythonError",
]


class SpiceloopError(Exception):
    """Root of the tree; catch this to catch everything spiceloop raises on purpose."""

    exit_code = 1


class InputError(SpiceloopError):
    """Something the user wrote is wrong."""

    exit_code = 2


class UnitError(InputError, ValueError):
    """A number that cannot be read, or one whose suffix is a likely mistake."""


class DeckError(InputError):
    """A netlist is wrong; the message starts with ``file:line`` where it is known."""


class UntrustedDeckError(DeckError):
    """A deck holds a command that would leave the simulator (``shell``, ``system``, …)."""


class ProblemError(InputError):
    """A problem file is wrong. ``mistakes`` holds every one found, one line each."""

    def __init__(self, message: str, mistakes: Sequence[str] = ()) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join([message, *(f"  - {m}" for m in self.mistakes)]))


class UntrustedPythonError(InputError):
    """A problem file or configuration that is not the user's own names Python code to run."""


class DesignError(InputError):
    """A design point lies outside its space, off its grid, or outside the model's bins."""


class StudyError(InputError):
    """A study is missing, cannot be opened, or belongs to another problem."""


class DataError(InputError):
    """A speech data set cannot be used: a folder or list is missing, a class is empty."""


class AudioError(DataError):
    """A sound file cannot be used; the message starts with its path."""


class ConfigError(ProblemError):
    """A co-design configuration is wrong. ``mistakes`` holds every one found."""


class SetupError(SpiceloopError):
    """A part that spiceloop needs is not installed; the message says how to get it."""

    exit_code = 3


class ClusterError(SetupError):
    """No Dask scheduler answers, it was lost, or none of its workers can be used."""


class FailureKind(StrEnum):
    """Why an evaluation failed; stored with the trial and shown in the report."""

    TIMEOUT = "timeout"
    CRASH = "crash"
    NO_CONVERGENCE = "no-convergence"
    MISSING_MEASURE = "missing-measure"
    NOT_A_NUMBER = "not-a-number"
    DECK = "deck"  # ngspice refused the netlist
    GEOMETRY = "geometry"  # W or L outside every model bin
    MEASURE_FUNCTION = "measure-function"  # the user's Python function raised


class SimulationError(SpiceloopError):
    """One evaluation failed. It becomes a failed trial, never the end of a run.

    ``line`` is the simulator's own offending line; ``deck`` the testbench; ``analysis`` what was
    running; ``design`` the design point where it is known.
    """

    exit_code = 4

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        line: str = "",
        deck: str = "",
        analysis: str = "",
        corner: str = "",
        design: Mapping[str, float] | None = None,
    ) -> None:
        self.kind = kind
        self.message = message
        self.line = line
        self.deck = deck
        self.analysis = analysis
        self.corner = corner
        self.design = dict(design) if design else {}
        super().__init__(self._text())

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is pickled as its class and what it calls its arguments, here the text.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def _text(self) -> str:
        where = ", ".join(
            f"{label} {value}"
            for label, value in (
                ("testbench", self.deck),
                ("corner", self.corner),
                ("analysis", self.analysis),
            )
            if value
        )
        text = f"{self.kind.value}: {self.message}"
        if where:
            text += f" [{where}]"
        if self.line:
            text += f"\n  ngspice said: {self.line}"
        if self.design:
            text += "\n  design: " + " ".join(f"{k}={v:.6g}" for k, v in self.design.items())
        return text

    def located(
        self,
        *,
        deck: str = "",
        corner: str = "",
        design: Mapping[str, float] | None = None,
    ) -> SimulationError:
        """Return the same failure with the place added where it was not yet known."""
        return SimulationError(
            self.kind,
            self.message,
            line=self.line,
            deck=self.deck or deck,
            analysis=self.analysis,
            corner=self.corner or corner,
            design=self.design or design,
        )


class TrainingError(SpiceloopError):
    """Training cannot go on: a loss that is no number, or filters that SPICE contradicts."""

    exit_code = 4


class StorageError(SpiceloopError):
    """The study cannot be written or read: disk full, locked, no server. Nothing was lost."""

    exit_code = 5


class OutputError(StorageError):
    """Standard output is closed, or takes no more."""
