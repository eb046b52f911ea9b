"""How fast does each optimizer size the transconductor? Ten seeds, the whole pipeline.

    python benchmarks/transconductor.py                     # the main method, 10 seeds
    python benchmarks/transconductor.py --optimizer sobol --optimizer gpsampler
    python benchmarks/transconductor.py --targets ratios    # the ratios as bounds of the problem
    python benchmarks/transconductor.py --summary           # table and figure of what there is

Every run is an ordinary study: the start design as trial 0, then 10 quasi-random and 25
model-guided trials on SKY130 models. Results are added to ``benchmarks/results/`` seed by seed, so
a run that was stopped goes on where it was. README.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from spiceloop.api import size
from spiceloop.examples import path
from spiceloop.opt import OPTIMIZERS
from spiceloop.opt.volume import volume_trace
from spiceloop.spec.load import load_problem
from spiceloop.spec.problem import Problem

sys.path.insert(0, str(Path(__file__).parent / "optimizers"))
from arena.measures import quartiles

RESULTS = Path(__file__).parent / "results"
GOALS = ("tunable_range", "nonlinearity", "bandwidth", "power", "irn")
# Ratios to the start that Hu, Goh and Gao report: range +102 %, input-referred noise −24 %.
RANGE, NOISE = 2.02, 0.76


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimizer", action="append", choices=OPTIMIZERS, default=None)
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 … N-1")
    parser.add_argument("--trials", type=int, default=35)
    parser.add_argument("--initial", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--targets",
        choices=("ratios", "all"),
        help="bounds of the problem: the two ratios, or these and no worse in the other three",
    )
    parser.add_argument(
        "--unbalanced",
        action="store_true",
        help="count tunable range where the loads do not carry the cells' current too",
    )
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--summary", action="store_true", help="run nothing")
    options = parser.parse_args()
    if not options.summary:
        for optimizer in options.optimizer or ["ehvi"]:
            run_all(optimizer, options)
    files = [f for f in sorted(RESULTS.glob("*.json")) if f.stem.split("-")[0] in OPTIMIZERS]
    runs = {f.stem: json.loads(f.read_text()) for f in files}
    print(table(runs))
    draw(runs, RESULTS / "hypervolume.png")


def run_all(optimizer: str, options: argparse.Namespace) -> None:
    name = optimizer + ("-unbalanced" if options.unbalanced else "")
    name += f"-targets-{options.targets}" if options.targets else ""
    file = RESULTS / f"{name}.json"
    RESULTS.mkdir(exist_ok=True)
    done = json.loads(file.read_text()) if file.exists() and not options.fresh else []
    known = {r["seed"] for r in done if r["trials"] == options.trials}
    problem = load_problem(path("transconductor") / "problem.yaml")
    if options.unbalanced:
        problem = unbalanced(problem)
    if options.targets:
        problem = with_targets(problem, every=options.targets == "all")
    for seed in range(options.seeds):
        if seed in known:
            continue
        with tempfile.TemporaryDirectory() as out:
            result = size(
                problem,
                budget=options.trials,
                initial=options.initial,
                workers=options.workers,
                seed=seed,
                optimizer=optimizer,
                out=out,
            )
            done.append(record(result.trials, seed, options.trials, options.initial))
        file.write_text(json.dumps(sorted(done, key=lambda r: r["seed"]), indent=1) + "\n")
        print(name, "seed", seed, figures(done[-1]), file=sys.stderr, flush=True)


def unbalanced(problem: Problem) -> Problem:
    """Drop the demand that the loads carry the cells' current, see the example's README."""
    metric = problem.metrics["tunable_range"].model_copy(update={"measure": "straight_range"})
    return problem.model_copy(update={"metrics": {**problem.metrics, "tunable_range": metric}})


def with_targets(problem: Problem, *, every: bool) -> Problem:
    """Add the two ratios as bounds, measured from the start's own simulated figures.

    With ``every``, the start's own other figures are bounds too.
    """
    from spiceloop.spec.evaluate import Evaluator

    with Evaluator(problem) as evaluator:
        start = evaluator.evaluate(problem.start or {}).metrics
    bounds = {
        "tunable_range": {"minimum": RANGE * start["tunable_range"]},
        "irn": {"maximum": NOISE * start["irn"]},
    }
    if every:
        bounds["bandwidth"] = {"minimum": start["bandwidth"]}
        bounds |= {m: {"maximum": start[m]} for m in ("nonlinearity", "power")}
    metrics = dict(problem.metrics)
    for metric, bound in bounds.items():
        metrics[metric] = metrics[metric].model_copy(update=bound)
    return problem.model_copy(update={"metrics": metrics})


def record(trials: Any, seed: int, n_trials: int, n_initial: int) -> dict[str, Any]:
    """Everything that the table and the figure need, from one study."""
    guided = [t.thinking_s for t in trials if t.origin.value == "model"]
    return {
        "seed": seed,
        "trials": n_trials,
        "initial": n_initial,
        "metrics": [[t.metrics.get(g) for g in GOALS] for t in trials],
        "thinking_s": float(np.mean(guided)) if guided else 0.0,
        "simulation_s": float(np.mean([t.simulation_s for t in trials])),
    }


def ratios(run: dict[str, Any]) -> np.ndarray:
    """Metrics over the start's, (trials + 1, 5); NaN for a failed trial."""
    metrics = np.array([[np.nan if v is None else v for v in row] for row in run["metrics"]])
    return np.asarray(metrics / metrics[0])


