"""Typical mistakes, and what a user sees of each: ``python tests/support/mistakes.py [WORD]``.

Each starts from the low-pass or the transistor below, makes one mistake, and runs one command. The
page docs/messages.md shows some of them; ``tests/e2e/cli/test_messages.py`` holds it to the truth.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

RC = {
    "rc.spice": """low-pass
.param r=10k c=1n
v1 in 0 dc 0 ac 1 pulse(0 1 0 1n 1n 1 2)
r1 in out {r}
c1 out 0 {c}
.control
ac dec 20 10 1g
meas ac bandwidth when vdb(out)=-3.0103 fall=1
tran 10n 100u
meas tran rise trig v(out) val=0.1 rise=1 targ v(out) val=0.9 rise=1
.endc
.end
""",
    "problem.yaml": """name: low_pass
testbenches:
  main: {deck: rc.spice, timeout: 5}
parameters:
  r: {minimum: 1k, maximum: 100k, start: 10k, unit: Ω}
  c: {minimum: 10p, maximum: 10n, start: 1n, unit: F}
metrics:
  bandwidth: {unit: Hz, goal: maximize}
  rise: {unit: s, goal: minimize}
""",
}
NMOS = {
    "nmos.spice": """one transistor
.param w1=4 l1=1
.lib sky130.lib.spice tt
vd d 0 1
vg g 0 1
xm1 d g 0 0 sky130_fd_pr__nfet_01v8 w={w1} l={l1} nf=1
.control
op
let id = -i(vd)
print id
.endc
.end
""",
    "problem.yaml": """name: device
pdk: sky130
testbenches:
  main: {deck: nmos.spice}
parameters:
  w1: {minimum: 0.1, maximum: 200, start: 4}
  l1: {minimum: 0.01, maximum: 200, start: 1}
metrics:
  id: {unit: A, goal: maximize}
