"""The machine: cores, GPU, the cache's folder, room for temporary files."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from spiceloop.cli.doctor.finding import Finding, short

__all__ = ["findings"]

_GROUP = "machine"
_ROOM = 200e6  # bytes; a run's decks, waves and log need far less, a batch raw file may not
_OLDEST, _NEWEST = (3, 11), (3, 12)  # Python versions that are tested


def findings() -> list[Finding]:
    """Look at the machine."""
    return [_python(), _cores(), _gpu(), _cache(), _temporary()]


def _python() -> Finding:
    detail = f"{platform.python_version()} at {short(sys.executable)}, {platform.platform()}"
    remedy = ""
    if not _OLDEST <= sys.version_info[:2] <= _NEWEST:
        oldest, newest = (".".join(map(str, v)) for v in (_OLDEST, _NEWEST))
        remedy = f"spiceloop is tested on Python {oldest} to {newest}"
    if sys.platform != "linux":
        remedy = "spiceloop is tested on Linux only"
    return Finding(_GROUP, "python", True, True, detail, remedy)


def _cores() -> Finding:
    count = os.cpu_count() or 1
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count
    detail = f"{ours}" + (f" for us, of {count}" if ours != count else "")
    return Finding(_GROUP, "cores", True, True, f"{detail}; --workers up to that many")


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        detail = f"{torch.cuda.get_device_name(0)}, seen by torch {torch.__version__}"
    else:
        detail = f"none that torch {torch.__version__} sees; nothing here needs one"
    return Finding(_GROUP, "gpu", True, False, detail)


def _cache() -> Finding:
    from spiceloop.circuit.pdk.cache import cache_folder

    folder = cache_folder()
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if folder.is_dir() else 0
    detail = f"{short(folder)}, {size / 1e6:.1f} MB; may be deleted at any time"
    if not (there.is_dir() and _writable(there)):
        return Finding(
            _GROUP,
            "cache",
            True,
            False,
            f"{short(folder)} cannot be written: PDKs are compiled anew in every run, seconds",
            f"correct the rights of {short(there)}, or set SPICELOOP_CACHE to another folder",
        )
    return Finding(_GROUP, "cache", True, False, detail)


def _temporary() -> Finding:
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    detail = f"{folder}, {free / 1e9:.1f} GB free"
    remedy = f"make room in {folder}, or set TMPDIR to another folder" if free < _ROOM else ""
    return Finding(_GROUP, "temporary files", True, True, detail, remedy)


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
