"""What every simulator must give; the contract is in ``spiceloop.sim.base``."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from simulator_decks import F3, MOS, RC, C, R, control
from spiceloop.circuit.deck import Deck
from spiceloop.errors import DeckError
from spiceloop.sim import SIMULATORS, Simulator, make_simulator

pytestmark = pytest.mark.ngspice


def test_satisfies_the_protocol(sim: Simulator) -> None:
    assert isinstance(sim, Simulator)
    assert sim.name in SIMULATORS
    assert sim.version().startswith("ngspice-")


def test_ac_tran_and_dc_against_closed_forms(sim: Simulator) -> None:
    deck = control(
        RC,
        "ac dec 20 1k 10meg",
        "let gain = vdb(out)",
        "meas ac f3 when vdb(out)=-3.0102999566",
        "tran 10n 5u uic",
        "meas tran t50 when v(out)=0.5",
        "dc v1 0 2 0.5",
        "quit",
    )
    result = sim.run(deck, measures=["F3", "t50"], vectors=["V(OUT)", "gain", "i(v1)"])
    assert result.measures["f3"] == pytest.approx(F3, rel=1e-3)
    assert result.measures["t50"] == pytest.approx(R * C * math.log(2), rel=2e-2)
    ac, tran, dc = (result.waves.plot(kind) for kind in ("ac", "tran", "dc"))
    assert (ac.scale, tran.scale, dc.scale) == ("frequency", "time", "v-sweep")
    assert np.iscomplexobj(ac["out"])
    expected = 1 / (1 + 1j * ac.x.real / F3)
    np.testing.assert_allclose(ac["v(out)"], expected, rtol=1e-9)
    np.testing.assert_allclose(ac["gain"].real, 20 * np.log10(np.abs(expected)), rtol=1e-6)
    np.testing.assert_allclose(dc["out"], [0, 0.5, 1, 1.5, 2], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(dc["v1#branch"], 0, atol=1e-9)
    assert len(tran["out"]) == len(tran.x) > 100
    assert [p.kind for p in result.waves] == ["ac", "tran", "dc"]
    assert result.seconds > 0
    assert "No. of Data Rows" in result.log


def test_no_vectors_unless_asked_and_all_for_a_star(sim: Simulator) -> None:
    deck = control(RC, "op", "ac dec 2 1 1k", "noise v(out) v1 dec 2 1 1k", "quit")
    assert len(sim.run(deck).waves) == 0
    everything = sim.run(deck, vectors=("*",)).waves
    assert [p.name for p in everything] == ["op1", "ac1", "noise1", "noise2"]
    assert set(everything.plot("ac1").vectors) == {"frequency", "in", "out", "v1#branch"}
    assert "onoise_spectrum" in everything.plot("noise1")
    one = sim.run(deck, vectors=("onoise_spectrum",)).waves
    assert [p.name for p in one] == ["noise1"]
    assert set(one.plot("noise1").vectors) == {"frequency", "onoise_spectrum"}


def test_measures_of_every_kind(sim: Simulator) -> None:
    deck = control(
        RC + ".csparam cs = {3*4.5}\n",
        "op",
        "let p = -v(in)*i(v1)",
        "let twice = 2*v(in)",
        "print twice v(out)",
        "print v(in) - v(out)/2",
        "echo half = $&twice",
        'echo "gain = 45.5 dB"',
        "echo area=1.5u",
        "echo a1 = 1 a2 = 2",
        "ac dec 10 1 1meg",
        "meas ac peak max vm(out) from=1 to=10",
        "let first = frequency[0]",
        "print frequency",
        "print v(out)[0] v(out)[3]",
        "noise v(out) v1 dec 5 1 1meg",
        "print inoise_total",
        "quit",
    )
    m = sim.run(deck, measures=["Twice", "v(in) - V(out)/2", "v(out)", "i(v1)"]).measures
    assert m["cs"] == 13.5
    assert m["p"] == pytest.approx(0, abs=1e-9)
    assert m["twice"] == m["half"] == 2
    assert m["v(in)-v(out)/2"] == 0.5
    assert m["gain"] == 45.5
    assert m["area"] == pytest.approx(1.5e-6)
    assert (m["a1"], m["a2"]) == (1, 2)
    assert m["peak"] == 1
    assert "from" not in m
    assert m["first"] == 1
    assert m["v1#branch"] == m["i(v1)"]
    assert "v(out)[3]" not in m, "a complex number is no scalar measure"
    assert m["inoise_total"] == pytest.approx(m["onoise_total"], rel=3)
    assert "temp" not in m, "ngspice's own sentences are no measures"
    assert "pi" not in m


def test_full_precision_beyond_what_print_shows(sim: Simulator) -> None:
    deck = control(RC, "op", "let x = 1/3", "print x", "quit")
    assert sim.run(deck, measures=["x"]).measures["x"] == 1 / 3


def test_loops_conditions_and_alter(sim: Simulator) -> None:
    deck = control(
        RC,
        "let best = 0",
        "foreach r 1k 2k 4k",
        "  alter r1 $r",
        "  ac dec 20 1k 1meg",
        "  meas ac fr when vdb(out)=-3.0103",
        "end",
        "let n = 0",
        "repeat 3",
        "  let n = n + 1",
        "end",
        "while n < 10",
        "  let n = n + 4",
        "end",
        "if n > 10",
        "  echo big = 1",
        "else",
        "  echo big = 0",
        "end",
        "setplot new",
        "let last = 7",
        "quit 0",
    )
    result = sim.run(deck, measures=["fr", "big", "last"], vectors=["out"])
    assert result.measures["fr"] == pytest.approx(F3 / 4, rel=1e-3), "the newest counts"
    assert result.measures["n"] == 11
    assert result.measures["big"] == 1
    assert [p.name for p in result.waves] == ["ac1", "ac2", "ac3"]


@pytest.mark.parametrize(
    "ending",
    [
        ["quit"],
        ["exit"],
        ["echo done ; quit 3"],
        ["if 1 > 0", "  foreach k 1 2 3", "    if $k = 2", "      quit", "    end", "  end", "end"],
    ],
)
def test_nothing_behind_a_quit_runs(sim: Simulator, ending: list[str]) -> None:
    deck = control(RC, "dc v1 0 1 0.25", "let x = v(out)[4]/3", *ending, "let y = 1", "op")
    result = sim.run(deck, measures=["x"], vectors=["out"])
    assert result.measures["x"] == 1 / 3
    assert "y" not in result.measures
    assert [p.name for p in result.waves] == ["dc1"]


def test_a_quit_that_is_not_reached_ends_nothing(sim: Simulator) -> None:
    deck = control(RC, "op", "if v(out) > 5", "  quit", "end", "let y = v(out)*3", "quit")
    assert sim.run(deck, measures=["y"]).measures["y"] == 3


def test_operating_point_vectors_inside_subcircuits(sim: Simulator) -> None:
    deck = control(
        MOS, "save all @m.x1.xm3.m1[id]", "op", "let gm = @m.x1.xm3.m1[gm]", "dc vg 0.6 0.8 0.1"
    )
    names = ["@m.x1.xm3.m1[vdsat]", "@M.X1.XM3.M1[gm]", "gm"]
    result = sim.run(deck, measures=names, vectors=["@m.x1.xm3.m1[id]", "dd"])
    assert result.measures["@m.x1.xm3.m1[vdsat]"] == pytest.approx(0.3, rel=1e-5)
    assert result.measures["gm"] == pytest.approx(3e-4, rel=1e-5)
    dc = result.waves.plot("dc")
    np.testing.assert_allclose(dc["@m.x1.xm3.m1[id]"], [5e-6, 2e-5, 4.5e-5], rtol=1e-4)
    np.testing.assert_allclose(dc["dd"], [1.75, 1.6, 1.35], rtol=1e-4)


def test_dot_cards_only(sim: Simulator) -> None:
    cards = """.param level=-3.0103
