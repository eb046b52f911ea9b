"""Ten thousand mutated decks, problem files and results: refused or read, never worse.

No traceback, no hang, no file outside the run's folder, no process and no temporary file left.
The normal tier takes a few hundred cases, the slow tier more than 10,000 in all:

    pytest tests/fuzz --slow

A failing case is named by its number; ``SPICELOOP_FUZZ_CASE=decks:123`` runs it alone.
"""

import contextlib
import os
import random
import shutil
import tempfile
import time
import traceback
import uuid
from pathlib import Path

import pytest

from hostile_text import mutated_deck, mutated_problem, noise
from spiceloop.circuit.deck import Deck
from spiceloop.circuit.netlist import Netlist
from spiceloop.circuit.pdk import get_pdk
from spiceloop.circuit.suffixes import suspicious_numbers
from spiceloop.errors import SetupError, SpiceloopError
from spiceloop.examples import path as example
from spiceloop.sim import diagnose, make_simulator, sandbox
from spiceloop.sim.measures import scalars_in_text
from spiceloop.sim.prepare import prepare
from spiceloop.sim.rawfile import read_raw
from spiceloop.spec.bench import Bench
from spiceloop.spec.draft import draft_problem
from spiceloop.spec.lint import lint
from spiceloop.spec.load import load_problem
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Origin

DATA = Path(__file__).parents[1] / "data"
SOURCES = [example(n) for n in ("rc_filter", "transconductor", "two_stage_opamp", "generic_ota")]
SOURCES += [DATA / "rc_study", DATA / "generic_amplifier"]
CPU_LIMIT = 8.0  # seconds a case; most take milliseconds
ALONE = os.environ.get("SPICELOOP_FUZZ_CASE", "")


def numbers(kind, quick, slow):
    """The case numbers of a kind, in a few tests so that several processes share them."""
    if ALONE:
        name, _, number = ALONE.partition(":")
        return [range(int(number), int(number) + 1)] if name == kind else []
    size = slow // 4
    blocks = [range(quick + i * size, quick + (i + 1) * size) for i in range(4)]
    return [range(quick), *(pytest.param(b, marks=pytest.mark.slow) for b in blocks)]


def run_cases(kind, cases, work):
    """Call ``work(random)`` for each number; fail with every case that went wrong."""
    wrong = []
    for number in cases:
        began = time.process_time()
        try:
            work(random.Random(f"{kind}:{number}"))
        except SpiceloopError:
            pass
        except Exception:
            wrong.append(f"{kind}:{number}\n{traceback.format_exc(limit=-4)}")
        took = time.process_time() - began
        if took > CPU_LIMIT:
            wrong.append(f"{kind}:{number} took {took:.1f} s of processor time")
    assert not wrong, f"{len(wrong)} cases went wrong\n" + "\n".join(wrong[:5])


