"""Yield: one design on many dies, sampled from the process' own statistics.

`spiceloop.montecarlo.estimate_yield` runs and resumes it; `Yield` is what came out.
"""

from spiceloop.montecarlo.estimate import estimate_yield
from spiceloop.montecarlo.interval import Interval, interval
from spiceloop.montecarlo.outcome import Outcome, Plan
from spiceloop.montecarlo.summary import Statistics, Yield

__all__ = ["Interval", "Outcome", "Plan", "Statistics", "Yield", "estimate_yield", "interval"]
