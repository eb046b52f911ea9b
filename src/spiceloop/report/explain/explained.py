"""The five answers about one study, each worked out when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from spiceloop.report.explain.errors import MetricError, cross_validation
from spiceloop.report.explain.forecasts import Forecasts, forecasts
from spiceloop.report.explain.limits import Limit, limits
from spiceloop.report.explain.reasons import Reason, reasons
from spiceloop.report.explain.sensitivity import Sensitivity, sensitivity
from spiceloop.report.explain.study import StudyModel

if TYPE_CHECKING:
    from spiceloop.report.view import StudyView

__all__ = ["Explained"]


class Explained:
    """Each property raises `StudyError`, saying why, where the study has too little for it."""

    def __init__(self, view: StudyView) -> None:
        self.view = view
        self.model = StudyModel(view)

    @cached_property
    def sensitivity(self) -> Sensitivity:
        """Which variables matter."""
        return sensitivity(self.model)

    @cached_property
    def cross_validation(self) -> tuple[MetricError, ...]:
        """How far the model can be trusted, goals first."""
        return cross_validation(self.model)

    @cached_property
    def forecasts(self) -> Forecasts:
        """Predicted against simulated."""
        return forecasts(self.model)

    @cached_property
    def reasons(self) -> tuple[Reason, ...]:
        """Why designs were proposed, by number."""
        return reasons(self.model)

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """What limits each objective."""
        return limits(self.model)
