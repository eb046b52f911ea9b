"""Which decks may follow one another in one process, because none leaves a trace in ngspice.

ngspice builds its matrices and device states anew for each analysis, and ``remcirc`` with ``destroy
all`` frees circuit and plots; what is left behind are variables, vectors of the plot ``const``,
random states, files, and settings of options that are not the circuit's own. A deck is *plain* if
it touches nothing of these but what `Plain` names, so that it can be undone, and if every
card, element and command in it is one of a short list. Anything else gets a process of its own.

``tests/contract/test_plain_decks.py`` holds results against those of new processes, bit by bit.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["Plain", "plain"]

_CARDS = re.compile(
    r"\.(?:model|options?|temp|subckt|ends?|save|global|param|csparam|ic|nodeset|meas|measure|print"
    r"|op|dc|ac|tran|noise|tf|control|endc)"
)
_ELEMENTS = frozenset("rlckviefghbmdqjxsw")
_COMMANDS = re.compile(
    r"op|dc|ac|tran|noise|tf|run|let|print|echo|meas|set|unset|setplot|alter|altermod|save|if|else"
    r"|elseif|end|foreach|while|dowhile|repeat|break|continue|unlet|linearize|fft"
)
# Random numbers; options that ngspice keeps outside the circuit; what becomes a code model or reads
# a file.
_UNSURE = re.compile(
    r"gauss|unif|rnd|poisson|exponential|limit|random|seed|trnoise|[cr]shunt|temper\b|poly|table"
    r"|file|wave"
)
_ASKS = frozenset(["let", "if", "elseif", "while", "dowhile"])  # here > compares
_BUILT_IN = re.compile(
    r"\b(?:let|unlet)\s+(?:const\.)?(?:planck|boltz|echarge|kelvin|[iec]|pi|false|no|true|yes)\s*="
)
_SETS = re.compile(
    r"(?:set|unset)\s+([a-z]\w*)\s*(?:=\s*(?:[^\s=]+|\([^=]*\)))?|foreach\s+([a-z]\w*)\s.*"
)


@dataclass(frozen=True)
class Plain:
    """What a plain deck sets: ``options``, its cards whose effect outlives it, and ``variables``.

    Decks with the same options may follow one another; the variables have to be unset in between.
    """

    options: tuple[str, ...]
    variables: tuple[str, ...]


def plain(lines: Sequence[str], library: str) -> Plain | None:
    """Study a deck as prepared, first line the title; None if it is not plain.

    ``library`` is the path of ngspice's shared library: a variable that the deck sets must not be
    one that ngspice knows.
    """
    options: list[str] = []
    variables: set[str] = set()
    inside, option = False, False  # a control block; an option that the next line may continue
    for line in lines[1:]:
        found = _command(line) if inside else _card(line)
        if found is None:
            return None
        if inside:
            inside = not line.startswith(".endc")
            variables |= {found} - {""}
            continue
        inside = line.startswith(".control")
        if line[:1] != "+":
            option = found != ""
        if option and line[:1] not in ("*", ""):
            options.append(found or line)
    if not all(_means_nothing(name, library) for name in variables):
        return None
    return Plain(tuple(options), tuple(sorted(variables)))


@lru_cache(maxsize=4096)
def _card(line: str) -> str | None:
    """Return a card whose effect outlives the circuit, "" for another one, None if not plain."""
    text = line.strip().lower()
    if not text or text[0] == "*":
        return ""
    if _UNSURE.search(text):
        return None
    if text[0] == ".":
        word = text.split(None, 1)[0]
        if not _CARDS.fullmatch(word):
            return None
        return text if word in (".option", ".options") else ".temp" if word == ".temp" else ""
    return "" if text[0] in _ELEMENTS or text[0] == "+" else None


@lru_cache(maxsize=4096)
def _command(line: str) -> str | None:
    """Return the variable that a command sets, "" for another one, None if not plain."""
    text = line.strip().lower()
    if not text or text[0] == "*" or text == ".endc":
        return ""
    first = text.split(None, 1)[0]
    if not _COMMANDS.fullmatch(first) or ";" in text or "`" in text or _UNSURE.search(text):
        return None
    if (first not in _ASKS and re.search(r"[<>]", text)) or _BUILT_IN.search(text):
        return None
    if first in ("set", "foreach", "unset"):
        match = _SETS.fullmatch(text)
        return (match[1] or match[2]) if match else None
    return ""


@lru_cache(maxsize=256)
def _means_nothing(name: str, library: str) -> bool:
    """Whether ngspice has no word of this name, as a C string, anywhere in its library."""
    if not library:
        return False
    with (
        Path(library).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return data.find(name.encode() + b"\0") < 0
