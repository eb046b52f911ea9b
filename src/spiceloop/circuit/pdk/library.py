"""One section of a model library, read from its files: parameters, models, subcircuits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.pdk.cards import logical_lines, parse_card, split_parameters
from spiceloop.circuit.pdk.expressions import UnresolvedError, parse
from spiceloop.errors import SetupError

__all__ = [
    "Library",
    "Subcircuit",
    "evaluate_globals",
    "random_globals",
    "read_library",
    "section_names",
]

_WORD = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass
class Subcircuit:
    """A subcircuit of the library. ``cards`` are its joined lines, first and last included."""

    name: str
    ports: tuple[str, ...]
    parameters: list[tuple[str, str]]
    cards: list[str]

    @cached_property
    def words(self) -> frozenset[str]:
        """Every identifier in it, lower case."""
        return frozenset(_WORD.findall("\n".join(self.cards).lower()))


@dataclass
class Library:
    """What a section defines at top level. Names are lower case, texts as written."""

    options: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    subcircuits: dict[str, Subcircuit] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)  # cards of no known kind

    @cached_property
    def values(self) -> dict[str, float]:
        """The top-level parameters that are plain numbers at this corner, worked out."""
        return evaluate_globals(self.parameters)


def evaluate_globals(parameters: Mapping[str, str]) -> dict[str, float]:
    """Work out the library's parameters, in whatever order they stand; leave out random ones.

    The corner files write ``{value} + switch*AGAUSS(…)``; with the switch at zero the value is what
    ngspice uses.
    """
    expressions = {}
    for name, text in parameters.items():
        try:
            expressions[name] = parse(text)
        except UnresolvedError:
            continue
    values: dict[str, float] = {}
    while True:
        found = {}
        for name, expression in expressions.items():
            constant = expression.fold(values).constant
            if constant is not None:
                found[name] = constant
        if not found:
            return values
        values |= found
        for name in found:
            del expressions[name]


def random_globals(
    parameters: Mapping[str, str], values: Mapping[str, float]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Find the library's parameters that only random draws keep from being numbers.

    ``values`` are those that are numbers. Returns names and expressions, each after those it needs,
    and the names of the draws in them (`Expression.with_draws`).
    """
    left = {}
    draws: dict[str, None] = {}  # a set in order
    for name, text in parameters.items():
        if name in values:
            continue
        try:
            left[name], drawn = parse(text).fold(values).with_draws(name)
        except UnresolvedError:
            continue
        draws.update(dict.fromkeys(drawn))
    done: dict[str, str] = {}
    while True:
        ready = [n for n, e in left.items() if all(o in draws or o in done for o in e.names)]
        if not ready:
            return tuple(done.items()), tuple(draws)
        for name in ready:
            done[name] = str(left.pop(name))


def _read(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SetupError(
            f"cannot read the model file {path}: {error.strerror}; the PDK install is incomplete"
        ) from None


def _unquote(text: str) -> str:
    return text.strip().strip("\"'")


def section_names(library: Path) -> tuple[str, ...]:
    """Names of the sections in a library file, in file order."""
    names = []
    for line in _read(library):
        words = line.lower().split()
        if len(words) == 2 and words[0] == ".lib":
            names.append(_unquote(words[1]))
    return tuple(names)


def _section(library: Path, section: str) -> Iterator[str]:
    """Lines of one section of a library file."""
    inside = found = False
    for line in _read(library):
        words = line.lower().split()
        if len(words) >= 2 and words[0] == ".lib" and len(words) == 2:
            inside = _unquote(words[1]) == section
            found = found or inside
        elif words and words[0] == ".endl":
            inside = False
        elif inside:
            yield line
    if not found:
        known = section_names(library)
        raise SetupError(
            f"{library} has no section {section!r}{did_you_mean(section, known)}; "
            f"it has {', '.join(known)}"
        )


def _expand(lines: Iterator[str], folder: Path, used: list[Path]) -> Iterator[str]:
    """Replace ``.include file`` and ``.lib file section`` lines by what they name."""
    for line in lines:
        stripped = line.lstrip()
        if stripped[:1] != ".":
            yield line
            continue
        words = stripped.split()
        command = words[0].lower()
        if command in {".include", ".inc"}:
            path = folder / _unquote(stripped.split(None, 1)[1].split(";")[0])
            used.append(path)
            yield from _expand(iter(_read(path)), path.parent, used)
        elif command == ".lib" and len(words) > 2:
            path = folder / _unquote(words[1])
            used.append(path)
            yield from _expand(_section(path, words[2].lower()), path.parent, used)
        else:
            yield line


def read_library(library: Path, section: str) -> tuple[Library, list[Path]]:
    """Read a section and everything it includes. Raises `SetupError` for what is missing."""
    used = [library]
    lines = list(_expand(_section(library, section), library.parent, used))
    result = Library()
    current: Subcircuit | None = None
    depth = 0
    for _, _, text in logical_lines(lines):
        command = text.split(None, 1)[0].lower()
        if current is not None:
            current.cards.append(text)
            if command == ".ends":
                depth -= 1
                if depth == 0:
                    # ngspice ignores a second definition
                    result.subcircuits.setdefault(current.name, current)
                    current = None
            elif command == ".subckt":
                depth += 1
            elif command == ".param" and depth == 1:
                current.parameters += parse_card(text).parameters
        elif command == ".subckt":
            card = parse_card(text)
            current = Subcircuit(card.words[1], card.words[2:], list(card.parameters), [text])
            depth = 1
        elif command == ".param":
            for name, value in split_parameters(text)[1]:
                result.parameters[name.lower()] = value
        elif command == ".model":
            result.models.setdefault(text.split(None, 2)[1].lower(), text)
        elif command in {".option", ".options"}:
            result.options.append(text)
        else:
            result.other.append(text)
    return result, used
