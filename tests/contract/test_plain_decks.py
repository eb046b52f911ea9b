"""What one process gives for many plain decks is what a new process gives for each, bit for bit.

Whatever ran before: a study resumed after a kill, which starts with a new process, must make the
same designs as one that was never interrupted.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simulator_decks import ENDLESS, RC, control, fails
from spiceloop.circuit.deck import Deck
from spiceloop.errors import FailureKind, SimulationError
from spiceloop.examples import path
from spiceloop.sim import NgspiceLib, SimResult
from spiceloop.spec.bench import Bench
from spiceloop.spec.load import load_problem

pytestmark = pytest.mark.ngspice

BSIM4 = ".model n54 nmos level=54 version=4.5 vth0=0.5 u0=0.04 toxe=4n rsh=100 rdsmod=0"
# On a slow machine ngspice reports its progress now and then.
PROGRESS = ("Reference value", "%")


@pytest.fixture
def keeps() -> Iterator[NgspiceLib]:
    simulator = NgspiceLib()
    yield simulator
    simulator.close()


def fresh(deck: Deck) -> SimResult | SimulationError:
    simulator = NgspiceLib()
    try:
        return outcome(simulator, deck)
    finally:
        simulator.close()


def outcome(simulator: NgspiceLib, deck: Deck) -> SimResult | SimulationError:
    try:
        return simulator.run(deck, vectors=["*"], timeout=60)
    except SimulationError as error:
        return error


def same(a: SimResult | SimulationError, b: SimResult | SimulationError) -> None:
    if isinstance(a, SimulationError) or isinstance(b, SimulationError):
        assert isinstance(a, SimulationError)
        assert isinstance(b, SimulationError)
        assert (a.kind, str(a)) == (b.kind, str(b))
        return
    assert dict(a.measures) == dict(b.measures)
    assert said(a) == said(b)
    assert [p.name for p in a.waves] == [p.name for p in b.waves]
    for one, other in zip(a.waves, b.waves, strict=True):
        assert list(one.vectors) == list(other.vectors)
        for name in one.vectors:
            assert one[name].tobytes() == other[name].tobytes(), name


def said(result: SimResult) -> list[str]:
    return [line for line in result.log.splitlines() if not line.strip().startswith(PROGRESS)]


def child(simulator: NgspiceLib) -> str:
    worker = simulator.worker_pid
    assert worker is not None
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # one that has gone may not be replaced yet
        children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
        if len(children) == 1:
            return children[0]
    raise AssertionError("no child")


def amplifier(rng: np.random.Generator) -> Deck:
    """Two stages with random sizes, values, temperature and analyses; some do not work."""
    low, high = [1e-7, 1e-7, 1e3, -0.2, -40], [50e-6, 2e-6, 50e3, 1.8, 125]
    w, length, r, v, hot = rng.uniform(low, high).tolist()
    analyses = [
        "op\nlet gm = @m.x1.xm.m1[gm]\nprint gm v(mid) v(out)\nset spy_1 = $&gm",
        "op\nlet const.own = v(out)",
        "ac dec 5 1k 10g\nmeas ac gain find vdb(out) at=1k\nmeas ac gbw when vdb(out)=0 fall=1",
        "tran 1n 20n\nmeas tran top max v(out)",
        "dc vin 0 1 0.1\nalter rload = 2k\ndc temp 0 50 25",
        "noise v(out) vin dec 5 1k 1meg\nprint inoise_total\nprint area",
        "print $spy_1",
        "altermod n54 vth0 = 0.45",
        "let own = 7\nunlet own",
        "foreach each_1 1 2\necho $each_1\nend",
    ]
    area = rng.choice([".csparam area={w*l*2}", "*"])  # without it, `area` is no vector
    chosen = [analyses[i] for i in rng.permutation(len(analyses))[: rng.integers(1, 8)]]
    return Deck(
        f"""Two stages
{BSIM4}
.param w={w!r} l={length!r}
.param r={r!r} v={v!r} c=1p
{area}
.temp {hot!r}
.subckt dev d g s
m1 d g s 0 n54 l={{l}} w={{w}} ad={{w*0.3u}} as={{w*0.3u}} pd={{2*w}} ps={{2*w}}
.ends
.subckt stage in out vdd
xm out in 0 dev
rl vdd out {{r}}
cl out 0 {{c}}
.ends
vdd vdd 0 dc 1.8
vin in 0 dc {{v}} ac 1 pulse(0 1 2n 1n 1n 5n 12n)
rload out 0 100k
x1 in mid vdd stage
x2 mid out vdd stage
.control
{chr(10).join(chosen)}
.endc
.end
""",
        name="amp",
    )


# A start that no iteration settles, and a matrix without a solution.
HOPELESS = (
    "Never converges\n.options itl1=2 itl2=2 itl6=2 gminsteps=0 srcsteps=0 noopiter\n"
    "v1 a 0 1\nb1 b 0 v = v(b) > 0.5 ? -1 : 1\nr1 a b 1k\n.control\nop\nprint v(b)\n.endc\n.end\n",
    "Loop\nv1 a 0 1\nv2 a 0 2\nr1 a 0 1\n.control\nop\nprint v(a)\n.endc\n.end\n",
)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_random_decks_in_any_order(keeps: NgspiceLib, seed: int) -> None:
    rng = np.random.default_rng(seed)
    decks = [amplifier(rng) for _ in range(250 if seed else 25)]
    decks += [Deck(text, name="hopeless") for text in HOPELESS]
    expected = [fresh(deck) for deck in decks]
    children = set()
    for i in rng.permutation(np.repeat(np.arange(len(decks)), 3)):
        same(outcome(keeps, decks[i]), expected[i])
        children.add(child(keeps))
    assert 1 < len(children) < len(decks), "most run where others ran before"
    assert any(isinstance(e, SimulationError) for e in expected)
    assert sum(isinstance(e, SimResult) for e in expected) > len(decks) / 3


@pytest.mark.slow
@pytest.mark.pdk
@pytest.mark.parametrize("example", ["transconductor", "two_stage_opamp"])
def test_random_designs_of_the_examples(keeps: NgspiceLib, example: str) -> None:
    problem = load_problem(path(example) / "problem.yaml")
    bench = Bench.load(problem)
    rng = np.random.default_rng(0)
    decks = []
    for _ in range(12):
        design = {}
        for name in problem.start or {}:
            p = problem.parameters[name]
            assert p.minimum is not None
            assert p.maximum is not None
            value = p.minimum * (p.maximum / p.minimum) ** rng.random()
            design[name] = round(value / p.grid) * p.grid if p.grid else value
        decks += [bench.deck(t, problem.with_tied(design)) for t in problem.testbenches]
    expected = [fresh(deck) for deck in decks]
    for i in rng.permutation(np.repeat(np.arange(len(decks)), 2)):
        same(outcome(keeps, decks[i]), expected[i])


def test_a_child_stays_for_decks_of_its_kind_and_goes_for_others(keeps: NgspiceLib) -> None:
    deck = control(RC, "op", "print v(out)")
    keeps.run(deck)
    first = child(keeps)
    keeps.run(control(RC + "r9 out 0 5k\n", "ac dec 2 1 1k"))
    assert child(keeps) == first
    for other in (
        control(RC + ".options reltol=1e-4\n", "op"),
        control(RC + ".temp 50\n", "op"),
        Deck(deck.text, compat="hsa"),
        Deck(deck.text, trusted=True),
    ):
        keeps.run(other)
        assert child(keeps) != first
        keeps.run(deck)
        first = child(keeps)


@pytest.mark.parametrize(
    ("circuit", "commands"),
    [
        (RC + ".param a=agauss(0,1,1)\n", ["op"]),
        (RC + ".func f(x) {x}\n", ["op"]),
        (RC + ".options seed=3\n", ["op"]),
        (RC + "e1 x 0 poly(1) in 0 0 1\nr8 x 0 1k\n", ["op"]),
        (RC, ["op", "set temp = 80", "op"]),
        (RC, ["set reltol=1e-6", "op"]),
        (RC, ["set free_1 temp=9", "op"]),
        (RC, ["let pi = 3", "op"]),
        (RC, ["op", "print v(out) > file.txt"]),
        (RC, ["op", "echo `echo x`"]),
        (RC, ["op", "alterparam r=3", "reset", "op"]),
        (RC, ["op", "listing"]),
        (RC, ["op", "show r1"]),
        (RC, ["op", "let x = 1; listing"]),
        (RC, ["op", "setcs x=1"]),
    ],
)
def test_a_deck_that_could_leave_a_trace_has_its_process_for_itself(
    keeps: NgspiceLib, circuit: str, commands: list[str]
) -> None:
    keeps.run(control(RC, "op"))
    before = child(keeps)
    outcome(keeps, control(circuit, *commands))
    assert keeps._stay is None
    keeps.run(control(RC, "op"))
    assert child(keeps) != before


def test_a_failed_deck_sends_its_process_away(keeps: NgspiceLib) -> None:
    deck = control(RC, "op", "print v(out)")
    keeps.run(deck)
    before = child(keeps)
    assert fails(keeps, control(RC, "op"), "nowhere").kind is FailureKind.MISSING_MEASURE
    keeps.run(deck)
    assert child(keeps) == before, "ngspice did nothing wrong there"
    assert fails(keeps, control(RC + "v2 in 0 2\n", "op")).kind is FailureKind.NO_CONVERGENCE
    keeps.run(deck)
    assert child(keeps) != before
    assert fails(keeps, Deck(ENDLESS), timeout=0.5).kind is FailureKind.TIMEOUT
    assert keeps.run(deck, measures=["v(out)"]).measures["v(out)"] == 1


def test_a_process_that_is_killed_between_decks_is_replaced(keeps: NgspiceLib) -> None:
    deck = control(RC, "op", "print v(out)")
    keeps.run(deck)
    os.kill(int(child(keeps)), signal.SIGKILL)
    assert keeps._process is not None
    keeps._process.wait(10)  # a child that is killed takes the worker along
    for _ in range(2):
        assert keeps.run(deck, measures=["v(out)"]).measures["v(out)"] == 1


def test_a_process_goes_after_its_share_and_takes_its_folder_along(keeps: NgspiceLib) -> None:
    deck = control(RC, "op", "print v(out)")
    keeps.run(deck)
    seen, folders = [child(keeps)], set()
    while len(set(seen)) < 3:
        keeps.run(deck)
        seen.append(child(keeps))
        assert keeps._folder is not None
        folders = set(keeps._folder.iterdir())
        assert len(folders) <= 1
    assert seen.count(seen[250]) <= 201


def test_a_plain_deck_and_its_log_are_on_no_disk(keeps: NgspiceLib) -> None:
    result = keeps.run(control(RC, "op", "echo said"), measures=[])
    assert "said" in result.log
    assert keeps._stay
    found = list(keeps._stay.folder.iterdir())
    assert [(f.name, f.is_symlink()) for f in found] == [("deck.cir", True)]
    wrong = control(RC + "d9 in 0 no_such_model\n", "op")
    same(outcome(keeps, wrong), fresh(wrong))
