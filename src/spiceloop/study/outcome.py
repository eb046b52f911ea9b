"""`outcome_of`: the evaluation of one trial's design, wherever its evaluator lives.

Here and not beside the crews, because evaluator processes import it, and they start fast.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from spiceloop.errors import SetupError, SimulationError
from spiceloop.spec.evaluate import Evaluator
from spiceloop.study.trial import Failure, Outcome, Plan

__all__ = ["failure_of", "outcome_of"]


def outcome_of(
    evaluator: Evaluator, design: Mapping[str, float], plan: Plan | None = None
) -> tuple[Outcome, float]:
    """Evaluate a design; return its metrics or why there are none, and the seconds it took.

    ``plan`` says in which order the corners are simulated; all of them without one. Raises
    `SetupError` only: where it is raised no trial could succeed.
    """
    began = time.perf_counter()
    try:
        corners = {c.name: c for c in evaluator.bench.corners}
        found = evaluator.attempt(
            design,
            [corners[name] for name in plan.order] if plan else None,
            early_stop=plan is not None and plan.early_stop,
        )
        outcome = Outcome(
            found.metrics,
            failure_of(found.failure) if found.failure else None,
            {name: dict(at.metrics) for name, at in found.corners.items()},
            found.simulations,
            found.saved,
        )
    except SetupError:
        raise
    except SimulationError as e:
        outcome = Outcome(failure=failure_of(e))
    except Exception as e:
        outcome = Outcome(failure=Failure("error", f"{type(e).__name__}: {e}"))
    return outcome, time.perf_counter() - began


def failure_of(error: SimulationError) -> Failure:
    """Return what is kept of a failed simulation."""
    e = error
    return Failure(e.kind.value, e.message, e.line, e.deck, e.analysis, e.corner)
