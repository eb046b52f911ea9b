"""Netlist text as cards: continuation lines joined, comments dropped, parameters split off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from spiceloop.circuit.includes import strip_comment

__all__ = ["Card", "logical_lines", "parse_card", "split_parameters"]

# A file's name may start with $ (an environment variable), which elsewhere begins a comment.
_AFTER_FILE = re.compile(r"\s*(?:;|//|\s\$\s).*")
_NAME = re.compile(r"([A-Za-z_][\w.:]*)\s*=(?!=)")
_CLOSING = {"{": "}", "(": ")", "'": "'", '"': '"'}


@dataclass(frozen=True)
class Card:
    """One card, lower case. ``words`` come before the first ``name=value`` pair.

    ``words[0]`` is the element's name or the dot command; ``parameters`` are (name, text) pairs.
    """

    words: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]

    @property
    def head(self) -> str:
        """The element's name or the dot command."""
        return self.words[0] if self.words else ""


def logical_lines(lines: Sequence[str], start: int = 0) -> Iterator[tuple[int, int, str]]:
    """Yield ``(first, last + 1, text)`` of each card, its comments left out.

    A line that starts with ``+``, or follows one that ends in two backslashes, continues a card;
    a comment or an empty line between the two does not end it.
    """
    first = stop = -1
    text = ""
    carried = False
    for number in range(start, len(lines)):
        line = lines[number].lstrip()
        if not line or line[0] in "*$":
            continue
        if ";" in line or "$" in line or "//" in line:
            named = line[:4].lower() in {".lib", ".inc"}
            line = _AFTER_FILE.sub("", line) if named else strip_comment(line)
            if not line:
                continue
        continues = carried
        if carried := line.rstrip().endswith("\\\\"):
            line = line.rstrip()[:-2]
            if not line.strip():
                continue
        if first >= 0 and (continues or line.startswith("+")):
            text = f"{text} {line.removeprefix('+')}"
            stop = number + 1
            continue
        if line.startswith("+"):
            continue
        if first >= 0:
            yield first, stop, text
        first, stop, text = number, number + 1, line
    if first >= 0:
        yield first, stop, text


def _outside(text: str) -> str:
    """Blank out what stands in braces, brackets and quotes, keeping every position."""
    if not any(opening in text for opening in _CLOSING):
        return text
    out: list[str] = []
    closers: list[str] = []
    for character in text:
        if closers:
            if character == closers[-1]:
                closers.pop()
            elif character in _CLOSING and closers[-1] not in "'\"":
                closers.append(_CLOSING[character])
            out.append("_")
        elif character in _CLOSING:
            closers.append(_CLOSING[character])
            out.append("_")
        else:
            out.append(character)
    return "".join(out)


def split_parameters(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Split ``words a = 1 b={c+1}`` into the words and the (name, value text) pairs."""
    if "=" not in text:
        return text, ()
    matches = list(_NAME.finditer(_outside(text)))
    if not matches:
        return text, ()
    ends = [match.start() for match in matches[1:]] + [len(text)]
    pairs = tuple(
        (text[match.start(1) : match.end(1)], text[match.end() : end].strip())
        for match, end in zip(matches, ends, strict=True)
    )
    return text[: matches[0].start()], pairs


@lru_cache(maxsize=4096)
def parse_card(text: str) -> Card:
    """Parse one joined line. Cached, for most lines of a deck never change between designs."""
    head, pairs = split_parameters(text.lower())
    return Card(tuple(word for word in head.split() if word != "params:"), pairs)
