"""What an earlier study of the same circuit has simulated, for a new one to begin with.

Metrics are recorded and modelled, not whether they are good enough: they serve other goals and
bounds as they are, and narrower, wider or finer ranges as far as the designs lie within them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from spiceloop.errors import DesignError, StudyError
from spiceloop.spec.bench import Bench
from spiceloop.spec.problem import Problem
from spiceloop.study.fingerprint import fingerprint, obstacles
from spiceloop.study.place import place_of
from spiceloop.study.reading import StudyReader
from spiceloop.study.storage import damage
from spiceloop.study.trial import Origin, Trial, TrialState
from spiceloop.study.versions import OURS

__all__ = ["Earlier", "read_earlier"]


@dataclass(frozen=True)
class Earlier:
    """Ended trials of another study, as a new one has them; ``left_out`` counts others by reason.

    ``where`` names the study as ``--learn-from`` takes it; ``remarks`` are for the user.
    """

    where: str
    trials: tuple[Trial, ...]
    left_out: Mapping[str, int]
    remarks: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """In words, for the user."""
        n = len(self.trials)
        feasible = sum(t.feasible for t in self.trials)
        trials = f"{n} trial{'s' * (n != 1)}, {feasible} of them feasible"
        parts = [f"learned from {self.where}: {trials}"]
        if self.left_out:
            reasons = ", ".join(f"{n} {why}" for why, n in self.left_out.items())
            parts.append(f"left out: {reasons}")
        return "; ".join([*parts, *self.remarks])


def read_earlier(url: str, name: str, bench: Bench, versions: Mapping[str, str]) -> Earlier:
    """Read the trials that a study of ``bench`` can begin with, judged by its bounds.

    ``versions`` are those of now. A design that is the problem's start is its start. Raises
    `StudyError` where the study is missing, is of another circuit, saying what differs, or has no
    trial to use.
    """
    study = StudyReader.open(url, name)
    with damage(study.url):
        return _read(study, bench, versions)


def _read(study: StudyReader, bench: Bench, versions: Mapping[str, str]) -> Earlier:
    where = place_of(study.url, study.name)
    if differ := obstacles(study.fingerprint, fingerprint(bench)):
        raise StudyError(
            f"the figures of {where} do not serve here:\n"
            + "\n".join(f"  - {line}" for line in differ)
            + "\ngoals, bounds, ranges and starts may differ, nothing else; undo the change, or "
            "begin without --learn-from"
        )
    trials: list[Trial] = []
    left_out: Counter[str] = Counter()
    seen = set()
    for trial in study.trials:
        if why := _unusable(bench.problem, trial):
            left_out[why] += 1
        elif (design := tuple(trial.design[n] for n in bench.problem.space.names)) not in seen:
            seen.add(design)
            trials.append(_adopted(bench.problem, len(trials), trial))
    if not trials:
        reasons = ", ".join(f"{n} {why}" for why, n in left_out.items())
        raise StudyError(f"{where} has no trial to learn from ({reasons or 'it is empty'})")
    return Earlier(where, tuple(trials), left_out, _remarks(study.settings.versions, versions))


def _unusable(problem: Problem, trial: Trial) -> str:
    """Say why a trial tells nothing here, nothing if it does."""
    if trial.state is TrialState.RUNNING:
        return "not ended"
    if trial.saved:  # the bounds that it failed may be others now
        return "not simulated at every corner"
    try:
        problem.space.check(dict(trial.design))
    except DesignError:
        return "outside the ranges or off the grid"
    if trial.state is TrialState.DONE and not set(problem.metrics) <= set(trial.metrics):
        return "without every metric"
    return ""


def _adopted(problem: Problem, number: int, trial: Trial) -> Trial:
    start = problem.start
    is_start = start is not None and all(
        v.snap(start[v.name]) == trial.design[v.name] for v in problem.space.variables
    )
    metrics = {n: trial.metrics[n] for n in problem.metrics if n in trial.metrics}
    return replace(
        trial,
        number=number,
        # What lies beyond a bound by a rounding error is at it.
        design={v.name: v.snap(trial.design[v.name]) for v in problem.space.variables},
        origin=Origin.START if is_start else Origin.EARLIER,
        metrics=metrics,
        violations=problem.violations(metrics) if metrics else {},
        thinking_s=0.0,
        clock_s=0.0,
        simulations=0,
        reason="",
    )


def _remarks(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Say where the simulator or the models were of another version."""
    return tuple(
        f"it was simulated with {name} {version}"
        + (f", now there is {now[name]}" if name in now else "")
        for name, version in before.items()
        if name not in OURS and version != now.get(name)
    )