.op
.ac dec 20 1k 10meg
.tran 10n 5u
.noise v(out) v1 dec 5 1k 1meg
.dc v1 0 1 0.1
.print ac v(out)
.meas ac f3 when vdb(out)='level'
.meas tran rise trig v(out) val=0.1 rise=1
+ targ v(out) val=0.9 rise=1
.meas dc mid find v(out) at=0.5
.meas dc double param='mid*2'
.end
"""
    result = sim.run(
        Deck(RC + cards), measures=["f3", "rise", "mid", "double", "onoise_total"], vectors=["*"]
    )
    assert result.measures["f3"] == pytest.approx(F3, rel=1e-3)
    assert result.measures["rise"] == pytest.approx(R * C * math.log(9), rel=1e-2)
    assert result.measures["mid"] == 0.5
    assert result.measures["double"] == 1
    assert {p.kind for p in result.waves} == {"op", "ac", "tran", "noise", "dc"}


def test_dot_cards_with_saves_and_one_analysis(sim: Simulator) -> None:
    cards = ".save v(in)\n.tran 10n 5u\n.meas tran top max v(out)\n.end\n"
    result = sim.run(Deck(RC + cards), measures=["top"], vectors=["*"])
    assert result.measures["top"] == pytest.approx(1, rel=1e-2)
    assert set(result.waves.plot("tran").vectors) == {"time", "in", "out"}


def test_dot_cards_run_after_a_control_block_that_only_prepares(sim: Simulator) -> None:
    circuit = RC + ".ac dec 20 1k 10meg\n.meas ac f3 when vdb(out)=-3.0103\n"
    result = sim.run(control(circuit, "alter r1 = 2k"), measures=["f3"])
    assert result.measures["f3"] == pytest.approx(F3 / 2, rel=1e-3)
    once = sim.run(control(circuit, "run", "alter r1 = 2k"), measures=["f3"], vectors=["out"])
    assert once.measures["f3"] == pytest.approx(F3, rel=1e-3)
    assert len(once.waves) == 1


def test_includes_from_files_and_from_home(sim: Simulator, tmp_path: Path) -> None:
    home = tmp_path / "a home"
    (home / "sub").mkdir(parents=True)
    (home / "r.inc").write_text("r2 in 0 5k\n")
    (home / "sub" / "l.lib").write_text(".lib tt\nr3 in 0 5k\n.endl tt\n")
    text = """t
