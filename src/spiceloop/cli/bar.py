"""Progress of work whose size is known, on standard error: a bar on a terminal, else lines."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from spiceloop.cli.console import console, note

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Bar"]

_LINES = 4  # where there is no terminal: so many lines a piece of work


class Bar:
    """Call it with what is being done, how much is done, and of how much (0: not known).

    Use it as a context manager.
    """

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._doing = ""
        self._quarter = 0
        if sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(),
                console=console(error=True),
                transient=True,
            )

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, doing: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` is done."""
        if self._bar:
            if doing != self._doing or self._task is None:
                if self._task is not None:
                    self._bar.remove_task(self._task)
                self._task = self._bar.add_task(doing)
            self._bar.update(self._task, completed=done, total=total or None)
        else:
            self._line(doing, done, total)
        self._doing = doing

    def _line(self, doing: str, done: int, total: int) -> None:
        if doing != self._doing:
            self._quarter = 0
            note(f"{doing} …")
        quarter = _LINES * done // total if total else 0
        if quarter > self._quarter:
            note(f"{doing}: {100 * quarter // _LINES} %")
            self._quarter = quarter
