"""Tables and netlists for other programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spiceloop.errors import StorageError
from spiceloop.spec.bench import Bench
from spiceloop.spec.problem import Problem
from spiceloop.study.trial import Trial, TrialState
from spiceloop.units import format_si

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["sized_netlists", "trials_frame", "write_csv", "write_netlists", "write_parquet"]


def trials_frame(problem: Problem, trials: Sequence[Trial]) -> DataFrame:
    """Return a data frame, a row a trial: SI numbers, NaN where a trial has none.

    Columns: ``trial, state, origin, feasible``, the parameters (tied ones too), the metrics, then
    ``violation`` (the sum of relative excesses), ``failure``, ``message``, ``simulation_s``,
    ``thinking_s``. Of a problem with corners the metrics are the worst over those simulated; then
    come ``simulations`` (run), ``saved`` (skipped, because the design had failed) and each metric
    at each corner as ``metric@corner``. A column called as one before it gets an underscore at its
    end.
    """
    import pandas as pd

    columns: dict[str, list[Any]] = {}

    def put(name: str, values: Iterable[object]) -> None:
        while name in columns:
            name += "_"
        columns[name] = list(values)

    done = [t.state is TrialState.DONE for t in trials]
    put("trial", (t.number for t in trials))
    put("state", (t.state.value for t in trials))
    put("origin", (t.origin.value for t in trials))
    put("feasible", (t.feasible for t in trials))
    full = [problem.with_tied(dict(t.design)) for t in trials]
    for name in problem.parameters:
        put(name, (design[name] for design in full))
    for name in problem.metrics:
        put(name, (t.metrics.get(name, float("nan")) for t in trials))
    put(
        "violation",
        (
            sum(t.violations.values()) if d else float("nan")
            for t, d in zip(trials, done, strict=True)
        ),
    )
    put("failure", (t.failure.kind if t.failure else "" for t in trials))
    put("message", (t.failure.message if t.failure else "" for t in trials))
    put("simulation_s", (t.simulation_s for t in trials))
    put("thinking_s", (t.thinking_s for t in trials))
    if len(problem.corners) > 1:
        put("simulations", (t.simulations for t in trials))
        put("saved", (t.saved for t in trials))
        for name, metric in problem.metrics.items():
            for corner in problem.corners if metric.corners == "all" else problem.corners[:1]:
                at = (t.corners.get(corner.name, {}) for t in trials)
                put(f"{name}@{corner.name}", (m.get(name, float("nan")) for m in at))
    return pd.DataFrame(columns)


def write_csv(problem: Problem, trials: Sequence[Trial], file: Path) -> Path:
    """Write `trials_frame` as CSV, every digit of every number. Raises `StorageError`."""
    frame = trials_frame(problem, trials)
    with _writing(file):
        frame.to_csv(file, index=False)
    return file


def write_parquet(problem: Problem, trials: Sequence[Trial], file: Path) -> Path:
    """Write `trials_frame` as Parquet. Raises `StorageError`."""
    frame = trials_frame(problem, trials)
    with _writing(file):
        frame.to_parquet(file, index=False)
    return file


def sized_netlists(
    bench: Bench, trial: Trial, notes: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return each testbench's deck with the trial's values written in its ``.param`` lines.

    Includes and process models are in-line, so `ngspice -b` runs the text wherever it lies. A
    header of comments after the title states trial, design, metrics, which of them miss their
    bounds, and ``notes`` (versions …).
    """
    problem = bench.problem
    values = problem.with_tied(dict(trial.design))
    texts = {}
    for testbench in problem.testbenches:
        deck = bench.deck(testbench, values)
        header = [f"* sized by spiceloop: problem {problem.name}, trial {trial.number}"]
        if trial.corners:
            header += [
                f"* corner: {bench.corners[0].name}; the metrics below are the worst over "
                f"{len(trial.corners)} of {len(bench.corners)} corners"
            ]
        header += [
            f"* {name} = {format_si(value, problem.parameters[name].unit)}"
            for name, value in values.items()
        ]
        header += [
            f"* -> {name} = {format_si(value, problem.metrics[name].unit)}"
            + (", misses its bounds" if name in trial.violations else "")
            for name, value in trial.metrics.items()
        ]
        header += [f"* {name}: {note}" for name, note in (notes or {}).items()]
        if deck.compat:
            header.append(f"* run: ngspice -b -D ngbehavior={deck.compat} THIS_FILE")
        title, _, body = deck.text.partition("\n")
        texts[testbench] = "\n".join([title, *(_ascii(line) for line in header), body])
    return texts


def write_netlists(
    bench: Bench, trial: Trial, folder: Path, notes: Mapping[str, str] | None = None
) -> list[Path]:
    """Write `sized_netlists` as ``folder/TESTBENCH.spice``, with the files that they read."""
    texts = sized_netlists(bench, trial, notes)
    values = bench.problem.with_tied(dict(trial.design))
    written = []
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for testbench, text in texts.items():
            file = folder / f"{testbench}.spice"
            file.write_text(text, encoding="utf-8")
            written.append(file)
            for name, content in bench.deck(testbench, values).files.items():
                (folder / name).write_text(content, encoding="utf-8")
    return written


def _ascii(line: str) -> str:
    # ngspice 39 warns of UTF-8 in a deck, comments included.
    plain = line.replace("µ", "u").replace("Ω", "Ohm").replace("°", "deg ")
    return " ".join(plain.encode("ascii", "replace").decode().split())


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
