"""A study as its storage has it: read, and read again while other processes write to it.

`study.store` adds what running it takes. Here nothing is written.
"""

from __future__ import annotations

import threading
from itertools import zip_longest
from typing import TYPE_CHECKING, Self

from spiceloop.errors import StudyError
from spiceloop.opt.base import History
from spiceloop.spec.bench import Bench
from spiceloop.study import owner
from spiceloop.study.fingerprint import differences, fingerprint, obstacles, readable
from spiceloop.study.place import place_of
from spiceloop.study.record import BATCH, from_frozen, rebuild
from spiceloop.study.settings import Settings
from spiceloop.study.storage import (
    damage,
    disconnect,
    incremental,
    is_shared,
    open_storage,
    safe_url,
    storage_errors,
)
from spiceloop.study.table import TrialTable
from spiceloop.study.trial import Trial, TrialState
from spiceloop.study.writing import FINGERPRINT, SETTINGS, find_study

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

__all__ = ["OWNER", "StudyReader"]

OWNER = "spiceloop:owner"


class StudyReader:
    """What has been written of one study, so that nobody sees what a crash could undo.

    All methods may be called from several threads.
    """

    def __init__(
        self, storage: BaseStorage, url: str, name: str, bench: Bench | None = None
    ) -> None:
        self.url = url
        self.name = name
        self.changes: tuple[str, ...] = ()  # how the bench differs from what was recorded
        self._bench = bench
        self._storage = storage
        self._reader = incremental(storage) if is_shared(url) else storage
        self._lock = threading.RLock()
        self._table = TrialTable()
        self._n_stored = 0  # trials in the storage, those of other programs included
        self._ids: dict[int, int] = {}
        self._owners: dict[int, owner.Mark] = {}
        self._ended: list[Trial] = []  # elsewhere, and not yet told of
        self._frozen: list[FrozenTrial] = []  # as last read; the same object is unchanged
        with storage_errors(url):
            self._id = storage.get_study_id_from_name(name)
            settings = storage.get_study_user_attrs(self._id).get(SETTINGS)
            ours = storage.get_study_system_attrs(self._id)
        if settings is None:
            raise StudyError(
                f"study {name!r} at {safe_url(url)} was not made by spiceloop, or was killed "
                "while it was being made; choose another name or file"
            )
        self.fingerprint: dict[str, str] = ours[FINGERPRINT]
        self.settings = rebuild(Settings, settings)
        self.reload()

    @classmethod
    def open(cls, url: str, name: str = "", *, bench: Bench | None = None) -> Self:
        """Open a study; ``name`` may be left out where there is only one.

        Without a ``bench`` the study can be read but not written; likewise where its decks have
        changed, see `changes`. Raises `StudyError` for a missing one, naming those that exist, and
        for one with other parameters or metrics, saying what differs.
        """
        with damage(url):
            return cls._open(url, name, bench)

    @classmethod
    def _open(cls, url: str, name: str, bench: Bench | None) -> Self:
        storage = open_storage(url, must_exist=True)
        name = find_study(storage, url, name)
        study = cls(storage, url, name, bench)
        if bench is not None:
            current = fingerprint(bench)
            study.changes = tuple(differences(study.fingerprint, current))
            if not readable(study.fingerprint, current):
                study.require_unchanged()
        return study

    def require_unchanged(self) -> None:
        """Raise `StudyError`, saying what differs, unless the problem is the recorded one."""
        if self.changes:
            anew = "start a new study with another --out"
            if not obstacles(self.fingerprint, fingerprint(self.bench)):
                anew += f"; --learn-from {place_of(self.url, self.name)} begins with these trials"
            raise StudyError(
                f"study {self.name!r} at {safe_url(self.url)} is of another problem:\n"
                + "\n".join(f"  - {line}" for line in self.changes)
                + f"\nundo the change, or {anew}"
            )

    @property
    def bench(self) -> Bench:
        """The problem with its decks. Raises `StudyError` if the study was opened without."""
        if self._bench is None:
            raise StudyError(f"study {self.name!r} was opened without its problem: read only")
        return self._bench

    def close(self) -> None:
        """Close files and connections; the next use opens them again."""
        disconnect(self._storage)

    def reload(self) -> list[Trial]:
        """Read what other processes have written; return the trials that have ended since."""
        with self._lock:
            self._read()
            ended, self._ended = self._ended, []
            return ended

    def _read(self) -> None:
        with storage_errors(self.url):
            frozen = self._reader.get_all_trials(self._id, deepcopy=False)
            self._n_stored = len(frozen)
            known, self._frozen = self._frozen, frozen if self.is_shared else []
            for each, before in zip_longest(frozen, known):
                if each is before:
                    continue
                number = each.number
                if self._table.has_ended(number) or (trial := from_frozen(each)) is None:
                    continue
                self._ids[number] = each._trial_id
                self._owners[number] = each.system_attrs.get(OWNER) or {}
                self._table.put(trial, each.system_attrs.get(BATCH, ()))
                if trial.state is not TrialState.RUNNING:
                    self._ended.append(trial)
                    del self._owners[number]

    @property
    def is_shared(self) -> bool:
        """Whether several processes may run this study at the same time."""
        return is_shared(self.url)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial in order of number, running ones included."""
        with self._lock:
            return self._table.trials

    @property
    def n_begun(self) -> int:
        """How many trials there are, for `begin` to see whether another process was faster."""
        return self._n_stored

    @property
    def n_asked(self) -> int:
        """How many trials were asked of an optimizer, those of an earlier study among them, queued
        ones of a batch not.
        """
        return self._table.n_asked

    @property
    def n_earlier(self) -> int:
        """How many trials were simulated by an earlier study; they are the first ones."""
        return self._table.n_earlier

    @property
    def has_start(self) -> bool:
        """Whether there is a trial of the start design."""
        return self._table.has_start

    @property
    def newest_batch(self) -> Trial:
        """The first trial of the newest batch."""
        with self._lock:
            return self._table.newest_batch

    @property
    def queued(self) -> tuple[dict[str, float], ...]:
        """Designs of the newest batch that have no trial yet."""
        with self._lock:
            return self._table.queued

    def history(self) -> History:
        """Return what an optimizer may know: rows in trial order, failed ones with NaN."""
        with self._lock:
            return self._table.history(self.bench.problem)
