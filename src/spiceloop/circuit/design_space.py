"""The design space: named variables with bounds, scale and grid, and its map to the unit cube.

Optimizers see the unit cube ``[0, 1]^d`` only; circuits see SI numbers on the manufacturing grid
only. `DesignSpace` is the one place where the two meet.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiceloop.errors import DesignError
from spiceloop.units import format_si

__all__ = ["DesignSpace", "Variable", "did_you_mean"]

Floats = npt.NDArray[np.float64]

# A value within this fraction of a grid step from a grid point is that grid point: decimal
# fractions such as 0.155e-6 / 5e-9 are not whole numbers in binary.
_ON_GRID = 1e-6
_FINEST = 1e-11  # a grid step, of the bounds: a double must tell one from the next
_LONG, _MANY = 100, 2000


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'w1'?)`` or an empty string, to end an error message with."""
    if len(name) > _LONG:
        return ""  # the search takes the product of both lengths
    # SPICE names, mostly: case does not tell them apart.
    written = {k.lower(): k for k in itertools.islice(known, _MANY) if len(k) <= _LONG}
    close = difflib.get_close_matches(name.lower(), list(written), n=1, cutoff=0.6)
    return f" (did you mean {written[close[0]]!r}?)" if close else ""


@dataclass(frozen=True)
class Variable:
    """One free design variable, SI numbers; ``grid`` 0 means continuous."""

    name: str
    lower: float
    upper: float
    log: bool = False
    grid: float = 0.0
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            hint = (
                "write it into the deck, or widen them"
                if self.lower == self.upper
                else "swap them?"
            )
            raise DesignError(
                f"{self.name}: minimum {self._show(self.lower)} is not below "
                f"maximum {self._show(self.upper)}; {hint}"
            )
        if not np.isfinite(self.upper - self.lower):
            raise DesignError(
                f"{self.name}: {self._show(self.lower)} to {self._show(self.upper)} is too wide "
                "a range to count in"
            )
        if self.log and self.lower <= 0:
            raise DesignError(
                f"{self.name}: a log scale needs a positive minimum, got {self._show(self.lower)}"
            )
        if self.grid < 0 or self.grid > self.upper - self.lower:
            raise DesignError(
                f"{self.name}: grid {self._show(self.grid)} does not fit between "
                f"{self._show(self.lower)} and {self._show(self.upper)}"
            )

        if 0 < self.grid < _FINEST * max(abs(self.lower), abs(self.upper)):
            raise DesignError(
                f"{self.name}: grid {self._show(self.grid)} is too fine for numbers up to "
                f"{self._show(max(abs(self.lower), abs(self.upper)))}"
            )

    def _show(self, value: float, digits: int = 4) -> str:
        return format_si(value, self.unit, digits)

    def snap(self, value: float) -> float:
        """Nearest allowed value: inside the bounds and on the grid (multiples of the step)."""
        if self.grid:
            first = np.ceil(self.lower / self.grid - _ON_GRID)
            last = np.floor(self.upper / self.grid + _ON_GRID)
            steps = float(np.clip(np.round(value / self.grid), first, last))
            # Through decimal text, so that 31 × 5 nm reads 155 nm and not 155.00000000000003 nm.
            return float(f"{steps * self.grid:.12g}")
        return float(np.clip(value, self.lower, self.upper))

    def check(self, value: float) -> None:
        """Raise `DesignError` unless ``value`` is inside the bounds and on the grid."""
        if not np.isfinite(value):
            raise DesignError(f"{self.name} = {value} is not a finite number")
        slack = 1e-9 * max(abs(self.lower), abs(self.upper))
        if not self.lower - slack <= value <= self.upper + slack:
            raise DesignError(
                f"{self.name} = {self._show(value)} is outside its bounds "
                f"{self._show(self.lower)} … {self._show(self.upper)}"
            )
        if self.grid:
            steps = value / self.grid
            if abs(steps - round(steps)) > _ON_GRID * max(1.0, abs(steps)):
                raise DesignError(
                    f"{self.name} = {self._show(value, 9)} is off its {self._show(self.grid)} "
                    f"grid; nearest is {self._show(self.snap(value), 9)}"
                )

    def to_unit(self, value: float) -> float:
        """Map an SI value to [0, 1]."""
        if self.log:
            return float(np.log(value / self.lower) / np.log(self.upper / self.lower))
        return float((value - self.lower) / (self.upper - self.lower))

    def from_unit(self, u: float) -> float:
        """Map [0, 1] to the nearest allowed SI value."""
        if self.log:
            return self.snap(float(self.lower * (self.upper / self.lower) ** u))
        return self.snap(float(self.lower + u * (self.upper - self.lower)))


@dataclass(frozen=True)
class DesignSpace:
    """An ordered set of variables; rows of unit-cube arrays follow that order."""

    variables: tuple[Variable, ...]

    def __post_init__(self) -> None:
        if not self.variables:
            raise DesignError("the design space is empty: give at least one parameter")
        names = self.names
        if len(set(names)) != len(names):
            raise DesignError(f"a variable is named twice in {', '.join(names)}")

    def __len__(self) -> int:
        return len(self.variables)

    @property
    def names(self) -> tuple[str, ...]:
        """Variable names in order."""
        return tuple(v.name for v in self.variables)

    def to_unit(self, design: Mapping[str, float]) -> Floats:
        """Map a design to a point of the unit cube, shape ``(d,)``; values are not snapped.

        Raises `DesignError` for a missing or unknown name.
        """
        for name in design:
            if name not in self.names:
                raise DesignError(f"unknown parameter {name!r}{did_you_mean(name, self.names)}")
        missing = [n for n in self.names if n not in design]
        if missing:
            raise DesignError(f"no value for {', '.join(missing)}")
        return np.array([v.to_unit(design[v.name]) for v in self.variables])

    def from_unit(self, point: npt.ArrayLike) -> dict[str, float]:
        """Map a point of the unit cube, shape ``(d,)``, to the nearest allowed design."""
        row = np.asarray(point, dtype=float)
        if row.shape != (len(self),):
            raise DesignError(f"expected a point of shape ({len(self)},), got {row.shape}")
        return {v.name: v.from_unit(u) for v, u in zip(self.variables, row, strict=True)}

    def snap_unit(self, points: npt.ArrayLike) -> Floats:
        """Move points, shape ``(n, d)``, to the allowed designs nearest to them."""
        rows = np.atleast_2d(np.asarray(points, dtype=float))
        return np.array([self.to_unit(self.from_unit(row)) for row in rows]).reshape(-1, len(self))

    def check(self, design: Mapping[str, float]) -> None:
        """Raise `DesignError` for the first variable that is missing, unknown or not allowed."""
        self.to_unit({k: self.variables[0].upper if k in self.names else 0.0 for k in design})
        for v in self.variables:
            v.check(design[v.name])
