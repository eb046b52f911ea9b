"""How ngspice splits a command line into words, so that the vetting sees what ngspice will see.

Worked out from ngspice 39 (its lexer, then substitution of variables, backquotes, braces, and only
then redirection) and held against it by ``tests/oracle/test_trust.py``. What surprises:

- single quotes vanish before anything is looked at, so that ``'>'`` still redirects; double quotes
  stay until a command takes them off, and do not;
- a backslash vanishes, a comma outside parentheses separates words as a blank does;
- braces are expanded after the words are split: ``'{>,file}'`` becomes the words ``>`` ``file``;
- a variable that does not exist vanishes with its word, and the next word takes its place.
"""

from __future__ import annotations

import re

__all__ = ["bare", "command_words", "has_control_characters"]

_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SPELLING = re.compile(r"[\"'{}\\]")


def has_control_characters(text: str) -> bool:
    """Whether a line holds a character below the blank, tab excepted; ngspice drops some."""
    return _CONTROL_CHARACTER.search(text) is not None


def bare(word: str) -> str:
    """Return a word without quotes, braces and backslashes, which ngspice takes off some time."""
    return _SPELLING.sub("", word)


def command_words(text: str) -> list[str]:
    """Split a command line, free of control characters, as ngspice's lexer does."""
    words: list[str] = []
    word: list[str] = []
    depth = 0
    position, end = 0, len(text)

    def flush() -> None:
        if word:
            words.append("".join(word))
            word.clear()

    if text[:1] in ("#", "*"):
        return words
    while position < end:
        char = text[position]
        position += 1
        if char == "\\":
            continue  # what follows counts as if it stood alone
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        if char in " \t":
            flush()
        elif char == "'":
            close = text.find("'", position)
            close = end if close < 0 else close
            if close > position:
                word.append(text[position:close])
            position = close + 1
        elif char in '"`':
            close = text.find(char, position)
            close = end if close < 0 else close
            word.append(char + text[position:close].replace("\\", "") + char)
            position = close + 1
        elif char == "," and depth < 1 and word:
            flush()
        elif (
            (char == ";" and depth > 0)
            or (char == "&" and word and word[-1].endswith("$"))
            or (char in "<>" and not word and text[position : position + 1] == "=")
        ):
            word.append(char)
        elif char in "<>;&":
            if char == "<" and word and word[-1].endswith("$"):
                word.append(char)
                continue
            flush()
            words.append(char)
        else:
            word.append(char)
    flush()
    return words
