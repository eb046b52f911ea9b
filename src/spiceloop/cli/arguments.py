"""Arguments and options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spiceloop.errors import InputError, UnitError

if TYPE_CHECKING:
    from spiceloop.spec.problem import Problem

__all__ = [
    "BudgetOption",
    "JsonOption",
    "NameOption",
    "NoReportOption",
    "OutOption",
    "ProblemArgument",
    "ProblemOption",
    "SchedulerOption",
    "SimulatorName",
    "SimulatorOption",
    "StudyOption",
    "TimeoutOption",
    "TrialOption",
    "TrustOption",
    "TrustPythonOption",
    "WhereArgument",
    "again_options",
    "at_least",
    "find_problem",
    "hint",
    "read_settings",
    "require_text",
    "where_is",
    "with_timeout",
]


def at_least(option: str, value: int | float, least: int, *, above: bool = False) -> None:
    """Raise `InputError` unless ``value`` ≥ ``least`` (> ``least`` if ``above``)."""
    if value != value or value < least or (above and value == least):
        wanted = f"more than {least}" if above else f"{least} or more"
        raise InputError(f"{option} {value:g}: expected {wanted}")


_DECKS = {".cir", ".ckt", ".net", ".sp", ".spi", ".spice"}
_LONGEST = 1e6  # seconds; the operating system knows no much longer wait


def _positive_timeout(seconds: float | None) -> float | None:
    if seconds is not None:
        at_least("--timeout", seconds, 0, above=True)
        if seconds > _LONGEST:
            raise InputError(f"--timeout {seconds:g}: expected {_LONGEST:g} seconds or less")
    return seconds


class SimulatorName(StrEnum):
    """How ngspice is run."""

    LIBRARY = "ngspice-lib"
    BATCH = "ngspice-batch"


ProblemArgument = Annotated[
    str,
    typer.Argument(
        metavar="PROBLEM",
        help="A problem file, a folder that holds problem.yaml, or a built-in example's name.",
        show_default=False,
    ),
]
BudgetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar="N|TIME",
        help="Simulated designs besides the start (35), a time (60s, 2min, 1h); or both, given "
        "twice.",
        show_default="35, or as started",
    ),
]
SimulatorOption = Annotated[
    SimulatorName,
    typer.Option("--simulator", help="In worker processes, or ngspice -b (slower, independent)."),
]
SchedulerOption = Annotated[
    str,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Simulate on the Dask cluster at tcp://HOST:PORT, or of a scheduler file.",
        show_default=False,
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        callback=_positive_timeout,
        help="Limit for each simulation, in place of the testbenches' own.",
        show_default=False,
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option("--trust-deck", help="Allow decks commands that leave the simulator (shell …)."),
]
TrustPythonOption = Annotated[
    bool,
    typer.Option(
        "--trust-python", help="Run Python functions of a problem file that is not your own."
    ),
]
WhereArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[OUT_DIR]", help="The folder of the run, or its study file.", show_default=False
    ),
]
StudyOption = Annotated[
    str | None,
    typer.Option("--study", metavar="URL", help="The study's URL, in place of the folder."),
]
NameOption = Annotated[
    str,
    typer.Option("--name", help="The study's name, where several share a storage."),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Folder for what is written.", show_default="the run's own"
    ),
]
ProblemOption = Annotated[
    str | None,
    typer.Option("--problem", help="The problem file, if it is not where it was."),
]
TrialOption = Annotated[
    int | None,
    typer.Option("--trial", metavar="N", help="This trial.", show_default="the chosen one"),
]
NoReportOption = Annotated[bool, typer.Option("--no-report", help="Write no report.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document, errors included.")
]


def require_text(words: Sequence[str]) -> None:
    """Raise `InputError` for a word, or a current folder, that is no UTF-8.

    Reports, studies and the simulator's own files hold such names, and none of them can.
    """
    try:
        here = str(Path.cwd())
    except OSError:  # removed meanwhile: what needs it says so
        here = ""
    for what, text in (*(("argument", word) for word in words), ("the current folder", here)):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InputError(
                f"{what} {text!a}: expected UTF-8 text; rename the file or folder, or, if its name "
                "shows well in a terminal, set a locale such as LC_ALL=C.UTF-8"
            ) from None


def find_problem(text: str) -> Path:
    """Return the problem file that ``text`` names: a file, a folder, or an example (path wins).

    Raises `InputError` where there is none.
    """
    path = Path(text)
    if path.is_dir():
        inside = path / "problem.yaml"
        if not inside.is_file():
            raise InputError(f"{text}: this folder holds no problem.yaml; name the file itself")
        return inside
    if path.suffix.lower() in _DECKS and path.exists():
        raise InputError(
            f"{text}: expected a problem file (problem.yaml), this is a deck; draft one with "
            f"`spiceloop init {text}`"
        )
    if path.exists():
        return path
    from spiceloop.cli.gallery import examples

    known = examples()
    if text in known:
        return known[text].problem_file
    looks_like_path = "/" in text or path.suffix.lower() in {".yaml", ".yml", *_DECKS}
    if looks_like_path:
        raise InputError(
            f"no problem file {text!r} (looked in {Path.cwd()}); correct the path, or draft one "
            "with `spiceloop init DECK`"
        )
    raise InputError(
        f"{text!r} is neither a file nor a built-in example{hint(text, known)}; "
        f"examples: {', '.join(known)}"
    )


def where_is(where: str | None, study: str | None) -> str:
    """Return a study's folder, file or URL. Raises `InputError` unless exactly one is given."""
    given = [text for text in (where, study) if text]
    if len(given) != 1:
        raise InputError("give the folder of a run, or --study URL" + (", not both" * bool(given)))
    return given[0]


