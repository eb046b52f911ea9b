"""``spiceloop simulate``: one evaluation of one design, every metric with its unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spiceloop.cli.arguments import (
    JsonOption,
    ProblemArgument,
    SimulatorName,
    SimulatorOption,
    TimeoutOption,
    TrustOption,
    TrustPythonOption,
    find_problem,
    read_settings,
    with_timeout,
)
from spiceloop.cli.console import note, print_json, print_table, print_text
from spiceloop.errors import DesignError, InputError, SimulationError

if TYPE_CHECKING:
    from spiceloop.circuit.deck import Deck
    from spiceloop.sim.waves import Waves
    from spiceloop.spec.problem import Problem

__all__ = ["simulate"]


def simulate(
    problem: ProblemArgument,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A parameter's value; may be given several times."
        ),
    ] = None,
    waves: Annotated[
        Path | None,
        typer.Option(help="Write every waveform to this .npz file, as testbench/plot/vector."),
    ] = None,
    deck: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the decks as simulated into this folder."),
    ] = None,
    corner: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="One corner in place of all; `typical`, or a name that check lists.",
        ),
    ] = None,
    simulator: SimulatorOption = SimulatorName.LIBRARY,
    timeout: TimeoutOption = None,
    trust_deck: TrustOption = False,
    trust_python: TrustPythonOption = False,
    json: JsonOption = False,
) -> None:
    """Simulate one design: the problem's start, changed by --set; at every corner."""
    from spiceloop.cli.corner_tables import corner_rows, corner_tables, worst_table
    from spiceloop.cli.tables import metric_rows, metric_table
    from spiceloop.report.axes import shown
    from spiceloop.spec.evaluate import Evaluator
    from spiceloop.spec.load import load_problem

    loaded = with_timeout(load_problem(find_problem(problem), trust_python=trust_python), timeout)
    design = _design(loaded, settings or [])
    with Evaluator(loaded, simulator.value, trust=trust_deck) as evaluator:
        bench = evaluator.bench
        corners = (bench.find_corner(corner),) if corner else bench.corners
        if deck is not None:
            # Before the simulation, so that the decks of one that fails can be looked at.
            values = loaded.with_tied(design)
            for at in corners:
                folder = deck / at.file_name if len(corners) > 1 else deck
                _write_decks([bench.deck(t, values, at) for t in bench.needed(at)], folder)
        try:
            found = evaluator.evaluate(design, waves=waves is not None, corners=corners)
        except SimulationError as error:
            if isinstance(error.__cause__, DesignError):
                # In a run it is a failed trial; here the user wrote the value.
                raise error.__cause__ from None
            raise
    if waves is not None:
        several = len(corners) > 1
        _write_waves(
            {
                f"{name}/{t}" if several else t: plots
                for name, at_corner in found.corners.items()
                for t, plots in at_corner.waves.items()
            },
            waves,
        )
    violations = loaded.violations(found.metrics)
    by_corner = {name: at.metrics for name, at in found.corners.items()}
    if json:
        print_json(
            {
                "problem": loaded.name,
                "design": loaded.with_tied(design),
                "metrics": metric_rows(loaded, found.metrics),
                "feasible": not violations,
                "measures": found.measures,
                "corners": corner_rows(corners, by_corner) if len(loaded.corners) > 1 else [],
                "simulations": found.simulations,
                "seconds": found.seconds,
                "simulator": simulator.value,
            }
        )
        return
    print_text(
        "  ".join(
            f"{name}={shown(value, loaded.parameters[name].unit)}"
            for name, value in loaded.with_tied(design).items()
        )
    )
    print_text("")
    if len(corners) > 1:
        print_table(worst_table(loaded, found.metrics, by_corner))
        for table in corner_tables(loaded, by_corner):
            print_text("")
            print_table(table)
        print_text("* the worst; ! a bound is missed")
    else:
        print_table(metric_table(loaded, found.metrics))
    where = f" at {bench.label(corners[0])}" if len(loaded.corners) > len(corners) else ""
    runs = f"{found.simulations} simulations{where}" if len(loaded.corners) > 1 else "simulated"
    note(f"\n{runs} in {found.seconds:.3g} s")


def _design(problem: Problem, settings: list[str]) -> dict[str, float]:
    """The start with the settings written over it; every free parameter has a value."""
    given = read_settings(settings, problem)
    design = {**(problem.start or {}), **given}
    missing = [name for name in problem.space.names if name not in design]
    if missing:
        raise InputError(
            f"no value for {', '.join(missing)}: the problem gives no complete start; "
            f"add --set {missing[0]}=…"
        )
    problem.space.check(design)
    return {name: design[name] for name in problem.space.names}


def _write_decks(decks: Sequence[Deck], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for deck in decks:
        path = folder / f"{deck.name}.spice"
        path.write_text(deck.text, encoding="utf-8")
        for name, text in deck.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        note(f"deck: {path}")


def _write_waves(waves: Mapping[str, Waves], path: Path) -> None:
    import numpy as np

    arrays = {
        f"{bench}/{plot.name}/{vector}": values
        for bench, plots in waves.items()
        for plot in plots
        for vector, values in plot.vectors.items()
    }
    with path.open("wb") as file:  # an open file, for savez would add .npz to a name without it
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    note(f"{len(arrays)} waveforms: {path}")
