"""Walk through a deck's subcircuits for every set of values that they are called with.

A subcircuit that needs other device cards for other calls is copied, as ``<name>__<n>``, beside the
original and so in the same scope; instance names stay, and with them those of every
``@m.x1.xm3.m…[gm]``. A subcircuit defined inside another is seen from there only, and is copied
with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from spiceloop.circuit.pdk.cards import Card
from spiceloop.circuit.pdk.reading import Block, Line
from spiceloop.circuit.pdk.scope import Scope, ordered
from spiceloop.circuit.pdk.template import Design

__all__ = ["Hierarchy", "WholeLibrary", "merged", "rewritten"]

_DEPTH = 40
_CONTEXTS = 2000

Edit = tuple[int, int, str]  # first line, last line + 1, new text
# (instance line, known values, path of the instances around it) → new text, or None to leave it
DeviceCall = Callable[[Line, Mapping[str, float], str], str | None]


class WholeLibrary(Exception):  # noqa: N818 - control flow, never seen outside
    """This deck must get the library's own file; the text says why."""


@lru_cache(maxsize=4096)
def merged(
    defaults: tuple[tuple[str, str], ...], given: tuple[tuple[str, str], ...]
) -> tuple[Scope, str | None]:
    """Merge a call's parameters with the callee's; the multiplier ``m`` comes apart."""
    names = {name for name, _ in defaults}
    multiplier = None if "m" in names else dict(given).get("m")
    both = dict(defaults)
    both.update((n, t) for n, t in given if n != "m" or "m" in names)
    return Scope(ordered(tuple(both.items()))), multiplier


def rewritten(card: Card, name: str) -> str:
    """Write an instance line again with another subcircuit's name."""
    words = [*card.words[:-1], name, *(f"{n}={t}" for n, t in card.parameters)]
    return " ".join(words)


@dataclass
class _Frame:
    """A block within one call: the copies that its own subcircuits need, and who surrounds it."""

    block: Block
    around: _Frame | None = None
    copies: dict[str, dict[tuple[Edit, ...], str]] = field(default_factory=dict)
    contexts: dict[tuple[object, ...], str] = field(default_factory=dict)

    def defining(self, name: str) -> _Frame | None:
        """The innermost frame whose block defines a subcircuit."""
        frame: _Frame | None = self
        while frame is not None and name not in frame.block.blocks:
            frame = frame.around
        return frame


class Hierarchy:
    """One walk through one deck.

    ``devices`` are the names that ``device_call`` is to compile; ``reserved`` parameters no
    subcircuit may redefine; ``each`` walks through every instance apart, equal calls included.
    """

    def __init__(
        self,
        design: Design,
        devices: frozenset[str],
        device_call: DeviceCall,
        reserved: frozenset[str],
        each: bool,
    ) -> None:
        self.top = design.deck.top
        self.lines = design.lines
        self.devices = devices
        self.device_call = device_call
        self.reserved = reserved
        self.each = each
        self.walked = 0
        self.taken = design.sight.names

    def edits(self, known: Mapping[str, float]) -> list[Edit]:
        """Return the replaced spans of the top level; ``known`` are the values there."""
        return self._walk(_Frame(self.top), known, {}, "")

    def _walk(
        self, frame: _Frame, known: Mapping[str, float], local: Mapping[str, float], path: str
    ) -> list[Edit]:
        """Go through a block's instances with the parameter values of one call."""
        if path.count(".") > _DEPTH:
            raise WholeLibrary(f"its subcircuits call each other {_DEPTH} deep ({path})")
        edits = []
        for line in frame.block.instances:
            target = line.card.words[-1]
            owner = frame.defining(target)
            if owner is not None:
                new = self._user_call(owner, line.card, known, local, path)
            elif target in self.devices:
                new = self.device_call(line, known, path)
            else:
                raise WholeLibrary(f"{path}{line.card.head} calls {target}, which it does not hold")
            if new is None and line.keyword:
                new = rewritten(line.card, target)
            if new is not None:
                edits.append((line.start, line.stop, new))
        for block in frame.block.blocks.values():
            # A subcircuit that nothing calls would name devices that are not there: it goes.
            copies = frame.copies.get(block.name, {})
            text = "\n".join(self._copy(block, changes, name) for changes, name in copies.items())
            edits.append((block.start, block.stop, text))
        return edits

    def _user_call(
        self,
        owner: _Frame,
        card: Card,
        known: Mapping[str, float],
        local: Mapping[str, float],
        path: str,
    ) -> str | None:
        """Walk through a called user subcircuit; return the new call if it needs a copy."""
        target = card.words[-1]
        block = owner.block.blocks[target]
        scope, _ = merged(block.parameters, card.parameters)
        values, inside = scope.resolve(known)
        for name, _ in scope.pairs:
            if name in self.reserved:
                raise WholeLibrary(f"its .subckt {target} redefines the parameter {name}")
        here = {k: v for k, v in local.items() if k in inside} | values
        within = f"{path}{card.head}."
        key = (target, within if self.each else "", *sorted(here.items()))
        if key not in owner.contexts:
            self.walked += 1
            if self.walked > _CONTEXTS:
                raise WholeLibrary(f"it calls subcircuits with over {_CONTEXTS} sets of values")
            changes = tuple(self._walk(_Frame(block, owner), inside, here, within))
            copies = owner.copies.setdefault(target, {})
            if changes not in copies:
                copies[changes] = self._new_name(target) if copies else target
            owner.contexts[key] = copies[changes]
        name = owner.contexts[key]
        return None if name == target else rewritten(card, name)

    def _new_name(self, stem: str) -> str:
        number = 1
        while (name := f"{stem}__{number}") in self.taken or name in self.devices:
            number += 1
        self.taken |= {name}
        return name

    def _copy(self, block: Block, changes: tuple[Edit, ...], name: str) -> str:
        """Write a user subcircuit with its changes made, under a name."""
        header = self.lines[block.start : block.body]
        if name != block.name:
            command, _, rest = block.header.split(None, 2)
            header = [f"{command} {name} {rest}"]
        body = spliced(self.lines, changes, block.body, block.stop - 1)
        last = self.lines[block.stop - 1] if name == block.name else ".ends"
        return "\n".join([*header, *body, last])


def spliced(
    lines: list[str], edits: tuple[Edit, ...] | list[Edit], start: int, stop: int
) -> Iterator[str]:
    """Yield a range of lines with some spans replaced; an empty text leaves the span out."""
    spans = {first: (last, text) for first, last, text in edits}
    number = start
    while number < stop:
        if number in spans:
            number, text = spans[number]
            if text:
                yield text
            continue
        yield lines[number]
        number += 1
