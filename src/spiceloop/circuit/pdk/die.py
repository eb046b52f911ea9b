"""A deck's devices on one die: the numbers that their random terms get, by name.

Which number a term gets depends on the sample (seed and number) and on the term's name only, never
on what was drawn before: a keyed hash of the name, BLAKE2b, is mapped through the inverse of the
normal distribution. So a die is the same in every testbench, at every corner, for every design and
in whatever order and process its parts are worked out.

A device is known by its name inside the circuit under test: ``xdut.xm1.xm``, where the deck calls
``xdut … opamp``, is ``opamp/xm1.xm``, whatever the testbench calls its instance; in a second call
of ``opamp`` at the deck's top level, in the deck's order, it is ``opamp#2/xm1.xm``. A device called
at the top level itself goes by its own name.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from statistics import NormalDist

from spiceloop.circuit.pdk.cards import logical_lines, parse_card
from spiceloop.circuit.pdk.device import Transistor
from spiceloop.circuit.pdk.expressions import Expression, UnresolvedError, parse
from spiceloop.circuit.pdk.models import Models
from spiceloop.circuit.pdk.sample import Sample
from spiceloop.errors import DeckError

__all__ = ["Die", "DieModels", "Dies", "normal", "random_calls", "refuse_random"]

_NORMAL = NormalDist()
_CALL = re.compile(r"\b(?:a?gauss|a?unif|limit)\s*\(", re.IGNORECASE)
_BITS = 53
_KEPT = 16


def normal(sample: Sample, name: str) -> float:
    """Return the standard normal number of a term on a die."""
    key = f"{sample.seed} {sample.number}".encode()
    digest = blake2b(name.encode(), digest_size=8, key=key).digest()
    bits = int.from_bytes(digest, "big") >> (64 - _BITS)
    return _NORMAL.inv_cdf((bits + 0.5) / 2.0**_BITS)


def random_calls(text: str) -> list[tuple[int, int]]:
    """Find the calls of ngspice's random functions in a text: start and end of each."""
    spans = []
    position = 0
    while match := _CALL.search(text, position):
        depth, position = 1, match.end()
        while depth and position < len(text):
            depth += {"(": 1, ")": -1}.get(text[position], 0)
            position += 1
        spans.append((match.start(), position))
    return spans


def refuse_random(text: str, where: str) -> None:
    """Raise `DeckError` for a compiled deck in which ngspice would draw numbers of its own."""
    if "gauss" not in text.lower() and not _CALL.search(text):
        return  # comments included, so this is not yet a find
    for _, _, card in logical_lines(text.splitlines(), 1):
        if "gauss" in card.lower() or _CALL.search(card):  # sgauss, of the command language, too
            raise DeckError(
                f"{where}: {card.strip()!r} lets ngspice draw random numbers without a seed, so a "
                "sample of this deck could not be repeated; take the random function out of it"
            )


@dataclass(frozen=True)
class DieModels:
    """A section's models on one die: what all decks simulated on it share."""

    models: Models
    sample: Sample

    @cached_property
    def values(self) -> dict[str, float]:
        """The library's parameters that are numbers on this die."""
        return {**self.models.values, **self.drawn}

    @cached_property
    def drawn(self) -> dict[str, float]:
        """Those of them that differ from die to die."""
        known = {name: normal(self.sample, f"process {name}") for name in self.models.draws}
        values = {}
        for name, text in self.models.random:
            try:
                values[name] = known[name] = parse(text).evaluate(known)
            except UnresolvedError:
                continue  # such as the root of a negative number: left to ngspice, and seen there
        return values


class Dies:
    """The dies of one library section. Safe to share between threads.

    ``switches`` are the library's parameters that its random terms are multiplied by: those of each
    instance, and those of the whole die.
    """

    def __init__(self, library: Path, section: str, switches: tuple[str, str]) -> None:
        self._library = library
        self._section = section
        self._switches = switches
        self._lock = threading.Lock()
        self._models: dict[tuple[bool, bool], Models] = {}
        self._kept: dict[Sample, DieModels] = {}  # the one used last comes last

    def __getitem__(self, sample: Sample) -> DieModels:
        """Return a sample's models; the last few are kept for the other decks of the same die."""
        with self._lock:
            die = self._kept.pop(sample, None)
            if die is None:
                on = (sample.mismatch, sample.process)
                if on not in self._models:
                    switches = dict(zip(self._switches, map(float, on), strict=True))
                    self._models[on] = Models(self._library, self._section, switches=switches)
                die = DieModels(self._models[on], sample)
            self._kept[sample] = die
            if len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]
        return die


