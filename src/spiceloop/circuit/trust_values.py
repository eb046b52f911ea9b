"""Values of ngspice's shell-like variables, as far as the vetting must know them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from spiceloop.circuit import commands
from spiceloop.circuit.command_words import bare

__all__ = ["Values", "inside", "settings", "special"]

_REFERENCE = re.compile(r"\$(\w+)", re.ASCII)
_LIST_REFERENCE = re.compile(r"\$(\w+)(?![\w\[])|\$(\w+)\[[^\]]*-", re.ASCII)
_VALUE = re.compile(r"=[ \t]*(\([^)]*\)|\"[^\"]*\"|'[^']*'|\S+)")
_ASSIGNMENT = re.compile(r"(?<![\w$&=])(\w+)[ \t]*" + _VALUE.pattern, re.ASCII)
_ABSENT = r"(?<!\w){}(?!\w)"


def special(word: str) -> bool:
    """Whether a word, once it is a variable's value, would be taken for more than text."""
    text = bare(word)
    return any(c in text for c in "<>;`") or text.startswith("&")


class Values:
    """Which variables of a deck hold nothing that leads out of a folder, and which hold lists.

    A line that gives values taints every name on it, which is simpler than to tell them apart.
    ``commands`` are lists of words, each with the command's name first.
    """

    def __init__(self, lines: Sequence[list[str]]) -> None:
        given = {"curplot"}  # any other may be in the environment, and hold anything
        tainted: set[str] = set()
        used_by: dict[str, set[str]] = {}
        self.lists = {"plots"}
        for name, *words in (w for w in lines if w):
            command = name.lower().removeprefix("pre_")
            if command not in commands.ASSIGNING:
                continue
            text = " ".join(words)
            names = {n.lower() for n in re.findall(r"\w+", bare(text), re.ASCII)}
            if "(" in text:
                self.lists |= names
            given.update(_given(command, words))
            # An unset one may be in the environment; a measured one may hold anything.
            if command in commands.NAMING or command == "unset" or _leads_out(text):
                tainted |= names
            for used in set(_references(text)):
                used_by.setdefault(used, set()).update(names)
        todo = [*tainted, *(used_by.keys() - given)]
        while todo:
            for name in used_by.pop(todo.pop(), ()):
                if name not in tainted:
                    tainted.add(name)
                    todo.append(name)
        self.safe = frozenset(given - tainted)

    def lists_in(self, command: str, words: Sequence[str]) -> Iterator[str]:
        """Refuse what gives a variable several words that may be names of others."""
        if command in commands.NAMING and words and "$" in words[0]:
            yield f"{words[0]!r} sets a variable whose name cannot be checked"
        if command not in {"set", "setcs", "option", "options"}:
            return
        # The title may hold anything: no command that uses it passes.
        title = {*_given(command, words)} == {"curplottitle"}
        depth = 0
        for word in words:
            text = bare(word)
            if any(c in word for c in "\"'") and re.search(r"[()]", text) and not title:
                yield f"{word!r}: a parenthesis in a value cannot be told from a list's end"
            depth += text.count("(")
            for match in _LIST_REFERENCE.finditer(text):
                name = match.group(1) or match.group(2)
                if depth < 1 and name.lower() in self.lists:
                    yield f"{word!r} is a list, whose words may set other variables; use ( … )"
            depth -= text.count(")")


def _given(command: str, words: Sequence[str]) -> Iterator[str]:
    """Names of the variables that a line gives a value to, in lower case."""
    if command == "foreach":
        yield from (w.lower() for w in words[:1])
    elif command not in commands.NAMING and command != "unset":
        yield from (m.group(1).lower() for m in _ASSIGNMENT.finditer(" ".join(words)))


def _leads_out(text: str) -> bool:
    return any(c in text for c in "/~`<>;&") or ".." in bare(text)


def _references(text: str) -> Iterator[str]:
    for name in _REFERENCE.findall(bare(text)):
        yield name.lower()


def inside(target: str, values: Values) -> bool:
    """Whether a file name stays in the run's folder, whatever its variables hold."""
    if "{" in target and "," in target:
        return False  # alternatives, of which only the first is at the start
    text = bare(target)
    if "$" in text and "/" in text:
        return False  # the variable may be "..", or nothing
    text = re.sub(r"\$&[\w.()\[\]#@-]+", "0", text)  # a vector's value: a number
    if any(name not in values.safe for name in _references(text)):
        return False
    text = _REFERENCE.sub("x", text)
    return not ("$" in text or text.startswith(("/", "~", "|")) or ".." in text.split("/"))


def settings(text: str, words: Sequence[str], command: str = "set") -> Iterator[str]:
    """Refuse variables that make ngspice run programs or write files, and hidden commands."""
    plain = bare(text)
    for name, why in commands.PROGRAM_VARIABLES.items():
        if re.search(_ABSENT.format(name), plain, re.IGNORECASE | re.ASCII):
            yield f"the variable {name!r} {why}"
    for name in commands.FILE_VARIABLES:
        if re.search(_ABSENT.format(name), plain, re.IGNORECASE | re.ASCII) and re.search(
            r"[/~|$]|\.\.", plain
        ):
            yield f"the variable {name!r} would have ngspice write outside the run's folder"
    if command in {"set", "setcs", "option", "options"} and "$" in _VALUE.sub("", text):
        yield f"{text!r} sets a variable whose name cannot be checked"
    if command == "foreach" and words and "$" in words[0]:
        yield f"{words[0]!r} sets a variable whose name cannot be checked"
    for word in words:
        if special(word):
            yield f"{word!r}: ngspice would act on <, >, ; and & wherever the variable is used"
