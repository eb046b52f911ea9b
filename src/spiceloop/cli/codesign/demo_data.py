"""The recordings of ``spiceloop codesign demo``: synthesised once, kept in the cache."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from pathlib import Path

from spiceloop.cli.bar import Bar
from spiceloop.cli.console import note

__all__ = ["demo_data"]

_CLIPS = 120  # a word


def demo_data() -> Path:
    """Return the folder of the demo's recordings, made if need be.

    Raises `SetupError` without espeak-ng and flite, `StorageError` where it cannot be written.
    """
    from spiceloop.kws.cache import cache_root
    from spiceloop.kws.synth import synthesise

    folder = cache_root().parent / "synthesised" / f"demo-{version('spiceloop')}-{_CLIPS}"
    if not folder.is_dir():
        with Bar() as bar:
            made = synthesise(folder, clips=_CLIPS, progress=partial(bar, "speaking"))
        for warning in made.warnings:
            note(f"warning: {warning}")
    note(f"synthetic speech from {folder}: for trying out, it says nothing about real speech")
    return folder
