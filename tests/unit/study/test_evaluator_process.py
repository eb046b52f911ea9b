"""An evaluator in a process of its own: the same results and errors, and no trace when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import pieces_of_work as pieces
from spiceloop import errors
from spiceloop.errors import FailureKind, ProblemError, SetupError, SimulationError
from spiceloop.spec.bench import Bench
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem
from spiceloop.study.evaluator_process import EvaluatorProcess
from spiceloop.study.outcome import outcome_of
from spiceloop.study.parcel import freeze

pytestmark = pytest.mark.ngspice


@pytest.fixture
def process(bench: Bench) -> Iterator[EvaluatorProcess]:
    process = EvaluatorProcess(freeze(bench, near=True), "ngspice-lib")
    yield process
    process.close()
    assert process.pid is None


def running(pid: int | None) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def all_gone(*pids: int | None) -> bool:
    deadline = time.monotonic() + 10
    while any(map(running, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(running, pids))


def with_function(folder: Path, source: str, spec: str = "mine.py:more") -> Bench:
    """The problem, with one metric that a function of the user's gives."""
    name = spec.partition(":")[0].removesuffix(".py")
    (folder / f"{name}.py").write_text(textwrap.dedent(source))
    file = folder / "problem.yaml"
    text = file.read_text().replace("timeout: 20", f"timeout: 20\n    functions: ['{spec}']")
    file.write_text(text + "  more: {goal: minimize}\n")
    return Bench.load(load_problem(file))


def outcomes(bench: Bench, designs: int) -> tuple[list[object], list[object]]:
    """What a process gives and what an evaluator of ours gives, seconds left out."""
    rng = np.random.default_rng(0)
    space = bench.problem.space
    some = [space.from_unit(rng.random(len(space))) for _ in range(designs)]
    process = EvaluatorProcess(freeze(bench, near=True), "ngspice-lib")
    with Evaluator(bench.problem, bench=bench) as evaluator:
        there = [process.perform(outcome_of, design)[0] for design in some]
        here = [outcome_of(evaluator, design)[0] for design in some]
    process.close()
    return there, here


def test_results_and_failures_are_those_of_an_evaluator_here(folder):
    bench = with_function(
        folder,
        """
        import math
        def more(waves):
            current = float(max(abs(waves.plot("tran")["i(vs)"])))
            if current > 5e-4:
                raise ValueError(f"a current of {current}")
            return {"more": math.sin(1e6 * current)}
        """,
    )
    there, here = outcomes(bench, 12)
    assert there == here
    assert {o.failure is None for o in here} == {True, False}


@pytest.mark.pdk
def test_results_are_those_of_an_evaluator_here_with_a_pdk_and_functions():
    from spiceloop.examples import path

    there, here = outcomes(Bench.load(load_problem(path("transconductor") / "problem.yaml")), 4)
    assert there == here
    assert any(o.metrics for o in here)


ERRORS = [
    SimulationError(
        FailureKind.NO_CONVERGENCE,
        "no operating point",
        line="singular matrix",
        deck="step",
        analysis="op",
        corner="ss",
        design={"r": 1e3},
    ),
    ProblemError("two mistakes", ["one", "another"]),
    errors.ConfigError("one", ["a"]),
    *(
        getattr(errors, name)("said")
        for name in errors.__all__
        if name not in {"FailureKind", "SimulationError", "ProblemError", "ConfigError"}
    ),
    ZeroDivisionError("by zero"),
]


def test_errors_arrive_with_all_their_fields(process):
    for error in ERRORS:
        with pytest.raises(type(error)) as raised:
            process.perform(pieces.raise_it, error)
        assert type(raised.value) is type(error)
        assert str(raised.value) == str(error)
        theirs = {k: v for k, v in vars(raised.value).items() if k != "__notes__"}
        assert theirs == {k: v for k, v in vars(error).items() if k != "__notes__"}
    assert "in raise_it" in raised.value.__notes__[0]  # a fault of ours says where it was


def test_an_error_that_no_process_can_read_again_is_told_in_words(process):
    with pytest.raises(RuntimeError, match=r"(?s)in raise_own.*OwnError: seven 7"):
        process.perform(pieces.raise_own)
    assert process.perform(pieces.give_back, [1]) == [1]


