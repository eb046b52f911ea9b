"""Corners: the combinations of process, supply, temperature … at which a design is simulated.

In the problem file, in CACE's vocabulary, a value under ``conditions:`` is a number, or
``{minimum, typical, maximum}``, or ``{enumerate: […]}``; the condition ``corner`` enumerates
sections of the PDK's library. The corners are the product of all of them, the typical one first,
or what the file lists under ``corners:``.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    model_validator,
)

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.netlist import TEMPERATURE
from spiceloop.errors import UnitError
from spiceloop.units import format_si, parse_spice

__all__ = [
    "PROCESS",
    "TAGS",
    "Condition",
    "Corner",
    "Value",
    "Varied",
    "is_param",
    "make_corners",
    "mistakes_in",
]

PROCESS = "corner"  # the condition that names sections of the PDK's library
_NAME = re.compile(r"[A-Za-z0-9_.+=/-]+")
_COLDEST, _HOTTEST = -273.15, 1000.0  # °C
_MOST = 1000  # more are a mistake in the file rather than a wish


@dataclass(frozen=True)
class Corner:
    """One set of conditions. ``process`` is a section of the PDK's library, empty without a PDK;
    ``conditions`` holds every numeric condition of the problem, in SI units, temperature in °C.
    """

    name: str
    process: str = ""
    conditions: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def file_name(self) -> str:
        """The name with only what a file's name may hold everywhere."""
        return re.sub(r"[^A-Za-z0-9_=+.-]", "_", self.name).lstrip(".")


def _value(value: object) -> float | str:
    """A number, or text that is none: the name of a process corner."""
    if isinstance(value, str):
        try:
            return parse_spice(value)
        except UnitError:
            return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError(f"expected a number, got {_brief(value)}")


def _condition(value: object) -> float | str:
    if value is None or isinstance(value, list):
        raise ValueError(
            "expected a number, {minimum, typical, maximum} or {enumerate: […]}, "
            f"got {_brief(value)}"
        )
    return _value(value)


def _brief(value: object) -> str:
    return {list: "a list", dict: "a mapping", type(None): "nothing"}.get(type(value), repr(value))


Value = Annotated[float | str, PlainValidator(_value)]


class Varied(BaseModel):
    """A condition with several values: a range with its typical value, or an enumeration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum: Value | None = None
    typical: Value | None = None
    maximum: Value | None = None
    enumerate: tuple[Value, ...] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _one_kind(self) -> Varied:
        if self.enumerate is not None:
            if self.minimum is not None or self.maximum is not None:
                raise ValueError("expected enumerate, or minimum, typical and maximum; not both")
            if len(set(self.enumerate)) < len(self.enumerate):
                raise ValueError("enumerate names a value twice")
            if self.typical is not None and self.typical not in self.enumerate:
                raise ValueError(f"typical {self.typical!r} is not one of those enumerated")
            return self
        if self.typical is None:
            raise ValueError("expected a typical value besides minimum and maximum")
        if self.minimum is None and self.maximum is None:
            raise ValueError("expected minimum or maximum besides typical; or write the number")
        numbers = [v for v in (self.minimum, self.typical, self.maximum) if isinstance(v, float)]
        if numbers != sorted(numbers):
            raise ValueError("expected minimum ≤ typical ≤ maximum")
        return self

    @property
    def values(self) -> tuple[float | str, ...]:
        """Every value once, the typical one first."""
        listed = self.enumerate or tuple(
            v for v in (self.typical, self.minimum, self.maximum) if v is not None
        )
        first = listed[0] if self.typical is None else self.typical
        return tuple(dict.fromkeys([first, *listed]))


TAGS = ("value", "varied")  # stand in the places that pydantic reports, and mean nothing to people
Condition = Annotated[
    Annotated[float | str, PlainValidator(_condition), Tag("value")]
    | Annotated[Varied, Tag("varied")],
    Discriminator(lambda value: "varied" if isinstance(value, Mapping | Varied) else "value"),
]


def values_of(condition: float | str | Varied) -> tuple[float | str, ...]:
    """Return every value of a condition, the typical one first."""
    return condition.values if isinstance(condition, Varied) else (condition,)


def is_process(name: str, condition: float | str | Varied) -> bool:
    """Whether a condition names sections of the PDK's library; a number is a ``.param`` corner."""
    return name == PROCESS and not any(isinstance(v, float) for v in values_of(condition))


def is_param(name: str, condition: float | str | Varied) -> bool:
    """Whether a condition is a ``.param`` of the decks."""
    return name != TEMPERATURE and not is_process(name, condition)


