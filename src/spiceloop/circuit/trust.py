"""Deck vetting: commands that leave the simulator are refused before it starts.

A SPICE deck is a program: ``shell`` runs anything, ``write`` overwrites any file. A deck from
elsewhere must not be able to, so such commands are refused by name unless the user trusts the deck.

What counts was found by running each spelling through ngspice 39 (``tests/oracle/test_trust.py``):
quotes, braces and backslashes inside a command's name, ``pre_`` before it, upper case and
continuation lines do not stop ngspice from running it; ``*#`` lines, ``.control`` blocks inside
library sections and ``Command:`` lines of raw files are executed; a redirection works on every
command, ``let`` included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from spiceloop.circuit.includes import BLANK, file_token, find_file, named_file
from spiceloop.circuit.logical import LogicalLine
from spiceloop.errors import DeckError, UntrustedDeckError

__all__ = ["vet"]

_REFUSED = {
    "shell": "runs a program",
    "system": "runs a program",
    "exec": "runs a program",
    "gnuplot": "starts gnuplot",
    "xgraph": "starts xgraph",
    "edit": "starts an editor",
    "aspice": "starts another simulator",
    "rspice": "starts a simulator on another machine",
    "bug": "sends a mail",
    "mail": "sends a mail",
    "source": "runs a command file that is not checked",
    "circbyline": "builds a deck that is not checked",
    "load": "runs the commands inside a raw file",
    "loadsnap": "reads a deck that is not checked",
    "snload": "reads a deck that is not checked",
    "codemodel": "loads a shared library",
    "osdi": "loads a shared library",
    "use": "loads a shared library",
}
# Commands whose n-th argument, counted from 0, names a file or folder.
_WRITES = {
    "write": 0,
    "wrdata": 0,
    "wrs2p": 0,
    "wrnodev": 0,
    "hardcopy": 0,
    "snsave": 0,
    "savesnap": 0,
    "run": 0,
    "cd": 0,
    "fopen": 1,
}
_VARIABLES = {
    "unixcom": "lets ngspice run programs",
    "lprps": "names a program that hardcopy runs",
    "lprplot5": "names a program that hardcopy runs",
}
_COMPARES = frozenset({"if", "while", "dowhile", "elseif"})  # here > is no redirection
_PLAIN = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
_WORD = re.compile(r"(?:\"[^\"]*\"|'[^']*'|\S)+")  # "a"b is one word
_REDIRECTION = re.compile(r">{1,2}&?[ \t]*((?:\"[^\"]*\"|'[^']*'|[^\s;>])+)")
_VALUE = re.compile(r"=[ \t]*(\([^)]*\)|\"[^\"]*\"|'[^']*'|\S+)")
_SPELLING = re.compile(r"[\"'{}\\]")  # what ngspice drops from a word
_READING = frozenset({"fopen", "fread", "getcwd", "strcmp"})  # set a variable from elsewhere
_ASSIGNING = _READING | {"set", "setcs", "option", "foreach", "alias"}
_OPTIONS = re.compile(r"\.opt", re.IGNORECASE | re.ASCII)
_EXECUTING_MODEL = re.compile(
    r"[ \t]*\.model[ \t]+\S+[ \t]+(d_process|d_cosim)\b", re.IGNORECASE | re.ASCII
)
_LIBRARY = re.compile(r"\.lib", re.IGNORECASE | re.ASCII)
_IN_LIBRARY = re.compile(
    rb"^[ \t\v\f\r]*(?:(\.control|\*#)|\.(?:inc|lib)[^ \t\v\f\r\n]*[ \t\v\f]+([^\n]*)"
    rb"|\.model[ \t]+\S+[ \t]+(d_process|d_cosim)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_SHOWN = 10


def vet(title: str, lines: Sequence[LogicalLine], top: Path) -> None:
    """Raise `UntrustedDeckError` that lists the places where a deck would leave the simulator.

    ``title`` is the deck's first line, ``top`` its folder.
    """
    found = list(_refusals(title, lines, top))
    if not found:
        return
    more = f"\n  … and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise UntrustedDeckError(
        "\n".join(found[:_SHOWN])
        + more
        + "\nRemove it, or give --trust-deck (in Python: trust=True) if you trust this deck "
        "as you would a program."
    )


def _refusals(title: str, lines: Sequence[LogicalLine], top: Path) -> Iterator[str]:
    if title.lstrip(BLANK).lower().startswith("*ng_script"):
        yield "line 1: '*ng_script' makes the whole file a command script"
    safe = _safe_variables(lines)
    for line in lines:
        for why in _line(line, safe, top):
            yield f"{line.source}: {why}"


def _line(line: LogicalLine, safe: frozenset[str], top: Path) -> Iterator[str]:
    if "`" in line.raw:
        yield "a backquote runs a program in a shell; write an apostrophe if that was meant"
    if line.control:
        command, _, comment = line.raw.partition(";")
        yield from _command(command.removeprefix("*#").strip(BLANK), safe)
        if re.match(r"[ \t]*(shell|system|exec|!)", comment, re.IGNORECASE | re.ASCII):
            yield from _command(comment.strip(BLANK), safe)
    elif line.word.startswith((".exec", ".shell", ".system")):
        yield f"{line.word!r} runs a program"
    elif _EXECUTING_MODEL.match(line.text):
        yield "the d_process and d_cosim models run programs"
    elif _OPTIONS.match(line.text):
        yield from _settings(_after_word(line.text))
    elif _LIBRARY.match(line.text):
        name, _ = named_file(_after_word(line.raw))
        path, _ = find_file(name, top, line.source.file.parent) if name else (None, ())
        if path:
            yield from _library(path, top)


def _command(text: str, safe: frozenset[str]) -> Iterator[str]:
    if not text:
        return
    if text[0] in "!^":
        yield f"{text.split()[0]!r}: shell escapes and history are not allowed in a deck"
        return
    word = _PLAIN.match(text)
    first = re.split(r"[\s=<>;(]", text, maxsplit=1)[0]
    if any(c in first for c in "\"'\\{}$"):
        yield f"the command {first!r} is spelled so that it cannot be checked; write it plainly"
        return
    name = word.group().lower() if word else ""
    rest = text[word.end() if word else 0 :].strip(BLANK)
    name = name.removeprefix("pre_") or name
    if name in _REFUSED:
        yield f"{first!r} would leave the simulator: it {_REFUSED[name]}"
    elif name == "alias":
        yield from _command(_after_word(rest), safe)
    elif name in {"set", "setcs", "option"}:
        yield from _settings(rest)
    elif name in _WRITES:
        target = _argument(rest, _WRITES[name])
        if name == "cd" and not target:
            yield "'cd' would leave the run's folder"
        elif target and not _inside(target, safe):
            yield _outside(first, target)
    if name not in _COMPARES:  # a redirection works on any other, unknown commands included
        for target in _REDIRECTION.findall(rest):
            if not _inside(target, safe):
                yield _outside(">", target)


def _after_word(text: str) -> str:
    word = re.match(r"[^ \t\n\v\f\r]*", text)
    return text[word.end() if word else 0 :].strip(BLANK)


def _outside(what: str, target: str) -> str:
    return (
        f"{what!r} would write to {target!r}, outside the run's folder or to a name that cannot "
        f"be checked; use a plain file name"
    )


def _argument(text: str, position: int) -> str:
    words = _WORD.findall(text)
    return words[position] if position < len(words) else ""


def _settings(text: str) -> Iterator[str]:
    plain = _SPELLING.sub("", text)
    for name, why in _VARIABLES.items():
        if re.search(rf"(?<!\w){name}(?!\w)", plain, re.IGNORECASE | re.ASCII):
            yield f"the variable {name!r} {why}"
    if "$" in _VALUE.sub("", text):
        yield f"{text!r} sets a variable whose name cannot be checked"
    raw = re.search(r"(?<!\w)rawfile[ \t]*=?[ \t]*(\S*)", plain, re.IGNORECASE | re.ASCII)
    if raw and not _inside(raw.group(1), frozenset()):
        yield _outside("set rawfile", raw.group(1))


def _inside(target: str, safe: frozenset[str]) -> bool:
    """Whether a file name stays in the run's folder, whatever its variables hold."""
    if "{" in target and "," in target:
        return False  # alternatives, of which only the first is at the start
    bare = _SPELLING.sub("", target)
    bare = re.sub(r"\$&[\w.()\[\]#@-]+", "0", bare)  # a vector's value: a number
    if any(name.lower() not in safe for name in re.findall(r"\$(\w+)", bare)):
        return False
    bare = re.sub(r"\$\w+", "x", bare)
    return not ("$" in bare or bare.startswith(("/", "~", "|")) or ".." in bare.split("/"))


