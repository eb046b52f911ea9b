"""Make a deck ready to be sourced: results come out before ``quit``, dot cards run.

What ngspice 39 does, found by experiment, and why a deck cannot simply be handed over:

- ``quit`` frees all plots before anyone can read them (and the shared library cannot be used
  afterwards). So a ``quit`` at the top of a control block ends the script by dropping what
  follows; one inside ``if`` or a loop gets commands in front that write all plots to raw files.
- ``ngspice -b`` on a deck with dot cards only evaluates ``.meas`` after the wrong analysis where
  there are several, does not understand ``vdb(out)`` in them, and saves no vectors that no
  ``.print`` names. ``run`` in a control block does all of this right if the deck has one kind of
  analysis. So such a deck becomes one deck per kind, sourced one after the other.
- After a control block that does not quit, ``ngspice -b`` runs the dot cards once more. That is
  repeated only where the control block ran no analysis itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from spiceloop.circuit.includes import ends_nothing

__all__ = ["MAIN", "Script", "prepare"]

MAIN = "deck.cir"

_ANALYSES = ("op", "dc", "ac", "tran", "noise", "tf", "pz", "disto", "sens", "sp", "pss")
_OPENS = {"if", "while", "dowhile", "repeat", "foreach"}
_RUNS = {*_ANALYSES, "run", "source"}
_Card = tuple[int, str]
_LET = re.compile(r"^\s*(?:let|\.csparam)\s+([^\s=\[]+)\s*(?:\[[^=]*)?=", re.IGNORECASE)
_SAVABLE = re.compile(r"\b([vi])(?:m|db|p|r|i)?\(\s*([^\s(),]+)\s*(?:,\s*([^\s(),]+)\s*)?\)", re.I)


@dataclass(frozen=True)
class Script:
    """Files to write, by name; ngspice sources `MAIN`. ``lets``: vectors that the deck names."""

    files: dict[str, str]
    lets: frozenset[str] = field(default_factory=frozenset)


def prepare(text: str, *, at_quit: Sequence[str], at_end: Sequence[str]) -> Script:
    """Rewrite a deck's text.

    ``at_quit`` are commands placed before a ``quit`` inside a block, which stays; ``at_end`` ends
    the script, whether a ``quit`` at the top or the end of the deck is what ends it.
    """
    lines = text.split("\n")  # as ngspice does; splitlines() splits at more, which vetting did not
    circuit, control = _split(lines)
    lets = frozenset(m.group(1).lower() for line in lines if (m := _LET.match(line)))
    cards = _cards(circuit)
    kinds = _dot_analyses(cards)
    body, quits, runs_itself = _rewrite(tuple(control), tuple(at_quit))
    run_cards = bool(kinds) and not quits and not runs_itself
    if run_cards and len(kinds) > 1 and any(word.startswith(".meas") for _, word in cards):
        return Script(_one_deck_per_kind(circuit, kinds, body, at_end), lets)
    if run_cards:
        body = (*body, "run")
    return Script({MAIN: _join(circuit, cards, [*body, *at_end])}, lets)


def _word(line: str) -> str:
    parts = line.split(None, 1)
    return parts[0].lower() if parts else ""


def _card(line: str) -> str:
    """Return the name of a dot card, "" for any other line: most are, and model cards are long."""
    return _word(line) if line.startswith(".") or line.lstrip().startswith(".") else ""


def _split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Separate circuit lines from the lines of all control blocks."""
    circuit, control = lines[:1], []
    inside = False
    for line in lines[1:]:
        word = _card(line)
        if word == ".control":
            inside = True
        elif word == ".endc":
            inside = False
        elif inside:
            control.append(line)
        elif not (word and ends_nothing(line)):
            circuit.append(line)
            continue
        circuit.append("*")  # keeps the line numbers in ngspice's messages right
    return circuit or [""], control


def _cards(circuit: Sequence[str]) -> list[_Card]:
    """Line numbers and names of the dot cards, the title left out."""
    lines = enumerate(circuit[1:], start=1)
    return [(number, word) for number, line in lines if (word := _card(line))]


def _join(circuit: Sequence[str], cards: Sequence[_Card], control: Sequence[str]) -> str:
    saves = _saves(circuit, cards)
    return "\n".join([*circuit, *saves, ".control", *control, ".endc", ".end", ""])


@lru_cache(maxsize=64)
def _rewrite(
    control: tuple[str, ...], at_quit: tuple[str, ...]
) -> tuple[tuple[str, ...], bool, bool]:
    """Handle every quit; return the control lines, whether a quit at the top ended them, and
    whether they run an analysis.

    Kept, for designs of one testbench have the same commands.
    """
    runs = any(_word(s) in _RUNS for line in control for s in line.split(";"))
    out: list[str] = []
    depth = 0
    for line in control:
        word = _word(line)
        if word in _OPENS:
            depth += 1
        elif word == "end":
            depth = max(0, depth - 1)
        statements = line.split(";")
        quit_at = next((i for i, s in enumerate(statements) if _word(s) in ("quit", "exit")), None)
        if quit_at is None:
            out.append(line)
            continue
        before = ";".join(statements[:quit_at]).strip()
        if before:
            out.append(before)
        if depth == 0:
            return tuple(out), True, runs
        out += [*at_quit, statements[quit_at].strip()]
    return tuple(out), False, runs


def _dot_analyses(cards: Sequence[_Card]) -> dict[str, list[int]]:
    """Line numbers of dot analysis cards by kind, in the deck's order, outside subcircuits."""
    kinds: dict[str, list[int]] = {}
    for number, word in cards:
        if word[1:] in _ANALYSES:
            kinds.setdefault(word[1:], []).append(number)
    return kinds


def _saves(circuit: Sequence[str], cards: Sequence[_Card]) -> list[str]:
    """Return ``.save`` cards for what .meas, .print and .plot name, where .save restricts.

    ``ngspice -b`` saves those by itself, ``run`` does not.
    """
    if not any(word == ".save" for _, word in cards):
        return []
    names: dict[str, None] = {}
    for number, word in cards:
        if word.startswith((".meas", ".print", ".plot", ".four")):
            for kind, first, second in _SAVABLE.findall(circuit[number]):
                for node in filter(None, (first, second)):
                    names[f"{kind.lower()}({node})"] = None
    return [f".save {name}" for name in names if name != "v(0)"]


def _one_deck_per_kind(
    circuit: Sequence[str],
    kinds: dict[str, list[int]],
    body: Sequence[str],
    at_end: Sequence[str],
) -> dict[str, str]:
    """One deck with the cards and measures of each kind, and a script that sources them all."""
    files: dict[str, str] = {}
    for kind in kinds:
        drop = {n for other, numbers in kinds.items() if other != kind for n in numbers}
        lines: list[str] = []
        dropped = False
        for number, line in enumerate(circuit):
            words = line.lower().split(None, 2)
            if number > 0 and words and words[0].startswith(".meas"):
                dropped = len(words) > 1 and words[1] != kind
            elif number in drop:
                dropped = True
            elif not line.lstrip().startswith(("+", "*")):
                dropped = False
            # A comment keeps the line numbers in ngspice's messages right.
            lines.append("*" if dropped else line)
        files[f"{kind}.cir"] = _join(lines, _cards(lines), [*body, "run"])
    script = ["*ng_script", *(f"source {name}" for name in files), *at_end, ""]
    files[MAIN] = "\n".join(script)
    return files
