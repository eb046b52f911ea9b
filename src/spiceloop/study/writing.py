"""What is written to an Optuna storage: a new study, trials that begin, trials that end."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.errors import StudyError
from spiceloop.spec.bench import Bench
from spiceloop.spec.problem import Problem
from spiceloop.study.fingerprint import fingerprint
from spiceloop.study.record import Ending, distributions, ending_again, running_frozen
from spiceloop.study.settings import Settings
from spiceloop.study.storage import safe_url, storage_errors
from spiceloop.study.trial import Trial

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

__all__ = ["FINGERPRINT", "SETTINGS", "begin_trials", "end_trial", "find_study", "make_study"]

SETTINGS = "spiceloop"  # user attribute of a study
FINGERPRINT = "spiceloop:fingerprint"  # system attribute


def make_study(
    storage: BaseStorage,
    url: str,
    name: str,
    bench: Bench,
    settings: Settings,
    earlier: Sequence[Trial] = (),
) -> None:
    """Make a new study whose first trials are ``earlier`` ones, numbered from 0.

    Raises `StudyError` if there is one of that name, `StorageError`.
    """
    import optuna

    from spiceloop.study.turn import making

    problem = bench.problem
    directions = [m.goal for m in problem.objectives.values() if m.goal]
    there = (
        f"there is a study {name!r} at {safe_url(url)} already; resume it, "
        "or choose another --out or --study"
    )
    with storage_errors(url), making(storage):
        known = {s.study_name: s._study_id for s in storage.get_all_studies()}
        if name in known:
            if SETTINGS in storage.get_study_user_attrs(known[name]):
                raise StudyError(there)
            ours = FINGERPRINT in storage.get_study_system_attrs(known[name])
            if storage.get_n_trials(known[name]) and not ours:
                raise StudyError(f"study {name!r} at {safe_url(url)} belongs to another program")
            storage.delete_study(known[name])  # killed while it was being made
        try:
            study = optuna.create_study(storage=storage, study_name=name, directions=directions)
        except optuna.exceptions.DuplicatedStudyError:  # by another process, this moment
            raise StudyError(there) from None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(problem.objectives))
        storage.set_study_system_attr(study._study_id, FINGERPRINT, fingerprint(bench))
        if earlier:
            _write_earlier(storage, study._study_id, problem, earlier)
        # Last, and in one piece: a study that has it is complete.
        study.set_user_attr(SETTINGS, asdict(settings))


def _write_earlier(
    storage: BaseStorage, study_id: int, problem: Problem, trials: Sequence[Trial]
) -> None:
    from spiceloop.study.turn import turn

    space = distributions(problem)
    with turn(storage, study_id):
        ids = begin_trials(storage, study_id, [running_frozen(space, t) for t in trials])
        for trial_id, trial in zip(ids, trials, strict=True):
            end_trial(storage, trial_id, ending_again(problem, trial))


def find_study(storage: BaseStorage, url: str, name: str) -> str:
    """Return the name of the study meant, of the only one if ``name`` is empty.

    Raises `StudyError` for a missing one, naming those that exist.
    """
    with storage_errors(url):
        names = sorted(s.study_name for s in storage.get_all_studies())
    if not name and len(names) == 1:
        return names[0]
    if name in names:
        return name
    wanted = f"no study {name!r}{did_you_mean(name, names)}" if name else "which study?"
    there = f"there are {', '.join(names)}" if names else "there is none"
    raise StudyError(f"{wanted} At {safe_url(url)} {there}")


def begin_trials(storage: BaseStorage, study_id: int, fresh: Sequence[FrozenTrial]) -> list[int]:
    """Write running trials; return their ids. To be used inside a `turn`, as is the next."""
    from optuna.storages import RDBStorage

    if isinstance(storage, RDBStorage):
        from spiceloop.study import rows

        return rows.begin(storage, study_id, fresh)
    return [storage.create_new_trial(study_id, each) for each in fresh]


def end_trial(storage: BaseStorage, trial_id: int, ending: Ending) -> None:
    """Write how a running trial ended; its state comes last."""
    from optuna.storages import RDBStorage

    system = {} if ending.constraints is None else {"constraints": list(ending.constraints)}
    if isinstance(storage, RDBStorage):
        from spiceloop.study import rows

        rows.end(storage, trial_id, ending.state, ending.values, ending.attributes, system)
        return
    for name, value in ending.attributes.items():
        storage.set_trial_user_attr(trial_id, name, value)
    for name, value in system.items():
        storage.set_trial_system_attr(trial_id, name, value)
    storage.set_trial_state_values(trial_id, ending.state, ending.values)
