"""Where a study is, as people say it: the folder of its run, its file, or a URL."""

from __future__ import annotations

from pathlib import Path

from spiceloop.errors import StudyError
from spiceloop.study.storage import default_url, file_of, file_url, safe_url

__all__ = ["named_study", "place_of", "study_url"]


def study_url(where: str | Path) -> str:
    """Return the URL of a study given by URL, by its file, or by the folder of its run.

    Raises `StudyError` where there is none.
    """
    text = str(where)
    if "://" in text:
        return text
    path = Path(where)
    if path.is_dir():
        if not (path / "study.db").is_file():
            raise StudyError(f"{path} holds no study.db; give the folder that `--out` named")
        return default_url(path)
    if path.is_file():
        return file_url(path)
    raise StudyError(
        f"there is no study {text!r}: neither a folder, a file nor a URL; give the folder that "
        "`spiceloop size` named after `study:`, or its --out"
    )


def named_study(where: str | Path) -> tuple[str, str]:
    """Return URL and name of a study; of several in one storage ``URL#NAME`` names one."""
    url = study_url(where)
    file = file_of(url)
    if file is not None and file.exists():
        return url, ""
    place, _, name = url.rpartition("#")
    return (place, name) if place else (url, "")


def place_of(url: str, name: str) -> str:
    """Return what `named_study` reads back, a password left out: the folder of a run where it is
    one.
    """
    file = file_of(url)
    if file is not None and url == default_url(file.parent):
        return str(file.parent)
    return f"{safe_url(url)}#{name}"
