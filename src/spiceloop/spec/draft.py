"""The first draft of a problem file, from a deck's parameters and measures."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from spiceloop.circuit.measures import is_computed
from spiceloop.circuit.netlist import Netlist
from spiceloop.circuit.pdk.registry import find_process
from spiceloop.errors import DeckError, UnitError
from spiceloop.units import parse_spice

__all__ = ["draft_problem"]

_FIXED = re.compile(r"(a|d)?v(dd|ss|cc|ee)\w*|temp\w*|corner\w*", re.IGNORECASE)
_WIDTH = re.compile(r"w\w{0,4}|width\w*", re.IGNORECASE)
_LENGTH = re.compile(r"l\w{0,4}|length\w*", re.IGNORECASE)
_SMALLER = re.compile(
    r"power|pwr|noise|irn|area|delay|offset|vos|ripple|thd|hd[23]|err|settl|overshoot|idd|iq|"
    r"current|nonlin|tc|leak|jitter",
    re.IGNORECASE,
)
_LARGER = re.compile(
    r"gain|gbw|ugf|ugbw|bw|bandwidth|f3db|pm|margin|psr|cmr|slew|sr|range|swing|gm|snr|eff",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")
_MOST_GOALS = 5

# SKY130: manufacturing grid and smallest 1.8 V device, in metres.
_GRID, _MIN_WIDTH, _MIN_LENGTH = 5e-9, 0.42e-6, 0.15e-6


def draft_problem(
    deck: Path | str,
    *,
    trust: bool = False,
    folder: Path | None = None,
    parameter_file: str | None = None,
) -> str:
    """Return the YAML text of a problem file that `load_problem` reads as it is.

    Numeric ``.param`` names become parameters from a fifth to five times their value, the deck's
    measures become metrics; comments say what to edit. ``folder`` is where the file will stand
    (default: the current one); the deck's path is written relative to it. ``parameter_file`` is a
    file that the deck includes and spiceloop will write; the names that it has to define become
    parameters without a start.

    Raises `DeckError` for a deck without a numeric ``.param``.
    """
    deck = Path(deck)
    netlist = Netlist.load(deck, trust=trust, parameter_file=parameter_file)
    found = (find_process(library.written) for library in netlist.libraries)
    pdk = next((process.name for process in found if process), None)
    sky130 = pdk == "sky130"
    numbers = dict(_numbers(netlist))
    fixed = {n: v for n, v in numbers.items() if _FIXED.fullmatch(n)}
    free = {n: v for n, v in numbers.items() if n not in fixed}
    open_names = [n for n, text in netlist.parameters.items() if not text]
    if not free and not open_names:
        raise DeckError(
            f"{deck}: the deck has no .param with a number that could be sized; write the sizes "
            f"as e.g. .param w1=4u and use them as {{w1}}"
        )
    name = re.sub(r"\W", "_", deck.stem)
    name = name if _NAME.match(name) else f"deck_{name}"
    where = os.path.relpath(deck.resolve(), (folder or Path.cwd()).resolve())
    lines = [
        f"# Drafted from {deck.name}. Edit what is marked TODO, then: spiceloop check THIS_FILE",
        f"name: {name}",
        f"description: {json.dumps(netlist.title.lstrip('* '), ensure_ascii=False)}",
    ]
    if pdk:
        lines += [f"pdk: {pdk}"]
    lines += ["", "testbenches:", "  main:", f"    deck: {json.dumps(where, ensure_ascii=False)}"]
    if parameter_file is not None:
        lines += [f"    parameter_file: {json.dumps(parameter_file, ensure_ascii=False)}"]
    if fixed:
        lines += ["", "conditions:  # fixed values of .param names; temperature is in °C"]
        lines += [f"  {n}: {v!r}" for n, v in fixed.items()]
    lines += ["", "parameters:  # TODO: drop what is not to be sized, correct the bounds"]
    for name, value in free.items():
        lines += _parameter(name, value, sky130)
    for name in open_names:
        lines += [f"  {name}:  # TODO: the deck gives no value, so these bounds mean nothing yet"]
        lines += ["    minimum: 0.1", "    maximum: 10.0"]
    lines += ["", *_metrics(netlist)]
    return "\n".join(lines) + "\n"


def _numbers(netlist: Netlist) -> Iterator[tuple[str, float]]:
    for name, text in netlist.parameters.items():
        try:
            yield name, parse_spice(text.strip("{}'\" "))
        except UnitError:
            continue  # an expression: it follows from the others


def _parameter(name: str, value: float, sky130: bool) -> list[str]:
    lower, upper = sorted((_round(value / 5), _round(value * 5)))
    if value == 0:
        lower, upper = -1.0, 1.0
    grid = 0.0
    metres = abs(value) < 1e-3
    unit = 1.0 if metres else 1e6  # SKY130 decks often count in micrometres
    a_size = 0.1e-6 <= value / unit <= 1e-3
    width, length = (a_size and p.fullmatch(name) for p in (_WIDTH, _LENGTH))
    if sky130 and (width or length):
        smallest = (_MIN_WIDTH if width else _MIN_LENGTH) * unit
        lower = min(max(lower, _round(smallest)), value)
        steps = value / (_GRID * unit)
        grid = _round(_GRID * unit) if abs(steps - round(steps)) < 1e-6 * steps else 0.0
    lines = [f"  {name}:", f"    minimum: {lower!r}", f"    maximum: {upper!r}"]
    lines += [f"    start: {value!r}"]
    if grid:
        lines += [f"    grid: {grid!r}"]
    if (width or length) and metres:
        lines += ["    unit: m"]
    if value == 0:
        lines += ["    # TODO: the deck says 0, so these bounds are a guess"]
    return lines


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def _metrics(netlist: Netlist) -> list[str]:
    every = {n: kind for n, kind in netlist.measures.items() if not is_computed(n)}
    names = [n for n, kind in every.items() if kind != "let"] or list(every)
    lines = ["metrics:  # TODO: at least one goal; minimum: and maximum: make constraints"]
    if not names:
        return [
            *lines,
            "  figure_of_merit:  # TODO: the deck measures nothing: add .meas cards to it, or a",
            "    goal: minimize  # Python function to the testbench (functions: [file.py:name])",
        ]
    goals = {n: g for n in names if n.isidentifier() and (g := _goal(n))}
    goals = dict(list(goals.items())[:_MOST_GOALS]) or {names[0]: "minimize"}
    taken: set[str] = set()
    for measure in names:
        name = re.sub(r"\W+", "_", measure).strip("_")
        name = name if _NAME.match(name) else f"m_{name}"
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        lines += [f"  {name}:"]
        if name != measure:
            lines += [f"    measure: {json.dumps(measure)}"]
        if measure in goals:
            lines += [f"    goal: {goals[measure]}  # TODO: a guess from the name"]
        else:
            lines += ['    unit: ""  # TODO: goal: maximize or minimize, minimum:, maximum:']
    return lines


def _goal(name: str) -> str:
    if _SMALLER.search(name):
        return "minimize"
    return "maximize" if _LARGER.search(name) else ""
