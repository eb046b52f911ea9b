"""Compiled models on disk, by content of the library's files.

Layout below the cache folder (``SPICELOOP_CACHE``, or ``spiceloop`` in ``XDG_CACHE_HOME`` or
``~/.cache``)::

    pdk/<hash of path and section>.json     which files a section reads, their stat and content hash
    pdk/<content hash>/<name>.json          one entry: the section's index, or one device

Entries are written to a temporary file and renamed, so that processes may share the folder. An
entry that cannot be read, or written, is as good as none: the cache never fails a run.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["FORMAT", "Cache", "cache_folder", "content_key"]

# Raise this whenever what is stored, or how it is worked out, changes.
FORMAT = 3


def cache_folder() -> Path:
    """The folder of spiceloop's caches; it may not exist yet."""
    if chosen := os.environ.get("SPICELOOP_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "spiceloop"


def content_key(files: Iterable[Path], section: str) -> str:
    """Hash of the format, the section's name and every file's bytes."""
    digest = hashlib.sha256(f"spiceloop pdk {FORMAT} {section}\n".encode())
    for path in files:
        data = path.read_bytes()
        digest.update(f"{len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:32]


def _stat(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


class Cache:
    """Read and write JSON entries; every failure reads as absent."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or cache_folder()) / "pdk"

    def _manifest(self, library: Path, section: str) -> Path:
        name = hashlib.sha256(f"{FORMAT} {library.resolve()} {section}".encode()).hexdigest()[:32]
        return self.folder / f"{name}.json"

    def key(self, library: Path, section: str) -> str | None:
        """Content hash of a section if no file of it has changed since `remember`."""
        data = self._read(self._manifest(library, section))
        try:
            for name, stat in data["files"]:
                if _stat(Path(name)) != stat:
                    return None
            return str(data["key"])
        except (KeyError, TypeError, ValueError, OSError):
            return None

    def remember(self, library: Path, section: str, files: Iterable[Path]) -> str:
        """Hash a section's files and note their size and time of change."""
        paths = list(files)
        key = content_key(paths, section)
        stats = [[str(path.resolve()), _stat(path)] for path in paths]
        self._write(self._manifest(library, section), {"key": key, "files": stats})
        return key

    def get(self, key: str, name: str) -> Any:
        """Return an entry, or None."""
        return self._read(self.folder / key / f"{name}.json")

    def put(self, key: str, name: str, data: Any) -> None:
        """Store an entry; a full or read-only disk is not an error."""
        self._write(self.folder / key / f"{name}.json", data)

    @staticmethod
    def _read(path: Path) -> Any:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    @staticmethod
    def _write(path: Path, data: Any) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    json.dump(data, stream)
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError:
            return
