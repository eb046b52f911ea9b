"""Results on disk, one JSON line a die, so that an interrupted run goes on where it was.

The first line says what was sampled. A line is complete or, the last one after a kill, dropped.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spiceloop.errors import StorageError, StudyError
from spiceloop.montecarlo.outcome import Outcome
from spiceloop.study.fingerprint import differences

__all__ = ["FILE_NAME", "Log"]

FILE_NAME = "samples.jsonl"
_FORMAT = 1


class Log:
    """The results' file of one plan, held by one process at a time. Use as a context manager.

    ``outcomes`` are what it held when it was opened, by sample. Raises `StudyError` for a file of
    something else or one that another process writes, `StorageError` where it cannot be written.
    """

    def __init__(self, folder: Path, parts: dict[str, str]) -> None:
        self.path = folder / FILE_NAME
        self.outcomes: dict[int, tuple[Outcome, ...]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._take()
            self._read(parts)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Append one die's outcomes, whole or not at all."""
        self._line([outcome.to_json() for outcome in outcomes])

    def _take(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(
                f"{self.path}: another process is sampling into it; wait for it, or give another "
                "folder with --out"
            ) from None
        except OSError:
            pass  # a file system without locks: nothing to be done about it

    def _read(self, parts: dict[str, str]) -> None:
        self._file.seek(0)
        data = self._file.read()
        end = data.rfind(b"\n") + 1
        if end < len(data):
            self._file.truncate(end)
        lines = data[:end].splitlines()
        if not lines:
            self._line({"format": _FORMAT, "parts": parts})
            return
        try:
            head = json.loads(lines[0])
            recorded = {str(k): str(v) for k, v in head["parts"].items()}
            rows = [[Outcome.from_json(each) for each in json.loads(line)] for line in lines[1:]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(
                f"{self.path} holds no samples that can be read ({error}); give another folder "
                "with --out, or delete it"
            ) from None
        if changed := differences(recorded, parts):
            raise StudyError(
                f"{self.path} holds samples of something else: {'; '.join(changed)}. "
                "Give another folder with --out, or delete it"
            )
        self.outcomes = {row[0].number: tuple(row) for row in rows if row}

    def _line(self, document: Any) -> None:
        data = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        at = self._file.seek(0, os.SEEK_END)
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):  # else it is dropped when the file is read
                self._file.truncate(at)
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StorageError:
        return StorageError(f"cannot write {self.path}: {error.strerror or error}")
