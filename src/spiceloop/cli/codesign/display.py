"""Live progress of a co-design run on standard error: what it starts from, then its epochs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from spiceloop.cli.console import console, note
from spiceloop.filterbank import GmLaw
from spiceloop.kws.clips import SpeechData
from spiceloop.kws.config import Config
from spiceloop.kws.model import count_parameters, make_classifier
from spiceloop.kws.system import make_bank, make_costs
from spiceloop.kws.train import COMMON, EpochRecord
from spiceloop.report.axes import shown
from spiceloop.report.codesign.words import area, percent

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Display", "epoch_text", "start_lines"]


class Display:
    """Shows the events of a run; on a terminal with bars, else one line an epoch.

    Use it as a context manager. ``done`` is the number of epochs that an earlier go has finished.
    """

    def __init__(self, config: Config, data: SpeechData, done: int = 0) -> None:
        self.config = config
        self.data = data
        self._start: tuple[float, float] | None = None
        self._bars: Progress | None = None
        self._epochs: TaskID | None = None
        self._steps: TaskID | None = None
        if sys.stderr.isatty():
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
            )

            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[said]}", style="dim"),
                console=console(error=True),
                transient=True,
            )
            t = config.training
            total = t.classifier_epochs + t.joint_epochs * len(config.arms)
            self._epochs = self._bars.add_task("epochs", total=total, completed=done, said="")
            self._steps = self._bars.add_task("characterising the device", total=None, said="")

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars:
            self._bars.stop()

    def started(self, config: Config, law: GmLaw, start: Mapping[str, Any]) -> None:
        """Say what the run starts from."""
        bank = make_bank(config.bank, law, self.data.sample_rate)
        costs = make_costs(config.bank)
        totals = (bank.power(costs).sum().detach(), bank.area(costs).sum().detach())
        self._start = float(totals[0]), float(totals[1])
        classifier = make_classifier(
            config.classifier, config.bank.channels, len(self.data.classes)
        )
        for line in start_lines(config, law, start, self._start, count_parameters(classifier)):
            self._say(line)

    def step(self, arm: str, epoch: int, step: int, steps: int, loss: float) -> None:
        """Move the bar of the epoch."""
        if self._bars and self._steps is not None:
            self._bars.update(
                self._steps,
                description=f"{arm}, epoch {epoch}",
                completed=step,
                total=steps,
                said=f"loss {loss:.3f}",
            )

    def epoch(self, record: EpochRecord) -> None:
        """Say what the epoch came to."""
        self._say(epoch_text(record, self.config.epochs, self._start))
        if self._bars and self._epochs is not None:
            self._bars.advance(self._epochs)

    def heard(self, arm: str, done: int, wanted: int) -> None:
        """Move the bar of the test conditions."""
        if self._bars and self._steps is not None:
            self._bars.update(
                self._steps,
                description=f"{arm}, hearing the test clips",
                completed=done,
                total=wanted,
                said="",
            )
        elif done == wanted:
            note(f"{arm}: heard the test clips in {wanted} conditions")

    def _say(self, line: str) -> None:
        if self._bars:
            self._bars.console.print(line, markup=False)
        else:
            note(line)


def start_lines(
    config: Config,
    law: GmLaw,
    start: Mapping[str, Any],
    costs: tuple[float, float],
    parameters: int,
) -> list[str]:
    """Return what the run starts from, in words; ``costs`` are power in W and area in m²."""
    n = getattr(law, "n", None)
    specific = getattr(law, "specific_current", None)
    source = "stated" if config.bank.n is not None else "by SPICE"
    device = f"n = {n:.4f}" if n is not None else type(law).__name__
    if specific is not None:
        device += f", specific current {shown(specific, 'A')}"
    channels = start["channels"]
    return [
        f"device: {config.bank.gm_law}, {device} ({source}) at {law.temperature:g} °C",
        f"start: {len(channels)} channels ({config.bank.cell}), measured by SPICE: f0 "
        f"{_range([c['f0'] for c in channels], 'Hz')}, Q {_range([c['q'] for c in channels])}, "
        f"gain {_range([c['gain'] for c in channels])}; worst response error "
        f"{_error(start['worst_error'])}",
        f"costs at the start: {shown(costs[0], 'W')}, {area(costs[1])} of capacitors",
        f"classifier: {config.classifier}, {parameters} parameters",
        f"against scaling without limit: {config.trap}",
    ]


def epoch_text(record: EpochRecord, epochs: int, start: tuple[float, float] | None) -> str:
    """Return one epoch as a line; ``start`` is power in W and area in m² at the beginning."""
    parts = [
        f"[{record.epoch}/{epochs}] {record.arm if record.arm != COMMON else 'classifier'}:",
        f"loss {record.loss:.4f}",
        f"CE {record.cross_entropy:.4f}",
        f"validation {100 * record.validation:.1f} %",
    ]
    if start is not None:
        parts.append(f"power {percent(record.power / start[0] - 1)}")
        parts.append(f"area {percent(record.area / start[1] - 1)}")
    if record.spice:
        error, took = record.spice["worst_error"], record.spice["seconds"]
        parts.append(f"SPICE {_error(error)} in {1e3 * took:.0f} ms")
    parts.append(f"{record.seconds:.1f} s")
    return "  ".join(parts)


def _range(values: Sequence[float | None], unit: str = "") -> str:
    there = [v for v in values if v is not None]
    if not there:
        return "not found"
    low, high = shown(min(there), unit), shown(max(there), unit)
    return low if low == high else f"{low} to {high}"


def _error(value: float | None) -> str:
    return "not found" if value is None else f"{value:.1e}"
