"""One competitor on one problem with one seed, in a process of its own.

    python -m arena.one_run PROBLEM COMPETITOR BUDGET SEED LIMIT FILE     # started by run.py

``LIMIT`` is in seconds: a run that takes longer ends after the evaluation under way. What there is
is written every few seconds to a file of its own, so a run whose process is killed leaves its
evaluations behind, and the shorter run that was there before.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from arena.budget import Budget
from arena.competitors import make_competitor
from arena.problems import ArenaProblem
from arena.record import Record, under_way

__all__ = ["run_one"]

_WRITE_EVERY = 10.0  # seconds
KILLED = "killed far beyond its limit"


def run_one(
    problem: ArenaProblem, competitor: str, budget: Budget, seed: int, limit: float, file: Path
) -> Record:
    """Run until the budget or the limit is used up, and write the record."""
    space = problem.task.space
    designs, rows, thinking, thinking_cpu, simulation = [], [], [], [], []
    about = {"problem": problem.name, "competitor": competitor, "seed": seed}

    def record(stopped: str) -> Record:
        n = len(rows)
        return Record(
            np.array(designs).reshape(n, len(space)),
            np.array(rows).reshape(n, len(problem.metric_names)),
            np.array(thinking),
            np.array(thinking_cpu),
            np.array(simulation),
            budget,
            stopped,
        )

    with problem.evaluator() as evaluate:
        # Loading models and libraries is nobody's thinking.
        evaluate(space.from_unit(np.full(len(space), 0.5)))
        began = time.perf_counter()
        player = make_competitor(competitor, problem, budget, seed)
        setting_up = time.perf_counter() - began
        began = written = time.perf_counter()
        used, stopped = 0.0, ""
        while len(rows) < budget.simulations and used < budget.seconds and not stopped:
            t0, cpu0 = time.perf_counter(), player.cpu_seconds()
            design = space.from_unit(np.clip(player.ask(), 0.0, 1.0))
            t1, cpu1 = time.perf_counter(), player.cpu_seconds()
            row = np.array(problem.row(evaluate(design)))
            t2, cpu2 = time.perf_counter(), player.cpu_seconds()
            player.tell(space.to_unit(design), row)
            t3, cpu3 = time.perf_counter(), player.cpu_seconds()
            designs.append([design[name] for name in space.names])
            rows.append(row)
            thinking.append(t1 - t0 + t3 - t2)
            thinking_cpu.append(cpu1 - cpu0 + cpu3 - cpu2)
            simulation.append(t2 - t1)
            used = t3 - began
            if used > limit:
                stopped = f"limit of {limit:g} s"
            if t3 - written > _WRITE_EVERY:
                record(KILLED).write(under_way(file), problem, about)
                written = time.perf_counter()
        player.close()
    final = record(stopped)
    final.write(file, problem, {**about, "setting_up_s": round(setting_up, 3)})
    under_way(file).unlink(missing_ok=True)
    return final


if __name__ == "__main__":
    name, competitor, budget, seed, limit, file = sys.argv[1:]
    run_one(
        ArenaProblem.load(name),
        competitor,
        Budget.parse(budget),
        int(seed),
        float(limit),
        Path(file),
    )
