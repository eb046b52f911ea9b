"""YAML with line numbers: safe, duplicate keys refused, numbers as people write them.

YAML 1.1 has traps that a problem file should not fall into: the keys ``on`` and ``yes`` are truth
values, ``010`` is eight, ``1:30`` is ninety and ``5e-9`` is text. Here keys are always text, and a
number is what `float` reads; the rest stays text for `parse_spice` to judge.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from spiceloop.errors import ProblemError
from spiceloop.plain_files import read_plain

__all__ = ["Location", "read_yaml"]

Location = tuple[str, ...]
Mistake = tuple[Location, str]

_INT = re.compile(r"[+-]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[+-]?\.(inf|nan)\Z", re.IGNORECASE)
_MAX_BYTES = 1 << 20
_MAX_NODES = 20_000
_MAX_DEPTH = 40
_MAX_DIGITS = 300
_CONTROL_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# YAML's words for two common slips, and what they mean.
_REASONS = {
    r"'\t'": "a tab, where blanks are to indent",
    "mapping values are not allowed": "a colon too many, or one missing after the line's name",
}


class _Loader(yaml.SafeLoader):
    """Gives up on a file that is too large or too deep while it reads it, not afterwards."""

    nodes, depth = 0, 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.nodes += 1
        self.depth += 1
        if self.nodes > _MAX_NODES:
            raise yaml.YAMLError(f"it has more than {_MAX_NODES} values")
        if self.depth > _MAX_DEPTH:
            raise yaml.YAMLError(f"its lists and mappings are nested more than {_MAX_DEPTH} deep")
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_yaml(path: Path) -> tuple[Any, dict[Location, int], list[Mistake]]:
    """Return a file's data, the line of each place (first line 1), and the mistakes so far.

    Raises `ProblemError` for what cannot be read at all: no file, not text, a syntax error,
    nothing in it, no mapping at its top.
    """
    try:
        text = read_plain(path, _MAX_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        raise ProblemError(
            f"there is no problem file {path}; `spiceloop init DECK` drafts one from a netlist"
        ) from None
    except UnicodeDecodeError:
        raise ProblemError(f"{path} is not a text file in UTF-8") from None
    except OSError as error:
        raise ProblemError(f"cannot read the problem file {path}: {error.strerror}") from None
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        reason = ", ".join(p for p in (error.problem, error.context) if p)
        reason = next((ours for theirs, ours in _REASONS.items() if theirs in reason), reason)
        raise ProblemError(f"{path}{line}: this is no valid YAML: {reason}") from None
    except (yaml.YAMLError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ProblemError(f"{path}: this is no valid YAML: {reason}") from None
    if root is None or root.tag == "tag:yaml.org,2002:null":
        raise ProblemError(
            f"{path} is empty; `spiceloop init DECK` drafts a problem file from a netlist"
        )
    if not isinstance(root, yaml.MappingNode):
        raise ProblemError(
            f"{path}:{root.start_mark.line + 1}: expected keys such as name:, testbenches:, "
            f"parameters:, metrics: at the top"
        )
    reader = _Reader()
    data = reader.build(root, ())
    return data, reader.lines, reader.mistakes


class _Reader:
    def __init__(self) -> None:
        self.lines: dict[Location, int] = {}
        self.mistakes: list[Mistake] = []
        self.open: list[yaml.Node] = []
        self.count = 0

    def build(self, node: yaml.Node, where: Location) -> Any:
        self.count += 1
        if self.count > _MAX_NODES or any(node is outer for outer in self.open):
            raise ProblemError(
                f"line {node.start_mark.line + 1}: the YAML aliases (&, *) go round in a circle "
                "or multiply without end; write the values out"
            )
        self.lines.setdefault(where, node.start_mark.line + 1)
        if not node.tag.startswith("tag:yaml.org,2002:") or ":python/" in node.tag:
            self.mistakes.append((where, f"the YAML tag {node.tag!r} is not allowed"))
        self.open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, where)
            if isinstance(node, yaml.SequenceNode):
                return [self.build(n, (*where, str(k))) for k, n in enumerate(node.value)]
            return self._scalar(node, where)
        finally:
            self.open.pop()

    def _mapping(self, node: yaml.MappingNode, where: Location) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                parents = self.build(value_node, (*where, "<<"))
                for parent in reversed(parents if isinstance(parents, list) else [parents]):
                    merged.update(parent if isinstance(parent, dict) else {})
                continue
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            key = _CONTROL_CHARACTER.sub("?", key)
            place = (*where, key)
            if key in found:
                self.mistakes.append(
                    (
                        (*where, f"{key} (line {key_node.start_mark.line + 1})"),
                        f"given twice, first on line {self.lines[place]}",
                    )
                )
                self.lines[self.mistakes[-1][0]] = key_node.start_mark.line + 1
                continue
            self.lines[place] = key_node.start_mark.line + 1
            found[key] = self.build(value_node, place)
        return {**merged, **found}

    def _scalar(self, node: yaml.Node, where: Location) -> Any:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        text = str(node.value)
        if _CONTROL_CHARACTER.search(text):
            self.mistakes.append((where, f"{text[:60]!r} holds a control character"))
            return "?"
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in {"true", "yes", "on"}
        if kind == "int" and _INT.match(text):
            return int(text) if len(text) < _MAX_DIGITS else float(text)
        if kind == "float" and (_FLOAT.match(text) or _NOT_FINITE.match(text)):
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))
        return text