v1 in 0 1
.include r.inc
.lib 'sub/l.lib' tt
.include 'design/own.inc'
.control
op
print i(v1)
.endc
.end
"""
    deck = Deck(text, home=home, files={"design/own.inc": "r4 in 0 {rr}\n.param rr=1k\n"})
    assert sim.run(deck, measures=["i(v1)"]).measures["i(v1)"] == pytest.approx(-1.4e-3)
    assert sorted(p.name for p in home.iterdir()) == ["r.inc", "sub"], "home stays as it was"


def test_files_stay_inside_the_run_folder(sim: Simulator) -> None:
    with pytest.raises(DeckError, match="outside"):
        sim.run(Deck(RC, files={"../x.inc": ""}))


def test_compat_mode(sim: Simulator) -> None:
    hsa = sim.run(Deck(RC + ".op\n.end\n", compat="hsa"))
    assert "Compatibility modes selected" in hsa.log
    plain = sim.run(Deck(RC + ".op\n.end\n"))
    assert "No compatibility mode selected" in plain.log


def test_warnings_are_no_errors(sim: Simulator) -> None:
    circuit = MOS.replace("level=1", "level=1 nosuch=3")
    result = sim.run(control(circuit, "op", "print v(dd)"), measures=["v(dd)"])
    assert any("Model issue" in w for w in result.warnings)


def test_success_after_gmin_and_source_stepping(sim: Simulator) -> None:
    circuit = "t\ni1 0 a 1\nc1 a 0 1p\n"
    result = sim.run(control(circuit, "op", "print v(a)"), measures=["v(a)"])
    assert "stepping failed" in result.log
    assert result.measures["v(a)"] > 1e6


def test_in_process_equals_batch() -> None:
    deck = control(
        MOS.replace("vg g 0 0.8", "vg g 0 0.8 ac 1 sin(0.8 0.1 1meg)") + "cl dd 0 1p\n",
        "op",
        "let id = @m.x1.xm3.m1[id]",
        "let isup = -i(vdd)",
        "ac dec 10 1k 1g",
        "meas ac gain max vdb(dd)",
        "let half = vm(dd)[0]/2",
        "tran 10n 3u",
        "meas tran swing pp v(dd)",
        "dc vg 0.4 1.2 0.05",
        "noise v(dd) vg dec 5 1k 1g",
        "print onoise_total",
        "quit",
    )
    results = []
    for name in SIMULATORS:
        simulator = make_simulator(name)
        results.append(
            simulator.run(deck, measures=["id", "gain", "isup", "i(vdd)"], vectors=["*"])
        )
        simulator.close()
    lib, batch = results
    assert set(lib.measures) == set(batch.measures)
    for name, value in lib.measures.items():
        assert value == pytest.approx(batch.measures[name], rel=1e-9, abs=1e-30), name
    assert [p.name for p in lib.waves] == [p.name for p in batch.waves]
    for ours, reference in zip(lib.waves, batch.waves, strict=True):
        assert (ours.kind, ours.scale, ours.title) == (
            reference.kind, reference.scale, reference.title,
        )  # fmt: skip
        assert set(ours.vectors) == set(reference.vectors)
        for name in ours.vectors:
            np.testing.assert_allclose(ours[name], reference[name], rtol=1e-9, atol=1e-30)


@pytest.mark.parametrize("card", [".end", "  .END", ".end of the deck", "\t.end\t; here"])
def test_what_stands_behind_an_end_card_counts(sim: Simulator, card: str) -> None:
    text = f"title\nv1 1 0 1\n{card}\nr1 1 0\n{card}\n+ 1k\n.control\nop\n{card}\nprint -1/i(v1)\n"
    result = sim.run(Deck(text + ".endc\n.end\nr2 1 0 1k\n"), measures=["-1/i(v1)"])
    assert result.measures["-1/i(v1)"] == pytest.approx(500)
