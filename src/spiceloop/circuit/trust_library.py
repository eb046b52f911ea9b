"""Vetting of libraries, which ngspice reads by itself: commands have no business there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from spiceloop.circuit import commands
from spiceloop.circuit.command_words import command_words
from spiceloop.circuit.includes import (
    file_token,
    find_file,
    library_words,
    named_file,
    named_library,
    read_bytes,
    status,
)
from spiceloop.circuit.trust_values import settings
from spiceloop.plain_files import is_file

__all__ = ["libraries_read", "library_files", "library_refusals"]

Findings = tuple[tuple[int, str], ...]  # line numbers, and what stands there

_FOUND = re.compile(
    rb"^[ \t\v\f\r]*(?:(?P<command>\.control|\*#)"
    rb"|\.(?:inc|lib)[^ \t\v\f\r\n]*[ \t\v\f]+(?P<name>[^\n]*)"
    rb"|\.opt[^ \t\v\f\r\n]*(?P<options>[^\n]*(?:\n[ \t]*(?:[+*][^\n]*|(?=\n)))*))",
    re.IGNORECASE | re.MULTILINE,
)
_MODELS = {
    **dict.fromkeys(commands.PROGRAM_MODELS, "holds a model that runs a program"),
    **dict.fromkeys(commands.FILE_MODELS, "holds a numerical device model, which can write files"),
}


def libraries_read(text: str, top: Path, including: Path) -> list[Path]:
    """Return every file that ngspice may read for a ``.lib`` card: ``text`` follows that word.

    Which it is depends on where ngspice runs, and on what is written into the deck in the card's
    place: the full path, which ngspice, too, takes up to a blank or a quote.
    """
    found = [find_file(name, top, including)[1] for name in _names(text)]
    places = [place for some in found for place in some]
    whole = [Path(library_words(str(place.resolve()))[0]) for place in places if is_file(place)]
    return [p.resolve() for p in dict.fromkeys([*places, *whole]) if is_file(p)]


def library_refusals(paths: Iterable[Path], top: Path) -> Iterator[str]:
    """Say what library files and those that they include hold of commands. ``top``: the deck's.

    Raises `DeckError` for a file that cannot be read.
    """
    for file, found in _scanned(paths, top):
        for number, what in found:
            yield f"the library {file}:{number} {what}"


def library_files(path: Path, top: Path) -> list[Path]:
    """Return a library's file and all that it may include. Raises `DeckError`, as above."""
    return [file for file, _ in _scanned([path], top)]


def _scanned(paths: Iterable[Path], top: Path) -> Iterator[tuple[Path, Findings]]:
    seen: set[Path] = set()
    todo = list(paths)
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        state = status(file)
        found, names = _scan(file, state.st_mtime_ns, state.st_size)
        yield file, found
        for name in names:
            # Which of several ngspice takes depends on where it runs, so all are looked through.
            _, places = find_file(name, top, file.parent)
            todo += [p.resolve() for p in places if is_file(p)]


@lru_cache(maxsize=4096)
def _scan(file: Path, _mtime: int, _size: int) -> tuple[Findings, tuple[str, ...]]:
    data = read_bytes(file)
    found, names = list(_models(data)), []
    for match in _FOUND.finditer(data):
        kind, text = match.lastgroup, match[match.lastgroup or 0].decode("utf-8", "replace")
        if kind == "name":
            names += _names(text)
            continue
        number = data.count(b"\n", 0, match.start()) + 1
        if kind == "options":
            lines = (line.strip() for line in text.split("\n"))
            joined = " ".join(line.removeprefix("+") for line in lines if line[:1] != "*")
            found += [(number, why) for why in settings(joined, command_words(joined))]
        else:
            found.append((number, f"holds {text}, which could run any command"))
    return tuple(found), tuple(names)


def _names(text: str) -> list[str]:
    """Return each file's name that what follows ``.lib`` or ``.include`` can be read as."""
    readings = (library_words, named_library, named_file, file_token)
    return [name for name in dict.fromkeys(read(text)[0] for read in readings) if name]


def _models(data: bytes) -> Iterator[tuple[int, str]]:
    """Look for the words themselves: that is fast, and no library has them for anything else."""
    lower = data.lower()
    for model, why in _MODELS.items():
        position = -1
        while (position := lower.find(model.encode(), position + 1)) >= 0:
            start = lower.rfind(b"\n", 0, position) + 1
            if lower[start:position].lstrip()[:1] != b"*":
                yield data.count(b"\n", 0, position) + 1, why
