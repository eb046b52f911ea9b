"""What a compiled card leaves out is what ngspice takes by itself, to the last bit."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import Pdk, get_pdk
from spiceloop.circuit.pdk.defaults import DEFAULTS, without_defaults
from spiceloop.circuit.pdk.device import BinCard
from spiceloop.sim import NgspiceLib

pytestmark = [pytest.mark.ngspice]

MANY = 8  # transistors in a deck
READ = ("id", "gm", "gds", "gmbs", "vth", "vdsat", "cgg", "cgd", "cbs", "cbd")


@pytest.mark.parametrize("kind", ["nmos", "pmos"])
def test_ngspice_takes_these_numbers(kind: str, run: Callable[[str], dict[str, float]]) -> None:
    reads = "\n".join(f"let its_{name} = @card[{name}]\nprint its_{name}" for name in DEFAULTS)
    numbers = run(
        f"defaults\nv1 d 0 0.1\nm1 d d 0 0 card l=1u w=1u\n"
        f".model card {kind} level=54 version=4.5\n.control\nop\n{reads}\n.endc\n.end\n"
    )
    assert {name: numbers.get(f"its_{name}") for name in DEFAULTS} == DEFAULTS


def transistors(pdk: Pdk, dice: random.Random) -> str:
    """A deck with some random transistors of random size, each the driver of an amplifier."""
    lines = [
        "amplifiers",
        f".lib {pdk.library_path.name} {pdk.corner}",
        f".temp {dice.uniform(-40, 125)!r}",
        f"vg g 0 dc {dice.uniform(0.4, 1.2)!r} ac 1 pulse(0 1.5 1n 0.3n 0.3n 2n 5n)",
        "vdd s 0 1.8",
        "eg gp s g 0 -1",
        f"vb b 0 {dice.uniform(-0.5, 0.3)!r}",
    ]
    reads, outputs = [], []
    kinds = ("sky130_fd_pr__nfet", "sky130_fd_pr__pfet", "generic_")
    devices = [name for name in pdk.devices() if name.startswith(kinds) and pdk.limits(name)]
    for number in range(MANY):
        device = dice.choice(devices)
        area = dice.choice(pdk.limits(device))
        scale = 1e6 if pdk.name == "sky130" else 1.0
        length = dice.uniform(area.lmin, min(area.lmax, 4 * area.lmin)) * scale
        width = dice.uniform(area.wmin, min(area.wmax, 4 * area.wmin)) * scale
        fingers = dice.choice((1, 1, 2, 4))
        size = f"l={length:.9g} w={width * fingers:.9g} nf={fingers}"
        p = "pfet" in device or "pmos" in device
        nodes, load = ("gp s s", "0") if p else ("g 0 b", "s")
        lines += [f"x{number} n{number} {nodes} {device} {size}", f"r{number} n{number} {load} 10k"]
        reads += [f"let {w}_{number} = @m.x{number}.m{device}[{w}]" for w in READ]
        outputs.append(f"noise v(n{number}) vg dec 3 10 100g")
    lines += [".control", "op", *reads, "ac dec 3 10 100g", *outputs, "tran 50p 6n", ".endc"]
    return "\n".join([*lines, ".end", ""])


@pytest.mark.pdk
@pytest.mark.parametrize(
    ("process", "library", "seed", "rounds"),
    [
        *(("sky130", "continuous", seed, 2) for seed in range(5)),
        ("generic", "continuous", 5, 5),
        pytest.param("sky130", "continuous", 6, 60, marks=pytest.mark.slow),
        pytest.param("sky130", "binned", 7, 30, marks=pytest.mark.slow),
    ],
)
def test_both_cards_give_the_same_bits(
    process: str, library: str, seed: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    simulator = NgspiceLib()
    for number in range(rounds):
        corner = ("tt", "ss", "ff", "sf", "fs")[(seed + number) % 5]
        pdk = get_pdk(process, corner, library)
        text = transistors(pdk, dice)
        short = pdk.compile(Deck(text))
        with monkeypatch.context() as patch:
            patch.setattr(BinCard, "short", property(lambda card: card.static))
            whole = pdk.compile(Deck(text))
        assert short.text.count("=") + 20 * short.text.count(".model") < whole.text.count("=")
        one, other = (simulator.run(d, vectors=["*"], timeout=250) for d in (short, whole))
        assert dict(one.measures) == dict(other.measures)
        assert len(one.measures) > MANY * len(READ)
        assert [plot.name for plot in one.waves] == [plot.name for plot in other.waves]
        for plot, same in zip(one.waves, other.waves, strict=True):
            assert list(plot.vectors) == list(same.vectors)
            for name in plot.vectors:
                assert plot[name].tobytes() == same[name].tobytes(), name
    simulator.close()


@pytest.mark.pdk
@pytest.mark.parametrize("shows", ["showmod all", "show", "sens v(d)"])
def test_a_deck_that_shows_its_cards_keeps_them_whole(shows: str) -> None:
    deck = f"""t
.lib sky130.lib.spice tt
v1 d 0 1
x1 d d 0 0 sky130_fd_pr__nfet_01v8 w=1 l=1
.control
op
{shows}
.endc
.end
"""
    pdk = get_pdk("sky130")
    assert " xw=0 " in pdk.compile(Deck(deck)).text
    assert " xw=0 " not in pdk.compile(Deck(deck.replace(shows, "print d"))).text


def test_only_what_changes_nothing_is_left_out() -> None:
    card = (
        "level=54 version=4.5 xw=0 xl=0.0 vsat=8e4 u0=0.03 bgidl=2.3e9 k3=0 a0=1e0 xn=3meg moin=16"
    )
    assert without_defaults(card) == "level=54 version=4.5 u0=0.03 k3=0 xn=3meg moin=16"
    assert without_defaults(f"{card} xw=1").count("xw=") == 2
    assert " xl=0.0 " in without_defaults(card, ["xl"])
    assert without_defaults("level=54.0 version=4.5 xw=0") == "level=54.0 version=4.5"
    for other in ("level=54 version=4.8", "level=49 version=4.5", "level=54"):
        assert without_defaults(f"{other} xw=0") == f"{other} xw=0"


def test_a_zero_that_follows_another_needs_that_one_to_be_zero() -> None:
    def left(rest: str) -> str:
        return without_defaults(f"level=54 version=4.5 {rest}").partition(" version=4.5")[2]

    assert left("llc=0 wwlc=0.0") == ""
    assert left("llc=0 ll=0 wwlc=1") == " wwlc=1"
    assert left("llc=0 ll=1") == " llc=0 ll=1"
    assert left("llc=0 ll=0 ll=1") == " llc=0 ll=0 ll=1"
    assert "llc=0" in without_defaults("level=54 version=4.5 llc=0", ["ll"])


def test_gate_currents_are_left_out_where_they_are_off() -> None:
    def left(rest: str, others: tuple[str, ...] = ()) -> str:
        return without_defaults(f"level=54 version=4.5 {rest}", others).partition("4.5")[2]

    card = "aigc=0.43 laigbinv=1e-9 pigcd=1 toxref=4e-9"
    assert left(card) == left(f"igbmod=0 igcmod=0 {card}") == " toxref=4e-9"
    assert left(f"{card} igcmod=1") == f" {card} igcmod=1"
    assert left(f"{card} igbmod=2 igcmod=0") == f" {card} igbmod=2"
    assert left(f"{card} igbmod=0 igbmod=1").startswith(f" {card}")
    assert left(card, ("igcmod",)) == f" {card}"
    assert " aigc=0.43" in left(card, ("aigc",))
