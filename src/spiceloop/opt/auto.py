"""Model-guided or screened population search, by what simulating and thinking cost and brought.

The rule, in order (`Auto.choose`):

1. A budget of simulations only: every one is thought about.
2. Time enough to think before each of the trials left, or thinking that takes at most 16 times as
   long as the simulation it precedes, 3 times with four objectives and more: the model.
3. Else it and a population search whose children it screens, one thought for a batch
   (`screened`), take turns: nine tenths of the clock go to the one whose trials made more progress
   per second over the latter half of the run, the rest to the other, so that it can come back (the
   limit of adaptive pursuit, D. Thierens, "An adaptive pursuit strategy for allocating operator
   probabilities", GECCO 2005). Progress is growth of the feasible hypervolume; before the first
   feasible design the model has three quarters of the clock: to meet many bounds at once is where
   it is the farthest ahead.

Where there is no time left for a thought, children come unscreened. Each learns from the trials of
both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spiceloop.opt.base import Budget, Choice, Floats, History, Task, Timing
from spiceloop.opt.ehvi import Ehvi
from spiceloop.opt.growth import relative_volumes
from spiceloop.opt.population import Population
from spiceloop.opt.screened import Screened, batch_of

__all__ = ["Auto"]

# Times a simulation that thinking may take to be cheap: with few objectives, and with `_MANY`, of
# which a front is made of so many designs that having more of them counts for more (docs/arena.md).
_CHEAP, _CHEAP_OF_MANY, _MANY = 16.0, 3.0, 4
_LEAST_SHARE = 0.1
_SHARE_INFEASIBLE = 0.75
# Until a thought was measured it is taken to last so long.
_FIRST_THOUGHT_S = 1.0
_LATEST = 5  # thoughts, for what the next one will take
_RECENT = 100  # trials, for what the next one will take
# For what trials have added; a hundredth of the volume is enough to tell the two methods apart.
_DIRECTIONS = 64
# Designs that a population search proposes at once.
_FEWEST, _MOST = 8, 64


class Auto:
    """Expected hypervolume improvement and population searches, as the clock has room for them."""

    @property
    def name(self) -> str:
        """Short name as in ``--optimizer``."""
        return "auto"

    def ask(self, task: Task, history: History, n: int, seed: int) -> Floats:
        """See `spiceloop.opt.base.Optimizer.ask`."""
        if self.choose(task, history).method != "population":
            return Ehvi().ask(task, history, n, seed)
        search = Population() if _hurried(task, history) else Screened()
        return search.ask(task, history, n, seed)

    def choose(self, task: Task, history: History) -> Choice:
        """See `spiceloop.opt.base.Chooser.choose`."""
        if history.n_asked < task.n_initial:
            return Choice("initial", 1, "the model needs some designs first")
        timing, seconds = history.timing, task.budget.seconds
        if seconds is None or timing is None or len(history.x) < 2:
            return Choice("model", 1, "no limit in seconds: every simulation is thought about")
        costs = _Costs.measured(history, timing)
        left = seconds - costs.used_s
        each = f"simulation {_short(costs.trial_s)}, thinking {_short(costs.thought_s)}"
        if _hurried(task, history):
            n = _batch(left, costs, left)
            return Choice("population", n, f"{each}: no time to think")
        if (per_trial := _time_for_each(task.budget, history, left)) is not None and (
            per_trial >= costs.thought_s + costs.trial_s
        ):
            return Choice("model", 1, f"{each}: time to think about each trial left")
        cheap = _CHEAP if len(task.goals) < _MANY else _CHEAP_OF_MANY
        if costs.thought_s <= cheap * costs.trial_s:
            return Choice("model", 1, f"{each}: thinking is cheap")
        share = _model_share(task, history, costs)
        of_model, of_others = costs.spent(timing)
        why = f"{each}: {share:.0%} of the clock to the model"
        owed = of_model * (1.0 - share) / share - of_others
        if owed <= 0.0:
            return Choice("model", 1, why)
        n = max(batch_of(history), _batch(owed, costs, left))
        return Choice("population", n, why)


@dataclass(frozen=True)
class _Costs:
    """Seconds: of one more trial, of one more thought, and used so far."""

    trial_s: float
    thought_s: float
    used_s: float

    @classmethod
    def measured(cls, history: History, timing: Timing) -> _Costs:
        """What passes from one end to the next without thinking is a trial's: storing it too.

        With several workers it is hidden where others think meanwhile, and is then their share of
        a simulation at least.
        """
        order = np.argsort(timing.clock_s, kind="stable")[-_RECENT:]
        share = timing.simulation_s[order[1:]].mean() / (len(history.pending) + 1)
        own = order[timing.clock_s[order] > 0]  # not of an earlier study
        clock = timing.clock_s[own] if len(own) > 1 else np.zeros(2)
        busy = clock[-1] - clock[0] - timing.thinking_s[own[1:]].sum()
        thoughts = timing.thinking_s[timing.guided & (timing.thinking_s > 0)][-_LATEST:]
        return cls(
            max(float(busy) / (len(clock) - 1), float(share), 1e-6),
            float(np.median(thoughts)) if len(thoughts) else _FIRST_THOUGHT_S,
            float(timing.clock_s.max()),
        )

    def spent(self, timing: Timing) -> tuple[float, float]:
        """Seconds that model-guided trials took so far, and those of population search."""
        guided = timing.guided
        of_model = timing.thinking_s[guided].sum() + self.trial_s * guided.sum()
        return float(of_model), float(self.used_s - of_model)


def _hurried(task: Task, history: History) -> bool:
    """Whether there is no time left to think and simulate once more."""
    timing, seconds = history.timing, task.budget.seconds
    if timing is None or seconds is None or len(history.x) < 2:
        return False
    costs = _Costs.measured(history, timing)
    return seconds - costs.used_s < costs.thought_s + costs.trial_s


def _time_for_each(budget: Budget, history: History, left: float) -> float | None:
    """Seconds there are for each trial that the budget has left, None without such a limit."""
    if budget.trials is None:
        return None
    return left / max(budget.trials - history.n_asked, 1)


def _model_share(task: Task, history: History, costs: _Costs) -> float:
    """Return the share of the clock that the model is to have."""
    timing = history.timing
    assert timing is not None
    volumes = relative_volumes(task, history, _DIRECTIONS)
    if volumes[-1] <= 0.0:
        return _SHARE_INFEASIBLE
    gained = np.diff(volumes, prepend=0.0)
    recent = np.arange(len(history.x)) >= max(len(history.x) // 2, task.n_initial)
    recent &= timing.clock_s > 0  # not of an earlier study
    rates = []
    for which in (timing.guided & recent, ~timing.guided & recent):
        seconds = timing.thinking_s[which].sum() + costs.trial_s * which.sum()
        rates.append(gained[which].sum() / seconds if seconds else 0.0)
    model, others = rates
    if model + others <= 0.0:
        return 0.5
    return 1.0 - _LEAST_SHARE if model > others else _LEAST_SHARE


def _batch(seconds: float, costs: _Costs, left: float) -> int:
    return int(np.clip(min(seconds, left) / costs.trial_s, _FEWEST, _MOST))


def _short(seconds: float) -> str:
    """Two significant digits with a unit."""
    from spiceloop.units import format_si

    return format_si(seconds, "s", 2)
