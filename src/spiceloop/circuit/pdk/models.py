"""The models of one library section, through the caches: in memory, on disk, from the files."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from spiceloop.circuit.pdk.cache import Cache
from spiceloop.circuit.pdk.device import Transistor
from spiceloop.circuit.pdk.library import (
    Library,
    Subcircuit,
    evaluate_globals,
    random_globals,
    read_library,
)
from spiceloop.errors import SetupError

__all__ = ["Models"]

_WORD = re.compile(r"[a-z_][a-z0-9_]*")


class Models:
    """What a deck may take from a library section.

    The index and the transistors come from the disk cache where it has them; the files are parsed
    only for what it lacks, and for devices that are copied whole. Safe to share between threads.

    With ``switches`` the models are those of dies: these parameters of the library, which turn its
    statistics on and off, have the values given, and what is drawn at random is kept by name.
    `random` are the parameters that differ from die to die, with their expressions, each after
    those it needs, and `draws` the standard normal numbers in them. Raises `SetupError` for a
    library without those switches.
    """

    def __init__(
        self,
        library: Path,
        section: str,
        cache: Cache | None = None,
        switches: Mapping[str, float] | None = None,
    ) -> None:
        self.path = library
        self.section = section
        self.switches = dict(switches or {})
        # Entries of the cache on dies stand beside those of the section as it is.
        self._mark = "".join(f"+{name}={value:g}" for name, value in self.switches.items())
        self._cache = cache or Cache()
        self._lock = threading.RLock()
        self._transistors: dict[str, Transistor | None] = {}
        self._library: Library | None = None
        key = self._cache.key(library, section)
        if key is None:
            self._library, files = read_library(library, section)
            key = self._cache.remember(library, section, files)
        self._key = key
        index = self._read_index(self._cache.get(key, "index" + self._mark))
        if index is None:
            index = self._make_index(self._source())
            self._cache.put(
                key,
                "index" + self._mark,
                [sorted(i) if isinstance(i, frozenset) else i for i in index],
            )
        self.options: tuple[str, ...] = index[0]
        self.values: dict[str, float] = index[1]
        self.parameter_names: frozenset[str] = index[2]
        self.model_names: frozenset[str] = index[3]
        self.subcircuit_names: frozenset[str] = index[4]
        self.understood: bool = index[5]  # False: the section holds cards of no known kind
        self.random: tuple[tuple[str, str], ...] = index[6]
        self.draws: tuple[str, ...] = index[7]

    def _make_index(self, source: Library) -> tuple[Any, ...]:
        parameters = dict(source.parameters)
        for name, value in self.switches.items():
            if name not in parameters:
                raise SetupError(
                    f"{self.path}: section {self.section} has no {name}, so no statistics that "
                    "samples could be drawn from"
                )
            parameters[name] = repr(value)
        values = evaluate_globals(parameters)
        random, draws = random_globals(parameters, values) if self.switches else ((), ())
        return (
            tuple(source.options),
            values,
            frozenset(source.parameters),
            frozenset(source.models),
            frozenset(source.subcircuits),
            not source.other,
            random,
            draws,
        )

    @staticmethod
    def _read_index(data: Any) -> Any:
        try:
            options, values, parameters, models, subcircuits, understood, random, draws = data
            return (
                tuple(map(str, options)),
                {str(name): float(value) for name, value in values.items()},
                frozenset(map(str, parameters)),
                frozenset(map(str, models)),
                frozenset(map(str, subcircuits)),
                bool(understood),
                tuple((str(name), str(text)) for name, text in random),
                tuple(map(str, draws)),
            )
        except (TypeError, ValueError, AttributeError):
            return None

    def _source(self) -> Library:
        with self._lock:
            if self._library is None:
                self._library, _ = read_library(self.path, self.section)
            return self._library

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of parameters and models that a deck may use directly."""
        return self.parameter_names | self.model_names

    def transistor(self, name: str) -> Transistor | None:
        """Return a device that is one MOSFET with bins, or None for one that is something else."""
        with self._lock:
            if name not in self._transistors:
                self._transistors[name] = self._load(name)
            return self._transistors[name]

    def _load(self, name: str) -> Transistor | None:
        stored = self._cache.get(self._key, name + self._mark)
        if isinstance(stored, dict):
            if stored.get("whole"):
                return None
            try:
                return Transistor.from_json(stored)
            except (KeyError, TypeError, ValueError):
                pass  # damaged: compile it again
        device = Transistor.from_subcircuit(
            self._source().subcircuits[name], self.values, draws=bool(self.switches)
        )
        self._cache.put(
            self._key, name + self._mark, device.to_json() if device else {"whole": True}
        )
        return device

    def subcircuit(self, name: str) -> Subcircuit:
        """Return a subcircuit as the library writes it."""
        return self._source().subcircuits[name]

    def whole(self, names: Iterable[str], drawn: Mapping[str, float] | None = None) -> list[str]:
        """Return the library's own text of subcircuits, models and parameters, and of all they use.

        Parameters that are numbers come as numbers, those of `random` as in ``drawn``.
        """
        values = {**self.values, **(drawn or {})}
        wanted, queue = set[str](), list(names)
        source: Library | None = None
        while queue:
            name = queue.pop()
            if name in wanted:
                continue
            wanted.add(name)
            words: Iterable[str] = ()
            if name in values:
                continue
            source = source or self._source()
            if name in self.subcircuit_names:
                words = source.subcircuits[name].words
            elif name in self.model_names:
                words = _WORD.findall(source.models[name].lower())
            elif name in self.parameter_names:
                words = _WORD.findall(source.parameters[name].lower())
            queue += [w for w in words if w in self.names or w in self.subcircuit_names]
        lines = [f".param {name}={values[name]!r}" for name in sorted(wanted & values.keys())]
        if source is not None:
            lines += [
                f".param {n} = {t}"
                for n, t in source.parameters.items()
                if n in wanted and n not in values
            ]
            lines += [text for n, text in source.models.items() if n in wanted]
            for subcircuit in source.subcircuits.values():
                if subcircuit.name in wanted:
                    lines += subcircuit.cards
        return lines
