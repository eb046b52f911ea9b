"""The heartbeat of a run: tells other processes that it lives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from spiceloop.errors import StorageError
from spiceloop.study.owner import BEAT_S

__all__ = ["Heart"]


class Heart:
    """Calls ``beat`` every `BEAT_S` seconds, from a thread of its own; a context manager."""

    def __init__(self, beat: Callable[[], None], every_s: float = BEAT_S) -> None:
        self._beat = beat
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="spiceloop-heart", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(self._every_s):
            with suppress(StorageError):  # the run itself meets it as soon as it writes
                self._beat()
