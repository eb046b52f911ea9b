"""Read ngspice raw files: binary and ascii, real and complex, several plots in one file.

Format: the ngspice manual, chapter "Rawfile format" (appendix on vectors and plots).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "RawPlot", "RawVector", "as_array", "read_raw"]

Array = npt.NDArray[np.float64] | npt.NDArray[np.complex128]
_DIMS = re.compile(r"\bdims=(\d+)")


@dataclass(frozen=True)
class RawVector:
    """One vector as the file states it: name such as ``v(out)``, type such as ``voltage``."""

    name: str
    kind: str
    values: Array


@dataclass(frozen=True)
class RawPlot:
    """One plot: its title, ngspice's long name ("AC Analysis"), vectors, the scale first."""

    title: str
    name: str
    vectors: tuple[RawVector, ...]


def read_raw(path: Path) -> tuple[RawPlot, ...]:
    """Return all plots of a raw file in order; raises `ValueError` for a broken file."""
    data = path.read_bytes()
    plots: list[RawPlot] = []
    position = 0
    while position < len(data) and data[position:].strip():
        plot, position = _read_plot(data, position, path)
        plots.append(plot)
    return tuple(plots)


def _read_plot(data: bytes, position: int, path: Path) -> tuple[RawPlot, int]:
    header: dict[str, str] = {}
    variables: list[tuple[str, str, str]] = []
    in_variables = False
    while True:
        end = data.find(b"\n", position)
        if end < 0:
            raise ValueError(f"{path}: the header of a plot ends early")
        line = data[position:end].decode(errors="replace").rstrip("\r")
        position = end + 1
        if line in ("Binary:", "Values:"):
            break
        if in_variables and line[:1] in ("\t", " "):
            fields = line.split()
            if len(fields) < 3:
                raise ValueError(f"{path}: the line {line[:60]!r} names no variable")
            _, name, kind, *rest = fields
            variables.append((name, kind, " ".join(rest)))
            continue
        key, _, value = line.partition(":")
        in_variables = key == "Variables"
        header[key.strip()] = value.strip()
    try:
        count, points = int(header["No. Variables"]), int(header["No. Points"])
    except (KeyError, ValueError):
        raise ValueError(f"{path}: no counts of variables and points") from None
    if points < 0 or count != len(variables):
        raise ValueError(
            f"{path}: {count} variables of {points} points, but {len(variables)} names"
        )
    is_complex = "complex" in header.get("Flags", "")
    if line == "Binary:":
        size = count * points * (16 if is_complex else 8)
        if position + size > len(data):
            raise ValueError(f"{path}: the values of plot {header.get('Plotname')!r} end early")
        values = as_array(data[position : position + size], is_complex)
        position += size
    else:
        values, position = _ascii(data, position, points, count, is_complex, path)
    table = values.reshape(points, count)
    vectors = tuple(
        RawVector(name, kind, table[: _length(extra, points), i].copy())
        for i, (name, kind, extra) in enumerate(variables)
    )
    return RawPlot(header.get("Title", ""), header.get("Plotname", ""), vectors), position


def _length(extra: str, points: int) -> int:
    """A vector shorter than its plot states its length as ``dims=1``; the rest is padding."""
    match = _DIMS.search(extra)
    return min(int(match.group(1)), points) if match else points


def _ascii(
    data: bytes, position: int, points: int, count: int, is_complex: bool, path: Path
) -> tuple[Array, int]:
    """Values as text: each point starts with its index; complex ones are ``real,imaginary``."""
    end = data.find(b"\nTitle:", position)
    end = len(data) if end < 0 else end + 1
    tokens = data[position:end].split()
    per_point = count + 1
    if len(tokens) < points * per_point:
        raise ValueError(f"{path}: the values of a plot end early")
    numbers: list[float] = []
    parts = 2 if is_complex else 1
    for number, token in enumerate(tokens[: points * per_point]):
        if number % per_point:
            found = [float(part) for part in token.split(b",")]
            if len(found) != parts:
                raise ValueError(f"{path}: {token[:60]!r} stands in place of {parts} numbers")
            numbers += found
    return as_array(np.array(numbers).tobytes(), is_complex), end


def as_array(raw: bytes | bytearray, is_complex: bool) -> Array:
    """View the bytes of C doubles, or of pairs of them, as an array."""
    if is_complex:
        return np.frombuffer(raw, np.complex128)
    return np.frombuffer(raw, np.float64)
