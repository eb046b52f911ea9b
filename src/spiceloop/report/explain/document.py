"""The explanations as plain values, the same numbers that the cards show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from spiceloop.errors import SpiceloopError
from spiceloop.report.explain.words import limit_words, reason_words

if TYPE_CHECKING:
    from spiceloop.report.explain.explained import Explained

__all__ = ["document"]


def document(explained: Explained) -> dict[str, Any]:
    """Return the five answers by name, ready for JSON: what is no finite number is None.

    ``{"why": …}`` stands for an answer that cannot be given.
    """
    view = explained.view
    answers: dict[str, Callable[[], Any]] = {
        "sensitivity": lambda: asdict(explained.sensitivity),
        "limits": lambda: [
            {**asdict(limit), "words": limit_words(view, limit)} for limit in explained.limits
        ],
        "model_error": lambda: [asdict(e) for e in explained.cross_validation],
        "forecasts": lambda: {
            **asdict(explained.forecasts),
            "coverage": explained.forecasts.coverage(),
        },
        "proposals": lambda: [
            {
                "trial": reason.trial.number,
                "labels": reason.labels,
                "own": reason.own,
                "gained": reason.gained,
                "missed": reason.missed,
                "words": reason_words(view, reason),
                **asdict(reason.terms),
            }
            for reason in explained.reasons
        ],
    }
    return {name: _plain(_or_why(answer)) for name, answer in answers.items()}


def _or_why(answer: Callable[[], Any]) -> Any:
    try:
        return answer()
    except SpiceloopError as error:
        return {"why": str(error)}
    except Exception as error:  # as of a card: the other answers are worth more than none
        return {"why": f"{type(error).__name__}: {error}"}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
