"""What makes two runs the same problem: every part that a result depends on, hashed by part.

Descriptions, units, time-outs and report figures may change between a run and its resumption;
bounds, goals, decks and measurement functions may not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from spiceloop.spec.bench import Bench
from spiceloop.spec.problem import Problem
from spiceloop.units import format_si

__all__ = ["differences", "fingerprint", "obstacles", "readable"]

_COSMETIC = {"description", "unit", "timeout", "vectors", "deck"}  # a deck counts by its content
# Parts without which recorded numbers lose their meaning.
_MEANING = ("parameters.", "metrics.", "order of ")
# Parts on which no recorded number depends, by the first and the last of their names.
_JUDGING = {
    "parameters": {"minimum", "maximum", "start", "scale", "grid"},
    "metrics": {"goal", "minimum", "maximum", "scale"},
    "early_stop": {"early_stop"},
}
_SHOWN = 8  # differences named in one message


def fingerprint(bench: Bench) -> dict[str, str]:
    """Return part → value as JSON, or its hash for a text: ``parameters.w1.maximum`` → ``4e-06``.

    A testbench's deck counts with everything it includes, libraries of the user's own and Python
    files with what they import beside them; by content, so where the folder lies does not matter.
    """
    problem = bench.problem
    parts = dict(_flat(_relevant(problem)))
    parts["order of parameters"] = json.dumps(list(problem.parameters))
    parts["order of metrics"] = json.dumps(list(problem.metrics))
    for name, content in bench.sources().items():
        parts[name] = hashlib.sha256(content).hexdigest()[:16]
    return parts


def _relevant(problem: Problem) -> dict[str, Any]:
    kept: dict[str, Any] = problem.model_dump(
        mode="json",
        include={
            "pdk",
            "conditions",
            "corners_listed",
            "early_stop",
            "parameters",
            "metrics",
            "testbenches",
        },
        by_alias=True,
        exclude_defaults=True,  # a later version with another optional field finds no difference
    )
    return kept


def _flat(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [
            pair
            for key, item in value.items()
            if key not in _COSMETIC or path in {"parameters", "metrics", "testbenches"}
            for pair in _flat(item, f"{path}.{key}" if path else str(key))
        ]
    return [(path, json.dumps(value, sort_keys=True))]


def readable(recorded: Mapping[str, str], current: Mapping[str, str]) -> bool:
    """Whether trials recorded under one fingerprint can be judged and shown under the other."""
    return all(
        recorded.get(part) == current.get(part)
        for part in {*recorded, *current}
        if part.startswith(_MEANING)
    )


def obstacles(recorded: Mapping[str, str], current: Mapping[str, str]) -> list[str]:
    """Return one line for each difference by which recorded metrics are not those of now.

    Goals, bounds, ranges, starts and orders may differ, and metrics may be gone.
    """
    wanted = set(json.loads(current["order of metrics"]))

    def kept(parts: Mapping[str, str]) -> dict[str, str]:
        found = {part: value for part, value in parts.items() if _counts(part, wanted)}
        for what in ("parameters", "metrics"):
            names = json.loads(parts.get(f"order of {what}", "[]"))
            asked = [n for n in names if what == "parameters" or n in wanted]
            found[f"order of {what}"] = json.dumps(sorted(asked))
        return found

    return differences(kept(recorded), kept(current))


def _counts(part: str, metrics: set[str]) -> bool:
    kind, _, rest = part.partition(".")
    name, _, _field = rest.partition(".")
    if kind == "metrics" and name not in metrics:
        return False
    return part.rpartition(".")[2] not in _JUDGING.get(kind, ())


def differences(recorded: Mapping[str, str], current: Mapping[str, str]) -> list[str]:
    """Return one line for each part that differs, at most a few."""
    lines = []
    for part in [*recorded, *(p for p in current if p not in recorded)]:
        old, new = recorded.get(part), current.get(part)
        if old == new:
            continue
        if old is None:
            lines.append(f"{part} is new")
        elif new is None:
            lines.append(f"{part} is gone")
        elif part.startswith("file "):
            lines.append(f"{part.removeprefix('file ')} has changed")
        else:
            lines += _changes(part, old, new)
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f"and {len(lines) - _SHOWN} more"]
    return lines


def _changes(part: str, old: str, new: str) -> list[str]:
    before, after = _value(old), _value(new)
    if not (isinstance(before, list) and isinstance(after, list)):
        return [f"{part} was {_shown(before)} and is now {_shown(after)}"]
    name = part.removeprefix("order of ")
    return [
        *(f"{name}: {_shown(each)} is gone" for each in before if each not in after),
        *(f"{name}: {_shown(each)} is new" for each in after if each not in before),
    ] or [f"the order of {name} has changed"]


def _value(text: str) -> Any:
    """A part's value; some are plain words."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_shown(item)}" for name, item in value.items()) + "}"
    if isinstance(value, float):
        return format_si(value, digits=15)
    return value if isinstance(value, str) else json.dumps(value)
