"""Tables and figures of `codesign.py`: paired differences over seeds with 95 % intervals.

What the runs say is kept in ``results/codesign.json``, so that tables and figures can be made again
without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from spiceloop.errors import StudyError
from spiceloop.kws.clips import SILENCE
from spiceloop.kws.run_folder import RunFolder
from spiceloop.report.codesign.figures import plot_accuracy, plot_responses
from spiceloop.report.codesign.view import BankFigures

CONTROLS = {"unaware": "q2", "loud": "q2", "gained": "limited"}
SHOWN = ("clean", "known 20", "known 10", "known 5", "unseen 20", "unseen 10", "unseen 5")


def summarise(runs: Path, results: Path) -> str:
    """Gather ``runs`` into ``results``, draw the figures, return the tables."""
    file = results / "codesign.json"
    kept = {(r["part"], r["seed"], r["arm"]): r for r in _read(file)}
    kept |= {(r["part"], r["seed"], r["arm"]): r for r in _gather(runs)}
    rows = [kept[key] for key in sorted(kept)]
    results.mkdir(exist_ok=True)
    file.write_text(json.dumps(rows, indent=0) + "\n")
    draw(rows, results)
    return f"{accuracy_table(rows)}\n\n{paired_table(rows)}"


def _read(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    return found


def _gather(runs: Path) -> Iterator[dict[str, Any]]:
    """Every finished arm of every run."""
    for path in sorted(runs.glob("*-s*/evaluation.json")):
        folder = RunFolder(path.parent)
        part, _, seed = path.parent.name.rpartition("-s")
        start, head = folder.records()[0], folder.head()
        for arm, heard in folder.read_json("evaluation.json").items():
            try:
                bank = folder.read_json(f"{arm}.bank.json")
            except StudyError:
                continue
            own = [r for r in folder.records() if r.arm == arm]
            yield {
                "part": part,
                "seed": int(seed),
                "arm": arm,
                "accuracy": heard["accuracy"],
                "no_silence": _no_silence(heard["confusion"], head["data"]["classes"]),
                "validation": own[-1].validation,
                "power": sum(bank["power"]),
                "area": sum(bank["area"]),
                "start_power": start.power,
                "start_area": start.area,
                "bank": {k: bank[k] for k in ("f0", "q", "gain")},
                "smallest_capacitor": min(min(bank["elements"][k]) for k in ("c1", "c2")),
                "spice_worst": max(r.spice["worst_error"] for r in own if r.spice),
                "spice_seconds": float(np.median([r.spice["seconds"] for r in own if r.spice])),
                "epoch_seconds": float(np.median([r.seconds for r in own])),
            }


def _no_silence(confusion: dict[str, list[list[int]]], classes: list[str]) -> dict[str, float]:
    """Accuracy without the clips of silence, in every condition."""
    kept = [k for k, name in enumerate(classes) if name != SILENCE]
    tables = {c: np.array(table)[kept] for c, table in confusion.items()}
    return {c: float(t[range(len(kept)), kept].sum() / t.sum()) for c, t in tables.items()}


def accuracy_table(rows: list[dict[str, Any]]) -> str:
    """Mean accuracy (%) of each part and arm over its seeds."""
    lines = [
        "| part | arm | seeds | power | area | " + " | ".join(SHOWN) + " | clean, no silence |",
        "|---|---|---|" + "---|" * (len(SHOWN) + 3),
    ]
    for (part, arm), group in _groups(rows):
        cells = [f"{100 * np.mean([r['accuracy'][c] for r in group]):.1f}" for c in SHOWN]
        cells += [f"{100 * np.mean([r['no_silence']['clean'] for r in group]):.1f}"]
        saved = [
            f"{100 * np.mean([r[k] / r['start_' + k] - 1 for r in group]):+.0f} %"
            for k in ("power", "area")
        ]
        lines.append(f"| {part} | {arm} | {len(group)} | {' | '.join([*saved, *cells])} |")
    return "\n".join(lines)


def paired_table(rows: list[dict[str, Any]]) -> str:
    """Each arm against the fixed one of the same seed: mean difference and 95 % interval.

    Accuracy in points.
    """
    lines = [
        "| part | arm | pairs | power | area | clean | known 10 | known 5 | unseen 5 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (part, arm), pairs in _pairs(rows):
        cells = [
            _interval([100 * (a[k] / a[f"start_{k}"] - 1) for a, _ in pairs], " %", 1)
            for k in ("power", "area")
        ]
        cells += [
            _interval([100 * (a["accuracy"][c] - f["accuracy"][c]) for a, f in pairs], "")
            for c in ("clean", "known 10", "known 5", "unseen 5")
        ]
        lines.append(f"| {part} | {arm} | {len(pairs)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(values: list[float], unit: str, digits: int = 2) -> str:
    """Mean and Student's 95 % interval over seeds."""
    mean, half = _mean_and_half(values)
    if not np.isfinite(half):
        return f"{mean:+.{digits}f}{unit}"
    return f"{mean:+.{digits}f} ({mean - half:+.{digits}f} to {mean + half:+.{digits}f}){unit}"


