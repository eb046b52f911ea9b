"""Reasons and limits in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spiceloop.report.axes import shown
from spiceloop.report.explain.limits import LOOSER, Limit, counts
from spiceloop.report.explain.reasons import Reason

if TYPE_CHECKING:
    from spiceloop.report.view import StudyView

__all__ = ["amount", "limit_words", "probability", "reason_words"]

# A bound that is met with more than this probability is no risk worth telling.
_SURE = 0.99


def probability(p: float) -> str:
    """Write ``P = 0.62``; nobody can tell beyond two digits."""
    if p < 0.01:
        return "P < 0.01"
    return "P > 0.99" if p > 0.99 else f"P = {p:.2f}"


def amount(value: float, relative: bool, unit: str, digits: int = 2) -> str:
    """Write a change: a share in percent, or SI with its unit."""
    return (
        f"{100 * value:.{digits}g} %".replace("-", "−") if relative else shown(value, unit, digits)
    )


def reason_words(view: StudyView, reason: Reason) -> list[str]:
    """Return sentences about one proposal, the most important first."""
    terms = reason.terms
    words = [_aim(reason)]
    if terms.exploiting is not None:
        part = round(100 * terms.exploiting)
        words.append(
            f"{'Exploiting' if part >= 50 else 'Exploring'}: of that, the predicted means alone "
            f"would bring {part} %, their uncertainty brings {100 - part} %."
        )
    if (risk := terms.riskiest) is not None:
        if terms.p_bounds[risk] > _SURE:
            words.append("No bound was at risk.")
        else:
            words.append(
                f"The bound most at risk: {risk}, met with {probability(terms.p_bounds[risk])}; "
                f"all bounds together with {probability(terms.p_all)}."
            )
    if terms.p_finishes < _SURE:
        words.append(f"The simulation was to finish with {probability(terms.p_finishes)}.")
    words.append(_uncertain(view, reason))
    words.append(_came(reason))
    return words


def _aim(reason: Reason) -> str:
    terms = reason.terms
    if terms.gain is None:
        return (
            "Every design known broke several bounds, so the least total violation was looked for: "
            f"all bounds met with {probability(terms.p_all)}."
        )
    if terms.volume <= 0:
        return (
            f"There was no hypervolume yet: expected to bring {terms.gain:.2g}, "
            "should it meet every bound."
        )
    met = f", should it meet every bound ({probability(terms.p_all)})" if terms.p_bounds else ""
    return f"Expected to add {_volume(terms.gain, reason)} to the hypervolume{met}."


def _came(reason: Reason) -> str:
    if reason.gained is None:
        return "What came: its simulation failed."
    if reason.missed:
        return f"What came: it missed {', '.join(reason.missed)}, and so added nothing."
    if reason.gained <= 0:
        return "What came: every bound met, but nothing added."
    return f"What came: it added {_volume(reason.gained, reason)}."


def _volume(gain: float, reason: Reason) -> str:
    whole = reason.terms.volume
    if whole <= 0:
        return f"{gain:.2g} (there was none before)"
    if gain > 2 * whole:
        return f"{gain:.2g} ({gain / whole:.2g} times what it was)"
    return f"{gain:.2g} ({100 * gain / whole:.2g} % of what it was)"


def _uncertain(view: StudyView, reason: Reason) -> str:
    name = reason.terms.most_uncertain
    unit = view.problem.metrics[name].unit
    interval = reason.terms.forecast[name]
    came = reason.trial.metrics.get(name)
    text = (
        f"Most uncertain metric: {name}, predicted {shown(interval.low, unit, 3)} to "
        f"{shown(interval.high, unit, 3)}"
    )
    return f"{text}; {shown(came, unit, 3)} came." if came is not None else f"{text}."


def limit_words(view: StudyView, limit: Limit) -> list[str]:
    """Return sentences about what limits one objective."""
    metric = view.problem.metrics[limit.goal]
    words = []
    gains = sorted(
        (b.gain, b.metric, b.side, b.bound)
        for b in limit.bounds
        if b.gain is not None and counts(b.gain, limit.value, limit.relative)
    )
    if not limit.bounds:
        words.append("No bound holds it back.")
    elif gains:
        gain, name, side, bound = gains[-1]
        of = "" if bound else " of its spread"
        words.append(
            f"Held back most by {name}: with its {side} {100 * LOOSER:.0f} %{of} looser, the model "
            f"predicts {limit.goal} {amount(gain, limit.relative, metric.unit)} better."
        )
    else:
        words.append(
            f"It touches {', '.join(b.metric for b in limit.bounds)}, but the model sees nothing "
            "to gain where one of them alone is looser."
        )
    if limit.nearby is not None and counts(limit.nearby, limit.value, limit.relative):
        words.append(
            f"Within the bounds as they are, the model sees another "
            f"{amount(limit.nearby, limit.relative, metric.unit)} nearby, not simulated yet."
        )
    for pulls, text in ((True, "wider bounds may help"), (False, "no reason to go further")):
        ends = [f"{e.variable} at its {e.end}" for e in limit.edges if e.pulls is pulls]
        if ends:
            words.append(f"At an end of its range, {text}: {', '.join(ends)}.")
    return words
