"""A deck as the compiler sees it: blocks, the instances in them, and what it cannot see through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from spiceloop.circuit.includes import ends_nothing, named_library
from spiceloop.circuit.pdk.cards import Card, logical_lines, parse_card

__all__ = ["Block", "Line", "ParsedDeck", "read_deck"]

_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_FUNCTION = re.compile(r"([a-z_]\w*)\s*\([^()]*\)\s*=")
_OPTIONS = {".option", ".options", ".opt"}
_OPENS = {".subckt", ".macro"}
_CLOSES = {".ends", ".eom"}


@dataclass
class Line:
    """An instance line: its span of physical lines.

    ``conditional``: an ``.if`` decides on it. ``keyword``: it holds ``params:``, which ngspice 39
    takes on ``.subckt`` only.
    """

    start: int
    stop: int
    card: Card
    conditional: bool = False
    keyword: bool = False


@dataclass
class Block:
    """The top level of a deck, or a subcircuit: the cards directly in it, and those nested in it.

    ``start`` to ``stop`` are its physical lines, ``body`` is the first after its header.
    """

    name: str
    start: int = 0
    body: int = 0
    stop: int = 0
    header: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    instances: list[Line] = field(default_factory=list)
    blocks: dict[str, Block] = field(default_factory=dict)

    def every(self) -> Iterator[Block]:
        """Yield this block and all that are nested in it."""
        yield self
        for block in self.blocks.values():
            yield from block.every()


@dataclass
class ParsedDeck:
    """A deck sorted into blocks.

    ``library`` holds the spans of the PDK's ``.lib`` lines; ``unseen`` says why something in the
    deck cannot be seen or copied, or is empty; ``texts`` are its cards but for the instances', of
    which only the values count, and ``commands`` its ``.control`` lines, both in lower case, line
    by line.
    """

    lines: list[str]
    top: Block = field(default_factory=lambda: Block(""))
    library: list[tuple[int, int]] = field(default_factory=list)
    unseen: str = ""
    texts: str = ""
    commands: str = ""
    functions: set[str] = field(default_factory=set)

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The top level's calls of the deck's own subcircuits: instance and subcircuit."""
        pairs = [(line.card.head, line.card.words[-1]) for line in self.top.instances]
        return [(head, target) for head, target in pairs if target in self.top.blocks]

    @cached_property
    def words(self) -> frozenset[str]:
        """Identifiers in `texts`."""
        return frozenset(_WORD.findall(self.texts))


def _is_library(text: str, file_name: str) -> bool:
    path, section = named_library(text.split(None, 1)[-1])
    return bool(section) and re.split(r"[/\\]", path)[-1].lower() == file_name


class _Reader:
    """Sorts the lines of one deck."""

    def __init__(self, text: str, file_name: str) -> None:
        self.file_name = file_name
        self.deck = ParsedDeck(text.splitlines())
        self.open = [self.deck.top]
        self.conditions = 0
        self.texts: list[str] = []
        self.commands: list[str] = []

    def read(self) -> ParsedDeck:
        deck = self.deck
        for start, stop, joined in logical_lines(self._circuit(), 1):
            first = joined[0]
            if first in "xX":
                card = parse_card(joined)
                keyword = "params:" in joined.lower()
                line = Line(start, stop, card, self.conditions > 0, keyword)
                if card.words:  # "x=1" names nothing; ngspice is to say so
                    self.open[-1].instances.append(line)
                self.texts.append(joined.partition("=")[2])
            elif first != ".":
                self.texts.append(joined)
            else:
                self._dot(start, stop, joined)
        deck.texts, deck.commands = ("\n".join(t).lower() for t in (self.texts, self.commands))
        if len(self.open) > 1:
            deck.unseen = f"its .subckt {self.open[-1].name} has no .ends"
        return deck

    def _circuit(self) -> list[str]:
        """Return the physical lines with ``.control`` blocks and ``.end`` blanked out.

        ``.endc`` stays: a ``+`` behind it does not continue the card before the block.
        """
        masked = list(self.deck.lines)
        control = False
        for number, line in enumerate(masked):
            start = line.lstrip()[:8].lower()
            if start == ".control":
                control = True
            if control:
                self.commands.append(line)
            if start[:5] == ".endc":
                control = False
            elif control or (start[:1] == "." and ends_nothing(line)):
                masked[number] = ""
        return masked

    def _dot(self, start: int, stop: int, joined: str) -> None:
        """Sort a dot card in."""
        deck, here = self.deck, self.open[-1]
        command = joined.split(None, 1)[0].lower()
        if command == ".lib" and _is_library(joined, self.file_name):
            if here is not deck.top or self.conditions:
                deck.unseen = "it names the library inside a .subckt or .if"
            deck.library.append((start, stop))
            return
        self.texts.append(joined)
        if command.startswith(".inc") or command == ".lib":
            deck.unseen = f"it includes another file ({joined.strip()})"
        elif command == ".if":
            self.conditions += 1
        elif command == ".endif":
            self.conditions -= 1
        elif command in _OPTIONS and "scale" in joined.lower():
            deck.unseen = "it sets the option scale itself"
        elif command == ".func":
            deck.functions.add(joined.lower().split(None, 1)[-1].partition("(")[0].strip())
        elif command.startswith(".param"):
            self._parameters(joined)
        elif command in _OPENS:
            self._begin(start, stop, joined)
        elif command in _CLOSES and here is not deck.top:
            here.stop = stop
            self.open.pop()

    def _parameters(self, joined: str) -> None:
        block = self.open[-1]
        self.deck.functions.update(_FUNCTION.findall(joined.lower()))
        block.parameters += parse_card(joined).parameters
        names = [name for name, _ in block.parameters]
        if self.conditions:
            self.deck.unseen = "it sets a .param inside .if"
        if block is not self.deck.top and len(set(names)) < len(names):
            self.deck.unseen = f"its .subckt {block.name} gives a parameter twice"

    def _begin(self, start: int, stop: int, joined: str) -> None:
        card = parse_card(joined)
        name = card.words[1] if len(card.words) > 1 else ""
        if self.conditions or name in self.open[-1].blocks:
            where = "inside .if" if self.conditions else "twice"
            self.deck.unseen = f"it defines .subckt {name} {where}"
        block = Block(name, start, stop, header=joined, parameters=card.parameters)
        self.open[-1].blocks[name] = block
        self.open.append(block)


def read_deck(text: str, file_name: str) -> ParsedDeck:
    """Sort a deck's lines; the first is the title. ``file_name`` is that of the PDK's library."""
    return _Reader(text, file_name).read()
