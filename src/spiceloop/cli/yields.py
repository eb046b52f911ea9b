"""``spiceloop yield``: one design on many dies, and how many of them meet every bound."""

from __future__ import annotations

import csv
import hashlib
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spiceloop.cli.arguments import (
    JsonOption,
    NameOption,
    NoReportOption,
    OutOption,
    ProblemArgument,
    SchedulerOption,
    SimulatorName,
    SimulatorOption,
    TimeoutOption,
    TrustOption,
    TrustPythonOption,
    at_least,
    find_problem,
    read_settings,
    with_timeout,
)
from spiceloop.cli.bar import Bar
from spiceloop.cli.boundary import INTERRUPTED
from spiceloop.cli.console import note, print_json, print_table, print_text
from spiceloop.errors import InputError, StorageError

if TYPE_CHECKING:
    from rich.table import Table

    from spiceloop.montecarlo.summary import Yield
    from spiceloop.spec.problem import Problem
    from spiceloop.study.events import Event

__all__ = ["yield_"]

_START = "start"
_CHOSEN = "chosen"
_CSV = "samples.csv"


def yield_(
    problem: ProblemArgument,
    design: Annotated[
        str,
        typer.Option(
            metavar="TRIAL", help="A trial of the study by number, its 'chosen' one, or 'start'."
        ),
    ] = _START,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter's value, over the design's."),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="Folder, file or URL of the study that has the trial.",
            show_default="runs/PROBLEM",
        ),
    ] = None,
    name: NameOption = "",
    samples: Annotated[int, typer.Option(help="Dies at most.")] = 200,
    precision: Annotated[
        float | None,
        typer.Option(
            metavar="PART",
            help="Stop once the yield is known to ± this part, e.g. 0.02.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same dies.")] = 0,
    mismatch: Annotated[bool, typer.Option(help="Vary every device by itself.")] = True,
    process: Annotated[bool, typer.Option(help="Vary each die as a whole.")] = True,
    corner: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A corner at which every die is simulated, or 'all'; may be given several times.",
            show_default="the typical one",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Simulations side by side.", show_default="1, or all threads of the cluster"
        ),
    ] = None,
    out: OutOption = None,
    simulator: SimulatorOption = SimulatorName.LIBRARY,
    scheduler: SchedulerOption = "",
    timeout: TimeoutOption = None,
    trust_deck: TrustOption = False,
    trust_python: TrustPythonOption = False,
    no_report: NoReportOption = False,
    json: JsonOption = False,
) -> int:
    """Put one design on many dies and count those that meet every bound; Ctrl-C may be resumed."""
    at_least("--samples", samples, 1)
    if workers is not None:
        at_least("--workers", workers, 1)
    at_least("--seed", seed, 0)
    if precision is not None:
        at_least("--precision", precision, 0, above=True)
        if precision >= 0.5:
            raise InputError(f"--precision {precision:g}: expected a part below 0.5, e.g. 0.02")
    if not (mismatch or process):
        raise InputError("--no-mismatch --no-process: then every die is the same; leave one out")

    from spiceloop.montecarlo import estimate_yield
    from spiceloop.spec.load import load_problem

    loaded = with_timeout(load_problem(find_problem(problem), trust_python=trust_python), timeout)
    label, values, home = _design(loaded, design, study, name, trust_deck)
    values |= read_settings(settings or [], loaded)
    if missing := [n for n in loaded.space.names if n not in values]:
        raise InputError(
            f"no value for {', '.join(missing)}: the problem gives no complete start; name a trial "
            f"with --design, or add --set {missing[0]}=…"
        )
    if settings:
        label += " changed"
    variation = "" if mismatch and process else "-mismatch" if mismatch else "-process"
    folder = out or home / f"yield-{_slug(label, values)}-seed{seed}{variation}{_tail(corner)}"
    with Bar() as bar:
        found = estimate_yield(
            loaded,
            values,
            samples=samples,
            seed=seed,
            workers=workers,
            mismatch=mismatch,
            process=process,
            corners=corner or (),
            precision=precision,
            simulator=simulator.value,
            scheduler=scheduler,
            out=folder,
            on_progress=lambda done, wanted: bar("dies", done, wanted),
            on_event=_tell_of_cluster,
            trust_deck=trust_deck,
            label=label,
        )
    _write_csv(found, folder / _CSV)
    page = None
    if not no_report and not found.interrupted:
        from spiceloop.report.yields import write_yield_report

        command = shlex.join(["spiceloop", *sys.argv[1:]])
        page = write_yield_report(found, folder, {"command": command})
    if json:
        print_json(_document(found, folder, page))
    else:
        _tell(found, folder, page)
    if found.interrupted:
        note(
            f"spiceloop: interrupted; {found.total} of {samples} dies are kept in {folder}. "
            "The same command goes on."
        )
        return INTERRUPTED
    return 0


