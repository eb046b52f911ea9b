"""From what a run left behind to a `SimResult`: the last step, the same for both simulators."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spiceloop.circuit.deck import Deck
from spiceloop.errors import FailureKind, SimulationError
from spiceloop.plain_files import is_file
from spiceloop.sim import diagnose
from spiceloop.sim.base import SimResult
from spiceloop.sim.measures import merge, normal_name, scalars_in_text
from spiceloop.sim.rawfile import Array, RawVector, read_raw
from spiceloop.sim.vector_names import is_asked, spellings
from spiceloop.sim.waves import Plot, Waves

__all__ = [
    "MARK",
    "QUIT_COMMANDS",
    "Table",
    "Vectors",
    "conclude",
    "read_raw_tables",
    "wanted_vectors",
]

Vectors = dict[str, Array]

_RAW = "spiceloop_"
MARK = "spiceloop: end of the deck with the plots"
# What must run in front of a `quit` so that no vector is lost: every plot goes to a raw file.
QUIT_COMMANDS = (
    f"echo {MARK} $plots",
    "unset appendwrite",
    "set filetype=binary",
    "foreach spiceloop_plot $plots",
    "setplot $spiceloop_plot",
    f"write {_RAW}{{$spiceloop_plot}}.raw",
    "end",
)
_BUILT_IN = frozenset(
    ["planck", "boltz", "echarge", "kelvin", "i", "c", "e", "pi", "false", "no", "true", "yes"]
)


@dataclass(frozen=True)
class Table:
    """One plot as it came: ngspice's short name ("ac1"), vectors in lower case, scale first."""

    name: str
    vectors: Vectors


def wanted_vectors(vectors: Sequence[str] | None) -> frozenset[str]:
    """Normal names of the vectors that are asked for; ``{"*"}`` means every one."""
    names = frozenset(normal_name(v) for v in vectors or ())
    return frozenset({"*"}) if "*" in names else names


def read_raw_tables(folder: Path, lines: Sequence[str], lets: frozenset[str]) -> list[Table]:
    """Read the raw files of `QUIT_COMMANDS`, oldest plot first, names as ngspice has them."""
    tables: list[Table] = []
    order = next((line for line in lines if line.startswith(MARK)), "").removeprefix(MARK).split()
    for name in order:
        path = folder / f"{_RAW}{name}.raw"
        if not is_file(path):  # a plot without vectors
            continue
        try:
            plots = read_raw(path)
        except (ValueError, OSError) as error:  # the deck itself may have written such a file
            raise SimulationError(
                FailureKind.CRASH, f"the waveforms that ngspice left cannot be read: {error}"
            ) from None
        # A plot with vectors of several lengths is written as several plots, one length each.
        vectors = {_own_name(v, lets): v.values for plot in plots for v in plot.vectors}
        tables.append(Table(name, vectors))
    return tables


def _own_name(vector: RawVector, lets: frozenset[str]) -> str:
    """Undo what `write` does to names: ``v(out)`` for out, ``i(vdd)`` for vdd#branch."""
    name = vector.name.lower()
    match = re.fullmatch(r"([vi])\(([^()]+)\)", name)
    if not match:
        return name
    inner = match.group(2)
    return inner if match.group(1) == "v" or inner[0] == "@" or inner in lets else f"{inner}#branch"


def conclude(
    deck: Deck,
    *,
    lines: Sequence[str],
    tables: Sequence[Table],
    lets: frozenset[str],
    measures: Sequence[str],
    vectors: frozenset[str],
    fatal: bool,
    seconds: float,
) -> SimResult:
    """Judge the output, collect measures and waves. Raises `SimulationError`."""
    own, extra = _cut(lines)
    try:
        problem = diagnose.failure(own, fatal=fatal)
        if problem:
            raise problem
        text = scalars_in_text(own)
        probed = {k: complex(v) for k, v in scalars_in_text(extra).values.items()}
        found = merge(text, [*_scalars(tables), probed], lets)
        wanted = [normal_name(m) for m in measures]
        found |= {
            w: found[s] for w in wanted for s in spellings(w) if w not in found and s in found
        }
        diagnose.pick_measures(wanted, found, text.failed, own)
    except SimulationError as error:
        raise error.located(deck=deck.name) from None
    return SimResult(
        measures=found,
        waves=_waves(deck, tables, vectors),
        log="\n".join(own),
        warnings=diagnose.warnings_in(own),
        seconds=seconds,
    )


def _cut(lines: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Split the deck's own output from that of the commands added behind it."""
    for number, line in enumerate(lines):
        if line.startswith(MARK):
            return lines[:number], lines[number + 1 :]
    return lines, ()


def _scalars(tables: Iterable[Table]) -> list[dict[str, complex]]:
    return [
        {
            name: complex(values[0])
            for name, values in table.vectors.items()
            if len(values) == 1 and not (table.name == "const" and name in _BUILT_IN)
        }
        for table in tables
    ]


def _waves(deck: Deck, tables: Iterable[Table], wanted: frozenset[str]) -> Waves:
    """Build the plots that hold a wanted vector, each with its scale."""
    if not wanted:
        return Waves()
    title = deck.text.partition("\n")[0].strip()
    plots = []
    for table in tables:
        names = list(table.vectors)
        if table.name in ("", "const") or not names:
            continue
        scale = names[0]
        chosen = [n for n in names if is_asked(n, wanted)]
        if not chosen:
            continue
        vectors = {n: table.vectors[n] for n in dict.fromkeys([scale, *chosen])}
        kind = table.name.rstrip("0123456789")
        plots.append(Plot(table.name, kind, scale, vectors, title))
    return Waves(tuple(plots))