@pytest.fixture
def ground(tmp_path, monkeypatch):
    """Copies of the sources, a place for temporary files, and one that nobody may touch."""
    for number, source in enumerate(SOURCES):
        ignore = shutil.ignore_patterns("*.png", "*.svg", "__pycache__")
        shutil.copytree(source, tmp_path / "in" / str(number), ignore=ignore)
    for name in ("tmp", "out"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("PWNED", str(tmp_path / "out" / "env"))
    monkeypatch.setenv("SPICELOOP_FUZZ", uuid.uuid4().hex)
    before = inventory(tmp_path)
    yield tmp_path
    assert inventory(tmp_path) == before, "files were left or made"
    assert not processes(), "processes were left"


def inventory(folder):
    return {p for p in folder.rglob("*") if "__pycache__" not in p.parts}


def processes():
    """Other processes that inherited this test's mark."""
    mark = f"SPICELOOP_FUZZ={os.environ['SPICELOOP_FUZZ']}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in entry.read_bytes() and int(entry.parts[2]) != os.getpid():
                found.append(entry.parts[2])
    return found


def texts(folder, *patterns):
    return [p.read_text() for pattern in patterns for p in sorted(folder.glob(pattern))]


@contextlib.contextmanager
def written(folder, text):
    path = folder / "fuzzed"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        yield path
    finally:
        path.unlink()


@pytest.fixture(scope="module")
def pdks():
    found = []
    for name, library in (("sky130", "continuous"), ("generic", "")):
        with contextlib.suppress(SetupError, ValueError, KeyError, TypeError):
            found.append(get_pdk(name, "tt", library))
    return found


@pytest.mark.parametrize("cases", numbers("decks", 150, 5000))
def test_decks(ground, pdks, cases):
    def work(random):
        folder = ground / "in" / str(random.randrange(len(SOURCES)))
        text = mutated_deck(random, texts(folder, "*.spice", "*.cir"), str(ground / "out" / "x"))
        with written(folder, text) as path:
            netlist = Netlist.load(path, trust=random.random() < 0.3)
            list(map(suspicious_numbers, netlist.cards))
            list(netlist.measures) + list(netlist.libraries)
            values = dict.fromkeys(list(netlist.parameters)[:3], 10 ** random.uniform(-15, 9))
            deck = netlist.render(values, name="fuzz", conditions={"temperature": 27.0})
            prepare(deck.text, at_quit=("echo",), at_end=("quit",))
            for pdk in pdks[: random.randrange(len(pdks) + 1)]:
                with contextlib.suppress(SpiceloopError):
                    pdk.compile(deck)
            draft_problem(path)

    run_cases("decks", cases, work)


@pytest.mark.parametrize("cases", numbers("problems", 100, 4000))
def test_problems(ground, cases):
    def work(random):
        folder = ground / "in" / str(random.randrange(len(SOURCES)))
        text = mutated_problem(random, texts(folder, "*.yaml"), str(ground / "out" / "x"))
        with written(folder, text) as path:
            problem = load_problem(path)
            for variable in problem.space.variables:
                value = variable.from_unit(random.random())
                variable.check(value)
                assert 0 <= round(variable.to_unit(value), 6) <= 1
            lint(problem)
            problem.task()
            bench = Bench.load(problem)
            for name in problem.testbenches:
                bench.deck(name, problem.with_tied(problem.start or {}))

    run_cases("problems", cases, work)


@pytest.mark.ngspice
@pytest.mark.parametrize("cases", numbers("runs", 40, 1000))
def test_runs(ground, cases):
    """Vetted decks as the vetting passes them; refused ones too, to have the sandbox hold them."""
    simulator = make_simulator("ngspice-lib")
    sentinel = ground / "out" / "present"
    sentinel.write_text("as it was")

    def work(random):
        source = ground / "in" / str(random.choice([0, 3, 4, 5]))
        text = mutated_deck(random, texts(source, "*.spice"), str(ground / "out" / "x"))
        try:
            with written(source, text) as path:
                deck = Netlist.load(path).render({}, name="fuzz")
        except SpiceloopError:
            if not sandbox.kernel_support():
                return
            deck = Deck(text.encode("utf-8", "replace").decode(), home=source)
        try:
            simulator.run(deck, vectors=("*",) if random.random() < 0.5 else None, timeout=1.0)
        finally:
            assert [p.name for p in (ground / "out").iterdir()] == ["present"]
            assert sentinel.read_text() == "as it was"

    try:
        run_cases("runs", cases, work)
    finally:
        simulator.close()
        sentinel.unlink()


RAW = """Title: t
Date: d
Plotname: AC Analysis
Flags: {flags}
No. Variables: 2
No. Points: 3
Variables:
\t0\tfrequency\tfrequency grid=3
\t1\tv(out)\tvoltage dims=1
{values}"""


def raw_files():
    for flags, width in (("real", 1), ("complex", 2)):
        binary = RAW.format(flags=flags, values="Binary:\n").encode() + bytes(range(48 * width))
        number = "1e3" if width == 1 else "1e3,2.5"
        rows = "".join(f" {i}\t{number}\n\t{number}\n" for i in range(3))
        plain = RAW.format(flags=flags, values="Values:\n" + rows).encode()
        yield from (binary, plain, binary + plain)


@pytest.mark.parametrize("cases", numbers("results", 200, 2000))
def test_results(ground, cases):
    raws = list(raw_files())
    logs = [p.read_bytes() for p in sorted((DATA / "ngspice39").glob("*.txt"))]

    def work(random):
        with written(ground / "in", "") as path:
            path.write_bytes(noise(random, random.choice(raws)))
            with contextlib.suppress(ValueError):
                read_raw(path)
        lines = noise(random, random.choice(logs)).decode(errors="replace").splitlines()
        scalars = scalars_in_text(lines)
        diagnose.failure(lines)
        diagnose.crash(139, lines)
        diagnose.warnings_in(lines)
        diagnose.pick_measures(["nosuch"], scalars.values, scalars.failed, lines)

    run_cases("results", cases, work)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """A study with trials in every state, as the bytes of its file, by scheme."""
    folder = tmp_path_factory.mktemp("studies")
    bench = Bench.load(load_problem(DATA / "rc_study" / "problem.yaml"))
    found = {}
    for scheme in ("journal", "sqlite"):
        file = folder / f"study.{scheme}"
        study = Study.create(bench, f"{scheme}:///{file}", Settings(seed=7))
        study.begin({"r": 2e3, "c": 1e-9}, Origin.START)
        study.finish(0, {"f3db": 8e4, "ipeak": 5e-4, "rise": 4e-6}, simulation_s=0.5)
        study.begin({"r": 3e3, "c": 1e-9}, Origin.INITIAL)
        found[scheme] = file.read_bytes()
    return bench, found


@pytest.mark.parametrize("cases", numbers("studies", 30, 400))
def test_studies(ground, studies, cases):
    bench, files = studies

    def work(random):
        scheme = random.choice(["journal", "journal", "journal", "sqlite"])
        folder = ground / "tmp" / "study"
        folder.mkdir()
        try:
            (folder / "file").write_bytes(noise(random, files[scheme]))
            study = Study.open(f"{scheme}:///{folder / 'file'}", bench=bench)
            assert len(study.trials) <= 2
            assert study.changes is not None
        finally:
            shutil.rmtree(folder)

    run_cases("studies", cases, work)