def _design(
    problem: Problem, design: str, study: str | None, name: str, trust: bool
) -> tuple[str, dict[str, float], Path]:
    """Return a label, the free parameters' values, and the folder for results."""
    home = Path("runs") / problem.name
    if design == _START:
        return _START, dict(problem.start or {}), home
    # Nine digits: Python reads no number of thousands, and int("²") no power.
    if design != _CHOSEN and not re.fullmatch("[0-9]{1,9}", design):
        raise InputError(
            f"--design {design[:40]}: expected the number of a trial, {_CHOSEN!r} or {_START!r}"
        )
    from spiceloop import api

    opened = api.open_study(study or home, problem=problem, name=name, trust_deck=trust)
    if design == _CHOSEN:
        picked = opened.chosen
        if picked is None:
            raise InputError(f"study {opened.study.name!r} has no simulated trial to choose")
    else:
        number = int(design)
        by_number = {trial.number: trial for trial in opened.trials}
        if number not in by_number:
            raise InputError(
                f"--design {number}: study {opened.study.name!r} has no such trial; "
                f"it has {len(by_number)}, from 0 on"
            )
        picked = by_number[number]
    return f"trial {picked.number}", dict(picked.design), opened.out


def _slug(label: str, values: dict[str, float]) -> str:
    """A folder's name: a design of the command line's own goes by its values."""
    text = label.replace(" ", "")
    if label.endswith("changed"):
        text += hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest()[:8]
    return text


def _tail(corners: list[str] | None) -> str:
    return "".join(f"-{''.join(c if c.isalnum() else '_' for c in name)}" for name in corners or [])


def _tell_of_cluster(event: Event) -> None:
    from spiceloop.study.events import ClusterChanged

    if isinstance(event, ClusterChanged):
        note(event.text)


def _write_csv(found: Yield, path: Path) -> None:
    rows = list(found.rows())
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["sample"])
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def _tell(found: Yield, folder: Path, page: Path | None) -> None:
    from spiceloop.report.yields import no_yield_text, not_judged_text, yield_text

    print_table(_table(found))
    print_text("")
    if found.bounded:
        print_text(f"yield: {yield_text(found)}")
    else:
        print_text(f"no yield: {no_yield_text(found)}; statistics only")
    if said := not_judged_text(found):
        print_text(f"not judged: {said}")
    if found.stopped:
        print_text(f"stopped before {found.wanted} dies: the interval is narrow enough")
    for failure in found.failures[:5]:
        print_text(
            f"die {failure.number} failed at {failure.corner}: {failure.kind}: {failure.failure}"
        )
    if len(found.failures) > 5:
        print_text(f"and {len(found.failures) - 5} more simulations failed, see {_CSV}")
    print_text(f"dies:   {folder / _CSV}")
    if page is not None:
        print_text(f"report: {page}")


def _table(found: Yield) -> Table:
    from rich.table import Table

    from spiceloop.report.axes import shown
    from spiceloop.report.compare import bounds_text
    from spiceloop.report.yields import interval_text, margin_text

    several = len(found.plan.corners) > 1
    heads = ["metric", *(["corner"] if several else []), "nominal", "mean", "sigma", "worst"]
    table = Table(*heads, "wanted", "margin", "yield", "95 %", box=None, pad_edge=False,
                  header_style="bold")  # fmt: skip
    for column in table.columns:
        if column.header in {"nominal", "mean", "sigma", "worst", "margin", "yield", "95 %"}:
            column.justify = "right"
    for s in found.statistics:
        part = f"{100 * s.met / s.total:.1f} %" if s.bounded and s.total else ""
        table.add_row(
            s.metric,
            *([s.corner] if several else []),
            shown(s.nominal, s.unit),
            shown(s.mean, s.unit),
            shown(s.sigma, s.unit, 3),
            shown(s.worst, s.unit),
            bounds_text(found.problem.metrics[s.metric]),
            margin_text(s),
            f"[red]{part}[/red]" if s.bounded and s.met < s.total else part,
            interval_text(s) if s.bounded else "",
        )
    return table


def _document(found: Yield, folder: Path, page: Path | None) -> dict[str, object]:
    interval = found.interval
    return {
        "problem": found.problem.name,
        "design": found.problem.with_tied(dict(found.plan.design)),
        "label": found.plan.label,
        "seed": found.plan.seed,
        "mismatch": found.plan.mismatch,
        "process": found.plan.process,
        "corners": [corner.name for corner in found.plan.corners],
        "samples": found.total,
        "wanted": found.wanted,
        "passed": found.passed if found.bounded else None,
        "yield": found.fraction if found.bounded else None,
        "interval": [interval.low, interval.high] if found.bounded else None,
        "not_judged": found.not_judged,
        "stopped": found.stopped,
        "interrupted": found.interrupted,
        "metrics": [
            {
                "metric": s.metric,
                "corner": s.corner,
                "unit": s.unit,
                "minimum": s.minimum,
                "maximum": s.maximum,
                "nominal": s.nominal,
                "mean": s.mean,
                "sigma": s.sigma,
                "worst": s.worst,
                "worst_sample": s.worst_sample,
                "margin_sigmas": s.margin,
                "values": s.count,
                "met": s.met if s.bounded else None,
                "yield": s.met / s.total if s.bounded and s.total else None,
                "interval": [s.interval.low, s.interval.high] if s.bounded else None,
            }
            for s in found.statistics
        ],
        "failures": [
            {"sample": o.number, "corner": o.corner, "kind": o.kind, "message": o.failure}
            for o in found.failures
        ],
        "out": folder,
        "report": page,
    }
