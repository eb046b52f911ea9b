"""How `size` and `resume` end: the report, the result on standard output, the way to go on."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spiceloop.api import Result
from spiceloop.cli.boundary import INTERRUPTED
from spiceloop.cli.console import note, print_json, print_table, print_text
from spiceloop.cli.corner_tables import corner_rows, worst_table
from spiceloop.cli.scoreboard import Scoreboard
from spiceloop.cli.tables import comparison_table, design_table, metric_rows
from spiceloop.errors import SimulationError
from spiceloop.study.choose import Choice, pareto_trials
from spiceloop.study.loop import Ending
from spiceloop.study.storage import default_url
from spiceloop.study.trial import Origin, Trial

if TYPE_CHECKING:
    from spiceloop.opt.convergence import Convergence

__all__ = ["Outcome", "evidence_text", "where_words"]


def where_words(result: Result) -> list[str]:
    """Return the words by which ``resume``, ``report`` and ``export`` find this study."""
    if result.study.url == default_url(result.out):
        return [str(result.out)]
    words = ["--study", result.study.url, "--name", result.study.name]
    return [*words, "--out", str(result.out)]


def evidence_text(found: Convergence | None) -> str:
    """Say what the stopping rule saw at its latest look."""
    if found is None:
        return "convergence: too few trials to tell"
    from spiceloop.opt.convergence import THRESHOLD

    shares = ", ".join(
        f"{volume:.2%} after {trials}"
        for trials, volume in zip(found.trials, found.volumes, strict=True)
    )
    verdict = "converged" if found.converged else "not converged"
    return (
        f"convergence: {verdict}; hypervolume {shares} trials; the latter half added "
        f"{found.growth:.2%} (threshold {THRESHOLD:.0%}), as many again would add about "
        f"{found.predicted:.2%}; {found.feasible} feasible designs before it"
    )


_NOTHING = "no trial could be simulated"


@dataclass(frozen=True)
class Outcome:
    """A run that ended, and how its result is to be told.

    ``again`` are options of this run that a resumed one needs too.
    """

    result: Result
    board: Scoreboard
    again: tuple[str, ...] = ()
    report: bool = True
    json: bool = False

    def tell(self) -> int:
        """Write the report and the result; return the exit code."""
        interrupted = self.result.ending is Ending.INTERRUPTED
        page = None
        if self.report and not interrupted and self.result.chosen is not None:
            try:
                note("writing the report …")
                page = self.result.report()
            except KeyboardInterrupt:
                interrupted = True
        if self.json:
            print_json(self._document(page, interrupted))
        else:
            self._tables(page)
        if interrupted:
            n = sum(t.origin is not Origin.EARLIER for t in self.board.trials.values())
            note(
                f"spiceloop: interrupted; {n} {'trial is' if n == 1 else 'trials are'} kept. "
                f"Go on with:\n"
                f"  {self._resume()}"
            )
            return INTERRUPTED
        if self.result.chosen is None:
            note(f"spiceloop: {_NOTHING}; see what `spiceloop check` says of the problem")
            return SimulationError.exit_code
        return 0

    def _resume(self) -> str:
        return shlex.join(["spiceloop", "resume", *where_words(self.result), *self.again])

    def _tables(self, page: Path | None) -> None:
        board, choice = self.board, self.result.choice
        if choice is None:
            print_text(_NOTHING)
        else:
            problem = self.result.problem
            print_table(comparison_table(problem, board.start, choice.trial))
            if choice.trial.corners:
                print_text("")
                print_table(worst_table(problem, choice.trial.metrics, choice.trial.corners))
            print_text("")
            print_table(design_table(problem, board.start, choice.trial))
            itself = ", the start itself" if choice.trial.origin is Origin.START else ""
            print_text(f"\nchosen: trial {choice.trial.number}{itself}, {choice.rule}")
        failures = ", ".join(f"{n} {kind}" for kind, n in board.failures.most_common())
        if board.start_failure is not None:
            said = board.start_failure
            print_text(f"the start could not be simulated: {said.kind}: {said.message}")
        parts = (
            f"used: {board.used_text()}",
            board.spec_text(),
            f"failed: {failures or 'none'}",
            board.simulation_text(),
            f"hypervolume {board.hypervolume():.4g}",
            f"thinking {board.thinking_s:.1f} s, simulating {board.simulation_s:.1f} s",
        )
        print_text("; ".join(filter(None, parts)))
        if self.result.study.settings.stop_when_converged:
            print_text(evidence_text(self.result.convergence))
        print_text(f"study:  {self.result.study.url}")
        if page is not None:
            print_text(f"report: {page}")

    def _document(self, page: Path | None, interrupted: bool) -> dict[str, object]:
        result, board = self.result, self.board
        return {
            "problem": result.problem.name,
            "study": {"url": result.study.url, "name": result.study.name},
            "out": result.out,
            "ending": result.ending,
            "trials": {
                "budget": board.budget.trials,
                "ended": board.ended,
                "earlier": self.result.study.n_earlier,
                "feasible": board.feasible,
                "failed": dict(board.failures),
            },
            "start": self._trial(board.start),
            "chosen": self._chosen(result.choice),
            "pareto": [t.number for t in pareto_trials(result.problem, result.trials)],
            "hypervolume": board.hypervolume(),
            "seconds": {
                "budget": board.budget.seconds,
                "used": board.clock_s,
                "thinking": board.thinking_s,
                "simulating": board.simulation_s,
            },
            "simulations": {"run": board.simulations, "saved": board.saved}
            if len(result.problem.corners) > 1
            else None,
            "convergence": self._evidence(),
            "report": page,
            "resume": self._resume() if interrupted else None,
        }

    def _evidence(self) -> dict[str, object] | None:
        found = self.result.convergence
        if found is None:
            return None
        derived = {"growth": found.growth, "predicted": found.predicted}
        return {**asdict(found), **derived, "converged": found.converged}

    def _chosen(self, choice: Choice | None) -> dict[str, object] | None:
        trial = self._trial(choice.trial if choice else None)
        return {**trial, "rule": choice.rule} if trial and choice else None

    def _trial(self, trial: Trial | None) -> dict[str, object] | None:
        if trial is None:
            return None
        problem = self.result.problem
        return {
            "trial": trial.number,
            "design": problem.with_tied(dict(trial.design)),
            "metrics": metric_rows(problem, trial.metrics),
            "feasible": trial.feasible,
            "corners": corner_rows(problem.corners, trial.corners),
            "simulations": {"run": trial.simulations, "saved": trial.saved} if trial.plan else None,
        }
