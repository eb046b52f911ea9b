"""The folder of a co-design run: what is written, where, and how it is read again.

::

    config.json        the configuration, the data's fingerprint and place, the gm law, versions
    start.json         what SPICE measured of the starting bank
    epochs.jsonl       one line an epoch and arm (`EpochRecord`)
    common.pt          the last checkpoint of the common phase
    ARM.pt             the last checkpoint of an arm
    ARM.bank.json      the trained bank: elements, f0, Q, gain, noise, power, area
    evaluation.json    accuracy and confusion of every arm in every condition
    report.html        and its figures as PNG in figures/

Every file is replaced as a whole, so that a kill leaves either the old one or the new one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from spiceloop.errors import StorageError, StudyError
from spiceloop.kws.train import COMMON, EpochRecord
from spiceloop.own_files import require_own

__all__ = ["RunFolder"]

_HEAD = ("config", "data", "law", "characterisation", "versions")


class RunFolder:
    """Reads and writes one run's folder; see the module for its files."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: str | Path, head: Mapping[str, Any]) -> RunFolder:
        """Make a new folder. Raises `StudyError` where a run is there already."""
        folder = cls(path)
        if folder.exists():
            raise StudyError(
                f"{folder.path} already holds a co-design run; go on with it by `spiceloop "
                f"codesign resume {folder.path}`, or name another folder by --out"
            )
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {folder.path}: {error.strerror}") from None
        folder.write_json("config.json", head)
        return folder

    @classmethod
    def open(cls, path: str | Path, *, trust_python: bool = False) -> RunFolder:
        """Open an existing run. Raises `StudyError`, and as `load_config` does."""
        folder = cls(path)
        if not folder.exists():
            raise StudyError(f"{folder.path} holds no co-design run (no config.json in it)")
        config = folder.head()["config"]
        classifier = str(config.get("classifier", "")) if isinstance(config, dict) else ""
        if ":" in classifier and not trust_python:
            require_own([folder.path / "config.json"], [classifier])
        return folder

    def exists(self) -> bool:
        """Say whether a run is here."""
        return (self.path / "config.json").is_file()

    def head(self) -> dict[str, Any]:
        """Return ``config.json``. Raises `StudyError` where that is of something else."""
        found: dict[str, Any] = self.read_json("config.json")
        missing = [k for k in _HEAD if k not in found] if isinstance(found, dict) else _HEAD
        if missing:
            raise StudyError(
                f"{self.path / 'config.json'} is no co-design run's: it has no {', '.join(missing)}"
            )
        return found

    def write_json(self, name: str, value: object) -> None:
        """Replace a JSON file."""
        text = json.dumps(value, indent=1, allow_nan=False)
        self._replace(name, (text + "\n").encode())

    def read_json(self, name: str) -> Any:
        """Return a JSON file's content. Raises `StudyError` where it is missing or damaged."""
        try:
            return json.loads((self.path / name).read_text())
        except FileNotFoundError:
            raise StudyError(f"{self.path} has no {name}; has the run got that far?") from None
        except (ValueError, OSError) as error:
            raise StudyError(f"{self.path / name} cannot be read: {error}") from None

    def has(self, name: str) -> bool:
        """Say whether a file is there."""
        return (self.path / name).is_file()

    def records(self) -> list[EpochRecord]:
        """Return all finished epochs in the order of their writing; a half-written line is none."""
        try:
            lines = (self.path / "epochs.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for number, line in enumerate(lines):
            try:
                found.append(_record(json.loads(line)))
            except (ValueError, TypeError):
                if number == len(lines) - 1:
                    break
                raise StudyError(
                    f"{self.path / 'epochs.jsonl'}:{number + 1}: not a finished epoch's record"
                ) from None
        return found

    def save_epoch(self, record: EpochRecord, state: Mapping[str, Any]) -> None:
        """Keep an epoch. The record comes first: an epoch without a checkpoint is run again."""
        self._write_epochs([*self._before(record), record], record.arm, state)

    def _write_epochs(
        self, kept: Sequence[EpochRecord], arm: str, state: Mapping[str, Any]
    ) -> None:
        lines = "".join(json.dumps(asdict(r), allow_nan=False) + "\n" for r in kept)
        checkpoint = io.BytesIO()
        torch.save(dict(state), checkpoint)
        self._replace("epochs.jsonl", lines.encode())
        self._replace(f"{arm}.pt", checkpoint.getvalue())

    def last_state(self, arm: str = COMMON) -> dict[str, Any] | None:
        """Return an arm's last checkpoint, or None. Raises `StudyError` for a damaged one."""
        file = self.path / f"{arm}.pt"
        if not file.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:
            raise StudyError(f"the checkpoint {file} cannot be read: {error}") from None
        return state

    def take_common(self, other: RunFolder) -> None:
        """Copy another run's common phase. Raises `StudyError` where it has none."""
        state = other.last_state(COMMON)
        records = [r for r in other.records() if r.arm == COMMON]
        if state is None or not records:
            raise StudyError(f"{other.path} has no finished epoch of the common phase")
        self._write_epochs(records, COMMON, state)

    def arms(self) -> Sequence[str]:
        """Return the arms that have a checkpoint, the common phase left out."""
        return sorted(p.stem for p in self.path.glob("*.pt") if p.stem != COMMON)

    def _before(self, record: EpochRecord) -> list[EpochRecord]:
        """Records without what a repeated epoch replaces."""
        return [r for r in self.records() if r.arm != record.arm or r.epoch < record.epoch]

    def _replace(self, name: str, content: bytes) -> None:
        draft = self.path / f".{name}.draft"
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path / name)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise StorageError(
                f"cannot write {self.path / name}: {error.strerror}; what was there is kept"
            ) from None


def _record(data: Mapping[str, Any]) -> EpochRecord:
    lists: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    return EpochRecord(**lists)
