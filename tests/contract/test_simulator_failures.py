"""What every simulator must do when something goes wrong, and after it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from simulator_decks import ENDLESS, MOS, RC, control, fails
from spiceloop.circuit.deck import Deck
from spiceloop.errors import FailureKind
from spiceloop.sim import Simulator, make_simulator

pytestmark = pytest.mark.ngspice


def test_missing_measure_carries_the_simulators_line(sim: Simulator) -> None:
    deck = control(RC, "ac dec 10 1 1k", "meas ac f3 when vdb(out)=-30", "let ok = 1")
    error = fails(sim, deck, "ok", "f3")
    assert error.kind is FailureKind.MISSING_MEASURE
    assert "f3" in error.message
    assert "failed" in error.line


def test_a_measure_that_fails_in_the_end_is_not_the_earlier_one(sim: Simulator) -> None:
    deck = control(
        RC, "ac dec 10 1 1meg", "meas ac f when vdb(out)=-3", "ac dec 10 1 1k",
        "meas ac f when vdb(out)=-3",
    )  # fmt: skip
    assert fails(sim, deck, "f").kind is FailureKind.MISSING_MEASURE


def test_unknown_vector_in_a_let(sim: Simulator) -> None:
    error = fails(sim, control(RC, "op", "let z = v(nosuch)*2"), "z")
    assert error.kind is FailureKind.MISSING_MEASURE
    assert "nosuch" in error.line


def test_nan_and_infinity(sim: Simulator) -> None:
    for commands in (["echo bad = nan"], ["let bad = 1e308*10"], ["echo bad = -inf"]):
        error = fails(sim, control(RC, "op", *commands), "bad")
        assert error.kind is FailureKind.NOT_A_NUMBER
        assert "bad" in error.message


NO_OP = "t\nv1 in 0 1\nb1 out 0 v = v(out)*v(out)+v(in)+1\nr1 out 0 1k\n"
NO_TRAN = """t
v1 in 0 pulse(0 1 1n 1p 1p 1n 2n)
b1 out 0 v = time > 3n ? v(out)*v(out)+2 : v(in)
r1 out 0 1k
c1 out 0 1p
"""


def test_no_operating_point(sim: Simulator) -> None:
    error = fails(sim, control(NO_OP, "op", "let x = 5"), "x")
    assert error.kind is FailureKind.NO_CONVERGENCE
    assert error.analysis == "op"
    assert "Timestep too small" in error.line


def test_a_measure_from_an_analysis_that_failed_is_not_returned(sim: Simulator) -> None:
    error = fails(sim, control(NO_TRAN, "tran 1p 10n", "meas tran q max v(out)"), "q")
    assert error.kind is FailureKind.NO_CONVERGENCE
    assert error.analysis == "tran"
    assert 'trouble with node "out"' in error.line


def test_singular_matrix(sim: Simulator) -> None:
    error = fails(sim, control("t\nv1 a 0 1\nv2 a 0 2\nr1 a 0 1k\n", "op"))
    assert error.kind is FailureKind.NO_CONVERGENCE


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("x9 in 0 nosuch", "nosuch"),
        ("r9 in 0 {nosuch}", "nosuch"),
        ("m9 in in 0 0 nosuch w=1u l=1u", "nosuch"),
        (".include 'nosuch.inc'", "nosuch.inc"),
        (".lib 'nosuch.lib' tt", "nosuch.lib"),
        ("q9 in", "q9 in"),
        (".nosuch card", ".nosuch"),
        (".subckt never ends", "never"),
    ],
)
def test_deck_errors(sim: Simulator, card: str, said: str) -> None:
    error = fails(sim, control(f"{RC}{card}\n", "op", "print v(out)"), "v(out)")
    assert error.kind is FailureKind.DECK
    assert said in error.line


@pytest.mark.parametrize("command", ["ac dec 10 0 100", "tran 1n", "noise v(out) v9 dec 1 1 10"])
def test_analyses_that_cannot_be_done(sim: Simulator, command: str) -> None:
    error = fails(sim, control(RC, "op", command, "let x = 1"), "x")
    assert error.kind is FailureKind.DECK
    assert error.analysis == command.split()[0]
    assert error.line


@pytest.mark.parametrize(
    "deck",
    [Deck(ENDLESS), control(RC, "while 1 > 0", "  let x = 1", "end")],
    ids=["transient", "script"],
)
def test_time_out_then_works_again(sim: Simulator, deck: Deck) -> None:
    start = time.perf_counter()
    assert fails(sim, deck, timeout=0.7).kind is FailureKind.TIMEOUT
    assert time.perf_counter() - start < 5
    assert sim.run(control(RC, "op", "let x = 2"), measures=["x"]).measures["x"] == 2


def test_a_flood_of_output(sim: Simulator) -> None:
    deck = control(RC, "repeat 20000", f"echo {'flood ' * 30}", "end", "echo after = 4")
    result = sim.run(deck, measures=["after"], timeout=60)
    assert len(result.log) > 3_000_000


def test_many_runs(sim: Simulator) -> None:
    for i in range(50):
        deck = control(RC, "op", f"let x = {i}*v(out)")
        assert sim.run(deck, measures=["x"]).measures["x"] == i


def test_nothing_stays_behind(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fresh = make_simulator(sim.name)
    fresh.run(control(RC, "op", "wrdata out.txt v(out)"))
    fails(fresh, Deck(ENDLESS), timeout=0.4)
    fresh.close()
    fresh.close()
    assert list(tmp_path.iterdir()) == []


def test_a_deck_leaves_no_state_for_the_next(sim: Simulator) -> None:
    plain = control(
        MOS + ".csparam late = 1\n",
        "op",
        "print v(dd) @m.x1.xm3.m1[gm]",
        "ac dec 2 1 1k",
        "echo one = $?spy",
    )
    spoiler = Deck(
        MOS.replace("vdd vdd 0 1.8", "vdd vdd 0 1.7")
        + """.options temp=85 scale=2 reltol=1e-2 gmin=1e-6
.param w=3
.func f(x)={x*2}
.global vdd
.csparam early = 5
.save v(g)
.control
set spy
set temp=85
set numdgt=2
set units=degrees
set ngbehavior=ps
option rshunt=1e6
alias op echo no
define vmax(x) 3
set appendwrite
let const.kept = 4
op
ac dec 2 1 1k
tran 1n 10n
.endc
.end
""",
        compat="hsa",
    )
    first = sim.run(plain, vectors=["*"])
    sim.run(spoiler)
    second = sim.run(plain, vectors=["*"])
    assert dict(first.measures) == dict(second.measures)
    assert first.log == second.log
    assert [p.name for p in first.waves] == [p.name for p in second.waves] == ["op1", "ac1"]
    for a, b in zip(first.waves, second.waves, strict=True):
        assert list(a.vectors) == list(b.vectors)
        for name in a.vectors:
            np.testing.assert_array_equal(a[name], b[name])
