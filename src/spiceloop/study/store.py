"""A study: every trial of one run, kept in an Optuna storage and written before it counts.

Optuna's own tools see an ordinary study: distributions, objective values in natural units with
their directions, metric names, constraints (≤ 0 is met), failed trials as FAIL. What is ours
stands in attributes: ``spiceloop`` of the study (its settings), and of each trial
``origin``, ``metrics``, ``violations``, ``failure``, ``simulation_s``, ``thinking_s``; of a problem
with corners also ``plan`` and ``simulated``.

A trial is created together with its design in one transaction, and it is finished by its state,
written last. A process killed between the two leaves it RUNNING, and a resumed run evaluates the
same design again under the same number.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.errors import StudyError
from spiceloop.opt.base import History
from spiceloop.spec.bench import Bench
from spiceloop.study import owner
from spiceloop.study.fingerprint import differences, fingerprint, readable
from spiceloop.study.record import (
    BATCH,
    distributions,
    from_frozen,
    history_of,
    queued,
    rebuild,
)
from spiceloop.study.skipped import plan_for
from spiceloop.study.storage import open_storage, safe_url, storage_errors
from spiceloop.study.trial import Failure, Origin, Outcome, Trial, TrialState

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = ["Settings", "Study"]

_SETTINGS = "spiceloop"
_FINGERPRINT, _OWNER = "spiceloop:fingerprint", "spiceloop:owner"


@dataclass(frozen=True)
class Settings:
    """What a study was started with; ``trials`` is the budget without the start design."""

    seed: int = 0
    optimizer: str = "ehvi"
    trials: int = 35
    initial: int = 10
    batch: int = 1
    workers: int = 1
    simulator: str = "ngspice-lib"
    problem_file: str = ""  # absolute, so that a study alone is enough to resume
    versions: Mapping[str, str] = field(default_factory=dict)


def _names(storage: BaseStorage, url: str) -> list[str]:
    with storage_errors(url):
        return sorted(s.study_name for s in storage.get_all_studies())


def _disconnect(storage: BaseStorage) -> None:
    engine = getattr(storage, "engine", None)  # a journal has none and keeps no file open
    if engine is not None:
        engine.dispose()


class Study:
    """One study, open for reading and, by one process at a time, for writing.

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
        self._lock = threading.Lock()
        self._trials: list[Trial] = []
        self._ids: dict[int, int] = {}
        self._queued: tuple[dict[str, float], ...] = ()
        with storage_errors(url):
            self._id = storage.get_study_id_from_name(name)
            settings = storage.get_study_user_attrs(self._id).get(_SETTINGS)
            ours = storage.get_study_system_attrs(self._id)
        if settings is None:
            raise StudyError(
                f"study {name!r} at {safe_url(url)} was not made by spiceloop, or was killed "
                "while it was being made; choose another name or file"
            )
        self.fingerprint: dict[str, str] = ours[_FINGERPRINT]
        self.settings = rebuild(Settings, settings)
        self.reload()

    @classmethod
    def create(cls, bench: Bench, url: str, settings: Settings, *, name: str = "") -> Study:
        """Make a new study, called as the problem unless ``name`` says otherwise.

        Raises `StudyError` if there is one of that name already, `StorageError` if it cannot be
        written.
        """
        import optuna

        problem = bench.problem
        name = name or problem.name
        storage = open_storage(url)
        directions = [m.goal for m in problem.objectives.values() if m.goal]
        with storage_errors(url):
            known = {s.study_name: s._study_id for s in storage.get_all_studies()}
            if name in known:
                if _SETTINGS in storage.get_study_user_attrs(known[name]):
                    raise StudyError(
                        f"there is a study {name!r} at {safe_url(url)} already; resume it, "
                        "or choose another --out or --study"
                    )
                if storage.get_n_trials(known[name]):
                    raise StudyError(
                        f"study {name!r} at {safe_url(url)} belongs to another program"
                    )
                storage.delete_study(known[name])  # killed while it was being made: still empty
            study = optuna.create_study(storage=storage, study_name=name, directions=directions)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(list(problem.objectives))
            storage.set_study_system_attr(study._study_id, _FINGERPRINT, fingerprint(bench))
            # Last, and in one piece: a study that has it is complete.
            study.set_user_attr(_SETTINGS, asdict(settings))
        return cls(storage, url, name, bench)

    @classmethod
    def open(cls, url: str, name: str = "", *, bench: Bench | None = None) -> Study:
        """Open a study; ``name`` may be left out where there is only one.

        Without a ``bench`` the study can be read but not written; likewise where its decks have
        changed, see `changes`. Raises `StudyError` for a missing one, naming those that exist, and
        for one with other parameters or metrics, saying what differs.
        """
        storage = open_storage(url, must_exist=True)
        names = _names(storage, url)
        if not name and len(names) == 1:
            name = names[0]
        if name not in names:
            wanted = f"no study {name!r}{did_you_mean(name, names)}" if name else "which study?"
            there = f"there are {', '.join(names)}" if names else "there is none"
            raise StudyError(f"{wanted} At {safe_url(url)} {there}")
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
            raise StudyError(
                f"study {self.name!r} at {safe_url(self.url)} is of another problem:\n"
                + "\n".join(f"  - {line}" for line in self.changes)
                + "\nundo the change, or start a new study with another --out"
            )

    @property
    def bench(self) -> Bench:
        """The problem with its decks. Raises `StudyError` if the study was opened without."""
        if self._bench is None:
            raise StudyError(f"study {self.name!r} was opened without its problem: read only")
        return self._bench

    def close(self) -> None:
        """Close files and connections; the next use opens them again."""
        _disconnect(self._storage)

    def reload(self) -> None:
        """Read all trials again, for one that another process is writing."""
        with self._lock, storage_errors(self.url):
            frozen = self._storage.get_all_trials(self._id, deepcopy=False)
            ours = {f.number: (f, t) for f in frozen if (t := from_frozen(f)) is not None}
            self._trials = [ours[n][1] for n in sorted(ours)]
            self._ids = {n: f._trial_id for n, (f, _) in ours.items()}
            self._queued = queued([ours[n][0] for n in sorted(ours)])

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial in order of number, running ones included."""
        with self._lock:
            return tuple(self._trials)

    @property
    def n_asked(self) -> int:
        """How many trials were asked of an optimizer, queued ones of a batch not counted."""
        return sum(t.origin is not Origin.START for t in self.trials)

    @property
    def queued(self) -> tuple[dict[str, float], ...]:
        """Designs of the newest batch that have no trial yet."""
        with self._lock:
            return self._queued

    def history(self) -> History:
        """Return what an optimizer may know: rows in trial order, failed ones with NaN."""
        return history_of(self.bench.problem, self.trials, self.queued)

    def claim(self) -> None:
        """Become the one process that writes.

        Raises `StudyError` while another one lives, and where the problem has changed.
        """
        self.require_unchanged()
        with storage_errors(self.url):
            other = self._storage.get_study_system_attrs(self._id).get(_OWNER) or {}
            if owner.is_alive(other):
                raise StudyError(
                    f"study {self.name!r} at {safe_url(self.url)} is being run by process "
                    f"{other['pid']}; wait for it, or end it"
                )
            self._storage.set_study_system_attr(self._id, _OWNER, owner.mark())

    def release(self) -> None:
        """Undo `claim`."""
        with storage_errors(self.url):
            self._storage.set_study_system_attr(self._id, _OWNER, {})

    def begin(
        self,
        design: Mapping[str, float],
        origin: Origin,
        *,
        thinking_s: float = 0.0,
        rest: Sequence[Mapping[str, float]] = (),
    ) -> Trial:
        """Write a new running trial with its design, and return it.

        ``rest`` are the further designs of a batch that was asked at once. They are kept with the
        batch's first trial, so that a killed run starts the same ones.
        """
        from optuna.trial import TrialState as OptunaState
        from optuna.trial import create_trial

        with self._lock, storage_errors(self.url):
            plan = plan_for(self.bench.problem, self._trials)
            attrs = {"origin": origin.value, "thinking_s": thinking_s}
            fresh = create_trial(
                state=OptunaState.RUNNING,
                params=dict(design),
                distributions=distributions(self.bench.problem),
                user_attrs={**attrs, "plan": asdict(plan)} if plan else attrs,
                system_attrs={BATCH: [dict(d) for d in rest]} if rest else {},
            )
            trial_id = self._storage.create_new_trial(self._id, fresh)
            number = self._storage.get_trial_number_from_id(trial_id)
            trial = Trial(
                number,
                TrialState.RUNNING,
                origin,
                dict(design),
                thinking_s=thinking_s,
                plan=plan,
            )
            self._trials.append(trial)
            self._ids[number] = trial_id
            self._queued = tuple(dict(d) for d in rest) if rest else self._queued[1:]
            return trial

    def finish(
        self,
        number: int,
        outcome: Outcome | Mapping[str, float] | Failure,
        *,
        simulation_s: float,
    ) -> Trial:
        """Write what became of a running trial: its metrics, or why it failed.

        Metrics or a failure alone stand for an `Outcome` without corners.

        When this returns the trial is on disk. Raises `StorageError` if it cannot be written; the
        trial is then still a running one, to be evaluated again.
        """
        from optuna.trial import TrialState as OptunaState

        problem = self.bench.problem
        if isinstance(outcome, Failure):
            outcome = Outcome(failure=outcome)
        elif not isinstance(outcome, Outcome):
            outcome = Outcome(outcome)
        with self._lock, storage_errors(self.url):
            index = next(i for i, t in enumerate(self._trials) if t.number == number)
            put = partial(self._storage.set_trial_user_attr, self._ids[number])
            put("simulation_s", simulation_s)
            trial = replace(self._trials[index], simulation_s=simulation_s)
            if trial.plan is not None:
                corners = {c: dict(metrics) for c, metrics in outcome.corners.items()}
                counts = {"simulations": outcome.simulations, "saved": outcome.saved}
                put("simulated", {"corners": corners, **counts})
                trial = replace(
                    trial,
                    corners=corners,
                    simulations=outcome.simulations,
                    saved=outcome.saved,
                )
            if outcome.failure is not None:
                put("failure", asdict(outcome.failure))
                trial = replace(trial, state=TrialState.FAILED, failure=outcome.failure)
                state, values = OptunaState.FAIL, None
            else:
                metrics = {
                    name: float(outcome.metrics[name])
                    for name in problem.metrics
                    if name in outcome.metrics
                }
                violations = problem.violations(metrics)
                put("metrics", metrics)
                put("violations", violations)
                self._storage.set_trial_system_attr(
                    self._ids[number],
                    "constraints",
                    [excess for _, excess in problem.excesses(metrics)],
                )
                trial = replace(
                    trial, state=TrialState.DONE, metrics=metrics, violations=violations
                )
                state, values = OptunaState.COMPLETE, [metrics[n] for n in problem.objectives]
            self._storage.set_trial_state_values(self._ids[number], state, values)
            self._trials[index] = trial
            return trial
