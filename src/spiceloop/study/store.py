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
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spiceloop.errors import StudyError
from spiceloop.spec.bench import Bench
from spiceloop.study import owner
from spiceloop.study.reading import OWNER, StudyReader
from spiceloop.study.record import BATCH, Ended, distributions, ending_of, running_frozen
from spiceloop.study.settings import Settings
from spiceloop.study.skipped import plan_for
from spiceloop.study.storage import open_storage, safe_url, storage_errors
from spiceloop.study.trial import Failure, Origin, Outcome, Trial, TrialState
from spiceloop.study.writing import begin_trials, end_trial, make_study

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = ["Settings", "Study"]

_CLOCK = "spiceloop:clock_s"  # of the study, at the end of a run


class Study(StudyReader):
    """One study, open for reading and, after `claim`, for running it."""

    def __init__(
        self, storage: BaseStorage, url: str, name: str, bench: Bench | None = None
    ) -> None:
        super().__init__(storage, url, name, bench)
        self._mark: dict[str, Any] = {}  # ours while we run the study
        self._mine: set[int] = set()  # running trials that we run
        self._watch = owner.Watch()
        self._clock = 0.0, math.inf  # what the clock showed when the run began, and when that was

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

    def claim(self) -> None:
        """Begin to run the study, alone or, where `is_shared`, beside other processes.

        Raises `StudyError` while another one lives that would have to share it but cannot, and
        where the problem has changed.
        """
        self.require_unchanged()
        mark = owner.mark()
        if not self.is_shared:
            with self._writing():
                other = self._storage.get_study_system_attrs(self._id).get(OWNER) or {}
                if owner.is_alive(other):
                    raise StudyError(
                        f"study {self.name!r} at {safe_url(self.url)} is being run by process "
                        f"{other['pid']}; wait for it, or end it. Several processes can share a "
                        "study in a journal file (--study journal:///…) or on a PostgreSQL server"
                    )
                self._storage.set_study_system_attr(self._id, OWNER, mark)
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
                self._storage.set_study_system_attr(self._id, OWNER, {})
                return
            for number in sorted(left):
                if self._owner_now(number).get("run") == mark.get("run"):
                    self._storage.set_trial_system_attr(self._ids[number], OWNER, {})

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
        return {} if frozen.state.is_finished() else frozen.system_attrs.get(OWNER) or {}

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
                if frozen.state.is_finished() or (frozen.system_attrs.get(OWNER) or {}) != seen:
                    return False  # it was not dead after all, or another one took it first
                self._storage.set_trial_system_attr(self._ids[number], OWNER, self._mark)
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
                self._storage.set_trial_system_attr(self._ids[number], OWNER, mark)

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
        marked = {OWNER: self._mark} if self.is_shared and self._mark else {}
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
