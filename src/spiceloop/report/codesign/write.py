"""From a run's folder to its report: one HTML file, and the figures as PNG."""

from __future__ import annotations

from pathlib import Path

from spiceloop.errors import StorageError
from spiceloop.kws.run_folder import RunFolder
from spiceloop.report.codesign.cards import all_cards, confusion_picture
from spiceloop.report.codesign.view import ArmView, RunView
from spiceloop.report.html import Page, write_page

__all__ = ["write_codesign_report", "write_confusion"]

_FIGURES = "figures"  # the sub-folder of the PNGs


def write_codesign_report(folder: RunFolder) -> Path:
    """Write ``report.html`` into a run's folder and PNGs into ``figures/``; return the HTML file.

    The run may still go on. Raises `StudyError` for a folder that is none, `StorageError`.
    """
    view = RunView.read(folder)
    page = Page(view.config.name, "Co-design report", all_cards(view), "codesign")
    return write_page(page, folder.path, folder.path / _FIGURES)


def write_confusion(view: RunView, arm: ArmView) -> Path:
    """Draw an arm's confusion, clean and in the worst known noise, into ``figures/``."""
    image = confusion_picture(view, arm, ["clean", view.hardest])
    file = view.path / _FIGURES / image.name
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(image.png)
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}") from error
    return file