def figures(run: dict[str, Any]) -> dict[str, float]:
    """The table's numbers of one run; infinite where a design never came."""
    r = ratios(run)
    better = np.array([r[:, 0] >= 1, r[:, 1] <= 1, r[:, 2] >= 1, r[:, 3] <= 1, r[:, 4] <= 1])
    both = (r[:, 0] >= RANGE) & (r[:, 4] <= NOISE)
    every = better.all(axis=0)
    every[0] = False
    with np.errstate(divide="ignore", invalid="ignore"):
        short = np.minimum(0, np.log(r[:, 0] / RANGE)) - np.maximum(0, np.log(r[:, 4] / NOISE))
    return {
        "first_both": first(both),
        "n_both": int(both.sum()),
        "first_all_five": first(every),
        "n_all_five": int(every.sum()),
        "first_joint": first(both & every),
        "shortfall_%": float(100 * (1 - np.exp(np.nanmax(short)))),
        "hypervolume": float(volumes(run)[-1]),
        "thinking_s": run["thinking_s"],
        "simulation_s": run["simulation_s"],
        "failed": int(np.isnan(r[:, 0]).sum()),
    }


def first(mask: np.ndarray) -> float:
    return float(np.argmax(mask)) if mask.any() else float("inf")


def volumes(run: dict[str, Any]) -> np.ndarray:
    """Hypervolume after each trial: −range/start, and ln of the others' losses over the start's.

    The reference is fixed: range 0, the other four a decade worse than the start.
    """
    r = ratios(run)
    losses = np.column_stack([-r[:, 0], *(s * np.log(r[:, j]) for j, s in SIGNS)])
    return volume_trace(losses, np.array([0.0, *[np.log(10)] * 4])).values


SIGNS = ((1, 1.0), (2, -1.0), (3, 1.0), (4, 1.0))


def table(runs: dict[str, list[dict[str, Any]]]) -> str:
    lines = []
    for name, seeds in runs.items():
        rows = [figures(run) for run in seeds]
        if not lines:
            lines.append("| run | seeds | " + " | ".join(rows[0]) + " |")
            lines.append("|" + "---|" * (len(rows[0]) + 2))
        cells = [name, str(len(rows))]
        for key in rows[0]:
            low, middle, high = quartiles([row[key] for row in rows])
            cells.append(f"{show(middle)} ({show(low)} … {show(high)})")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def show(value: float) -> str:
    return "never" if np.isinf(value) else f"{value:.3g}"


def draw(runs: dict[str, list[dict[str, Any]]], file: Path) -> None:
    """Hypervolume against trials: median and quartiles over the seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    # Runs of the plain problem can be compared with each other; the others are other problems.
    plain = {name: seeds for name, seeds in runs.items() if name in OPTIMIZERS}
    other = {name: seeds for name, seeds in runs.items() if name not in OPTIMIZERS}
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    for ax, title, group in ((axes[0], "as shipped", plain), (axes[1], "variants", other)):
        for name, seeds in group.items():
            length = min(len(run["metrics"]) for run in seeds)
            curves = np.array([volumes(run)[:length] for run in seeds])
            low, middle, high = np.quantile(curves, [0.25, 0.5, 0.75], axis=0)
            (line,) = ax.plot(middle, label=f"{name} ({len(seeds)} seeds)")
            ax.fill_between(np.arange(length), low, high, color=line.get_color(), alpha=0.2, lw=0)
        ax.set(xlabel="trial", title=f"Transconductor, {title}: median and quartiles")
        ax.legend(loc="upper left")
    axes[0].set_ylabel("hypervolume")
    figure.savefig(file, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