def _mean_and_half(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return float(np.mean(values)), float("nan")
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(half)


def _groups(
    rows: list[dict[str, Any]],
) -> Iterator[tuple[tuple[str, str], list[dict[str, Any]]]]:
    for key in dict.fromkeys((r["part"], r["arm"]) for r in rows):
        yield key, [r for r in rows if (r["part"], r["arm"]) == key]


def _pairs(
    rows: list[dict[str, Any]],
) -> Iterator[tuple[tuple[str, str], list[tuple[dict[str, Any], dict[str, Any]]]]]:
    """Arms with the fixed arm of the same seed, of another part where `CONTROLS` says so."""
    fixed = {(r["part"], r["seed"]): r for r in rows if r["arm"] == "fixed"}
    for (part, arm), group in _groups(rows):
        control = CONTROLS.get(part, part)
        if (control, "fixed") == (part, arm):
            continue
        pairs = [(r, fixed[control, r["seed"]]) for r in group if (control, r["seed"]) in fixed]
        if pairs:
            yield (part, arm), pairs


# --- figures ------------------------------------------------------------------------------------


def draw(rows: list[dict[str, Any]], results: Path) -> None:
    """The paper's figures made anew, and the front."""
    figures = {
        "codesign-responses.png": _responses,
        "codesign-accuracy.png": _accuracy,
        "codesign-savings.png": _savings,
        "codesign-front.png": _front,
    }
    for name, make in figures.items():
        figure = make(rows)
        if figure is not None:
            figure.savefig(results / name, dpi=130)
            plt.close(figure)


def _responses(rows: list[dict[str, Any]]) -> Any:
    """Before and after at both Q levels, seed 0."""
    first = {(r["part"], r["arm"]): r for r in rows if r["seed"] == 0}
    parts = [p for p in ("q2", "q4") if (p, "learned") in first]
    if not parts:
        return None
    figure, axes = plt.subplots(
        len(parts), 2, figsize=(10, 3.4 * len(parts)), layout="constrained", squeeze=False
    )
    for row, part in zip(axes, parts, strict=True):
        banks = [_bank(first[part, arm]["bank"]) for arm in ("fixed", "learned")]
        plot_responses(row[0], bank=banks[0], title=f"Q = {part[1:]} at the start")
        plot_responses(row[1], bank=banks[1], start=banks[0], title="after training (seed 0)")
    return figure


def _bank(told: dict[str, list[float]]) -> BankFigures:
    return BankFigures(*(tuple(told[k]) for k in ("f0", "q", "gain")))


def _accuracy(rows: list[dict[str, Any]]) -> Any:
    """With and without SNR-aware training, known and unseen noise."""
    shown = {
        ("q2", "fixed"): "SNR-aware, fixed filters",
        ("q2", "learned"): "SNR-aware, learned filters",
        ("unaware", "fixed"): "clean training, fixed filters",
    }
    groups = {shown[key]: group for key, group in _groups(rows) if key in shown}
    if not groups:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
    for ax, noise in zip(axes, ("known", "unseen"), strict=True):
        curves, spread = {}, {}
        for name, group in groups.items():
            conditions = [c for c in group[0]["accuracy"] if c == "clean" or c.startswith(noise)]
            values = {c: [r["accuracy"][c] for r in group] for c in conditions}
            curves[name] = {c: float(np.mean(v)) for c, v in values.items()}
            spread[name] = {c: (min(v), max(v)) for c, v in values.items()}
        plot_accuracy(ax, curves=curves, spread=spread, noise=noise, title=f"{noise} noise")
    return figure


def _savings(rows: list[dict[str, Any]]) -> Any:
    """Power and area saved at each Q level, with 95 % intervals."""
    found = {k[0]: [a for a, _ in p] for k, p in _pairs(rows) if k[1] == "learned"}
    found = {k: v for k, v in found.items() if k in ("q2", "q4")}
    if not found:
        return None
    figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
    for k, arms in enumerate(found.values()):
        for offset, what, color in ((-0.18, "power", "#277f8e"), (0.18, "area", "#d97706")):
            saved = [100 * (1 - r[what] / r[f"start_{what}"]) for r in arms]
            mean, half = _mean_and_half(saved)
            ax.bar(k + offset, mean, 0.34, yerr=half, color=color, label="" if k else what)
    ax.set_xticks(range(len(found)), [f"Q = {p[1:]} at the start" for p in found])
    ax.set_ylabel("saved against the start (%)")
    ax.legend()
    return figure


def _front(rows: list[dict[str, Any]]) -> Any:
    """Change of accuracy against power and area saved, arm by arm, where noise matters."""
    pairs = {k[1]: p for k, p in _pairs(rows) if k[0] == "limited"}
    if "harsh" not in pairs:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
    for ax, what in zip(axes, ("power", "area"), strict=True):
        for arm in ("learned", "harsh", "scaled"):
            kept = pairs.get(arm)
            if not kept:
                continue
            saved = np.mean([100 * (1 - a[what] / a[f"start_{what}"]) for a, _ in kept])
            for condition, marker in (("clean", "o"), ("known 5", "s")):
                change = [
                    100 * (a["accuracy"][condition] - f["accuracy"][condition]) for a, f in kept
                ]
                ax.errorbar(
                    saved,
                    np.mean(change),
                    yerr=[[np.mean(change) - min(change)], [max(change) - np.mean(change)]],
                    marker=marker,
                    color="#9a9a9a" if arm == "scaled" else "#277f8e",
                    mfc="white" if condition != "clean" else None,
                    capsize=3,
                )
            ax.annotate(arm, (saved, np.mean(change)), (5, -12), textcoords="offset points")
        ax.axhline(0, color="#bbbbbb", lw=0.8)
        ax.plot(0, 0, "o", color="black")
        ax.annotate("fixed", (0, 0), (5, -12), textcoords="offset points")
        ax.set_xlim(-4, 76)
        ax.set_xlabel(f"{what} saved (%)")
    axes[0].set_ylabel("accuracy against the fixed bank (points)\nfilled clean, open 5 dB")
    return figure
