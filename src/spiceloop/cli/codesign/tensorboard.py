"""Scalars of a run for TensorBoard, where it is installed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spiceloop.bridge.codesign import Events
from spiceloop.errors import SetupError
from spiceloop.filterbank import GmLaw
from spiceloop.kws.config import Config
from spiceloop.kws.train import EpochRecord

__all__ = ["Tensorboard"]

_SCALARS = ("loss", "cross_entropy", "validation", "power", "area", "rate")
_CHANNELS = ("f0", "q", "gain")


class Tensorboard:
    """Writes every epoch's numbers into ``folder`` and passes all events on to ``inner``.

    Use it as a context manager. Raises `SetupError` where TensorBoard is not installed.
    """

    def __init__(self, folder: Path, inner: Events) -> None:
        self.inner = inner
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what it uses of protobuf is not ours to mend
                from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise SetupError(
                "--tensorboard needs TensorBoard: pip install 'spiceloop[tensorboard]'"
            ) from None
        self._writer = SummaryWriter(str(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def started(self, config: Config, law: GmLaw, start: Mapping[str, Any]) -> None:
        """Pass it on."""
        self.inner.started(config, law, start)

    def step(self, arm: str, epoch: int, step: int, steps: int, loss: float) -> None:
        """Pass it on."""
        self.inner.step(arm, epoch, step, steps, loss)

    def epoch(self, record: EpochRecord) -> None:
        """Write its numbers, then pass it on."""
        values = {name: getattr(record, name) for name in _SCALARS}
        for figure in _CHANNELS:
            for channel, value in enumerate(getattr(record, figure), 1):
                values[f"{figure}/{channel:02}"] = value
        if record.spice and record.spice["worst_error"] is not None:
            values["spice_error"] = record.spice["worst_error"]
        for name, value in values.items():
            self._writer.add_scalar(f"{record.arm}/{name}", value, record.epoch)
        self._writer.flush()
        self.inner.epoch(record)

    def heard(self, arm: str, done: int, wanted: int) -> None:
        """Pass it on."""
        self.inner.heard(arm, done, wanted)
