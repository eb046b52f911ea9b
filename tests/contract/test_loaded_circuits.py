"""A circuit that stays loaded gives what a load of the deck gives, to the last bit, or is not used.

Each case runs decks on two simulators, one of which may keep nothing loaded.
"""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator_decks import ENDLESS, RC, control, fails
from spiceloop.circuit.deck import Deck
from spiceloop.errors import FailureKind
from spiceloop.sim import NgspiceLib, SimResult
from spiceloop.sim.loaded import LoadedCircuits
from spiceloop.sim.template import Template, parsed

pytestmark = pytest.mark.ngspice

BSIM4 = ".model n54 nmos level=54 version=4.5 vth0=0.5 u0=0.04 toxe=4n rsh=100 rdsmod=0\n"


@pytest.fixture
def keeps() -> Iterator[NgspiceLib]:
    simulator = NgspiceLib()
    yield simulator
    simulator.close()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Iterator[NgspiceLib]:
    simulator = NgspiceLib()
    monkeypatch.setattr(simulator._loaded, "worth_loading", lambda lines, setting: None)
    yield simulator
    simulator.close()


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each run found a loaded circuit."""
    answers: list[bool] = []
    find = LoadedCircuits.find

    def noted(self: LoadedCircuits, lines: list[str], setting: object) -> object:
        answer = find(self, lines, setting)
        answers.append(answer is not None)
        return answer

    monkeypatch.setattr(LoadedCircuits, "find", noted)
    return answers


def same(a: SimResult, b: SimResult) -> None:
    # What .csparam gives may differ in its last bit, on which nothing else hangs.
    assert dict(a.measures) == pytest.approx(dict(b.measures), rel=3e-16, abs=0)
    assert a.log == b.log
    assert [p.name for p in a.waves] == [p.name for p in b.waves]
    for one, other in zip(a.waves, b.waves, strict=True):
        assert list(one.vectors) == list(other.vectors)
        for name in one.vectors:
            np.testing.assert_array_equal(one[name], other[name])


def amplifier(w: float, r: float, v: float, area: str = "{w*l*2}") -> Deck:
    text = f"""Two stages in a hierarchy, some numbers written, some passed on
{BSIM4}.param w={w!r} l=0.5e-6
.param r = {r!r}
.param v={v!r} c=1p
.csparam area={area}
.subckt dev__1 d g s
m1 d g s 0 n54 l=5e-07 w={w!r} ad={w * 3e-7!r} as={w * 3e-7!r} pd={2 * w!r} ps={2 * w!r}
.ends
.subckt stage in out vdd
xm out in 0 dev__1
rl vdd out {{r}}
cl out 0 {{c}}
.ends
vdd vdd 0 dc 1.8
vin in 0 dc {{v}} ac 1
x1 in mid vdd stage
x2 mid out vdd stage
.control
op
let gm = @m.x1.xm.m1[gm]
print gm v(mid) v(out)
ac dec 5 1k 10g
meas ac gain find vdb(out) at=1k
tran 1n 20n
dc vin 0 1 0.1
noise v(out) vin dec 5 1k 1meg
print inoise_total area
.endc
.end
"""
    return Deck(text, name="amp")


def test_designs_on_a_loaded_circuit_are_those_of_fresh_loads(
    keeps: NgspiceLib, loads: NgspiceLib, found: list[bool]
) -> None:
    rng = np.random.default_rng(0)
    for _ in range(8):
        w, r, v = (float(x) for x in rng.uniform([1e-6, 1e3, 0.4], [20e-6, 20e3, 0.9]))
        deck = amplifier(w, r, v)
        ours = keeps.run(deck, vectors=["*"])
        same(ours, loads.run(deck, vectors=["*"]))
    assert found[::2] == [False, False, *[True] * 6]
    assert not any(found[1::2])


def test_state_of_one_run_does_not_reach_the_next(keeps: NgspiceLib, found: list[bool]) -> None:
    deck = control(RC, "op", "alter r1 = 5k", "set spy", "let const.kept = 3", "ac dec 2 1 1k")
    results = [keeps.run(deck, vectors=["*"]) for _ in range(4)]
    assert found == [False, False, True, True]
    for result in results[1:]:
        same(results[0], result)


@pytest.mark.parametrize(
    ("circuit", "commands"),
    [
        (RC + ".param a=agauss(0,1,1)\n", ["op"]),
        (RC + "x1 in 0 sub\n.subckt sub a b\n.param z=3\nr9 a b {z}\n.ends\n", ["op"]),
        (RC + ".if (1)\nr8 in 0 5k\n.endif\n", ["op"]),
        (RC, ["op", "alterparam r=3", "reset", "op"]),
        (RC, ["op", "listing"]),
        (RC, ["op", "show r1"]),
    ],
    ids=["random", "inner .param", ".if", "reset", "listing", "show"],
)
def test_what_a_loaded_circuit_could_get_wrong_is_loaded_each_time(
    keeps: NgspiceLib, found: list[bool], circuit: str, commands: list[str]
) -> None:
    for _ in range(3):
        keeps.run(control(circuit, *commands))
    assert found == [False] * 3


def _lines(deck: Deck, change: Callable[[str], str] = str) -> list[str]:
    return change(deck.text).split("\n")


def test_only_numbers_in_known_places_may_differ() -> None:
    deck = amplifier(4e-6, 5e3, 0.6)
    template = Template.of(_lines(deck))
    assert template is not None
    assert template.values(_lines(amplifier(5e-6, 6e3, 0.7))) is not None
    for old, new in (
        ("vth0=0.5", "vth0=0.6"),
        ("dc 1.8", "dc 1.7"),
        ("rl vdd out", "rl in out"),
        ("l=5e-07", "l=0.5u"),  # not written as a plain number
        ("w=4e-06 ad", "w=4e-06 m=2 ad"),
        ("c=1p", "c=2p"),
        ("dec 5 1k 10g", "dec 5 1k 1g"),
        ("tran 1n", "tran 2n"),
    ):
        lines = _lines(deck, lambda text, old=old, new=new: text.replace(old, new))  # type: ignore[misc]
        assert lines != template.lines
        assert template.values(lines) is None, new


def test_of_a_number_given_twice_none_may_change() -> None:
    """ngspice takes the last one; a loaded circuit would take the one that has changed."""
    base = amplifier(4e-6, 5e3, 0.6).text
    for text, old in (
        (base.replace(".csparam", ".param r=3000.0\n.csparam"), "r = 5000.0"),
        (base.replace("v=0.6 ", "v=0.6 v=0.5 "), "v=0.6"),
        (base.replace("w=4e-06 ad", "w=4e-06 w=5e-06 ad"), "w=4e-06 w"),
        (base.replace("w=4e-06 ad", "w=4e-06 w=5e-06 ad"), "w=5e-06"),
    ):
        template = Template.of(text.split("\n"))
        assert template is not None
        assert old in text
        assert template.values(text.replace(old, old.replace("0", "1")).split("\n")) is None, old


def test_a_parameter_that_reaches_another_place_must_not_change() -> None:
    base = amplifier(4e-6, 5e3, 0.6).text
    for card in (
        "e1 x 0 in 0 {v}",
        "rx in 0 {2*v}",
        "rx in 0 1k tc1={v}",
        ".temp {v}",
        "b1 y 0 v=v",
    ):
        text = base.replace("vdd vdd 0", f"{card}\nvdd vdd 0")
        template = Template.of(text.split("\n"))
        assert template is not None
        assert template.values(text.replace("v=0.6 ", "v=0.7 ").split("\n")) is None, card
        assert template.values(text.replace("r = 5000.0", "r = 6000.0").split("\n")) is not None


@given(st.lists(st.floats(1e-30, 1e30), min_size=1, max_size=40))
@settings(max_examples=15, deadline=None)
def test_numbers_are_read_as_the_parser_reads_them(numbers: list[float]) -> None:
    texts = [repr(x) for x in numbers]
    lines = [f"v{i} n{i} 0 dc {t}\nw{i} n{i} 0 v{i}" for i, t in enumerate(texts)]
    circuit = "\n".join(line.split("\n")[0] for line in lines)
    deck = control(f"numbers\n{circuit}\nr1 n0 0 1\n", "op")
    names = [f"@v{i}[dc]" for i in range(len(texts))]
    measured = SHARED.run(deck, measures=names).measures
    for text, name in zip(texts, names, strict=True):
        value = parsed(text)
        assert value is not None
        assert struct.pack("d", value) == struct.pack("d", measured[name]), text


SHARED = NgspiceLib()


@pytest.fixture(autouse=True, scope="module")
def _close() -> Iterator[None]:
    yield
    SHARED.close()


def test_a_time_out_and_a_killed_template_are_survived(
    keeps: NgspiceLib, found: list[bool]
) -> None:
    deck = control(RC, "op", "print v(out)")
    for _ in range(3):
        keeps.run(deck)
    assert fails(keeps, Deck(ENDLESS), timeout=0.5).kind is FailureKind.TIMEOUT
    assert keeps.run(deck, measures=["v(out)"]).measures["v(out)"] == 1
    keeps.run(deck)
    worker = keeps.worker_pid
    assert worker is not None
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    assert len(children) == 2, "the next child, and the template"
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    assert keeps._process is not None
    keeps._process.wait(10)  # a child that is killed takes the worker along
    for _ in range(2):
        assert keeps.run(deck, measures=["v(out)"]).measures["v(out)"] == 1


def test_the_number_of_loaded_circuits_is_bounded_and_the_first_stay(
    keeps: NgspiceLib, found: list[bool]
) -> None:
    decks = [control(RC + f"r{k} in 0 1k\n", "op") for k in range(3, 15)]
    for _ in range(4):
        for deck in decks:
            keeps.run(deck)
    assert found == [False] * 24 + ([True] * 8 + [False] * 4) * 2
    worker = keeps.worker_pid
    assert worker is not None
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    assert len(children) <= 9
    for _ in range(101):  # the others fall out of use
        keeps.run(decks[0])
    keeps.run(decks[-1])
    keeps.run(decks[-1])
    assert found[-2:] == [False, True]