def hint(name: str, known: Iterable[str]) -> str:
    """Return the closest known name as `` (did you mean 'w1'?)``, or an empty string."""
    from spiceloop.circuit.design_space import did_you_mean

    return did_you_mean(name, known)


def read_settings(settings: Sequence[str], problem: Problem) -> dict[str, float]:
    """Read ``name=value`` texts into SI numbers, checking names against the free parameters.

    Raises `InputError` that lists every mistake at once.
    """
    from spiceloop.units import parse_spice

    values: dict[str, float] = {}
    mistakes: list[str] = []
    free = problem.space.names
    for text in settings:
        name, equals, number = (part.strip() for part in text.partition("="))
        if not (name and equals and number):
            mistakes.append(f"--set {text}: expected NAME=VALUE, such as --set {free[0]}=4u")
        elif name not in free:
            mistakes.append(f"--set {text}: {_unknown(name, problem)}")
        elif name in values:
            mistakes.append(f"--set {text}: {name} is set twice")
        else:
            try:
                values[name] = parse_spice(number)
            except UnitError as error:
                mistakes.append(f"--set {text}: {error}")
    if mistakes:
        raise InputError("\n  ".join(mistakes))
    return values


def _unknown(name: str, problem: Problem) -> str:
    tied = problem.parameters.get(name)
    if tied is not None:
        return f"{name} is tied to {tied.tied_to}; set that one"
    if name in problem.conditions:
        return f"{name} is a condition of the problem file, not a parameter; change it there"
    free = problem.space.names
    return f"unknown parameter {name!r}{hint(name, free)}; parameters: {', '.join(free)}"


def again_options(
    timeout: float | None, trust_deck: bool, scheduler: str = "", trust_python: bool = False
) -> tuple[str, ...]:
    """Return the options of this run that the command to resume it needs too."""
    options = () if timeout is None else ("--timeout", f"{timeout:g}")
    options = (*options, "--scheduler", scheduler) if scheduler else options
    trusted = (("--trust-deck", trust_deck), ("--trust-python", trust_python))
    return (*options, *(option for option, given in trusted if given))


def with_timeout(problem: Problem, seconds: float | None) -> Problem:
    """Return the problem with every testbench's time-out replaced, or itself for None."""
    if seconds is None:
        return problem
    benches = {
        name: bench.model_copy(update={"timeout": seconds})
        for name, bench in problem.testbenches.items()
    }
    return problem.model_copy(update={"testbenches": benches})