@dataclass
class Die:
    """One deck's compilation on a die. ``calls`` are the top level's calls of user subcircuits.

    ``calls`` holds instance and subcircuit, in the deck's order; ``where`` is the deck's name.
    """

    shared: DieModels
    calls: Iterable[tuple[str, str]]
    where: str
    cards: list[str] = field(default_factory=list)  # the copies that `copy` made

    def __post_init__(self) -> None:
        self._roots: dict[str, str] = {}
        seen = Counter[str]()
        for instance, target in self.calls:
            seen[target] += 1
            count = seen[target]
            self._roots[instance] = target if count == 1 else f"{target}#{count}"
        self._copied = 0
        self._holds: dict[str, bool] = {}

    @property
    def tells_apart(self) -> bool:
        """Whether equal devices differ, by their names."""
        return self.shared.sample.mismatch

    def _name(self, path: str) -> str:
        head, dot, rest = path.partition(".")
        return f"{self._roots.get(head, head)}/{rest}" if dot else head

    def _normal(self, path: str, term: str) -> float:
        if not self.tells_apart:
            return 0.0  # the library's own switch is off: the term is multiplied by zero
        return normal(self.shared.sample, f"mismatch {self._name(path)} {term}")

    def draws(self, device: Transistor, path: str) -> dict[str, float]:
        """Return the numbers of one instance of a device."""
        return {term: self._normal(path, term) for term in device.draws}

    def copy(self, target: str, path: str) -> str:
        """Copy a subcircuit of the library for one instance; return the copy's name.

        It is the library's own name where nothing in it is random. Raises `DeckError` for a random
        term whose size is not a number.
        """
        if not self.tells_apart or not self.is_random(target):
            return target
        self._copied += 1
        name = f"{target}__die{self._copied}"
        cards = list(self.shared.models.subcircuit(target).cards)
        term = 0
        for number, text in enumerate(cards):
            numbered = [f"{target} {term + k}" for k in range(len(random_calls(text)))]
            term += len(numbered)
            cards[number] = self._filled(text, [self._normal(path, t) for t in numbered])
            if text[0] in "xX":
                card = parse_card(cards[number])
                inner = card.words[-1]
                if inner in self.shared.models.subcircuit_names:
                    words = [*card.words[:-1], self.copy(inner, f"{path}.{card.head}")]
                    cards[number] = " ".join([*words, *(f"{n}={t}" for n, t in card.parameters)])
        cards[0] = re.sub(r"^(\S+\s+)\S+", rf"\g<1>{name}", cards[0])
        cards[-1] = ".ends"
        self.cards += cards
        return name

    def whole(self, names: Iterable[str]) -> list[str]:
        """Return what `Models.whole` does, on this die, and the copies; no random term is left."""
        wanted = {*names, *_words(self.cards)}
        cards = self.shared.models.whole(self._known(wanted), self.shared.drawn)
        found, inside = [], False
        for text in cards:
            card = parse_card(text)
            inside = card.head == ".subckt" or (inside and card.head != ".ends")
            numbers = [0.0] * len(random_calls(text))
            # Of a subcircuit only mismatch is left, which is off or was filled in by `copy`.
            if numbers and not inside:
                name = " ".join([*card.words[:2], *(n for n, _ in card.parameters[:1])])
                terms = (f"process {name} {k}" for k in range(len(numbers)))
                numbers = [normal(self.shared.sample, term) for term in terms]
            found.append(self._filled(text, numbers))
        return found + self.cards

    def _known(self, words: Iterable[str]) -> list[str]:
        models = self.shared.models
        return [w for w in words if w in models.names or w in models.subcircuit_names]

    def is_random(self, target: str) -> bool:
        """Whether a subcircuit of the library draws anything, itself or in what it calls."""
        if target not in self._holds:
            self._holds[target] = False  # against a subcircuit that calls itself
            cards = self.shared.models.subcircuit(target).cards
            inner = [parse_card(text).words[-1] for text in cards if text[0] in "xX"]
            self._holds[target] = any(random_calls(text) for text in cards) or any(
                self.is_random(name)
                for name in inner
                if name in self.shared.models.subcircuit_names
            )
        return self._holds[target]

    def _filled(self, text: str, numbers: list[float]) -> str:
        """Write a card with its random calls replaced, given their standard normal numbers."""
        spans = random_calls(text)
        for (start, stop), number in zip(reversed(spans), reversed(numbers), strict=True):
            text = f"{text[:start]}({self._drawn(text[start:stop], number)!r}){text[stop:]}"
        return text

    def _drawn(self, call: str, number: float) -> float:
        try:
            expression, names = parse(call).with_draws("")
            known: Mapping[str, float] = {**self.shared.values, **dict.fromkeys(names, number)}
            return Expression.evaluate(expression, known)
        except UnresolvedError:
            raise DeckError(
                f"{self.where}: the library's random term {call} depends on what only ngspice "
                "knows, so it cannot be sampled"
            ) from None


def _words(cards: list[str]) -> set[str]:
    return set(re.findall(r"[a-z_][a-z0-9_]*", "\n".join(cards).lower()))
