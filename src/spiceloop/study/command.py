"""The command line that makes a study like this one again."""

from __future__ import annotations

import shlex
from pathlib import Path

from spiceloop.study.budget import written
from spiceloop.study.storage import default_url, file_of, safe_url
from spiceloop.study.store import Settings, Study

__all__ = ["size_command"]

_ALWAYS = ("initial", "seed")
_IF_CHANGED = ("optimizer", "batch", "workers", "simulator")


def size_command(study: Study) -> str:
    """Return ``spiceloop size …`` with what the study was started with; its folder is left out."""
    settings, usual = study.settings, Settings()
    words = ["spiceloop", "size", settings.problem_file or study.bench.problem.name]
    for part in written(settings.budget):
        words += ["--budget", part]
    for option in (*_ALWAYS, *_IF_CHANGED):
        value = getattr(settings, option)
        if option in _ALWAYS or value != getattr(usual, option):
            words += [f"--{option}", str(value)]
    if settings.learned_from:
        words += ["--learn-from", settings.learned_from]
    if settings.stop_when_converged:
        words.append("--stop-when-converged")
    if study.url != default_url((file_of(study.url) or Path()).parent):
        words += ["--study", safe_url(study.url)]
    if study.name != study.bench.problem.name:
        words += ["--name", study.name]
    if study.bench.trust:
        words.append("--trust-deck")
    return shlex.join(words)
