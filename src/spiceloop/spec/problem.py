"""The problem file: pydantic model of ``problem.yaml``.

The vocabulary is that of open-PDK datasheets (CACE): ``minimum``, ``maximum``, ``unit``,
``conditions``, ``corner``. An ordinary ngspice testbench stays as it is; its ``.param`` names are
the parameters, its measures are the metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from spiceloop.circuit.design_space import DesignSpace, Variable, did_you_mean
from spiceloop.circuit.pdk.registry import get_process
from spiceloop.errors import DesignError, ProblemError
from spiceloop.numbers import Number
from spiceloop.opt.base import Constraint, Goal, Scale, Task
from spiceloop.spec.corners import Condition, Corner, Value, make_corners, mistakes_in
from spiceloop.units import PLAIN_UNITS, parse_duration

__all__ = ["Metric", "Parameter", "PdkChoice", "Problem", "Testbench"]


Numeric = TypeVar("Numeric", float, npt.NDArray[np.float64])
# Decibels are logarithms already, and angles and degrees Celsius are compared by difference.
_LINEAR_UNITS = PLAIN_UNITS - {"%", "ppm"}
# As they are written otherwise. Of `db` the values would be modelled and shown as of any unit.
_SPELLINGS = {unit.lower(): unit for unit in PLAIN_UNITS} | {
    "decibel": "dB",
    "decibels": "dB",
    "degree": "deg",
    "degrees": "deg",
    "percent": "%",
}


def _spelled(unit: str) -> str:
    meant = _SPELLINGS.get(unit.strip().lower(), unit)
    if meant != unit:
        raise ValueError(f"expected {meant!r}, got {unit!r}")
    return unit


Unit = Annotated[str, AfterValidator(_spelled)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameter(_Model):
    """One design variable, the name of a ``.param`` of the decks.

    A free one has ``minimum`` and ``maximum``; a tied one follows ``tied_to`` times ``ratio``.
    """

    minimum: Number | None = None
    maximum: Number | None = None
    start: Number | None = None
    scale: Literal["log", "linear"] | None = None  # default: log where both bounds are positive
    grid: Number = 0.0
    unit: Unit = ""
    description: str = ""
    tied_to: Name | None = None
    ratio: Number = 1.0

    @field_validator("ratio", mode="before")
    @classmethod
    def _factor(cls, value: object) -> object:
        if isinstance(value, str) and "%" in value:
            raise ValueError(f"expected a factor, such as 0.5 for 50 %, got {value!r}")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Parameter:
        if self.tied_to is not None:
            if self.minimum is not None or self.maximum is not None or self.start is not None:
                raise ValueError("a tied parameter takes no minimum, maximum or start")
            return self
        if self.minimum is None or self.maximum is None:
            raise ValueError("give minimum and maximum, or tied_to")
        variable = _build(lambda: self.variable("value"))
        if self.start is not None:
            start = self.start
            try:
                variable.check(start)
            except DesignError as error:
                raise ValueError(f"start{str(error).removeprefix('value')}") from None
        return self

    def variable(self, name: str) -> Variable:
        """Return the free variable under its name. Raises `DesignError` for bad bounds."""
        assert self.minimum is not None
        assert self.maximum is not None
        log = self.scale == "log" if self.scale else self.minimum > 0 and self.maximum > 0
        return Variable(name, self.minimum, self.maximum, log, self.grid, self.unit)


def _build(make: Any) -> Any:
    try:
        return make()
    except DesignError as error:
        raise ValueError(str(error).removeprefix("value: ").removeprefix("value = ")) from None


class Metric(_Model):
    """One number of an evaluation: an objective (``goal``), a constraint (bounds), or shown only.

    ``measure`` is its name in the deck or in a function's result (default: the metric's own name);
    ``testbench`` says which deck gives it (default: whichever has it). With ``corners: typical`` it
    is measured at the typical corner only.
    """

    unit: Unit = ""
    description: str = ""
    testbench: Name | None = None
    measure: str | None = None
    goal: Literal["maximize", "minimize"] | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    scale: Literal["auto", "log", "linear"] = "auto"
    corners: Literal["all", "typical"] = "all"

    @model_validator(mode="after")
    def _bounds(self) -> Metric:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(
                f"minimum {self.minimum:g} is above maximum {self.maximum:g}; swap them?"
            )
        return self

    @property
    def bounded(self) -> bool:
        """Whether it is a constraint."""
        return self.minimum is not None or self.maximum is not None

    @property
    def model_scale(self) -> Scale:
        """The scale that the optimizer is told: of ``auto``, ``linear`` where the unit decides."""
        return "linear" if self.scale == "auto" and self.unit in _LINEAR_UNITS else self.scale

    def excesses(self, value: Numeric) -> list[Numeric]:
        """How far a value lies beyond each bound, minimum first: relative to it (to 1 for 0)."""
        return [
            sign * (bound - value) / (abs(bound) or 1.0)
            for bound, sign in ((self.minimum, 1.0), (self.maximum, -1.0))
            if bound is not None
        ]

    def excess(self, value: float) -> float | None:
        """The larger of `excesses`, ≤ 0 where every bound is met; None without a bound."""
        return max(self.excesses(value), default=None)


class Testbench(_Model):
    """One ordinary ngspice deck.

    ``functions`` are Python functions ``file.py:function`` or ``package.module:function`` that take
    `spiceloop.Waves` and return a dict of named SI numbers; ``vectors`` limits what they are given
    (default every vector). ``parameter_file`` is a file that the deck includes and spiceloop must
    write, e.g. ``design_var.inc``. ``conditions`` fix some of the problem's for this deck, at every
    corner.
    """

    __test__ = False  # pytest: this is not a test class

    deck: Path
    functions: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ("*",)
    parameter_file: str | None = None
    conditions: dict[Name, Value] = Field(default_factory=dict)
    timeout: Number = Field(60.0, gt=0, le=1e6)  # seconds

    @field_validator("timeout", mode="before")
    @classmethod
    def _duration(cls, value: object) -> object:
        return parse_duration(value)[0] if isinstance(value, str) else value

    @field_validator("functions")
    @classmethod
    def _named(cls, functions: tuple[str, ...]) -> tuple[str, ...]:
        for function in functions:
            module, colon, name = function.partition(":")
            if not (module and colon and name.isidentifier()):
                raise ValueError(f"expected file.py:function or module:function, got {function!r}")
        return functions


class PdkChoice(_Model):
    """Which process models the decks use; `pdk: sky130` is short for ``{name: sky130}``.

    Decks that bring their own model cards need none.
    """

    name: str
    corner: str = "tt"
    library: str = Field("", validate_default=True)  # the PDK's usual one

    @field_validator("name")
    @classmethod
    def _registered(cls, name: str) -> str:
        try:
            return get_process(name).name
        except ProblemError as error:
            raise ValueError(str(error)) from None

    @field_validator("library")
    @classmethod
    def _has(cls, library: str, info: ValidationInfo) -> str:
        if "name" not in info.data:
            return library
        known = get_process(info.data["name"]).libraries
        if library and library not in known:
            raise ValueError(
                f"pdk {info.data['name']} has no library {library!r}"
                f"{did_you_mean(library, known)}; it has {', '.join(known)}"
            )
        return library or known[0]


class Problem(_Model):
    """A whole sizing problem. Load one with `spiceloop.load_problem`."""

    name: Name
    description: str = ""
    pdk: PdkChoice | None = None
    testbenches: dict[Name, Testbench] = Field(min_length=1)
    # .params that are no design variables, temperature in °C, and the PDK's corner
    conditions: dict[Name, Condition] = Field(default_factory=dict)
    corners_listed: tuple[dict[Name, Value], ...] = Field((), alias="corners")
    early_stop: bool = True  # skip the other corners of a design that has failed at one
    parameters: dict[Name, Parameter] = Field(min_length=1)
    metrics: dict[Name, Metric] = Field(min_length=1)
    # file.py:function for the report's further figures; what they are given: see report/figures.py
    figures: tuple[str, ...] = ()

    _folder: Path = PrivateAttr(default_factory=Path)
    _file: Path | None = PrivateAttr(None)

    @property
    def file(self) -> Path | None:
        """The problem file, or None for a problem that was not loaded from one."""
        return self._file

    @property
    def folder(self) -> Path:
        """The folder of the problem file; decks and Python files are relative to it."""
        return self._folder

    @field_validator("pdk", mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _names_fit(self) -> Problem:
        mistakes = []
        free = [n for n, p in self.parameters.items() if p.tied_to is None]
        for name, p in self.parameters.items():
            if p.tied_to is not None and p.tied_to not in free:
                mistakes.append(
                    f"parameters.{name}.tied_to: {p.tied_to!r} is not a free parameter"
                    + did_you_mean(p.tied_to, free)
                )
        for name, m in self.metrics.items():
            if m.testbench is not None and m.testbench not in self.testbenches:
                mistakes.append(
                    f"metrics.{name}.testbench: no testbench {m.testbench!r}"
                    + did_you_mean(m.testbench, self.testbenches)
                )
        mistakes += mistakes_in(
            self.conditions,
            self.corners_listed,
            {n: t.conditions for n, t in self.testbenches.items()},
            self._pdk_corner,
        )
        mistakes += self._same_names()
        if not free:
            mistakes.append("parameters: every parameter is tied; at least one must be free")
        if not any(m.goal for m in self.metrics.values()):
            mistakes.append("metrics: none has a goal (maximize or minimize)")
        if mistakes:
            raise ValueError("\n".join(mistakes))
        _ = self.corners
        return self

    def _same_names(self) -> Iterator[str]:
        """Yield parameters and conditions that are one ``.param`` to ngspice: it ignores case."""
        seen: dict[str, str] = {}
        places = [("parameters", n) for n in self.parameters]
        places += [("conditions", n) for n in self.conditions]
        for where, name in places:
            other = seen.setdefault(name.lower(), f"{where}.{name}")
            if other == f"parameters.{name}" and where == "conditions":
                yield f"conditions.{name}: also a parameter; it can be only one"
            elif other != f"{where}.{name}":
                yield f"{where}.{name}: the same .param as {other}, for SPICE ignores case"

    @property
    def _pdk_corner(self) -> str | None:
        """The corner that the file names with its PDK, empty if none, None without a PDK."""
        if self.pdk is None:
            return None
        return self.pdk.corner if "corner" in self.pdk.model_fields_set else ""

    @property
    def corners(self) -> tuple[Corner, ...]:
        """Where every design is simulated, the typical corner first; one for a file without any."""
        return make_corners(
            self.conditions, self.corners_listed, self.pdk.corner if self.pdk else ""
        )

    @property
    def space(self) -> DesignSpace:
        """The free parameters, in file order."""
        return DesignSpace(
            tuple(p.variable(n) for n, p in self.parameters.items() if p.tied_to is None)
        )

    @property
    def start(self) -> dict[str, float] | None:
        """The designer's start, free parameters only, or None unless every one has a start."""
        starts = {n: p.start for n, p in self.parameters.items() if p.tied_to is None}
        if any(v is None for v in starts.values()):
            return None
        return {n: v for n, v in starts.items() if v is not None}

    @property
    def objectives(self) -> dict[str, Metric]:
        """Metrics with a goal, in file order."""
        return {n: m for n, m in self.metrics.items() if m.goal}

    def task(self, n_initial: int = 10) -> Task:
        """Return what an optimizer needs to know."""
        goals = tuple(
            Goal(n, m.goal == "maximize", m.model_scale) for n, m in self.objectives.items()
        )
        constraints = tuple(
            Constraint(n, m.minimum, m.maximum, m.model_scale)
            for n, m in self.metrics.items()
            if m.bounded
        )
        return Task(self.space, goals, constraints, n_initial)

    def with_tied(self, design: dict[str, float]) -> dict[str, float]:
        """Add the tied parameters' values to a design of the free ones."""
        full = dict(design)
        for name, p in self.parameters.items():
            if p.tied_to is not None:
                full[name] = design[p.tied_to] * p.ratio
        return full

    def violations(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Constraints not met: metric → excess relative to its bound (to 1 for a bound of 0)."""
        return {name: excess for name, excess in self.excesses(metrics) if excess > 0}

    def excesses(self, metrics: Mapping[str, float]) -> list[tuple[str, float]]:
        """Every bound in file order, minimum first: metric and excess as above, ≤ 0 if met.

        A metric without a value has none.
        """
        return [
            (name, excess)
            for name, m in self.metrics.items()
            if name in metrics
            for excess in m.excesses(metrics[name])
        ]
