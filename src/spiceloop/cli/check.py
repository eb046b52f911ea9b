"""``spiceloop check``: every mistake of a problem and its decks at once, then the start's run."""
from __future__ import annotations
from spiceloop.cli.arguments import ProblemArgument
__all__ = ["check"]


def check(problem: ProblemArgument) -> int:
    """Check."""
    return 0
