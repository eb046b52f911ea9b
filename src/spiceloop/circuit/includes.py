"""Include chains expanded in-line, as ngspice 39 does it; every line keeps its file and number.

ngspice's rules, each verified by experiment (``tests/oracle/test_includes.py``):

- any card that starts with ``.inc`` is an include, the title line and ``.control`` blocks included;
- the name may stand in single or double quotes, an end-of-line comment may follow;
- a relative name is looked up in the working folder (the top deck's folder here, where a designer
  runs ngspice), then in the including file's folder, then in ``$NGSPICE_INPUT_DIR``;
- ``~`` is the home folder;
- a line that starts with ``@`` ends the file;
- ``.end`` ends nothing: it is a comment, in an included file and in the deck itself, and what
  follows it is read (`ends_nothing`);
- a library's name in a ``.lib`` card ends at a blank or a quote, wherever that stands, and nothing
  in it begins a comment (`library_words`).

``$VAR`` and ``${VAR}`` are expanded too, which ngspice 39 leaves to the shell.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from spiceloop.errors import DeckError
from spiceloop.plain_files import file_status, is_file, read_plain

__all__ = [
    "Line",
    "Source",
    "ends_nothing",
    "expand",
    "file_token",
    "find_file",
    "library_words",
    "named_file",
    "named_library",
    "read_bytes",
    "status",
    "strip_comment",
]

# The characters that C's isspace() knows. Python's str.strip() would take more, and a line that
# ngspice reads differently from us could slip through the vetting.
BLANK = " \t\n\v\f\r"

# An include chain of a few files can multiply without end; no real testbench comes near this.
_MAX_LINES = 2_000_000
_MAX_BYTES = 256 * 1024 * 1024
_LINE_ENDS = dict.fromkeys(map(ord, "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), " ")

_INCLUDE = re.compile(r"\.inc[^ \t\n\v\f\r]*", re.IGNORECASE | re.ASCII)
_END = re.compile(r"[ \t\v\f\r]*\.end(?:[ \t\n\v\f\r]|\Z)", re.IGNORECASE | re.ASCII)
_COMMENT = re.compile(r";|//|(?<=[ \t,])\$")
_CONTROL_COMMENT = re.compile(r";|//|(?<=[ \t])\$(?=[ \t])")


@dataclass(frozen=True)
class Source:
    """Where a line was written: file and line number, the first line being 1."""

    file: Path
    number: int

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


@dataclass(frozen=True)
class Line:
    """One physical line. ``slot`` marks where the parameter file's cards are to be written."""

    text: str
    source: Source
    slot: bool = False


def strip_comment(text: str, *, control: bool = False) -> str:
    """Cut an end-of-line comment: ``;``, ``//``, and ``$`` after a blank or comma."""
    match = (_CONTROL_COMMENT if control else _COMMENT).search(text)
    return text[: match.start()] if match else text


def ends_nothing(line: str) -> bool:
    """Tell whether a line is a ``.end`` card, which ngspice turns into a comment."""
    return bool(_END.match(line))


def file_token(text: str) -> tuple[str, str]:
    """Split the (possibly quoted) first word off; return it bare, and what follows."""
    text = text.strip(BLANK)
    if text[:1] in {'"', "'"}:
        name, quote, rest = text[1:].partition(text[0])
        return (name, rest.strip(BLANK)) if quote else ("", "")
    word = re.match(r"[^ \t\n\v\f\r]*", text)
    assert word
    return word.group(), text[word.end() :].strip(BLANK)


def library_words(text: str) -> tuple[str, str]:
    """Split what follows ``.lib`` into file and section as ngspice does, "" for what is not there.

    Blanks and quotes separate, so that a name in quotes that holds a blank ends at it.
    """
    words = re.findall(r"[^ \t\n\v\f\r\"']+", text)
    return (*words, "", "")[0], (*words, "", "")[1]


def named_library(text: str) -> tuple[str, str]:
    """Split what follows ``.lib`` into file and section as its writer meant it.

    That is as ngspice does, but for blanks inside quotes: it would look for another file, and has
    to be given another name.
    """
    if text.strip(BLANK)[:1] in {'"', "'"}:
        name, rest = file_token(text)
        return name, library_words(rest)[0]
    return library_words(text)


def named_file(text: str) -> tuple[str, str]:
    """Split what follows ``.include`` into the file's name and the word after it.

    A bare ``$VAR/file`` would be a comment to ngspice; here it is a name, as with quotes.
    """
    variable = re.match(r"[ \t]*\$[A-Za-z_{:]\S*/\S*", text)
    if variable:
        return variable.group().strip(BLANK), file_token(strip_comment(text[variable.end() :]))[0]
    name, rest = file_token(strip_comment(text))
    return name, file_token(rest)[0]


