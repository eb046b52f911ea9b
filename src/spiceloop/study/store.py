"""A study: every trial of one run, kept in an Optuna storage and written before it counts.

Optuna's own tools see an ordinary study: distributions, objective values in natural units with
their directions, metric names, constraints (≤ 0 is met), failed trials as FAIL. What is ours
stands in attributes: ``spiceloop`` of the study (its settings), and of each trial
``origin``, ``metrics``, ``violations``, ``failure``, ``simulation_s``, ``thinking_s``, ``clock_s``;
where an optimizer chose among methods ``reason``, of a problem with corners ``plan`` and
``simulated``.

A trial is created together with its design in one transaction, and it is finished by its state,
written last. A process killed between the two leaves it RUNNING, and a resumed run evaluates the
same design again under the same number.

A study in SQLite belongs to one process at a time. One on a database server or in a journal may
be run by several: each trial then carries the mark of its owner (``spiceloop:owner``, see
`study.owner`), a trial is begun only by a process that knows all before it, and one whose owner is
gone goes to whoever takes it first (see `study.turn`).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from spiceloop.errors import StudyError
from spiceloop.opt.base import History
from spiceloop.spec.bench import Bench
from spiceloop.study import owner
from spiceloop.study.fingerprint import differences, fingerprint, obstacles, readable
from spiceloop.study.place import place_of
from spiceloop.study.record import (
    BATCH,
    Ended,
    distributions,
    ending_of,
    from_frozen,
    rebuild,
    running_frozen,
)
from spiceloop.study.settings import Settings
from spiceloop.study.skipped import plan_for
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
from spiceloop.study.trial import Failure, Origin, Outcome, Trial, TrialState
from spiceloop.study.writing import (
    FINGERPRINT,
    SETTINGS,
    begin_trials,
    end_trial,
    find_study,
    make_study,
)

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

__all__ = ["Settings", "Study"]

_OWNER = "spiceloop:owner"
_CLOCK = "spiceloop:clock_s"  # of the study, at the end of a run


class Study:
    """One study, open for reading and, after `claim`, for running it.

    `trials` is what has been written, so whoever reads it sees nothing that a crash could undo.
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
        self._mark: dict[str, Any] = {}  # ours while we run the study
        self._mine: set[int] = set()  # running trials that we run
        self._owners: dict[int, owner.Mark] = {}
        self._watch = owner.Watch()
        self._ended: list[Trial] = []  # elsewhere, and not yet told of
        self._frozen: list[FrozenTrial] = []  # as last read; the same object is unchanged
        self._clock = 0.0, math.inf  # what the clock showed when the run began, and when that was
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
    def create(
        cls,
        bench: Bench,
        url: str,
        settings: Settings,
        *,
        name: str = "",
        earlier: Sequence[Trial] = (),
    ) -> Study:
        """Make a new study, called as the problem unless ``name`` says otherwise.

        It begins with the trials of an ``earlier`` one, as `study.earlier` reads them. Raises
        `StudyError` if there is one of that name already, `StorageError` if it cannot be written.
        """
        storage = open_storage(url)
        name = name or bench.problem.name
        make_study(storage, url, name, bench, settings, earlier)
        return cls(storage, url, name, bench)

    @classmethod
    def open(cls, url: str, name: str = "", *, bench: Bench | None = None) -> Study:
        """Open a study; ``name`` may be left out where there is only one.

        Without a ``bench`` the study can be read but not written; likewise where its decks have
        changed, see `changes`. Raises `StudyError` for a missing one, naming those that exist, and
        for one with other parameters or metrics, saying what differs.
        """
        with damage(url):
            return cls._open(url, name, bench)

    @classmethod
    def _open(cls, url: str, name: str, bench: Bench | None) -> Study:
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
                self._owners[number] = each.system_attrs.get(_OWNER) or {}
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

    def claim(self) -> None:
        """Begin to run the study, alone or, where `is_shared`, beside other processes.

        Raises `StudyError` while another one lives that would have to share it but cannot, and
        where the problem has changed.
        """
        self.require_unchanged()
        mark = owner.mark()
        if not self.is_shared:
            with self._writing():
                other = self._storage.get_study_system_attrs(self._id).get(_OWNER) or {}
                if owner.is_alive(other):
                    raise StudyError(
                        f"study {self.name!r} at {safe_url(self.url)} is being run by process "
                        f"{other['pid']}; wait for it, or end it. Several processes can share a "
                        "study in a journal file (--study journal:///…) or on a PostgreSQL server"
                    )
                self._storage.set_study_system_attr(self._id, _OWNER, mark)
        self._mark, self._mine = mark, set()
        kept = self._storage.get_study_system_attrs(self._id).get(_CLOCK, 0.0)
        self._clock = max([kept, *(t.clock_s for t in self.trials)]), time.monotonic()

    @property
    def clock_s(self) -> float:
        """Seconds that the study has been run; after a killed run from its last trial's on."""
        shown, began = self._clock
        return shown + max(time.monotonic() - began, 0.0)

    def release(self) -> None:
        """Undo `claim`; trials that still run are anybody's from now on."""
        left, mark, clock_s = self._mine, self._mark, self.clock_s
        self._mark, self._mine = {}, set()
        owner.forget(mark)
        with self._writing():
            # Writing the last trial took time after its own mark of the clock.
            self._storage.set_study_system_attr(self._id, _CLOCK, clock_s)
            if not self.is_shared:
                self._storage.set_study_system_attr(self._id, _OWNER, {})
                return
            for number in sorted(left):
                if self._owner_now(number).get("run") == mark.get("run"):
                    self._storage.set_trial_system_attr(self._ids[number], _OWNER, {})

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Alone among all threads of all processes that write."""
        from spiceloop.study.turn import turn

        with self._lock, storage_errors(self.url), turn(self._storage, self._id):
            yield

    def _is_ours(self, number: int) -> bool:
        """Whether no other process has taken over a trial of a run of ours."""
        if not self.is_shared or not self._mark:
            return True
        return bool(self._owner_now(number).get("run") == self._mark["run"])

    def _owner_now(self, number: int) -> owner.Mark:
        """The trial's owner as the storage says now; nobody once it has ended."""
        frozen = self._storage.get_trial(self._ids[number])
        return {} if frozen.state.is_finished() else frozen.system_attrs.get(_OWNER) or {}

    @property
    def has_others(self) -> bool:
        """Whether there are running trials that we do not run."""
        with self._lock:
            return any(n not in self._mine for n in self._table.running)

    def take_left(self) -> Trial | None:
        """Take over the first running trial that nobody runs any more, and return it."""
        with self._lock:
            for number in self._table.running:
                if number in self._mine:
                    continue
                seen = self._owners.get(number, {})
                if self.is_shared and not self._watch.is_gone(number, seen):
                    continue
                if self._take(number, seen):
                    return self._table[number]
        return None

    def _take(self, number: int, seen: owner.Mark) -> bool:
        if self.is_shared:
            with self._writing():
                frozen = self._storage.get_trial(self._ids[number])
                if frozen.state.is_finished() or (frozen.system_attrs.get(_OWNER) or {}) != seen:
                    return False  # it was not dead after all, or another one took it first
                self._storage.set_trial_system_attr(self._ids[number], _OWNER, self._mark)
        self._mine.add(number)
        return True

    def beat(self) -> None:
        """Tell the other processes that the trials we run are being run.

        One that another process has taken over meanwhile, after a long stop, is no longer ours.
        """
        for number in sorted(self._mine):
            with self._writing():
                mark = self._owner_now(number)
                if not self._mark or mark.get("run") != self._mark["run"]:
                    self._mine.discard(number)
                    continue
                mark = {**mark, "beat": mark["beat"] + 1}
                self._storage.set_trial_system_attr(self._ids[number], _OWNER, mark)

    def begin(
        self,
        design: Mapping[str, float],
        origin: Origin,
        *,
        thinking_s: float = 0.0,
        reason: str = "",
        rest: Sequence[Mapping[str, float]] = (),
    ) -> Trial:
        """Write a new running trial with its design, and return it.

        ``rest`` are the further designs of a batch that was asked at once. They are kept with the
        batch's first trial, so that a killed run starts the same ones.
        """
        begun = self._begin(None, [design], origin, thinking_s, reason, rest)
        assert begun is not None
        return begun[0]

    def begin_next(
        self,
        n_begun: int,
        designs: Sequence[Mapping[str, float]],
        origin: Origin,
        *,
        thinking_s: float = 0.0,
        reason: str = "",
        rest: Sequence[Mapping[str, float]] = (),
    ) -> list[Trial] | None:
        """As `begin` with several designs at once, but only while there are ``n_begun`` trials.

        ``rest`` are the designs of the batch after the first. Returns None where another process
        has begun one since: then the designs were chosen without knowing of it, and the budget may
        be spent.
        """
        return self._begin(n_begun, designs, origin, thinking_s, reason, rest)

    def _begin(
        self,
        n_begun: int | None,
        designs: Sequence[Mapping[str, float]],
        origin: Origin,
        thinking_s: float,
        reason: str,
        rest: Sequence[Mapping[str, float]],
    ) -> list[Trial] | None:
        marked = {_OWNER: self._mark} if self.is_shared and self._mark else {}
        batch = {BATCH: [dict(d) for d in rest]} if rest else {}
        with self._lock:
            with self._writing():
                if n_begun is not None and self.is_shared:
                    self._read()
                if n_begun not in (None, self._n_stored):
                    return None
                plan = plan_for(self.bench.problem, self._table.trials)
                fresh = [
                    # The thinking and the rest belong to the first.
                    Trial(
                        i,
                        TrialState.RUNNING,
                        origin,
                        dict(design),
                        thinking_s=0.0 if i else thinking_s,
                        plan=plan,
                        reason=reason,
                    )
                    for i, design in enumerate(designs)
                ]
                space = distributions(self.bench.problem)
                frozen = [
                    running_frozen(space, t, marked if t.number else {**batch, **marked})
                    for t in fresh
                ]
                ids = begin_trials(self._storage, self._id, frozen)
                first = self._storage.get_trial_number_from_id(ids[0])
            # Only now are they on disk.
            begun = [replace(trial, number=first + trial.number) for trial in fresh]
            self._n_stored += len(begun)
            for i, trial in enumerate(begun):
                self._ids[trial.number] = ids[i]
                self._mine.add(trial.number)
                self._table.put(trial, [] if i else [dict(d) for d in rest])
            return begun

    def finish(
        self,
        number: int,
        outcome: Outcome | Mapping[str, float] | Failure,
        *,
        simulation_s: float,
    ) -> Trial | None:
        """Write what became of one running trial, now; see `finish_all`."""
        return self.finish_all([Ended(number, outcome, simulation_s, self.clock_s)])[0]

    def finish_all(self, ended: Sequence[Ended]) -> list[Trial | None]:
        """Write what became of running trials: their metrics, or why they failed.

        When this returns they are on disk, all in one transaction. None, and nothing written, for
        one that another process has taken over because this one was silent for long. Raises
        `StorageError` if they cannot be written; they are then still running ones, to be evaluated
        again.
        """
        with self._lock:
            found: list[Trial | None] = []
            with self._writing():
                for each in ended:
                    if not self._is_ours(each.number):
                        self._mine.discard(each.number)
                        found.append(None)
                        continue
                    ending = ending_of(self.bench.problem, self._table[each.number], each)
                    end_trial(self._storage, self._ids[each.number], ending)
                    found.append(ending.trial)
            # Only now are they on disk.
            for trial in filter(None, found):
                self._table.put(trial)
                self._mine.discard(trial.number)
                self._owners.pop(trial.number, None)
            return found
