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
    simulator: SimulatorOption = SimulatorName.LIBRARY,
    timeout: TimeoutOption = None,
    trust_deck: TrustOption = False,
    trust_python: TrustPythonOption = False,
    json: JsonOption = False,
) -> None:
    """Simulate one design: the problem's start, changed by --set."""
    from spiceloop.cli.tables import metric_rows, metric_table
    from spiceloop.report.axes import shown
    from spiceloop.spec.evaluate import Evaluator
    from spiceloop.spec.load import load_problem

    loaded = with_timeout(load_problem(find_problem(problem), trust_python=trust_python), timeout)
    design = _design(loaded, settings or [])
    with Evaluator(loaded, simulator.value, trust=trust_deck) as evaluator:
        if deck is not None:
            # Before the simulation, so that the decks of one that fails can be looked at.
            values = loaded.with_tied(design)
            _write_decks([evaluator.bench.deck(t, values) for t in loaded.testbenches], deck)
        try:
            found = evaluator.evaluate(design, waves=waves is not None)
        except SimulationError as error:
            if isinstance(error.__cause__, DesignError):
                # In a run it is a failed trial; here the user wrote the value.
                raise error.__cause__ from None
            raise
    if waves is not None:
        _write_waves(found.waves, waves)
    violations = loaded.violations(dict(found.metrics))
    if json:
        print_json(
            {
                "problem": loaded.name,
                "design": loaded.with_tied(design),
                "metrics": metric_rows(loaded, found.metrics),
                "feasible": not violations,
                "measures": found.measures,
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
    print_table(metric_table(loaded, found.metrics))
    note(f"\nsimulated in {found.seconds:.3g} s")


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
