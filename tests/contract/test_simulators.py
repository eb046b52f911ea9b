"""What every simulator must do; the contract is in ``spiceloop.sim.base``."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.errors import DeckError, FailureKind, SetupError, SimulationError
from spiceloop.sim import SIMULATORS, NgspiceLib, Simulator, make_simulator

pytestmark = pytest.mark.ngspice

R, C = 1e3, 1e-9
F3 = 1 / (2 * math.pi * R * C)
RC = f"""RC low pass
v1 in 0 dc 1 ac 1 pulse(0 1 0 1n 1n 1 2)
r1 in out {R}
c1 out 0 {C}
"""
MOS = """A transistor two subcircuits down
.model nm nmos level=1 vto=0.5 kp=100u lambda=0
.subckt dev d g s
m1 d g s 0 nm w=10u l=1u
.ends
.subckt amp d g s
xm3 d g s dev
.ends
vdd vdd 0 1.8
rd vdd dd 10k
vg g 0 0.8
x1 dd g 0 amp
"""
ENDLESS = RC + ".control\ntran 1n 1000\n.endc\n.end\n"


def control(circuit: str, *commands: str) -> Deck:
    return Deck(circuit + "\n".join([".control", *commands, ".endc", ".end", ""]), name="tb")


@pytest.fixture(scope="module", params=SIMULATORS)
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    simulator = make_simulator(request.param)
    yield simulator
    simulator.close()


def fails(sim: Simulator, deck: Deck, *measures: str, timeout: float = 20.0) -> SimulationError:
    with pytest.raises(SimulationError) as caught:
        sim.run(deck, measures=measures, timeout=timeout)
    assert caught.value.deck == deck.name
    return caught.value


# --- what comes out -------------------------------------------------------------------------


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


# --- what goes wrong ------------------------------------------------------------------------


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


# --- the two agree --------------------------------------------------------------------------


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


# --- the worker of ngspice-lib --------------------------------------------------------------


def child_of(pid: int) -> int:
    """The process that the worker has forked for the next deck, or for the one that runs."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise AssertionError("no child")


def gone(pid: int, within: float = 2.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def in_a_while() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Call something half a second later, from another thread."""
    timers: list[threading.Timer] = []

    def later(action: Callable[[], None]) -> None:
        timers.append(threading.Timer(0.5, action))
        timers[-1].start()

    yield later
    for timer in timers:
        timer.join()


@pytest.fixture
def lib() -> Iterator[NgspiceLib]:
    simulator = NgspiceLib()
    simulator.version()
    yield simulator
    simulator.close()


def test_a_killed_worker_is_replaced(lib: NgspiceLib) -> None:
    assert lib.worker_pid is not None
    os.kill(lib.worker_pid, signal.SIGKILL)
    time.sleep(0.1)
    assert lib.run(control(RC, "op", "let x = 1"), measures=["x"]).measures["x"] == 1


def test_a_crash_inside_ngspice(lib: NgspiceLib, in_a_while: Callable[..., None]) -> None:
    pid = lib.worker_pid
    assert pid is not None

    def crash() -> None:
        os.kill(child_of(pid), signal.SIGSEGV)

    in_a_while(crash)
    deck = control(RC, "echo before the crash", "tran 1n 1000")
    error = fails(lib, deck, timeout=30)
    assert error.kind is FailureKind.CRASH
    assert "SIGSEGV" in error.message
    assert lib.run(control(RC, "op", "let x = 1"), measures=["x"]).measures["x"] == 1


def test_the_worker_dies_in_the_middle_of_a_run(
    lib: NgspiceLib, in_a_while: Callable[..., None]
) -> None:
    pid = lib.worker_pid
    assert pid is not None
    child = child_of(pid)
    in_a_while(lambda: os.kill(pid, signal.SIGKILL))
    assert fails(lib, Deck(ENDLESS), timeout=30).kind is FailureKind.CRASH
    assert gone(child), "the child outlived the worker"
    assert lib.run(control(RC, "op", "let x = 1"), measures=["x"]).measures["x"] == 1


def test_an_interrupted_run_does_not_answer_for_the_next(sim: Simulator) -> None:
    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            sim.run(control(RC, "tran 1n 3m", "let x = 1"), measures=["x"], timeout=60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert sim.run(control(RC, "op", "let x = 2"), measures=["x"]).measures["x"] == 2


def test_no_place_for_the_deck(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(SetupError, match="TMPDIR"):
        make_simulator(sim.name).run(Deck(RC))


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPICELOOP_LIBNGSPICE", "/nowhere/libngspice.so")
    with pytest.raises(SetupError, match=r"/nowhere/libngspice\.so"):
        NgspiceLib().run(Deck(RC))


def test_missing_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SetupError, match="apt-get install ngspice"):
        make_simulator("ngspice-batch").run(Deck(RC))


def test_unknown_simulator() -> None:
    with pytest.raises(SetupError, match="ngspice-lib, ngspice-batch"):
        make_simulator("hspice")
