"""Deck vetting: what leaves the simulator is refused, by name, before it starts.

A SPICE deck is a program: ``shell`` runs anything, ``write`` overwrites any file. A deck from
elsewhere must not be able to, so such commands are refused unless the user trusts the deck; what
is refused and what is not says ``docs/safety.md``.

What counts was found by running each spelling through ngspice 39 (``tests/oracle/test_trust.py``):
``pre_`` before a command's name, upper case, continuation lines and aliases do not stop ngspice
from running it; ``*#`` lines, ``.control`` blocks inside library sections and ``Command:`` lines of
raw files are executed; a redirection works on every command, ``let`` included; and the content of
a variable is looked at for backquotes, ``>`` and blanks as if it had been typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from spiceloop.circuit import commands
from spiceloop.circuit.command_words import bare, command_words, has_control_characters
from spiceloop.circuit.design_space import did_you_mean
from spiceloop.circuit.includes import BLANK, Line
from spiceloop.circuit.logical import LogicalLine
from spiceloop.circuit.trust_library import libraries_read, library_refusals
from spiceloop.circuit.trust_values import Values, inside, settings, special
from spiceloop.errors import UntrustedDeckError

__all__ = ["vet"]

_PLAIN = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
_OPTIONS = re.compile(r"\.opt", re.IGNORECASE | re.ASCII)
_LIBRARY = re.compile(r"\.lib", re.IGNORECASE | re.ASCII)
_PROGRAM_CARD = (".exec", ".shell", ".system", ".codemodel", ".osdi", ".pre_", ".hdl", ".verilog")
_PROGRAM_MODEL = re.compile("|".join(commands.PROGRAM_MODELS), re.IGNORECASE)
_FILE_MODEL = re.compile(
    rf"\.model\b.*({'|'.join(commands.FILE_MODELS)})", re.IGNORECASE | re.ASCII
)
_TITLE_LIMIT = 4990  # ngspice reads 4,999 bytes of the first line; the rest is the next line to it
_SHOWN = 10


def vet(lines: Sequence[Line], cards: Sequence[LogicalLine], top: Path) -> None:
    """Raise `UntrustedDeckError` that lists the places where a deck would leave the simulator.

    ``lines`` are the physical lines, the title first, ``top`` is the deck's folder.
    """
    found = list(dict.fromkeys(_refusals(lines, cards, top)))
    if not found:
        return
    more = f"\n  … and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise UntrustedDeckError(
        "\n".join(found[:_SHOWN])
        + more
        + "\nRemove it, or give --trust-deck (in Python: trust_deck=True) if you trust this deck "
        "as you would a program."
    )


def _refusals(lines: Sequence[Line], cards: Sequence[LogicalLine], top: Path) -> Iterator[str]:
    title = lines[0].text
    if title.lstrip(BLANK).lower().startswith("*ng_script"):
        yield "line 1: '*ng_script' makes the whole file a command script"
    if len(title.encode(errors="replace")) > _TITLE_LIMIT:
        yield f"line 1: ngspice takes what is behind {_TITLE_LIMIT} bytes of title for commands"
    deck = _Deck(cards)
    for card in cards:
        for why in deck.line(card, top):
            yield f"{card.source}: {why}"


class _Deck:
    """What must be known of a whole deck to judge one of its lines: aliases and variables."""

    def __init__(self, cards: Sequence[LogicalLine]) -> None:
        words = [(c.control, command_words(_command_text(c))) for c in cards]
        self.aliases = {
            w[1] for control, w in words if control and len(w) > 1 and _name(w[0]) == "alias"
        }
        self.values = Values(
            [w for control, w in words if control]
            + [[_word.removeprefix("."), *w] for c in cards for _word, w in _option(c)]
        )

    def line(self, card: LogicalLine, top: Path) -> Iterator[str]:
        if "`" in card.raw:
            yield "a backquote runs a program in a shell; write an apostrophe if that was meant"
        if card.control and not card.text.startswith("."):
            yield from self._commands(card)
            return
        if card.control and not re.match(r"\.end(c|\b)", card.text, re.IGNORECASE | re.ASCII):
            yield f"the card {card.word!r} stands inside a .control block"
        if card.word.startswith(_PROGRAM_CARD):
            yield f"{card.word!r} runs a program"
        elif match := _PROGRAM_MODEL.search(card.text):
            yield f"the model {match.group()!r} runs a program"
        elif match := _FILE_MODEL.match(card.text):
            if re.search(r"/|~|\.\.", card.text[match.end() :]):
                yield f"the {match.group(1)!r} model names a file outside the run's folder"
        elif _OPTIONS.match(card.text):
            yield from settings(_after_word(card.text), command_words(_after_word(card.text)))
        elif _LIBRARY.match(card.text):
            files = libraries_read(_after_word(card.raw), top, card.source.file.parent)
            yield from library_refusals(files, top)

    def _commands(self, card: LogicalLine) -> Iterator[str]:
        if has_control_characters(card.raw.rstrip("\r")):
            yield "a control character in a command; ngspice drops some, which hides its name"
            return
        yield from self._command(command_words(_command_text(card)))
        # ngspice 39 takes what is behind a semicolon for a comment; at a prompt it is a command.
        comment = card.raw.partition(";")[2]
        if re.match(r"[ \t]*(shell|system|exec|!)", comment, re.IGNORECASE | re.ASCII):
            yield from self._command(command_words(comment))

    def _command(self, words: list[str]) -> Iterator[str]:
        if not words:
            return
        first, rest = words[0], words[1:]
        name = _name(first)
        if first[0] in "!^":
            yield f"{first!r}: shell escapes and history are not allowed in a deck"
        elif not _PLAIN.fullmatch(first):
            yield f"the command {first!r} is spelled so that it cannot be checked; write it plainly"
        elif name in commands.REFUSED:
            yield f"{first!r} would leave the simulator: it {commands.REFUSED[name]}"
        elif name not in commands.ALLOWED and first not in self.aliases:
            hint = did_you_mean(name, commands.ALLOWED)
            hint = "; an assignment starts with let" if "=" in "".join(rest[:1]) else hint
            yield f"{first!r} is no command that is known to be harmless{hint}"
        else:
            yield from self._arguments(first, name, rest)

    def _arguments(self, first: str, name: str, words: list[str]) -> Iterator[str]:
        for word in words:
            if "{" in word and "," in word:
                yield f"{word!r}: alternatives in braces cannot be checked; write them out"
            if "$<" in bare(word):
                yield f"{word!r} takes its value from outside the deck"
            if "$" in word and "curplottitle" in bare(word).lower():
                yield f"{word!r} is the deck's title, which would be read as part of a command"
        if name == "alias":
            yield from self._alias(words)
        elif name in commands.ASSIGNING:
            yield from settings(" ".join(words), words, name)
            yield from self.values.lists_in(name, words)
        if name in commands.WRITING:
            yield from self._file(first, name, words, commands.WRITING[name])
        if name not in commands.COMPARING:
            yield from self._redirections(words)

    def _alias(self, words: list[str]) -> Iterator[str]:
        if len(words) < 2:
            return
        if any(special(w) or re.search(r"[$\"'{}]", w) for w in words):
            yield f"the alias {words[0]!r} is spelled so that it cannot be checked"
            return
        target = _name(words[1])
        yield from self._command(words[1:])
        if target in commands.STRUCTURE | commands.ASSIGNING | commands.WRITING.keys() | {"alias"}:
            yield f"the alias {words[0]!r} hides a {target!r} from the check; write it out"
        if _name(words[0]) in commands.ALLOWED:
            yield f"the alias {words[0]!r} replaces a command; give it another name"

    def _file(self, first: str, name: str, words: list[str], position: int) -> Iterator[str]:
        if name == "cd" and (not words or "$" in words[0]):
            yield "'cd' would leave the run's folder"
        # A variable that is not there makes room for the next word; so does an empty list.
        candidates = words if any("$" in w for w in words[: position + 1]) else words[position:][:1]
        for word in candidates:
            if not inside(word, self.values):
                yield _outside(first, word)

    def _redirections(self, words: list[str]) -> Iterator[str]:
        target, from_here_on = -1, len(words)
        for number in range(len(words) - 1, -1, -1):
            word = words[number]
            if bare(word) not in (">", "&"):
                target = number
            elif bare(word) == ">" and target >= 0:
                if "$" in words[target]:
                    from_here_on = target
                elif not inside(words[target], self.values):
                    yield _outside(">", words[target])
            if "$" in word and any(c in word for c in "<>"):
                yield f"{word!r} may turn out as a redirection; write it plainly"
            if bare(word) == "<":
                yield "'<' has a command read a file, whose content cannot be checked"
        # A variable that is not there makes room for the next word.
        for word in words[from_here_on:]:
            if bare(word) not in (">", "&") and not inside(word, self.values):
                yield _outside(">", word)


def _name(word: str) -> str:
    """The command that a first word names: ``pre_`` runs it before the circuit is read."""
    word = word.lower()
    return word.removeprefix("pre_") or word


def _command_text(card: LogicalLine) -> str:
    """A command as ngspice reads it: without ``*#``, and up to a comment."""
    if not card.control:
        return ""
    text = card.raw.removeprefix("*#").lstrip(BLANK + ";").split(";", 1)[0]
    return re.split(r"[ \t]\$ ", text, maxsplit=1)[0]


def _option(card: LogicalLine) -> Iterator[tuple[str, list[str]]]:
    if not card.control and _OPTIONS.match(card.text):
        yield "option", command_words(_after_word(card.text))


def _after_word(text: str) -> str:
    word = re.match(r"[^ \t\n\v\f\r]*", text)
    return text[word.end() if word else 0 :].strip(BLANK)


def _outside(what: str, target: str) -> str:
    return (
        f"{what!r} would write to {target!r}, outside the run's folder or to a name that cannot "
        f"be checked; use a plain file name"
    )
