"""Live progress of a run on standard error: a display on a terminal, lines anywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from spiceloop.cli.console import console, note
from spiceloop.cli.scoreboard import Scoreboard
from spiceloop.report.axes import shown
from spiceloop.report.compare import change
from spiceloop.study.events import Chosen, ClusterChanged, Event, Learned, Thinking, TrialFinished
from spiceloop.study.trial import Trial

__all__ = ["Progress"]

_BAR = 40  # columns
_REFRESH = 4  # drawings a second
# Exact hypervolumes of long studies take seconds: leave at least this many times as long between.
_REST = 20.0


class Progress:
    """Shows what a study's loop tells; use as a context manager, give `on_event` to the loop."""

    def __init__(self, board: Scoreboard) -> None:
        self.board = board
        self._began = time.monotonic()
        self._first_event: float | None = None
        self._share_before = board.used_share
        self._doing = "loading models and optimizer"
        self._last_failure = ""
        self._chosen = ""
        self._running = 0
        self._cluster: ClusterChanged | None = None
        self._live: Live | None = None
        self._volume = ""
        self._linear = set(board.linear)
        self._volume_again = 0.0  # monotonic time before which the hypervolume is not computed anew
        if sys.stderr.isatty():
            self._live = Live(
                console=console(error=True),
                refresh_per_second=_REFRESH,
                get_renderable=self.drawing,
                transient=True,
            )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def on_event(self, event: Event) -> None:
        """Take one event of the loop."""
        if self._first_event is None:
            self._first_event = time.monotonic()
        if isinstance(event, Learned):
            for trial in event.earlier.trials:
                self.board.add(trial)
            self._measure()
            note(event.earlier.text)
        elif isinstance(event, Thinking):
            self._doing = "thinking"
        elif isinstance(event, Chosen):
            self._chosen = f"{event.choice.method}: {event.choice.reason}"
            if self._live is None:
                note(self._chosen)
        elif isinstance(event, ClusterChanged):
            self._cluster = event
            if self._live is None or event.remark:
                note(event.text)
        elif isinstance(event, TrialFinished):
            self._running -= 1
            self.board.add(event.trial)
            self._measure()
            if event.trial.failure is not None:
                said = event.trial.failure
                at = f" at corner {said.corner}" if event.trial.plan else ""
                self._last_failure = f"trial {event.trial.number}{at}: {said.kind}: {said.message}"
            if self._live is None:
                note(self._line(event.trial))
        else:
            self._running += 1
            again = ", again" if event.again else ""
            self._doing = f"simulating trial {event.trial.number} ({event.trial.origin}{again})"

    def _line(self, trial: Trial) -> str:
        """One finished trial as one line of a log."""
        head = f"[{self.board.used_text()}] trial {trial.number} {trial.origin}"
        if trial.failure is not None:
            said = f" (ngspice said: {trial.failure.line})" if trial.failure.line else ""
            at = f" at corner {trial.failure.corner}" if trial.plan else ""
            return f"{head}: failed{at}, {trial.failure.kind}: {trial.failure.message}{said}"
        values = "  ".join(
            f"{name} {shown(trial.metrics[name], m.unit)}"
            for name, m in self.board.problem.objectives.items()
        )
        missed = f"  misses {', '.join(trial.violations)}" if trial.violations else ""
        if trial.saved:
            missed += f" at {list(trial.corners)[-1]}, {trial.saved} simulations saved"
        return f"{head}: {values}{missed}  hypervolume {self._volume}"

    def _measure(self) -> None:
        began = time.monotonic()
        if turned := self.board.linear - self._linear:
            self._linear |= turned
            self._volume_again = 0.0  # what was counted before is on another scale
            if self._volume:
                note(
                    f"hypervolume: counted anew; {', '.join(sorted(turned))} took a value ≤ 0 and "
                    "is linear from now on, see scale: in the problem file"
                )
        if began >= self._volume_again:
            self._volume = f"{self.board.hypervolume():.4g}"
            took = time.monotonic() - began
            self._volume_again = began + took * (1 + _REST) if took > 1 / _REST else 0.0
        elif not self._volume.startswith("≥"):
            self._volume = f"≥ {self._volume}"  # it never falls

    def drawing(self) -> Group:
        """Return the whole display as it now is."""
        board = self.board
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(board.problem.name, style="bold"),
            ProgressBar(total=1.0, completed=board.used_share, width=_BAR),
            board.used_text(),
            self._times(),
            Text(self._doing, style="dim"),
        )
        parts: list[RenderableType] = [head, self._objectives(), self._counts()]
        if self._cluster is not None:
            running = max(self._running, 0)
            plural = "s" * (running != 1)
            parts.append(Text(f"{self._cluster.text}; {running} simulation{plural} in flight"))
        if self._chosen:
            parts.append(Text(self._chosen))
        if self._last_failure:
            parts.append(Text(f"last failure: {self._last_failure}", style="yellow"))
        return Group(*parts)

    def _times(self) -> str:
        now = time.monotonic()
        share = self.board.used_share
        done = share - self._share_before
        text = _clock(now - self._began)
        if done > 0 and self._first_event is not None:
            left = (now - self._first_event) / done * (1.0 - share)
            text += f", about {_clock(left)} left"
        return text

    def _objectives(self) -> Table:
        table = Table("objective", "start", "best so far", "", "trial", box=None, pad_edge=False)
        for column in table.columns[1:]:
            column.justify = "right"
        start = self.board.start
        for name, metric in self.board.problem.objectives.items():
            best = self.board.best(name)
            arrow = "↑" if metric.goal == "maximize" else "↓"
            at_start = start.metrics[name] if start else None
            value = best.metrics[name] if best else None
            table.add_row(
                f"{arrow} {name}",
                shown(at_start, metric.unit),
                shown(value, metric.unit),
                change(metric, value, at_start).text
                if value is not None and at_start is not None
                else "",
                f"{best.number}" if best else "",
            )
        return table

    def _counts(self) -> Text:
        board = self.board
        failures = ", ".join(f"{n} {kind}" for kind, n in board.failures.most_common())
        parts = (
            f"hypervolume {self._volume or '–'}",
            board.spec_text(),
            f"failed: {failures or 'none'}",
            board.simulation_text(),
            f"thinking {board.thinking_s:.0f} s, simulating {board.simulation_s:.0f} s",
        )
        return Text("   ".join(filter(None, parts)))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