def mistakes_in(
    conditions: Mapping[str, float | str | Varied],
    listed: Sequence[Mapping[str, float | str]],
    overrides: Mapping[str, Mapping[str, float | str]],
    pdk_corner: str | None,
) -> Iterator[str]:
    """Yield ``place: what is wrong`` for what only the whole file can tell.

    ``overrides`` are the testbenches' own conditions; ``pdk_corner`` the corner that the file
    gives with its PDK, empty if it gives none, None without a PDK.
    """
    for name, condition in conditions.items():
        yield from _wrong(f"conditions.{name}", name, values_of(condition), pdk_corner)
    process = _processes(conditions)
    if pdk_corner and process and pdk_corner.lower() not in process:
        yield (
            f"pdk.corner: {pdk_corner!r} is not one of conditions.corner ({', '.join(process)}); "
            "leave it out, or name the typical one"
        )
    # Whether `corner` is a process or a .param of that name holds throughout the file.
    also = values_of(conditions[PROCESS]) if PROCESS in conditions else ()
    for bench, own in overrides.items():
        for name, value in own.items():
            where = f"testbenches.{bench}.conditions.{name}"
            yield from _wrong(where, name, [value, *(also if name == PROCESS else ())], pdk_corner)
    for i, entry in enumerate(listed):
        for name, value in entry.items():
            where = f"corners.{i}.{name}"
            if name == "name":
                if not isinstance(value, str) or not _NAME.fullmatch(value):
                    yield f"{where}: {value!r} is no name; letters, digits and _ . + = / - only"
                continue
            if name not in conditions and name != PROCESS:
                yield (
                    f"{where}: no condition {name!r}{did_you_mean(name, conditions)}; "
                    "give its typical value under conditions: too"
                )
                continue
            yield from _wrong(where, name, [value, *(also if name == PROCESS else ())], pdk_corner)
    count = math.prod(len(values_of(c)) for c in conditions.values())
    if not listed and count > _MOST:
        yield f"conditions: they make {count} corners; expected at most {_MOST}"


def _wrong(
    where: str, name: str, values: Iterable[float | str], pdk_corner: str | None
) -> Iterator[str]:
    texts = [v for v in values if isinstance(v, str)]
    if name != PROCESS:
        for text in texts:
            try:
                parse_spice(text)
            except UnitError as error:
                yield f"{where}: {error}"
        for value in values if name == TEMPERATURE else ():
            if isinstance(value, float) and not _COLDEST < value < _HOTTEST:
                yield f"{where}: {value:g} °C is no temperature; expected degrees Celsius"
    elif texts and len(texts) < len(list(values)):
        yield f"{where}: expected names of process corners only, or numbers only"
    elif texts and pdk_corner is None:
        yield f"{where}: process corners are sections of a PDK's library; add e.g. pdk: sky130"


def _processes(conditions: Mapping[str, float | str | Varied]) -> list[str]:
    condition = conditions.get(PROCESS)
    if condition is None or not is_process(PROCESS, condition):
        return []
    return [str(v).lower() for v in values_of(condition)]


def make_corners(
    conditions: Mapping[str, float | str | Varied],
    listed: Sequence[Mapping[str, float | str]] = (),
    pdk_corner: str = "",
) -> tuple[Corner, ...]:
    """Return every corner once, the all-typical one first.

    ``pdk_corner`` is the process where ``conditions`` name none, and the typical one where they
    enumerate it without saying which is typical. ``listed`` takes the place of the product. Raises
    ValueError for two corners of one name.
    """
    usual = pdk_corner.lower()
    axes: dict[str, tuple[float | str, ...]] = {}
    for name, condition in conditions.items():
        axes[name] = values_of(condition)
        if is_process(name, condition):
            processes = _processes(conditions)
            chosen = isinstance(condition, Varied) and condition.typical is not None
            first = usual if usual in processes and not chosen else processes[0]
            axes[name] = tuple(dict.fromkeys([first, *processes]))
    if PROCESS not in axes and usual:
        axes = {PROCESS: (usual,), **axes}
    typical = {name: values[0] for name, values in axes.items()}
    every = [typical]
    if listed:
        every += [{**typical, **e} for e in listed]
    else:
        every += [dict(zip(axes, v, strict=True)) for v in itertools.product(*axes.values())]
    varying = [n for n in axes if len({values[n] for values in every}) > 1]
    found: list[Corner] = []
    for values in every:
        process = values.get(PROCESS)
        corner = Corner(
            str(values.get("name") or _name(values, varying)),
            process.lower() if isinstance(process, str) else usual,
            {n: v for n, v in values.items() if isinstance(v, float)},
        )
        same = [c for c in found if c.process == corner.process]
        twin = next((c for c in same if c.conditions == corner.conditions), None)
        if twin is None:
            found.append(corner)
        elif "name" in values and twin is found[0]:
            found[0] = corner  # the list itself names the typical corner
    _tell_apart(found)
    return tuple(found)


def _tell_apart(corners: Sequence[Corner]) -> None:
    """Raise ValueError for two corners of one name, by case and in a file's name too."""
    seen: dict[str, str] = {}
    for name, key in ((c.name, c.file_name.lower()) for c in corners):
        other = seen.get(key)
        if other == name:
            raise ValueError(f"corners: two corners are called {name!r}")
        if other is not None:
            raise ValueError(
                f"corners: {other!r} and {name!r} are the same as names of files; rename one"
            )
        seen[key] = name


def _name(values: Mapping[str, float | str], varying: Sequence[str]) -> str:
    """Name a corner after what varies: ``ss/vdd=1.62/-40C``; ``typical`` where nothing does."""
    parts = []
    for name in varying:
        value = values[name]
        if isinstance(value, str):
            parts.append(value.lower())
        elif name == TEMPERATURE:
            parts.append(f"{value:g}C")
        else:
            number = format_si(value, digits=6).replace(" ", "").replace("µ", "u")
            parts.append(f"{name}={number}")
    return "/".join(parts) or "typical"