def find_file(name: str, top: Path, including: Path) -> tuple[Path | None, tuple[Path, ...]]:
    """Look a file name up; return the file found (or None) and every place looked at."""
    path = Path(os.path.expandvars(name))
    with contextlib.suppress(RuntimeError):  # no such user
        path = path.expanduser()
    if path.is_absolute():
        places = [path]
    else:
        places = [top / path, including / path]
        if folder := os.environ.get("NGSPICE_INPUT_DIR"):
            places.append(Path(folder) / path)
    found = next((p.resolve() for p in places if is_file(p)), None)
    return found, tuple(dict.fromkeys(places))


def expand(path: Path, parameter_file: str | None = None) -> tuple[Line, ...]:
    """Return every physical line of a deck with its includes in-line.

    An include becomes a comment line followed by the file's lines; one of ``parameter_file``
    becomes a slot line (after the file's own lines where it exists). Raises `DeckError`, with the
    place, for a missing file, a folder, a chain that includes itself, and binary contents.
    """
    top = Path(os.path.realpath(path.parent))
    lines: list[Line] = []

    def read(file: Path, chain: tuple[Path, ...], origin: Source | None) -> None:
        for number, text in enumerate(_split(file, origin), start=1):
            source = Source(file, number)
            bare = text.lstrip(BLANK)
            if bare.startswith("@"):
                return
            if len(lines) >= _MAX_LINES:
                raise DeckError(f"{source}: the includes add up to over {_MAX_LINES} lines")
            match = _INCLUDE.match(bare)
            if not match:
                lines.append(Line(text, source))
                continue
            lines.append(Line("* " + bare, source))
            for found in _included(bare[match.end() :], source, top, parameter_file, lines.append):
                if found in chain:
                    circle = " → ".join(p.name for p in (*chain[chain.index(found) :], found))
                    raise DeckError(f"{source}: the include goes round in a circle: {circle}")
                read(found, (*chain, found), source)
                if parameter_file is not None and found.name == Path(parameter_file).name:
                    lines.append(Line("* parameters written by spiceloop", source, slot=True))

    start = Path(os.path.realpath(path))  # resolve() fails on links in a circle
    read(start, (start,), None)
    return tuple(lines)


def _included(
    rest: str,
    source: Source,
    top: Path,
    parameter_file: str | None,
    emit: Callable[[Line], None],
) -> Iterator[Path]:
    name, _ = named_file(rest)
    if not name:
        raise DeckError(f"{source}: the include names no file; expected .include 'file'")
    found, places = find_file(name, top, source.file.parent)
    if found:
        yield found
    elif parameter_file is not None and Path(name).name == Path(parameter_file).name:
        emit(Line("* parameters written by spiceloop", source, slot=True))
    else:
        looked = ", ".join(str(p) for p in places)
        hint = "correct the name, or"
        if "$" in os.path.expandvars(name):
            hint = "set the environment variable, or"
        raise DeckError(
            f"{source}: cannot find the include file {name!r}; looked at {looked}; {hint} name it "
            f"as parameter_file in the problem (with init: --parameter-file) if spiceloop is to "
            f"write it"
        )


def status(file: Path) -> os.stat_result:
    """Return a file's status. Raises `DeckError` unless it can be read in one go."""
    try:
        return file_status(file, _MAX_BYTES)
    except OSError as error:
        raise DeckError(f"cannot read {_shown(file)}: {error.strerror}") from None


def read_bytes(file: Path) -> bytes:
    """Return a file's content. Raises `DeckError`, see `status`."""
    try:
        return read_plain(file, _MAX_BYTES)
    except OSError as error:
        raise DeckError(f"cannot read {_shown(file)}: {error.strerror}") from None


def _shown(file: Path) -> str:
    text = str(file)
    return text if text.isprintable() and len(text) < 500 else repr(text[:200])


def _split(file: Path, origin: Source | None) -> list[str]:
    at = f"{origin}: " if origin else ""
    try:
        data = read_plain(file, _MAX_BYTES)
    except FileNotFoundError:
        raise DeckError(
            f"{at}cannot read the netlist {_shown(file)}: there is no such file"
        ) from None
    except OSError as error:
        raise DeckError(f"{at}cannot read the netlist {_shown(file)}: {error.strerror}") from None
    if b"\0" in data:
        raise DeckError(f"{at}{file} is not a text file: it holds NUL bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # old model cards: a degree sign in a comment
    # Only the line feed ends a line for ngspice; str.splitlines() splits at more. What nobody can
    # mistake for a line's end is what everybody after us, the vetting first, is to see.
    lines = text.removesuffix("\n").split("\n") if text else []
    return [line.removesuffix("\r").translate(_LINE_ENDS) for line in lines]
