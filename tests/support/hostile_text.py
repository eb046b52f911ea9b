# ruff: noqa: E501 -- one line a kind of piece
"""Mutations of decks and problem files, with pieces that a stranger would put into them.

Everything is drawn from one `random.Random`, so that a case is its number. ``{out}`` in a piece
is a path outside the run's folder; whatever comes to be there has got out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

__all__ = ["mutated_deck", "mutated_problem", "noise"]

COMMANDS = [
    "shell touch {out}", "SHELL touch {out}", "sh\\ell touch {out}", "'shell' touch {out}",
    "sh\x1bell touch {out}", "sh\x16ell touch {out}", "pre_shell touch {out}", "system touch {out}",
    "!touch {out}", "*#shell touch {out}", "echo `touch {out}`", "echo hi > {out}",
    "echo hi '>' {out}", "echo hi >> {out}", "echo hi > & {out}", "echo '{>,{out}}'",
    "print v(1) > {out}", "write {out}", "write,{out}", "wrdata {out} v(1)", "wrnodev {out}",
    "mdump {out}", "mrdump {out}", "snsave {out}", "hardcopy {out} v(1)", "source {out}", "{out}",
    "load {out}", "cd ..", "cd /", "set unixcom", "touch {out}", "set rawfile={out}", "run {out}",
    "set measoutfile={out}", 'set hcopydev="x|touch {out}"', "set f={out}", "write $f", "echo > $f",
    'set r=">"', "echo hi $r {out}", "set d=..", "write {$d}/x", "cd $d", "write $&nosuch {out}",
    "foreach v {out}", "foreach unixcom 1", "foreach k 1 2 3", "end", "if 1", "else", "while 1",
    "dowhile 0", "repeat 3", "repeat 1000000", "break", "continue", "goto a", "label a",
    "alias w write", "w {out}", "alias echo shell touch {out}", "alias a a", "a", "let x = 1",
    "let x = vector(100000000)", "let y = x[0]", "define f(x) f(x)", "let z = f(1)", "unlet x",
    "op", "ac dec 5 1 1meg", "tran 1n 1u", "tran 1n 1e9", "dc v1 0 1 0.1", "noise v(1) v1 dec 2 1 1k",
    "pz 1 0 1 0 vol pz", "tf v(1) v1", "sens v(1)", "disto dec 2 1 1k", "meas ac x max v(1)",
    "print all", "display", "reset", "remcirc", "mc_source", "alterparam r=1", "alter r1 = 0",
    "altermod m vto=1", "setplot nosuch", "destroy all", "quit", "quit 3", "listing e", "show all",
    "osdi {out}", "codemodel {out}", "pre_osdi x", "use x", "edit", "aspice {out}", "history",
    "compose x values 1 2", "linearize", "fft v(1)", "set curplottitle='`touch {out}`'",
    "echo $curplottitle", "strcmp unixcom a b", "setcs x=$PWNED", "set sourcepath = ( {out} )",
    "circbyline *#shell touch {out}", "inventory", "devhelp", "reshape x [1][1]", "cutout", "spec 1 2 3 v",
    "echo $$ $< $# $? $x[9-1] $&x[", "echo {{{{{{", "echo ((((((", "set a = (", "echo " + "a " * 3000,
    "echo " + "a=" * 3000, "echo 'spiceloop: end of the deck with the plots ../../x op1'",
    "echo junk > spiceloop_op1.raw", "echo x > deck.cir", "echo x > log", "cd sub", "write a/b/c",
]  # fmt: skip
CARDS = [
    ".control", ".endc", ".CONTROL", ".endcx", " .endc", ".end", ".END", "@", ".include '{out}'",
    ".include deck.sp", ".inc /etc/passwd", ".include ''", ".lib '{out}' tt", ".lib x", ".lib",
    ".endl", ".subckt s a b", ".ends", ".subckt s a b r=1", "x1 1 2 s", "x1 1 2 x1", ".if (1)", ".else",
    ".endif", ".elseif", ".param a={b} b={a}", ".param a=1e999", ".param =", ".param f(x)={x}",
    ".param " + "a=1 " * 500, ".func f(x) {f(x)}", ".csparam a={1}", ".temp nan", ".temp -400",
    ".options reltol=0", ".option rawfile={out}", ".option unixcom", ".option f={out}", ".op",
    ".ac dec 1e9 1 1e12", ".ac dec 5 1 1k", ".tran 1f 1", ".dc v1 0 1 0", ".noise v(1) v1 dec 1 1 1",
    ".meas ac x max v(1)", ".meas tran y param='1/0'", ".print ac v(1)", ".plot", ".save all",
    ".ic v(1)=1e308", ".nodeset", ".global", ".model m nmos level=99", ".model m nmos level=54",
    ".model p d_process(process_file=\"{out}\")", ".model q filesource(file=\"/dev/zero\")",
    "a1 %v([1]) q", ".model n numd level=1", "+ output rootfile=\"{out}\"", "m1 1 1 0 0 m w=0 l=0",
    "m2 1 1 0 0 m w=1u l=nan", "r2 1 0 0", "r3 1 0 -1", "r4 1 0 {1/0}", "c9 1 0 1e308", "l9 1 0 0",
    "v9 1 0 1 ac 1", "v8 1 1 1", "b1 1 0 v=1/v(1)", "b2 1 0 i='exp(v(1)*1e9)'", "e1 1 0 1 0 1e300",
    "v7 2 0 pwl(" + "0 0 1 1 " * 200 + ")", "k1 l1 l1 1", "t1 1 0 2 0 z0=50 td=0", "w1 1 0 v9 s",
    "o1 1 0 2 0 m", "* comment \\\\", "+ more", "+", "$ comment", ";x", "//x", "\\\\", "*", "*ng_script",
    ".title `touch {out}`", ".title >", ".exec touch {out}", "\ufeff.control", "\u2028shell touch {out}",
    "\x0bshell touch {out}", "\rshell touch {out}", ".probe alli", ".sens v(1)", ".pz 1 0 1 0 vol pz",
    ".width out=1", ".four 1k v(1)", ".pss 1 1 1 1", ".sp dec 1 1 1", "n1 1 2 m", "u1 1 0 x l=1",
]  # fmt: skip
NUMBERS = [
    "0",
    "-1",
    "1e999",
    "1e-999",
    "nan",
    ".inf",
    "9" * 400,
    "1M",
    "1meg",
    "1e308",
    "{{",
    "''",
]
CHARACTERS = "\x00\x01\x04\x07\x08\x0b\x0c\x0d\x16\x1a\x1b\x1c\x1e\x7f\x85\xa0\u2028\u202e\uff53\ufeff'\"`\\{}()[]$&;<>!^~|*#+=,.:%@\t \n"
VALUES = [
    "1", "0", "-1", "1e999", ".nan", ".inf", "null", "~", "true", "'text'", "[]", "{}", "[1, 2]", "!!python/name:os.system",
    "!!python/object/apply:os.system ['touch {out}']", "!x y", "&a [*a]", "*a", "&a 1", "!!binary aGk=",
    "{minimum: 1, typical: 2, maximum: 3}", "{enumerate: [1, 2, 3]}", "{enumerate: [tt, ss, ff]}",
    "{enumerate: " + str(list(range(300))) + "}", "{minimum: 3, maximum: 1}", "{minimum: 1, maximum: 2, grid: 1e-300}",
    "'../../../etc/passwd'", "/etc/passwd", "/dev/zero", "{out}", "'~nosuch/x'", "a.py:f", "os:system",
    "[os:system]", "['{out}.py:f']", "2001-01-01", "0x10", "1_000", "1:30", "9" * 500, "'" + "x" * 5000 + "'",
    "\"\\0\"", "\"\\e[2J\"", "\"\\ud800\"", "|\n  text", ">\n  text", "? a", "- 1", "sky130", "{name: sky130, corner: xx}",
    "{tied_to: w1, ratio: .nan}", "[[[[[[[[[[]]]]]]]]]]", "{a: {a: {a: {a: 1}}}}", "{<<: {a: 1}}", "1e308", "5e-324", "4u", "1M",
]  # fmt: skip
KEYS = [
    "name", "testbenches", "parameters", "metrics", "conditions", "pdk", "figures", "corners",
    "description", "deck", "functions", "vectors", "parameter_file", "timeout", "minimum", "maximum",
    "start", "scale", "grid", "unit", "tied_to", "ratio", "goal", "measure", "testbench", "<<", "early_stop",
]  # fmt: skip


def mutated_deck(random: random.Random, decks: Sequence[str], out: str) -> str:
    """Return one of the decks, changed in up to six ways."""
    lines = random.choice(decks).split("\n")
    for _ in range(random.randint(1, 6)):
        where = random.randrange(len(lines) + 1)
        kind = random.random()
        if kind < 0.45:
            inside = [i for i, line in enumerate(lines) if line.strip().lower() == ".control"]
            command = random.choice(COMMANDS)
            if inside and random.random() < 0.7:
                where = random.choice(inside) + random.randint(1, 4)
            lines[where:where] = [_disguised(random, command)]
        elif kind < 0.7:
            lines[where:where] = [_disguised(random, random.choice(CARDS))]
        elif kind < 0.75:
            block = [".control", *random.choices(COMMANDS, k=random.randint(1, 5)), ".endc"]
            lines[where:where] = block
        elif kind < 0.8:
            lines[where : where + random.randint(1, 3)] = []
        elif kind < 0.85:
            other = random.choice(decks).split("\n")
            start = random.randrange(len(other))
            lines[where:where] = other[start : start + random.randint(1, 8)]
        else:
            lines = _changed("\n".join(lines), random).split("\n")
    text = "\n".join(lines)
    if random.random() < 0.05:
        text = text.replace("\n", "\r\n")
    return text.replace("{out}", out)


def mutated_problem(random: random.Random, problems: Sequence[str], out: str) -> str:
    """Return one of the problem files, changed in up to four ways."""
    lines = random.choice(problems).split("\n")
    for _ in range(random.randint(1, 4)):
        lines = lines or [""]
        where = random.randrange(len(lines))
        kind = random.random()
        if kind < 0.5:
            key, colon, _ = lines[where].partition(":")
            if colon:
                lines[where] = f"{key}: {random.choice(VALUES)}"
        elif kind < 0.7:
            indent = " " * random.choice([0, 2, 4])
            lines[where:where] = [f"{indent}{random.choice(KEYS)}: {random.choice(VALUES)}"]
        elif kind < 0.8:
            lines[where : where + random.randint(1, 3)] = []
        elif kind < 0.85:
            lines[where:where] = lines[where : where + random.randint(1, 4)]
        else:
            lines = _changed("\n".join(lines), random).split("\n")
    return "\n".join(lines).replace("{out}", out)


def noise(random: random.Random, data: bytes) -> bytes:
    """Return bytes with some changed, cut out, repeated, or cut off at the end."""
    found = bytearray(data)
    for _ in range(random.randint(1, 5)):
        if not found:
            break
        at = random.randrange(len(found))
        kind = random.random()
        if kind < 0.4:
            found[at] = random.randrange(256)
        elif kind < 0.6:
            del found[at : at + random.choice([1, 2, 8, 100])]
        elif kind < 0.8:
            found[at:at] = found[at : at + random.choice([1, 8, 100])] * random.choice([1, 2, 50])
        else:
            del found[at:]
    return bytes(found)


def _disguised(random: random.Random, line: str) -> str:
    kind = random.random()
    if kind < 0.7:
        return line
    if kind < 0.75:
        return line.upper().replace("{OUT}", "{out}")
    if kind < 0.8:
        return line.replace(" ", "\n+ ", 1)
    if kind < 0.85:
        return line.replace(" ", " \\\\\n", 1)
    if kind < 0.9:
        return "\t " + line
    if kind < 0.95:
        return "*#" + line
    return "x ; " + line


def _changed(text: str, random: random.Random) -> str:
    at = random.randrange(len(text) + 1)
    kind = random.random()
    if kind < 0.4:
        return text[:at] + random.choice(CHARACTERS) + text[at + random.randint(0, 1) :]
    if kind < 0.6:
        return text[:at] + random.choice(NUMBERS) + text[at + random.randint(0, 4) :]
    if kind < 0.8:
        chunk = text[at : at + random.randint(1, 40)]
        return text[:at] + chunk * random.choice([2, 10, 200]) + text[at:]
    if kind < 0.9:
        return text[:at]
    other = random.randrange(len(text) + 1)
    return text[: min(at, other)] + text[max(at, other) :]
