"""The report of a study: a list of cards, written as one HTML file with PNGs beside it."""

from __future__ import annotations

from spiceloop.report.html import write_report
from spiceloop.report.view import StudyView

__all__ = ["StudyView", "write_report"]
