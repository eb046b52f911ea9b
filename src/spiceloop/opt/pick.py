"""Snapping to the grid without repeating a design."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from spiceloop.circuit.design_space import DesignSpace
from spiceloop.opt.base import Floats

__all__ = ["Taken", "fill"]

# Two points of the unit cube that agree to this many decimals are the same design.
_DECIMALS = 9
# How many random designs are tried before the grid counts as used up.
_TRIES = 4096
# How many rows of histories are remembered with their keys.
_KNOWN = 100_000


class Taken:
    """The designs that must not be proposed again, on a space's grid."""

    def __init__(self, space: DesignSpace, *groups: Floats) -> None:
        self.space = space
        known = _known_keys(space)
        self._keys = {_snapped_key(space, row, known) for group in groups for row in group}

    def first_new(self, points: Iterable[Floats]) -> Floats | None:
        """Snap points one after another and return the first that is new, marking it taken."""
        for point in points:
            row: Floats = self.space.snap_unit(np.clip(point, 0.0, 1.0))[0]
            key = _key(row)
            if key not in self._keys:
                self._keys.add(key)
                return row
        return None


def _key(row: Floats) -> bytes:
    return (np.round(row, _DECIMALS) + 0.0).tobytes()


def _snapped_key(space: DesignSpace, row: Floats, known: dict[bytes, bytes]) -> bytes:
    raw = np.asarray(row, dtype=float).tobytes()
    key = known.get(raw)
    if key is None:
        if len(known) >= _KNOWN:
            known.clear()
        known[raw] = key = _key(space.snap_unit(row)[0])
    return key


@lru_cache(maxsize=4)
def _known_keys(space: DesignSpace) -> dict[bytes, bytes]:
    """Keys of rows that were asked about: a history holds the same ones again and again."""
    return {}


def fill(taken: Taken, preferred: Iterable[Floats], rng: np.random.Generator) -> Floats:
    """Return the first new point of ``preferred``, else a random new one, else a repeated one.

    The last happens only where the whole grid is used up (as far as `_TRIES` random designs say).
    """
    point = taken.first_new(preferred)
    if point is None:
        point = taken.first_new(rng.random(len(taken.space)) for _ in range(_TRIES))
    if point is None:
        point = taken.space.snap_unit(rng.random(len(taken.space)))[0]
    return point