def test_what_cannot_be_sent_back_is_an_error_and_the_process_goes_on(process):
    first = process.perform(pieces.process_ids)
    with pytest.raises(TypeError, match="pickle"):
        process.perform(pieces.make_lock)
    with pytest.raises(TypeError, match="pickle"):
        process.perform(pieces.give_back, threading.Lock())
    assert process.perform(pieces.process_ids) == first


@pytest.mark.parametrize(
    ("work", "argument", "words"),
    [
        (pieces.leave, 3, "exit status 3; look at the problem's Python functions"),
        (pieces.signal_self, signal.SIGSEGV, "SIGSEGV; look at the problem's Python functions"),
        (pieces.signal_self, signal.SIGKILL, "SIGKILL; the system may be out of memory"),
    ],
)
def test_one_that_dies_is_a_crash_and_the_next_piece_gets_another(process, work, argument, words):
    before = process.perform(pieces.process_ids)
    with pytest.raises(SimulationError, match=words) as raised:
        process.perform(work, argument)
    assert raised.value.kind is FailureKind.CRASH
    assert all_gone(*before)
    after = process.perform(pieces.process_ids)
    assert not set(before) & set(after)


def test_one_that_died_between_two_pieces_is_replaced_unnoticed(process):
    before = process.perform(pieces.process_ids)
    os.kill(process.pid, signal.SIGKILL)
    time.sleep(0.2)
    assert not set(before) & set(process.perform(pieces.process_ids))


def test_what_a_function_started_neither_hides_the_death_nor_outlives_it(process, tmp_path):
    note = tmp_path / "note"
    began = time.monotonic()
    with pytest.raises(SimulationError, match="exit status 3"):
        process.perform(pieces.start_something_and_leave, note)
    assert time.monotonic() - began < 10
    assert all_gone(*map(int, note.read_text().split()))


def test_ctrl_c_and_its_session_are_the_parent_s_business(process):
    assert process.perform(pieces.signal_self, signal.SIGINT) == "alive"
    assert os.getsid(process.pid) == process.pid


def test_it_loads_no_more_than_an_evaluation_needs(process):
    heavy = {"torch", "optuna", "pandas", "numba", "matplotlib", "plotly", "distributed"}
    assert not heavy & process.perform(pieces.modules)


