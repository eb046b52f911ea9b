"""Sampling a mirror on the generic process: repeatable, resumable, and plain about its limits."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

import pieces_of_work as pieces
from mirror_problem import deck_with, without_bounds, write_mirror
from spiceloop import Evaluation, Sample, estimate_yield, load_problem
from spiceloop.cli.arguments import find_problem
from spiceloop.errors import (
    DeckError,
    DesignError,
    FailureKind,
    InputError,
    ProblemError,
    SimulationError,
    StudyError,
)
from spiceloop.montecarlo import Yield
from spiceloop.montecarlo.log import FILE_NAME
from spiceloop.spec.evaluate import Evaluator
from spiceloop.study.evaluator_process import EvaluatorProcess

pytestmark = pytest.mark.ngspice


def numbers(found: Yield) -> dict[int, list[dict[str, float]]]:
    return {number: [dict(o.metrics) for o in die] for number, die in found.outcomes.items()}


def test_workers_and_order_make_no_difference(mirror: Path) -> None:
    one = estimate_yield(mirror, samples=24, seed=3)
    three = estimate_yield(mirror, samples=24, seed=3, workers=3)
    assert numbers(one) == numbers(three)
    assert list(one.outcomes) == list(three.outcomes) == list(range(24))
    assert (one.passed, one.interval) == (three.passed, three.interval)
    assert 0 < one.passed < 24
    other = estimate_yield(mirror, samples=24, seed=4)
    assert all(a != b for a, b in zip(numbers(one).values(), numbers(other).values(), strict=True))


def test_a_process_that_dies_costs_its_die_and_no_other(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = estimate_yield(mirror, samples=40)
    perform = EvaluatorProcess.perform

    def deadly(self: EvaluatorProcess, work, plan, number: int) -> object:
        if number == 7:
            return perform(self, pieces.signal_self, signal.SIGKILL)
        return perform(self, work, plan, number)

    monkeypatch.setattr(EvaluatorProcess, "perform", deadly)
    two = estimate_yield(mirror, samples=40, workers=2)
    assert [(o.number, o.kind) for o in two.failures] == [(7, "crash")]
    assert "SIGKILL" in two.failures[0].failure
    assert {n: d for n, d in numbers(two).items() if n != 7} == {
        n: d for n, d in numbers(one).items() if n != 7
    }


def test_a_die_is_what_a_single_evaluation_of_its_sample_gives(mirror: Path) -> None:
    found = estimate_yield(mirror, {"w": "8u"}, samples=5, seed=9, corners=["all"])
    problem = load_problem(mirror)
    with Evaluator(problem) as evaluator:
        for corner in problem.corners:
            single = evaluator.evaluate(
                {"w": 8e-6, "l": 0.5e-6}, corners=[corner], sample=Sample(9, 4)
            )
            (kept,) = [o for o in found.outcomes[4] if o.corner == corner.name]
            assert kept.metrics == single.corners[corner.name].metrics
        nominal = evaluator.evaluate({"w": 8e-6, "l": 0.5e-6}, corners=[problem.corners[0]])
    assert found.nominal[problem.corners[0].name] == dict(
        nominal.corners[problem.corners[0].name].metrics
    )


def test_what_varies_alone(mirror: Path) -> None:
    """Process moves both transistors together: the gate voltage, hardly the copied current."""
    mismatch = estimate_yield(mirror, samples=40, process=False)
    process = estimate_yield(mirror, samples=40, mismatch=False)
    spread = {
        kind: {s.metric: s.sigma / s.mean for s in found.statistics}
        for kind, found in (("mismatch", mismatch), ("process", process))
    }
    assert spread["mismatch"]["current"] > 10 * spread["process"]["current"]
    assert spread["process"]["gate"] > 2 * spread["mismatch"]["gate"]


def test_four_times_the_area_halves_the_spread(mirror: Path) -> None:
    """Common random numbers: the same dies, so the ratio is nearly exact with few of them."""
    small = estimate_yield(mirror, {"w": "4u", "l": "1u"}, samples=40, process=False)
    large = estimate_yield(mirror, {"w": "8u", "l": "2u"}, samples=40, process=False)
    sigma = [f.statistics[0].sigma for f in (small, large)]
    assert sigma[0] / sigma[1] == pytest.approx(2.0, rel=0.1)


def test_a_run_goes_on_where_it_was(mirror: Path, tmp_path: Path) -> None:
    whole = estimate_yield(mirror, samples=20)
    out = tmp_path / "out"
    estimate_yield(mirror, samples=8, out=out)
    lines = (out / FILE_NAME).read_text().splitlines()
    assert len(lines) == 9
    # Cut off in the middle of a line, as by a kill.
    (out / FILE_NAME).write_text("\n".join(lines[:6]) + "\n" + lines[6][:25])
    told: list[int] = []
    again = estimate_yield(
        mirror, samples=20, out=out, on_progress=lambda done, wanted: told.append(done)
    )
    assert told[0] == 5  # the first five were there
    assert numbers(again) == numbers(whole)
    fewer = estimate_yield(mirror, samples=6, out=out)
    assert list(fewer.outcomes) == list(range(6))
    for line in (out / FILE_NAME).read_text().splitlines():
        json.loads(line)


def test_samples_of_something_else_are_not_mixed_in(mirror: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    estimate_yield(mirror, samples=3, out=out)
    for changed, words in (
        ({"seed": 1}, "seed was 0 and is now 1"),
        ({"design": {"w": "5u"}}, "design w"),
        ({"process": False}, "variation"),
        ({"corners": ["ss"]}, "corner ss is new"),
    ):
        with pytest.raises(StudyError, match=words):
            estimate_yield(mirror, samples=3, out=out, **changed)
    text = (mirror.parent / "mirror.spice").read_text()
    (mirror.parent / "mirror.spice").write_text(text.replace("10u\nxdut", "11u\nxdut"))
    with pytest.raises(StudyError, match=r"mirror\.spice .*has changed"):
        estimate_yield(mirror, samples=3, out=out)
    (mirror.parent / "mirror.spice").write_text(text)
    # Bounds judge results and do not make them.
    mirror.write_text(mirror.read_text().replace("9.9u", "9.7u"))
    assert estimate_yield(mirror, samples=3, out=out).total == 3
    (out / FILE_NAME).write_text("not JSON\n")
    with pytest.raises(StudyError, match="no samples that can be read"):
        estimate_yield(mirror, samples=3, out=out)


def test_it_stops_early_at_the_same_die_whatever_the_workers(mirror: Path, tmp_path: Path) -> None:
    one = estimate_yield(mirror, samples=100, precision=0.16)
    assert one.stopped
    assert 30 <= one.total < 100
    assert one.interval.half_width <= 0.16
    three = estimate_yield(mirror, samples=100, precision=0.16, workers=3, out=tmp_path / "out")
    assert numbers(three) == numbers(one)
    kept = estimate_yield(mirror, samples=100, precision=0.16, out=tmp_path / "out")
    assert numbers(kept) == numbers(one)


def test_a_failed_simulation_is_a_die_that_does_not_pass(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Evaluator.attempt

    def failing(self: Evaluator, design, corners=None, *, sample=None, **more) -> Evaluation:
        found = attempt(self, design, corners, sample=sample, **more)
        if sample is not None and sample.number == 2:
            error = SimulationError(FailureKind.NO_CONVERGENCE, "no operating point")
            return Evaluation({}, failure=error)
        return found

    good = estimate_yield(mirror, samples=6)
    monkeypatch.setattr(Evaluator, "attempt", failing)
    found = estimate_yield(mirror, samples=6)
    assert [(o.number, o.kind) for o in found.failures] == [(2, "no-convergence")]
    assert found.total == 6
    passed = [row["passed"] for row in good.rows()]
    assert found.passed == good.passed - passed[2]
    assert found.statistics[0].count == 5
    assert found.statistics[0].total == 6


def test_without_bounds_there_are_statistics_only(tmp_path: Path) -> None:
    found = estimate_yield(write_mirror(tmp_path, problem=without_bounds()), samples=4)
    assert not found.bounded
    assert found.fraction != found.fraction
    assert all(s.sigma > 0 for s in found.statistics)


def test_what_cannot_be_sampled_is_refused(mirror: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every die would be the same"):
        estimate_yield(mirror, mismatch=False, process=False)
    with pytest.raises(InputError, match=r"no corner 'fs'.*there are tt, ss, and all"):
        estimate_yield(mirror, corners=["fs"])
    with pytest.raises(DesignError):
        estimate_yield(mirror, {"w": "1m"})
    with pytest.raises(ProblemError, match="names no pdk"):
        estimate_yield(find_problem("rc_filter"))
    drawing = deck_with("r9 in 0 {agauss(1meg, 1k, 1)}")
    with pytest.raises(DeckError, match=r"agauss.*without a seed"):
        estimate_yield(write_mirror(tmp_path, deck=drawing), samples=2)
    ideal = tmp_path / "ideal"
    ideal.mkdir()
    deck = (
        'ideal\n.lib "generic.lib.spice" tt\n.param w=1u l=1u supply=1\nv1 in 0 {w*1e6}\n'
        "r1 in 0 1k\n.control\nop\nlet current = -i(v1)\nlet gate = v(in)\nprint current gate\n"
        ".endc\n.end\n"
    )
    with pytest.raises(ProblemError, match="no device in its decks has statistics"):
        estimate_yield(write_mirror(ideal, deck=deck), samples=2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": 0},
        {"workers": 0},
        {"seed": -1},
        {"seed": 10**80},
        {"precision": -0.1},
        {"precision": float("nan")},
    ],
    ids=str,
)
def test_numbers_out_of_range_are_refused(mirror: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))} = .*expected"):
        estimate_yield(mirror, **wrong)


def test_two_processes_cannot_write_one_file(mirror: Path, tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "out"
    estimate_yield(mirror, samples=1, out=out)
    with (out / FILE_NAME).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StudyError, match="another process is sampling into it"):
            estimate_yield(mirror, samples=1, out=out)
    shutil.rmtree(out)
