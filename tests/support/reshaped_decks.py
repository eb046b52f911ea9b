"""Decks written differently: lines split, joined, commented, moved, spoilt, put into other files.

Many come out as decks that ngspice refuses or reads otherwise than meant. That is the point: it is
ngspice who says what they mean. Everything is drawn from one `random.Random`.
"""

from __future__ import annotations

import random
import re

__all__ = ["reshaped"]

LINES = [
    *(".end", " .end x", ".END", "* c", "$ c", "; c", "// c", "", "   ", "\t", "*", "+", "+ "),
    *(".param zz=1", ".op", ".temp 55", "*.endc", "**", "@", "\\\\"),
]
TAILS = [
    *(" ; x", " $ x", " // x", "$x", ";x", "//x", " $x", " \\\\", "\\\\", " ;", " +", "\r", "\t"),
    *(" }", " '", " ) ", " , "),
]
CHARACTERS = "0123456789abkmu{}'\"()=+-*/.,;$ \t_:#!<>&%^~|?[]@"
INCLUDES = [".inc {}", ".include '{}'", '  .INCLUDE "{}" ; c', ".incl {} $ c"]


def reshaped(random: random.Random, text: str) -> tuple[str, dict[str, str]]:
    """Change a deck in up to four ways; return it and the files that it includes, by name."""
    lines = text.split("\n")
    files: dict[str, str] = {}
    for _ in range(random.randint(1, 4)):
        first = random.randrange(1, len(lines))
        _change(random, lines, first, files)
    return "\n".join(lines), files


def _change(random: random.Random, lines: list[str], first: int, files: dict[str, str]) -> None:
    line = lines[first]
    blanks = [m.start() for m in re.finditer(" ", line)] if line.strip() else []
    last = random.randrange(first, min(len(lines), first + 4)) + 1
    match random.randrange(11):
        case 0:
            lines.insert(first, random.choice(LINES))
        case 1:
            lines[first] = line + random.choice(TAILS)
        case 2 if blanks:
            at = random.choice(blanks)
            lines[first : first + 1] = [line[:at], random.choice(["+", "+ ", "  + "]) + line[at:]]
        case 3 if blanks:
            at = random.choice(blanks)
            lines[first : first + 1] = [line[:at] + " \\\\", line[at:]]
        case 4:
            lines[first] = random.choice([line.upper(), line.swapcase(), "  " + line])
        case 5:
            other = random.randrange(1, len(lines))
            lines[first], lines[other] = lines[other], line
        case 6:
            lines[first : first + 1] = random.choice([[], [line, line]])
        case 7:
            lines[first] = line.replace(" ", random.choice(["\t", "  ", " , ", ",", " = "]), 1)
        case 8 if line:
            at = random.randrange(len(line))
            rest = line[at + random.randint(0, 1) :]
            lines[first] = line[:at] + random.choice(CHARACTERS) + rest
        case 9:
            condition = random.choice([".if (1)", ".if (0)", ".if(r==1k)"])
            lines[first:last] = [condition, *lines[first:last], ".endif"]
        case 10:
            name = f"part{len(files)}.inc"
            files[name] = "\n".join(lines[first:last]) + random.choice(["\n", ""])
            lines[first:last] = [random.choice(INCLUDES).format(name)]