def test_closed_by_another_thread_a_piece_ends_and_nothing_is_left(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    endless = "\nv9 z 0 sin(0 1 1meg)\n.control\ntran 1n 1000\n.endc\n.end\n"
    deck = bench.problem.folder / "rc.spice"
    deck.write_text(deck.read_text().replace("\n.end\n", endless))
    bench = Bench.load(bench.problem)
    process = EvaluatorProcess(freeze(bench, near=True), "ngspice-lib")
    pids = process.perform(pieces.process_ids)
    raised: list[SimulationError] = []

    def work() -> None:
        try:
            process.perform(outcome_of, bench.problem.start)
        except SimulationError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(1.0)
    assert list((tmp_path / "tmp").iterdir())
    began = time.monotonic()
    process.close()
    thread.join(20)
    assert time.monotonic() - began < 2
    assert [e.kind for e in raised] == [FailureKind.CRASH]
    assert all_gone(*pids)
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(SimulationError, match="ended from outside"):
        process.perform(pieces.process_ids)
    assert process.pid is None


def test_a_function_that_does_not_come_to_its_end_is_killed(process):
    thread = threading.Thread(target=_quietly, args=(process, pieces.sleep, 60))
    pids = process.perform(pieces.process_ids)
    thread.start()
    time.sleep(0.3)
    process.close()
    thread.join(10)
    assert not thread.is_alive()
    assert all_gone(*pids)


def _quietly(process, *piece) -> None:
    with pytest.raises(SimulationError):
        process.perform(*piece)


def test_prints_go_where_they_went_and_harm_no_answer(bench):
    script = f"""
        import sys
        import pieces_of_work as pieces
        from spiceloop.spec.bench import Bench
        from spiceloop.spec.load import load_problem
        from spiceloop.study.evaluator_process import EvaluatorProcess
        from spiceloop.study.parcel import freeze

        bench = Bench.load(load_problem({str(bench.problem.folder / "problem.yaml")!r}))
        process = EvaluatorProcess(freeze(bench, near=True), "ngspice-lib")
        for _ in range(2):
            assert process.perform(pieces.talk) == ""
        process.close()
        """
    path = os.pathsep.join([str(Path(pieces.__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        input="not for a function of the user's\n",
        timeout=60,
        check=False,
    )
    assert done.stdout == 2 * "printed\nwritten past Python\n", done.stderr
    assert done.stderr == 2 * "an error\n"


def test_what_the_user_trusts_is_trusted_there_too(folder):
    """A deck that runs a command, and a function in a file that everybody may write."""
    deck = folder / "rc.spice"
    command = f"shell touch {folder / 'ran'}"
    deck.write_text(deck.read_text().replace(".control\n", f".control\n{command}\n", 1))
    with pytest.raises(errors.UntrustedDeckError):
        with_function(folder, "def more(waves):\n    return {'more': 1.0}\n")
    (folder / "mine.py").chmod(0o666)
    with pytest.raises(errors.UntrustedPythonError):
        load_problem(folder / "problem.yaml")
    trusted = load_problem(folder / "problem.yaml", trust_python=True)
    process = EvaluatorProcess(freeze(Bench.load(trusted, trust=True), near=True), "ngspice-lib")
    assert process.perform(outcome_of, trusted.start)[0].metrics["more"] == 1.0
    assert (folder / "ran").exists()
    process.close()


def test_a_module_is_imported_where_it_stands_here(folder, monkeypatch):
    """With the files beside it, and in the folder that is the current one."""
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder)
    (folder / "number.txt").write_text("4.5")
    pseudo = ModuleType("pseudo")
    pseudo.__file__ = "_classes.py"  # as torch.classes has it
    monkeypatch.setitem(sys.modules, "pseudo", pseudo)
    source = """
        from pathlib import Path
        def more(waves):
            beside = float(Path(__file__).with_name("number.txt").read_text())
            return {"more": beside * float(Path("number.txt").read_text())}
        """
    bench = with_function(folder, source, "its_own_module:more")
    process = EvaluatorProcess(freeze(bench, near=True), "ngspice-lib")
    assert process.perform(outcome_of, bench.problem.start)[0].metrics["more"] == 20.25
    process.close()
    monkeypatch.delitem(sys.modules, "its_own_module")


def test_a_file_edited_meanwhile_changes_no_study(folder):
    bench = with_function(folder, "def more(waves):\n    return {'more': 1.0}\n")
    process = EvaluatorProcess(freeze(bench, near=True), "ngspice-lib")
    (folder / "mine.py").write_text("def more(waves):\n    return {'more': 2.0}\n")
    deck = folder / "rc.spice"
    deck.write_text(deck.read_text().replace("R1 top out {r}", "R1 top out 1"))
    there, _ = process.perform(outcome_of, bench.problem.start)
    process.close()
    with Evaluator(bench.problem, bench=bench) as evaluator:
        assert there == outcome_of(evaluator, bench.problem.start)[0]
    assert there.metrics["more"] == 1.0


def test_what_cannot_be_loaded_is_said_as_it_is_here(bench):
    process = EvaluatorProcess(freeze(bench, near=True), "no-such-simulator")
    for _ in range(2):
        with pytest.raises(SetupError, match="unknown simulator 'no-such-simulator'"):
            process.perform(pieces.process_ids)
    process.close()


def test_one_that_dies_while_it_loads_is_no_failure_of_a_trial(folder):
    source = """
        import os, sys
        if "pytest" not in sys.modules:
            os._exit(9)
        def more(waves):
            return {"more": 1.0}
        """
    process = EvaluatorProcess(freeze(with_function(folder, source), near=True), "ngspice-lib")
    with pytest.raises(SetupError, match="exit status 9 before it had loaded the problem"):
        process.perform(pieces.process_ids)
    process.close()
