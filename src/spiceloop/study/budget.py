"""Budgets as people write them: ``35`` simulations, ``60s``, ``2min``, ``1h``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeAlias

from spiceloop.errors import InputError, UnitError
from spiceloop.opt.base import Budget
from spiceloop.units import parse_duration

__all__ = ["BudgetLike", "initial_trials", "parse_budget", "written"]

BudgetLike: TypeAlias = Budget | int | str | Iterable[int | str]

_LONGEST = 1e9  # seconds
_INITIAL = 10


def parse_budget(given: BudgetLike) -> Budget:
    """Return what a study may use: a number of simulations, a time with its unit, or one of each.

    Raises `InputError` for anything else.
    """
    if isinstance(given, Budget):
        return given
    parts = [given] if isinstance(given, int | str) else list(given)
    trials: int | None = None
    seconds: float | None = None
    for part in parts:
        number, is_time = _read(part)
        if is_time:
            if seconds is not None:
                raise InputError(f"--budget {part}: there is a time already; expected one")
            seconds = number
        else:
            if trials is not None:
                raise InputError(
                    f"--budget {part}: there is a number of simulations already; expected one"
                )
            trials = int(number)
    if trials is None and seconds is None:
        raise InputError("--budget: expected simulations (35), a time (60s), or one of each")
    return Budget(trials, seconds)


def _read(part: int | str) -> tuple[float, bool]:
    try:
        number, is_time = parse_duration(str(part))
    except UnitError:
        number, is_time = math.nan, False
    if not 0 < number < _LONGEST or (number != int(number) and not is_time):
        raise InputError(
            f"--budget {part}: expected a number of simulations, 1 or more, such as 35, "
            "or a time such as 60s, 2min or 1h"
        )
    return number, is_time


def written(budget: Budget) -> list[str]:
    """Return the words that `parse_budget` reads back."""
    words = [] if budget.trials is None else [str(budget.trials)]
    return words if budget.seconds is None else [*words, f"{budget.seconds:g}s"]


def initial_trials(budget: Budget) -> int:
    """Return how many of a budget's trials are initial unless somebody says otherwise."""
    return _INITIAL if budget.trials is None else min(_INITIAL, budget.trials)
