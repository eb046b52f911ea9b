"""The private folder that one simulation runs in."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath

from spiceloop.circuit.deck import Deck
from spiceloop.errors import DeckError, SetupError

__all__ = [
    "make_folder",
    "name_folder",
    "new_folder",
    "read_log",
    "run_folder",
    "setup_commands",
    "write_files",
]

_LOG_HEAD, _LOG_TAIL = 64 << 20, 1 << 20  # bytes; what we have ngspice add stands at the end

# Inside double quotes, too; and what is no UTF-8.
_ACTED_ON = re.compile(r"[\x00-\x1f\x7f\"`${}\\\ud800-\udfff]")


@contextlib.contextmanager
def run_folder(deck: Deck, files: Mapping[str, str], inside: Path | None = None) -> Iterator[Path]:
    """Make a temporary folder with the deck's files and ``files``; remove it at the end."""
    for name in deck.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise DeckError(f"{deck.name}: file {name!r} would lie outside the run's folder")
    folder = new_folder(inside)
    try:
        write_files(folder, {**deck.files, **files})
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts by relative path. Raises `SetupError` where there is no room for them."""
    try:
        for name, text in files.items():
            target = folder / name
            if "/" in name:
                target.parent.mkdir(parents=True, exist_ok=True)
            # To write over a file would have ext4 write it out first, and wait.
            target.unlink(missing_ok=True)
            target.write_bytes(text.encode())
    except OSError as error:
        raise _cannot_write(error) from None


def new_folder(inside: Path | None = None) -> Path:
    """Make an empty temporary folder. Raises `SetupError` where there is no room for one."""
    try:
        return Path(tempfile.mkdtemp(prefix="spiceloop-", dir=inside))
    except OSError as error:
        raise _cannot_write(error) from None


def read_log(log: Path | int) -> list[str]:
    """Return a log's lines, the middle of a huge one left out; none where there is no log.

    ``log`` is a path, or the number of an open file, which stays open.
    """
    try:
        with open(log, "rb", closefd=isinstance(log, Path)) as file:
            file.seek(0)
            size = os.fstat(file.fileno()).st_size
            if size <= _LOG_HEAD + _LOG_TAIL:
                data = file.read(size)
            else:
                data = file.read(_LOG_HEAD)
                file.seek(size - _LOG_TAIL)
                data += b"\nspiceloop: the middle of the output is cut\n" + file.read(_LOG_TAIL)
    except FileNotFoundError:
        return []
    return data.decode(errors="replace").splitlines()


def name_folder() -> Path:
    """Return a temporary folder's name that nobody uses; `make_folder` makes it."""
    try:
        return Path(tempfile.gettempdir(), f"spiceloop-{secrets.token_hex(6)}")
    except OSError as error:
        raise SetupError(f"no folder for temporary files: {error}; set TMPDIR to one") from None


def make_folder(path: Path) -> None:
    """Make it, for its owner only. Raises `SetupError` where there is no room for one."""
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        raise _cannot_write(error) from None


def _cannot_write(error: OSError) -> SetupError:
    return SetupError(
        f"cannot write a deck for the simulator: {error}; free some space in "
        f"{tempfile.gettempdir()} or set TMPDIR to another folder"
    )


@lru_cache(maxsize=64)
def _written(home: str) -> tuple[str, str]:
    """Return a folder's path without links, and what in it ngspice would act on."""
    home = os.path.realpath(home)
    bad = _ACTED_ON.search(home)
    return home, bad.group() if bad else ""


def setup_commands(deck: Deck) -> list[str]:
    """Commands that ngspice needs before it reads the deck."""
    home, bad = _written(str(deck.home.absolute()))
    if bad:
        raise DeckError(
            f"{deck.name}: the folder {home!r} has {bad!r} in its name, which ngspice cannot read "
            "or would act on; rename it, or run a copy of it elsewhere"
        )
    # Relative paths are looked up in the run's own folder first, then in the deck's home.
    commands = [f'set sourcepath = ( . "{home}" )']
    # ngspice splits device evaluation over two OpenMP threads that wait for each other by spinning:
    # nothing gained on circuits of this size, and up to 100 times slower where cores are shared.
    commands.append("set num_threads=1")
    if deck.compat:
        commands += [f"set ngbehavior={deck.compat}", "set ng_nomodcheck"]
    return commands
