"""The report of a co-design run, and its figures for use elsewhere (each takes ``ax``)."""

from __future__ import annotations

from spiceloop.report.codesign.figures import plot_accuracy, plot_confusion, plot_responses
from spiceloop.report.codesign.view import ArmView, BankFigures, RunView, condition_text
from spiceloop.report.codesign.write import write_codesign_report, write_confusion

__all__ = [
    "ArmView",
    "BankFigures",
    "RunView",
    "condition_text",
    "plot_accuracy",
    "plot_confusion",
    "plot_responses",
    "write_codesign_report",
    "write_confusion",
]
