"""Reading a problem file: safe YAML in, a `Problem` out, every mistake at once with its line."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.errors import ProblemError
from spiceloop.located_yaml import Location, read_yaml
from spiceloop.own_files import require_own
from spiceloop.spec.corners import TAGS, Varied
from spiceloop.spec.problem import Metric, Parameter, PdkChoice, Problem, Testbench

__all__ = ["load_problem"]

_MODELS: dict[str, type[BaseModel]] = {
    "testbenches": Testbench,
    "parameters": Parameter,
    "metrics": Metric,
}
# Of pydantic's kinds of mistakes, those whose words are a programmer's.
_EXPECTED = {
    "string_type": "text",
    "tuple_type": "a list, such as [a, b]",
    "list_type": "a list, such as [a, b]",
    "dict_type": "keys with values, such as {a: 1, b: 2}",
    "model_type": "keys with values, such as {a: 1, b: 2}",
}
# What stands in for an item with mistakes, so that the rest can still be checked.
_STAND_INS: dict[str, Any] = {
    "name": "stand_in",
    "testbenches": {"deck": "stand_in"},
    "parameters": {"minimum": 1, "maximum": 2},
    "metrics": {"goal": "minimize"},
}


def load_problem(path: str | Path, *, trust_python: bool = False) -> Problem:
    """Read ``problem.yaml``.

    A file that names Python functions must be the user's own, and so must their files, unless
    ``trust_python``: see `spiceloop.own_files`. Raises `UntrustedPythonError` where it is not.

    Raises `ProblemError` that lists every mistake as ``file:line: where: what``; decks and Python
    files are not opened here, see `spiceloop.spec.lint`.
    """
    path = Path(path)
    data, lines, mistakes = read_yaml(path)
    try:
        problem = Problem.model_validate(data)
    except ValidationError as error:
        mistakes = [*mistakes, *_translate(error), *_translate_rest(data, error)]
    if mistakes:
        ordered = sorted(dict.fromkeys(mistakes), key=lambda m: _line(lines, m[0]))
        texts = [
            f"{path.name}:{_line(lines, where)}: {_text(where, what)}" for where, what in ordered
        ]
        count = "a mistake" if len(texts) == 1 else f"{len(texts)} mistakes"
        raise ProblemError(f"{path} has {count}:", texts)
    problem._folder = path.parent.resolve()
    problem._file = path.resolve()
    if not trust_python:
        _require_own(problem, path)
    return problem


def _require_own(problem: Problem, path: Path) -> None:
    """Refuse to run Python of a stranger's: who may change the problem file chooses what runs."""
    named = [f for t in problem.testbenches.values() for f in t.functions] + [*problem.figures]
    if named:
        files = (problem.folder / f.rpartition(":")[0] for f in named if ".py:" in f)
        require_own([path, *files], named)


def _line(lines: Mapping[Location, int], where: Location) -> int:
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where, 1)


def _text(where: Location, what: str) -> str:
    return f"{'.'.join(where)}: {what}" if where else what


def _translate(error: ValidationError) -> Iterator[tuple[Location, str]]:
    for detail in error.errors():
        where = _place(detail["loc"])
        kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
        if kind == "value_error":
            # A check across the file puts one mistake on each line and names its own place.
            for text in str(context["error"]).split("\n"):
                yield _split_place(where, text)
        elif kind == "extra_forbidden":
            fields = _fields(where[:-1])
            hint = did_you_mean(where[-1], fields) or f"; expected one of {', '.join(fields)}"
            yield where, f"unknown key{hint}"
        elif kind == "missing":
            yield where, "is missing"
        elif kind == "literal_error":
            choices = [c.strip("'") for c in context["expected"].replace(" or ", ", ").split(", ")]
            hint = did_you_mean(given, choices) if isinstance(given, str) else ""
            yield where, f"expected {context['expected']}, got {given!r}{hint}"
        elif kind == "string_pattern_mismatch":
            if where[-1] == "[key]":
                where = where[:-1]
            hint = "; is a colon missing before the brace?" if "{" in str(given) else ""
            yield (
                where,
                f"{given!r} is no name; letters, digits, _ and . only, no digit first{hint}",
            )
        elif kind == "too_short":
            yield where, "is empty; give at least one"
        elif kind in _EXPECTED:
            yield where, f"expected {_EXPECTED[kind]}, got {_brief(given)}"
        else:
            message = detail["msg"].replace("Input should be", "expected")
            yield where, f"{message}, got {_brief(given)}"


def _place(parts: tuple[int | str, ...]) -> Location:
    """The place in the file, without the branch of a union that pydantic tried."""
    where = tuple(str(part) for part in parts)
    if where[:1] == ("conditions",) and where[2:3] and where[2] in TAGS:
        where = where[:2] + where[3:]
    return where


def _split_place(where: Location, text: str) -> tuple[Location, str]:
    place, colon, rest = text.partition(": ")
    parts = tuple(place.split("."))
    if not where and colon and parts[0] in _fields(()):
        return parts, rest
    return where, text


def _brief(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _fields(where: Location) -> list[str]:
    if not where:
        return [field.alias or name for name, field in Problem.model_fields.items()]
    others: dict[str, type[BaseModel]] = {"pdk": PdkChoice, "conditions": Varied}
    model = others.get(where[0]) or _MODELS.get(where[0])
    return list(model.model_fields) if model else []


def _translate_rest(data: Any, error: ValidationError) -> Iterator[tuple[Location, str]]:
    """Mistakes between the items that are right themselves, which pydantic leaves for later."""
    if not isinstance(data, dict) or any(not d["loc"] for d in error.errors()):
        return
    patched = copy.deepcopy(data)
    for detail in error.errors():
        section, *inner = _place(detail["loc"])
        if section in _MODELS:
            items = patched.get(section)
            if inner and isinstance(items, dict):
                items[inner[0] if inner[-1] != "[key]" else "stand_in"] = _STAND_INS[section]
                if inner[-1] == "[key]":
                    items.pop(inner[0], None)
            else:
                patched[section] = {"stand_in": _STAND_INS[section]}
        elif section in _STAND_INS:
            patched[section] = _STAND_INS[section]
        elif section == "conditions" and inner and isinstance(patched.get(section), dict):
            patched[section].pop(inner[0], None)
        else:
            patched.pop(section, None)
    try:
        Problem.model_validate(patched)
    except ValidationError as rest:
        yield from _translate(rest)