def _safe_variables(lines: Sequence[LogicalLine]) -> frozenset[str]:
    """Names of shell-like variables whose every value, given in this deck, is free of paths.

    A line that gives values taints every name on it, which is simpler than to tell them apart.
    """
    values: dict[str, list[str]] = {"curplot": []}
    for line in lines:
        command = _SPELLING.sub("", line.word).removeprefix("*#").removeprefix("pre_")
        rest = line.raw[len(line.word) :]
        if (line.control and command in _ASSIGNING) or command.startswith(".opt"):
            text = rest if command not in _READING else "/"
            for name in re.findall(r"\w+", _SPELLING.sub("", rest), re.ASCII):
                values.setdefault(name.lower(), []).append(text)
    safe = {n for n, v in values.items() if not any(c in text for text in v for c in "/~`<")}
    while True:
        keep = {n for n in safe if all(r in safe for text in values[n] for r in _references(text))}
        if keep == safe:
            return frozenset(safe)
        safe = keep


def _references(text: str) -> Iterator[str]:
    for name in re.findall(r"\$(\w+)", _SPELLING.sub("", text), re.ASCII):
        yield name.lower()


def _library(path: Path, top: Path) -> Iterator[str]:
    """Refusals for a library file and those it includes: commands have no business there."""
    seen: set[Path] = set()
    todo = [path]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        try:
            state = file.stat()
            commands, names = _scan(file, state.st_mtime_ns, state.st_size)
        except OSError as error:
            raise DeckError(f"cannot read the library {file}: {error.strerror}") from None
        for number, what in commands:
            yield f"the library {file}:{number} holds {what}, which could run any command"
        for name in names:
            # Which of several ngspice takes depends on where it runs, so all are looked through.
            _, places = find_file(name, top, file.parent)
            todo += [p.resolve() for p in places if p.is_file()]


@lru_cache(maxsize=4096)
def _scan(
    file: Path, _mtime: int, _size: int
) -> tuple[tuple[tuple[int, str], ...], tuple[str, ...]]:
    data = file.read_bytes()
    commands, names = [], []
    for match in _IN_LIBRARY.finditer(data):
        control, name, model = match.groups()
        if name is not None:
            names.append(file_token(name.decode("utf-8", "replace"))[0])
        else:
            number = data.count(b"\n", 0, match.start()) + 1
            commands.append((number, (control or model).decode()))
    return tuple(commands), tuple(n for n in names if n)
