"""The pipeline from a design to metrics, and what it says when a step fails."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from spiceloop.errors import DesignError, FailureKind, ProblemError, SimulationError
from spiceloop.sim.base import SimResult
from spiceloop.sim.waves import Plot, Waves
from spiceloop.spec.bench import Bench
from spiceloop.spec.evaluate import Evaluator
from spiceloop.spec.load import load_problem

START = {"r": 2e3, "c": 1e-9}


def edit(folder: Path, change) -> Bench:
    """Change the problem file and load it again."""
    file = folder / "problem.yaml"
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return Bench.load(load_problem(file))


def test_metrics_come_in_file_order_with_the_deck_that_gave_them(bench, forced):
    with Evaluator(bench.problem, bench=bench, engine=forced()) as evaluator:
        found = evaluator.evaluate(START)
    assert list(found.metrics) == ["f3db", "ipeak", "rise"]
    assert found.metrics["f3db"] == pytest.approx(1 / (2 * math.pi * 2e-6))
    assert ".param r = 2000.0" in found.decks["step"].text
    assert found.measures["step"]["ipeak"] == pytest.approx(5e-4)
    assert not found.waves


@pytest.mark.ngspice
def test_real_simulation_agrees_with_the_closed_form(bench):
    with Evaluator(bench.problem, bench=bench) as evaluator:
        found = evaluator.evaluate(START, waves=True)
        waves = evaluator.simulate("step", START)
    assert found.metrics["f3db"] == pytest.approx(1 / (2 * math.pi * 2e-6), rel=1e-3)
    assert found.metrics["rise"] == pytest.approx(math.log(9) * 2e-6, rel=1e-2)
    assert found.metrics["ipeak"] == pytest.approx(1 / 2e3, rel=1e-2)
    assert [p.kind for p in waves] == ["ac", "tran"]
    assert (found.waves["step"]["v(out)"] == waves["v(out)"]).all()


@pytest.mark.ngspice
def test_a_deck_that_is_no_testbench_can_be_simulated_for_figures(bench, folder):
    (folder / "more.spice").write_text("t\n.param r=1k\nV1 a 0 1\nR1 a 0 {r}\n.op\n.end\n")
    with Evaluator(bench.problem, bench=bench) as evaluator:
        waves = evaluator.simulate("more.spice", START)
    assert waves["i(v1)"][-1] == pytest.approx(-1 / 2e3)


def test_a_missing_measure_names_what_there_was(bench, forced):
    def forget(run, found):
        found["f3dB_"] = found.pop("f3db")

    with (
        Evaluator(bench.problem, bench=bench, engine=forced(forget)) as evaluator,
        pytest.raises(SimulationError, match=r"f3db.*did you mean 'f3db_'.*ipeak, rise") as caught,
    ):
        evaluator.evaluate(START)
    assert caught.value.kind is FailureKind.MISSING_MEASURE
    assert caught.value.deck == "step"
    assert caught.value.design == START


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_no_number_is_a_failure(bench, forced, value):
    simulator = forced(lambda run, found: found.update(rise=value))
    with (
        Evaluator(bench.problem, bench=bench, engine=simulator) as evaluator,
        pytest.raises(SimulationError, match="rise") as caught,
    ):
        evaluator.evaluate(START)
    assert caught.value.kind is FailureKind.NOT_A_NUMBER


def test_the_simulators_own_failure_gets_its_place(bench, failing):
    error = SimulationError(FailureKind.NO_CONVERGENCE, "no", line="timestep too small")
    with (
        Evaluator(bench.problem, bench=bench, engine=failing(error)) as evaluator,
        pytest.raises(SimulationError) as caught,
    ):
        evaluator.evaluate(START)
    assert (caught.value.deck, caught.value.line) == ("step", "timestep too small")
    assert caught.value.design == START


class _WithWaves:
    """Measures nothing; its waves are one vector."""

    name = "waves"

    def version(self):
        return "1"

    def run(self, deck, *, measures=(), vectors=None, timeout=60.0):
        plot = Plot("op1", "op", "x", {"x": [0.0], "out": [3.0]})
        return SimResult({"rise": 1e-6, "ipeak": 1e-3}, Waves((plot,)) if vectors else Waves())

    def close(self):
        pass


def _with_function(folder, body):
    (folder / "mine.py").write_text(body)

    def change(content):
        content["testbenches"]["step"]["functions"] = ["mine.py:f"]
        content["metrics"]["f3db"]["measure"] = "bandwidth"

    return edit(folder, change)


def test_a_python_function_gives_metrics(folder):
    (folder / "beside.py").write_text("FACTOR = 2\n")
    bench = _with_function(
        folder,
        "import beside\ndef f(waves):\n    return {'BandWidth': beside.FACTOR * waves['out'][0]}\n",
    )
    with Evaluator(bench.problem, bench=bench, engine=_WithWaves()) as evaluator:
        assert evaluator.evaluate(START).metrics["f3db"] == 6.0


@pytest.mark.parametrize("value", ["6", "np.float32(6)", "np.int8(6)", "np.array(6.0)"])
def test_a_real_number_of_any_kind_is_a_metric(folder, value):
    body = f"import numpy as np\ndef f(waves):\n    return {{'bandwidth': {value}}}\n"
    bench = _with_function(folder, body)
    with Evaluator(bench.problem, bench=bench, engine=_WithWaves()) as evaluator:
        assert evaluator.evaluate(START).metrics["f3db"] == 6.0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "def f(waves):\n    x = 0\n    return {'bandwidth': 1 / x}\n",
            r"ZeroDivisionError.*mine\.py:3: return",
        ),
        ("def f(waves):\n    return 3\n", "returned int; expected a dict"),
        ("def f(waves):\n    return {'bandwidth': 'much'}\n", "'bandwidth' = 'much'"),
        ("def f(waves):\n    return {'bandwidth': [1.0, 2.0]}\n", "'bandwidth' = list"),
        ("def f(waves):\n    return {'bandwidth': '3'}\n", "'bandwidth' = '3'"),
        ("def f(waves):\n    return {'bandwidth': True}\n", "'bandwidth' = True"),
        ("def f(waves):\n    return {'bandwidth': 10**5000}\n", "'bandwidth' = int; expected one"),
        (
            "import numpy as np\ndef f(waves):\n    return {'bandwidth': np.exp(2j)}\n",
            r"'bandwidth' = complex128; expected one real number, such as abs\(\) of it",
        ),
        (
            "class Odd:\n    def __float__(self):\n        raise RuntimeError\n"
            "def f(waves):\n    return {'bandwidth': Odd()}\n",
            "'bandwidth' = Odd; expected one real number",
        ),
        ("import sys\ndef f(waves):\n    sys.exit(1)\n", "SystemExit"),
        ("def f(waves):\n    return {'bandwidth': waves['nix'][0]}\n", r"nix.*mine\.py:2"),
    ],
)
def test_a_python_function_that_fails_is_a_failed_simulation_with_its_line(folder, body, said):
    bench = _with_function(folder, body)
    with (
        Evaluator(bench.problem, bench=bench, engine=_WithWaves()) as evaluator,
        pytest.raises(SimulationError, match=said) as caught,
    ):
        evaluator.evaluate(START)
    assert caught.value.kind is FailureKind.MEASURE_FUNCTION
    assert caught.value.deck == "step"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def ff(waves):\n    return {}\n", "no function 'f'"),
        ("def f(waves:\n", r"SyntaxError.*mine\.py:1"),
        ("import nothing_of_that_name\n", r"ModuleNotFoundError.*mine\.py:1"),
    ],
)
def test_a_function_that_cannot_be_imported_is_said_before_the_run(folder, body, said):
    with pytest.raises(ProblemError, match=said):
        _with_function(folder, body)


def test_a_geometry_outside_the_models_is_a_failed_trial_that_keeps_its_cause(bench, forced):
    class Narrow:
        def compile(self, deck, *, sample=None):
            raise DesignError("w1 = 0.253 µm is outside every bin")

    object.__setattr__(bench, "pdk_at", lambda corner: Narrow())
    with (
        Evaluator(bench.problem, bench=bench, engine=forced()) as evaluator,
        pytest.raises(SimulationError, match="outside every bin") as caught,
    ):
        evaluator.evaluate(START)
    assert caught.value.kind is FailureKind.GEOMETRY
    assert isinstance(caught.value.__cause__, DesignError)


def _twice(content):
    content["testbenches"]["again"] = {"deck": "rc.spice"}


def test_two_decks_that_give_a_metric_ask_for_a_choice(folder):
    with pytest.raises(ProblemError, match=r"f3db: testbenches step and again both"):
        edit(folder, _twice)


def test_a_metric_is_taken_from_the_testbench_it_names(folder, forced):
    def change(content):
        _twice(content)
        for metric in content["metrics"].values():
            metric["testbench"] = "again"

    def differ(run, found):
        found["ipeak"] = float(run)

    bench = edit(folder, change)
    with Evaluator(bench.problem, bench=bench, engine=forced(differ)) as evaluator:
        assert evaluator.evaluate(START).metrics["ipeak"] == 2.0
    assert bench.wanted == {"step": (), "again": ("f3db", "ipeak", "rise")}


def test_unknown_names_are_all_said_at_once(folder):
    def change(content):
        content["parameters"]["rr"] = {"minimum": 1, "maximum": 2}
        content["conditions"] = {"vdd": 1.8, "temperature": 27}

    with pytest.raises(ProblemError) as caught:
        edit(folder, change)
    assert len(caught.value.mistakes) == 2
    assert "'rr'" in caught.value.mistakes[0]
    assert "'vdd'" in caught.value.mistakes[1]


def test_an_unmeasured_metric_is_said_before_the_run(folder):
    def change(content):
        content["metrics"]["f3dbx"] = {"goal": "maximize"}

    with pytest.raises(ProblemError, match=r"f3dbx.*did you mean 'f3db'"):
        edit(folder, change)
