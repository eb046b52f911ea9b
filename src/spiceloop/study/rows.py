"""Trials as rows of Optuna's tables, many at once.

Optuna writes a trial value by value and looks up the trial before each: tens of milliseconds for
one of twelve parameters, several times as long as many a simulation. What stands in the tables
afterwards is the same. To be used inside a `turn`, which makes one transaction of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy import func, insert, select

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

__all__ = ["begin", "end"]


def begin(storage: RDBStorage, study_id: int, trials: Sequence[FrozenTrial]) -> list[int]:
    """Write running trials with their parameters and attributes; return their ids."""
    session = storage.scoped_session()
    known = select(func.count()).where(models.TrialModel.study_id == study_id)
    first = session.execute(known).scalar_one()
    now = datetime.now()
    rows = [
        models.TrialModel(
            study_id=study_id, number=first + i, state=TrialState.RUNNING, datetime_start=now
        )
        for i in range(len(trials))
    ]
    session.add_all(rows)
    session.flush()
    ids = [int(row.trial_id) for row in rows]
    spaces = {
        name: (distribution.to_internal_repr, distribution_to_json(distribution))
        for name, distribution in trials[0].distributions.items()
    }
    session.execute(
        insert(models.TrialParamModel),
        [
            {
                "trial_id": trial_id,
                "param_name": name,
                "param_value": spaces[name][0](value),
                "distribution_json": spaces[name][1],
            }
            for trial_id, trial in zip(ids, trials, strict=True)
            for name, value in trial.params.items()
        ],
    )
    for trial_id, trial in zip(ids, trials, strict=True):
        _attributes(session, models.TrialUserAttributeModel, trial_id, trial.user_attrs)
        _attributes(session, models.TrialSystemAttributeModel, trial_id, trial.system_attrs)
    session.commit()  # into the transaction of the turn
    return ids


def end(
    storage: RDBStorage,
    trial_id: int,
    state: TrialState,
    values: Sequence[float] | None,
    user_attrs: Mapping[str, Any],
    system_attrs: Mapping[str, Any],
) -> None:
    """Write how a running trial ended. Raises Optuna's error for one that has ended before."""
    session = storage.scoped_session()
    trial = models.TrialModel.find_or_raise_by_id(trial_id, session)
    storage.check_trial_is_updatable(trial_id, trial.state)  # type: ignore[arg-type]
    _attributes(session, models.TrialUserAttributeModel, trial_id, user_attrs)
    _attributes(session, models.TrialSystemAttributeModel, trial_id, system_attrs)
    if values is not None:
        stored = [models.TrialValueModel.value_to_stored_repr(v) for v in values]
        session.execute(
            insert(models.TrialValueModel),
            [
                {"trial_id": trial_id, "objective": i, "value": value, "value_type": kind}
                for i, (value, kind) in enumerate(stored)
            ],
        )
    trial.state = state
    trial.datetime_complete = datetime.now()
    session.commit()


def _attributes(session: Any, model: Any, trial_id: int, attrs: Mapping[str, Any]) -> None:
    if attrs:
        session.execute(
            insert(model),
            [
                {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
                for key, value in attrs.items()
            ],
        )
