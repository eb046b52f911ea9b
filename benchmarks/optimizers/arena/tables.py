"""Runs as Markdown tables: every figure, an overview, and where spiceloop stands.

Values are medians over the seeds with quartiles (`measures.quartiles`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from arena import measures
from arena.budget import Budget
from arena.competitors import COMPETITORS
from arena.summary import OURS, Run, Runs

__all__ = ["overview", "standing", "table"]

Group = Mapping[str, list[Run]]  # by competitor


def table(runs: Runs, budgets: Sequence[Budget]) -> str:
    """Return a Markdown table: one block a problem, one row a competitor and budget."""
    lines = [
        "| problem | budget | competitor | seeds | hypervolume | first feasible | to best peer's "
        "| no. feasible | failed % | thinking s | simulation s |",
        "|" + "---|" * 11,
    ]
    for name in _names(runs):
        for budget in budgets:
            group = _group(runs, name, budget)
            goal = max((_median(v, budget) for c, v in group.items() if c not in OURS), default=0.0)
            for c, found in group.items():
                cells = [name, str(budget), c, _seeds(found, budget), _volume(found, budget)]
                cuts = [r.record.within(budget) for r in found]
                pairs = list(zip(found, cuts, strict=True))
                cells.append(_spread([measures.first_feasible(r.feasible[s]) for r, s in pairs]))
                cells.append(_spread([measures.simulations_to(r.trace[s], goal) for r, s in pairs]))
                cells.append(_spread([float(r.feasible[s].sum()) for r, s in pairs]))
                failed = [100 * float(np.isnan(r.record.rows[s, 0]).mean()) for r, s in pairs]
                cells.append(_spread(failed))
                cells.append(_spread([float(_cut(r, budget).mean()) for r in found]))
                cells.append(_spread([float(r.record.simulation_s[s].mean()) for r, s in pairs]))
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def overview(runs: Runs, budgets: Sequence[Budget]) -> str:
    """Return a table with one row a problem and competitor, one column a budget.

    Cells: median hypervolume (quartiles), seeds; those of runs that ended early are marked.
    """
    lines = [
        "| problem | competitor | " + " | ".join(map(str, budgets)) + " | thinking, s |",
        "|" + "---|" * (3 + len(budgets)),
    ]
    for name in _names(runs):
        groups = [_group(runs, name, budget) for budget in budgets]
        for c in COMPETITORS:
            there = [(g[c], b) for g, b in zip(groups, budgets, strict=True) if c in g]
            if not there:
                continue
            cells = [
                f"{_volume(g[c], b)}, {_seeds(g[c], b)}" if c in g else ""
                for g, b in zip(groups, budgets, strict=True)
            ]
            longest, budget = there[-1]
            thinking = [float(_cut(r, budget).mean()) for r in longest]
            middle = _show(measures.quartiles(thinking)[1])
            lines.append("| " + " | ".join([name, c, *cells, middle]) + " |")
    return "\n".join(lines)


def standing(runs: Runs, budgets: Sequence[Budget]) -> str:
    """Return a table of spiceloop against the best of the others, problem by problem.

    Of spiceloop that is `ehvi` at equal simulations and `auto`, its default, at equal seconds. The
    best is the one whose median hypervolume is the largest at a budget. ``to reach it`` are the
    simulations, or seconds, after which half of spiceloop's runs have as much, and their share of
    the budget. Where every median of the others is 0, some of their runs may still be feasible.
    """
    lines = [
        "| problem | budget | spiceloop | best of the others | over it | to reach it |",
        "|" + "---|" * 6,
    ]
    for name in _names(runs):
        for budget in budgets:
            group = _group(runs, name, budget)
            others = {c: _median(found, budget) for c, found in group.items() if c not in OURS}
            ours = group.get("auto" if budget.timed else "ehvi")
            if ours is None or not others:
                continue
            best = max(others, key=lambda c: others[c])
            goal, own = others[best], _median(ours, budget)
            named, ratio, share = "0 in the median", "", ""
            if goal > 0.0:
                named = f"{best} {_volume(group[best], budget)}, {_seeds(group[best], budget)}"
                ratio = f"{own / goal:.2f}"
                took = sorted(_reach(r, budget, goal) for r in ours)[(len(ours) - 1) // 2]
                whole = budget.seconds if budget.timed else budget.simulations
                unit = " s" if budget.timed else ""
                share = "never" if np.isinf(took) else f"{took:.0f}{unit} ({took / whole:.0%})"
            own_text = f"{_volume(ours, budget)}, {_seeds(ours, budget)}"
            cells = [name, str(budget), own_text, named, ratio, share]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _names(runs: Runs) -> list[str]:
    return list(dict.fromkeys(key[0] for key in runs))


def _group(runs: Runs, name: str, budget: Budget) -> Group:
    """Return the runs of a problem that have a budget's worth, by competitor."""
    group = {
        c: [r for r in runs[name, c, budget.timed] if r.record.enough_for(budget)]
        for c in COMPETITORS
        if (name, c, budget.timed) in runs
    }
    return {c: found for c, found in group.items() if found}


def _seeds(found: Sequence[Run], budget: Budget) -> str:
    short = sum(not r.record.full(budget) for r in found)
    return f"{len(found)} ({short} short)" if short else str(len(found))


def _volume(found: Sequence[Run], budget: Budget) -> str:
    return _spread([_final(r, budget) for r in found])


def _median(found: Sequence[Run], budget: Budget) -> float:
    return measures.quartiles([_final(r, budget) for r in found])[1]


def _reach(run: Run, budget: Budget, goal: float) -> float:
    """Return how much of a budget it took to reach a hypervolume, infinity where it never does."""
    took = measures.simulations_to(run.trace[run.record.within(budget)], goal)
    return float(run.record.ended[int(took) - 1]) if budget.timed and np.isfinite(took) else took


def _cut(run: Run, budget: Budget) -> np.ndarray:
    return np.asarray(run.record.thinking_cpu_s[run.record.within(budget)])


def _final(run: Run, budget: Budget) -> float:
    trace = run.trace[run.record.within(budget)]
    return float(trace[-1]) if len(trace) else 0.0


def _spread(values: Sequence[float]) -> str:
    low, middle, high = measures.quartiles(values)
    return f"{_show(middle)} ({_show(low)} … {_show(high)})"


def _show(value: float) -> str:
    return "never" if np.isinf(value) else f"{value:.3g}"