""",
}
FUNCTION = {"main: {deck: rc.spice": "main: {deck: rc.spice, functions: [mine.py:measure]"}
MEASURE = "def measure(waves):\n    return {'overshoot': waves['v(out)'].max()}\n"


@dataclass(frozen=True)
class Mistake:
    """``edits`` are old → new text of the files, ``files`` further ones, ``words`` the command."""

    title: str
    words: str
    code: int
    edits: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    base: Mapping[str, str] = field(default_factory=lambda: RC)
    environment: Mapping[str, str] = field(default_factory=dict)


_SIZE = "size problem.yaml --optimizer sobol --budget 2 --out run --no-report"

MISTAKES = (
    # the command line
    Mistake("no such problem", "size opamp.yaml", 2),
    Mistake("no such example", "size rc_filtre", 2),
    Mistake("unknown option value", "size problem.yaml --optimizer ehvy", 2),
    Mistake("value without a suffix that SPICE knows", "simulate problem.yaml --set r=1M", 2),
    Mistake("design outside its bounds", "simulate problem.yaml --set r=500k", 2),
    Mistake("unknown parameter", "simulate problem.yaml --set rr=2k", 2),
    Mistake("no such study", "resume runs/low_pass", 2),
    Mistake("nobody at the scheduler's address", f"{_SIZE} --scheduler 127.0.0.1", 3),
    Mistake("folder that cannot be made", f"{_SIZE} --out /proc/run", 5),
    # the problem file
    Mistake("misspelt key", "check problem.yaml", 2, {"goal: maximize": "gaol: maximize"}),
    Mistake("bounds swapped", "check problem.yaml", 2, {"minimum: 1k, max": "minimum: 1meg, max"}),
    Mistake("start off its bounds", "check problem.yaml", 2, {"start: 10k": "start: 10meg"}),
    Mistake("no goal", "check problem.yaml", 2, {", goal: maximize": "", ", goal: minimize": ""}),
    Mistake("not YAML", "check problem.yaml", 2, {"metrics:": "metrics: ["}),
    Mistake("parameter that no deck has", "check problem.yaml", 2, {"  c: {min": "  cc: {min"}),
    Mistake("metric that no deck measures", "check problem.yaml", 2, {"  rise: {": "  rize: {"}),
    # decks
    Mistake("missing include", "simulate problem.yaml", 2, {"r1 in": ".include amp.inc\nr1 in"}),
    Mistake(
        "deck with a shell command", "simulate problem.yaml", 2, {"tran 10n": "shell ls\ntran 10n"}
    ),
    Mistake(
        "syntax that ngspice refuses",
        "simulate problem.yaml",
        4,
        {"r1 in out {r}": "r1 in out {r}\nd1 out 0"},
    ),
    Mistake("unknown subcircuit", "simulate problem.yaml", 4, {"c1 out 0 {c}": "x1 out 0 opamp"}),
    Mistake(
        "undefined parameter", "simulate problem.yaml", 4, {"c1 out 0 {c}": "c1 out 0 {c+cpar}"}
    ),
    Mistake("measure that finds nothing", "simulate problem.yaml", 4, {"-3.0103": "+3.0103"}),
    Mistake(
        "unknown node in a measure", "simulate problem.yaml", 4, {"when vdb(out)": "when vdb(outp)"}
    ),
    Mistake(
        "no convergence", "simulate problem.yaml", 4, {"c1 out 0 {c}": "c1 out 0 {c}\nv2 in 0 1"}
    ),
    Mistake(
        "endless transient", "simulate problem.yaml --timeout 1", 4, {"tran 10n 100u": "tran 1p 1"}
    ),
    Mistake("nothing can be simulated", _SIZE, 4, {"-3.0103": "+3.0103"}),
    # models
    Mistake("W outside the models", "simulate problem.yaml --set w1=0.2", 2, base=NMOS),
    Mistake("L outside the models", "simulate problem.yaml --set l1=0.02", 2, base=NMOS),
    Mistake(
        "unknown corner",
        "check problem.yaml",
        2,
        {"pdk: sky130": "pdk: {name: sky130, corner: typ}"},
        base=NMOS,
    ),
    Mistake("unknown process", "check problem.yaml", 2, {"pdk: sky130": "pdk: sky120"}, base=NMOS),
    Mistake("unknown device", "simulate problem.yaml", 4, {"nfet_01v8 w": "nfet_1v8 w"}, base=NMOS),
    # Python functions
    Mistake(
        "function that raises",
        "simulate problem.yaml",
        4,
        FUNCTION,
        {"mine.py": MEASURE.replace("v(out)", "v(outp)")},
    ),
    Mistake(
        "function that is not there",
        "check problem.yaml",
        2,
        {"main: {deck: rc.spice": "main: {deck: rc.spice, functions: [mine.py:measures]"},
        {"mine.py": MEASURE},
    ),
    Mistake(
        "function that cannot be imported",
        "check problem.yaml",
        2,
        FUNCTION,
        {"mine.py": "import nmupy\n" + MEASURE},
    ),
    # the installation
    Mistake(
        "no ngspice",
        "simulate problem.yaml",
        3,
        environment={"SPICELOOP_LIBNGSPICE": "/nowhere.so"},
    ),
)


def provoke(mistake: Mistake, run: Callable[[list[str]], int]) -> tuple[int, str]:
    """Make the mistake in a folder of its own; return exit code and all that is printed."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for file, text in {**mistake.base, **mistake.files}.items():
            for old, new in mistake.edits.items():
                text = text.replace(old, new)
            (folder / file).write_text(text)
        changed = {**{n: (folder / n).read_text() for n in mistake.base}}
        assert not mistake.edits or changed != dict(mistake.base), mistake.title
        kept = {name: os.environ.get(name) for name in mistake.environment}
        os.environ.update(mistake.environment)
        os.chdir(folder)
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = run(mistake.words.split())
        finally:
            os.chdir(before)
            for variable, value in kept.items():
                if value is None:
                    del os.environ[variable]
                else:
                    os.environ[variable] = value
        return code, plain(said.getvalue(), folder)


def plain(text: str, folder: Path) -> str:
    """Replace what differs from machine to machine, blanks at line ends included."""
    text = text.replace(str(folder), "/home/me/filter")
    text = re.sub(r"after [0-9.]+ s\b", "after 1 s", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def main() -> None:
    from spiceloop.cli.app import main as spiceloop

    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for mistake in MISTAKES:
        if wanted in mistake.title:
            code, said = provoke(mistake, spiceloop)
            wrong = "" if code == mistake.code else f"   <-- expected {mistake.code}"
            print(f"\n=== {mistake.title}\n$ spiceloop {mistake.words}\n{said}\nexit {code}{wrong}")


if __name__ == "__main__":
    main()
