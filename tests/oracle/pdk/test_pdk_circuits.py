"""Whole circuits: compiled decks against the library's own ``.lib`` on the same text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import Pdk, get_pdk
from spiceloop.errors import DesignError

pytestmark = [pytest.mark.ngspice, pytest.mark.pdk]

Run = Callable[[str], dict[str, float]]
InLibrary = Callable[[str, Pdk], str]

OTA = """five-transistor amplifier
.lib "$PDK_ROOT/some/where/sky130.lib.spice" ff
.param wn=4 lnn=0.5
.param wp={1.5*wn}
vdd vdd 0 1.8
ib vdd nb 10u
xm0 nb nb 0 0 sky130_fd_pr__nfet_01v8 w=2 l=0.5
xm5 tail nb 0 0 sky130_fd_pr__nfet_01v8 w=2 l=0.5 m=2
xm1 x inp tail 0 sky130_fd_pr__nfet_01v8 W={wn} L={lnn}
xm2 out inn tail 0 sky130_fd_pr__nfet_01v8 w={wn} l={lnn} $ the other half
xm3 x x vdd vdd sky130_fd_pr__pfet_01v8
* a comment within the card
+ w={wp}

+ l=0.5 nf=2
xm4 out x vdd vdd sky130_fd_pr__pfet_01v8 w='wp' l=0.5 nf=2
vinp inp 0 0.9 ac 1
lfb out inn 1g
cfb inn 0 1
cl out 0 1p
.control
op
print @m.xm1.msky130_fd_pr__nfet_01v8[gm] v(out) i(vdd)
print @m.xm3.msky130_fd_pr__pfet_01v8[id]
ac dec 10 1 1g
meas ac a0 max vdb(out)
meas ac ugf when vdb(out)=0
print vdb(out)[40] vp(out)[60]
noise v(out) vinp dec 10 1 1g
setplot noise1
print onoise_spectrum[0] onoise_spectrum[80]
setplot noise2
print onoise_total inoise_total
.endc
.end
"""


def same(text: str, pdk: Pdk, run: Run, in_library: InLibrary) -> tuple[str, tuple[str, ...]]:
    """Check that a deck reads the same both ways; return its compiled text and the notes."""
    compiled, report = pdk.compile_with_report(Deck(text, name="bench"))
    assert compiled.compat == "hsa"
    expected, got = run(in_library(text, pdk)), run(compiled.text)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-8, abs=1e-24), name
    return compiled.text, report.notes


def test_amplifier_operating_point_gain_and_noise(tt: Pdk, run: Run, in_library: InLibrary) -> None:
    text, notes = same(OTA, tt, run, in_library)
    assert notes == ()
    assert ".lib" not in text
    assert text.count(".model") == 3  # one card a bin, whatever the sizes


def test_reading_squares_keeps_every_instances_own(
    tt: Pdk, run: Run, in_library: InLibrary
) -> None:
    deck = OTA.replace("op\n", "op\nprint @m.xm1.msky130_fd_pr__nfet_01v8[nrd]\n", 1)
    text, _ = same(deck, tt, run, in_library)
    assert "nrd=0.035" in text


HIERARCHY = """user subcircuits
.lib sky130.lib.spice tt
.param wide=6 scaleup=2 unused_name=1
.param base={2*half} half=0.5
.param base={4*half}
.subckt inv in out vdd params: wn=1 wp={2*wn} len=0.15
.param double='2*wp'
xn out in 0 0 sky130_fd_pr__nfet_01v8 w={wn} l={len}
xp out in vdd vdd sky130_fd_pr__pfet_01v8 w={double} l='len'
.ends inv
.subckt pair a b vdd k=1 wn=3
x1 a b vdd inv wn={k*base} wp={wn}
x2 b c vdd INV wn={wn}
xouter c d vdd deep
.ends
.subckt deep a b vdd
* k, not among its own parameters, is the caller's
xn b a 0 0 sky130_fd_pr__nfet_01v8_lvt w={k*wide} l=0.2
xp b a vdd vdd sky130_fd_pr__pfet_01v8_hvt w=2 l=0.2
.ends
.subckt nobody a
xn a a 0 0 sky130_fd_pr__nfet_01v8 w=1 l={missing}
.ends
vdd vdd 0 1.8
va a1 0 0.8
vb a2 0 0.85
xa a1 b1 vdd pair k=1
xb a2 b2 vdd pair k={scaleup} wn=2
xc a1 b3 vdd pair k=1
xd a1 b4 vdd inv wn={wide/4} len=0.18 m=3
.control
op
print b1 b2 b3 b4 i(vdd)
print @m.xa.x1.xn.msky130_fd_pr__nfet_01v8[gm] @m.xb.x1.xn.msky130_fd_pr__nfet_01v8[gm]
print @m.xb.xouter.xn.msky130_fd_pr__nfet_01v8_lvt[w]
print @m.xa.xouter.xn.msky130_fd_pr__nfet_01v8_lvt[w]
print @m.xd.xp.msky130_fd_pr__pfet_01v8[id]
.endc
.end
"""


def test_user_hierarchy_with_parameters(tt: Pdk, run: Run, in_library: InLibrary) -> None:
    text, notes = same(HIERARCHY, tt, run, in_library)
    assert notes == ()
    assert "pair__1" in text  # called with two sets of values, so there are two of it
    assert "pair__2" not in text
    assert "nobody" not in text


OTHERS = """devices that are no plain transistors
.lib sky130.lib.spice tt
.param rw=0.7
vdd vdd 0 1.8 ac 1
xr1 vdd a 0 sky130_fd_pr__res_high_po w={rw} l=5
xr2 a 0 0 sky130_fd_pr__res_xhigh_po w=0.69 l=3 mult=1
rm a m sky130_fd_pr__res_generic_m1 w=1 l=100
xc m 0 sky130_fd_pr__cap_mim_m3_1 w=10 l=10
xq 0 0 e sky130_fd_pr__pnp_05v5_W3p40L3p40 mult=2
ie vdd e 10u
ve2 e2 0 {1e-6*sw_rnw}
xdio 0 vdd sky130_fd_pr__diode_pw2nd_05v5 area=10 perim=14
xm d a 0 0 sky130_fd_pr__nfet_01v8 w=1 l=0.15
rd vdd d 10k
xhv dh a 0 0 sky130_fd_pr__nfet_g5v0d16v0 w=20 l=0.7
rdh vdd dh 10k
.control
op
print a m e d dh e2 i(vdd)
ac lin 1 1g 1g
print vm(m) vm(d)
.endc
.end
"""


@pytest.mark.parametrize("corner", ["tt", "hh"])
def test_resistors_capacitors_bipolars(corner: str, run: Run, in_library: InLibrary) -> None:
    text, notes = same(OTHERS, get_pdk("sky130", corner), run, in_library)
    assert notes == ()
    assert ".lib" not in text


def test_unknown_geometry_keeps_the_devices_own_cards(
    tt: Pdk, run: Run, in_library: InLibrary
) -> None:
    deck = OTA.replace(".param wn=4", ".param wn='4+0*cos(0)*agauss(0,1,1)'")
    _, notes = same(deck, tt, run, in_library)
    assert notes == ()  # zero times a random number is zero

    deck = OTA.replace("W={wn} L={lnn}", "W={wn+0.001*ceil(temper/100-1)} L={lnn}")
    compiled, report = tt.compile_with_report(Deck(deck, name="bench"))
    assert len(report.notes) == 1
    assert report.notes[0].startswith("bench: xm1 (sky130_fd_pr__nfet_01v8) keeps all its model")
    assert compiled.text.count(".model nshort_model.") == len(tt.limits("sky130_fd_pr__nfet_01v8"))
    assert "sky130_fd_pr__pfet_01v8__1" in compiled.text


def test_mismatch_is_left_to_ngspice_with_one_bin_each(run: Run) -> None:
    pdk = get_pdk("sky130", "tt_mm")
    compiled, report = pdk.compile_with_report(Deck(OTA))
    assert [note for note in report.notes if "random numbers without a seed" not in note] == []
    assert "agauss" in compiled.text
    first, second = (
        run(compiled.text.replace(".control", f".control\nsetseed {seed}\nreset"))
        for seed in (1, 2)
    )
    gm = "@m.xm1.msky130_fd_pr__nfet_01v8[gm]"
    nominal = run(get_pdk("sky130").compile(Deck(OTA)).text)
    assert first[gm] != second[gm]
    assert first[gm] == pytest.approx(nominal[gm], rel=0.1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ((".control\n", ".control\nalterparam wn=5\nreset\n"), "alterparam"),
        (("cl out 0 1p\n", "cl out 0 1p\n.include more.spice\n"), "more.spice"),
        (("cl out 0 1p\n", "cl out 0 1p\n.param sw_rnw=1\n"), "sw_rnw"),
    ],
)
def test_what_could_see_a_difference_keeps_the_whole_library(
    change: tuple[str, str], why: str, tt: Pdk, run: Run, in_library: InLibrary
) -> None:
    deck = OTA.replace(*change, 1)
    compiled, report = tt.compile_with_report(Deck(deck, name="bench"))
    assert f'.lib "{tt.library_path}" tt' in compiled.text
    assert len(report.notes) == 1
    assert why in report.notes[0]
    if why == "alterparam":
        same(deck, tt, run, in_library)


ONE = """one
.lib sky130.lib.spice tt
vd d 0 1
xm3 d d 0 0 sky130_fd_pr__nfet_01v8 w={w} l={l} nf={nf}
.control
op
print i(vd)
.endc
.end
"""


@pytest.mark.parametrize(
    ("width", "length", "fingers"),
    [(0.415, 0.15, 1), (1, 20.2, 1), (1.2, 0.5, 3), (2020, 1, 2)],
)
def test_geometry_outside_the_bins_is_refused_as_ngspice_does(
    width: float,
    length: float,
    fingers: int,
    tt: Pdk,
    run: Run,
    in_library: InLibrary,
) -> None:
    text = ONE.format(w=width, l=length, nf=fingers)
    with pytest.raises(DesignError, match=r"bench: instance xm3 \(sky130_fd_pr__nfet_01v8\): "):
        tt.compile(Deck(text, name="bench"))
    with pytest.raises(AssertionError, match="could not find a valid modelname"):
        run(in_library(text, tt))


def test_the_message_names_value_and_range(tt: Pdk) -> None:
    text = ONE.format(w=0.25, l=0.15, nf=1)
    with pytest.raises(DesignError) as caught:
        tt.compile(Deck(text, name="ac"))
    assert str(caught.value) == (
        "ac: instance xm3 (sky130_fd_pr__nfet_01v8): w = 0.25 um is outside the model's "
        "0.42 … 1010 um at l = 0.15 um; change w or its bounds"
    )
