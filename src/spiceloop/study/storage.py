"""Opening an Optuna storage by URL so that what is written stays written.

``sqlite:///study.db`` (relative, four slashes absolute), ``postgresql://…`` and the like through
SQLAlchemy, ``journal:///study.log`` for Optuna's append-only file, which also works on network
file systems where SQLite's locks do not. In SQLite's URL a ``?`` or ``%`` of the file's name is
written as ``%3F`` or ``%25``, as in every URL of SQLAlchemy; a journal's has the name as it is.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from spiceloop.errors import StorageError, StudyError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = [
    "BUSY_S",
    "damage",
    "default_url",
    "disconnect",
    "file_of",
    "file_url",
    "incremental",
    "is_shared",
    "open_storage",
    "safe_url",
    "storage_errors",
]

BUSY_S = 30.0  # how long to wait for another process, such as the dashboard, to let go
_SQLITE, _JOURNAL = "sqlite:///", "journal:///"
_MEANT = frozenset("?%{}\n\r\t")  # what means something in a URL, or to Optuna: it fills in braces


def default_url(folder: Path) -> str:
    """Return the URL of the study file that ``--out folder`` implies."""
    return file_url(folder / "study.db")


def file_url(file: Path) -> str:
    """Return the URL of a study in a file: by its name a journal, else a SQLite database."""
    if file.suffix in {".log", ".journal"}:
        return f"{_JOURNAL}{file.absolute()}"
    return _SQLITE + "".join(quote(c) if c in _MEANT else c for c in str(file.absolute()))


def file_of(url: str) -> Path | None:
    """Return the file behind a URL, or None where a server is behind it."""
    if url.startswith(_JOURNAL):
        return Path(url.removeprefix(_JOURNAL))
    if url.startswith(_SQLITE):
        return Path(unquote(url.removeprefix(_SQLITE).partition("?")[0]))
    return None


def is_shared(url: str) -> bool:
    """Whether several processes may run one study in this storage at the same time."""
    return not url.startswith("sqlite")


def incremental(storage: BaseStorage) -> BaseStorage:
    """Return a reader that asks a database only for trials that may have changed."""
    from optuna.storages import get_storage

    return get_storage(storage)


def disconnect(storage: BaseStorage) -> None:
    """Close files and connections; the next use opens them again."""
    engine = getattr(storage, "engine", None)  # a journal has none and keeps no file open
    if engine is not None:
        engine.dispose()


def open_storage(url: str, *, must_exist: bool = False) -> BaseStorage:
    """Open the storage behind ``url``, making its file, but never its folder, on the way.

    Raises `StudyError` for a URL that cannot be one, or, with ``must_exist``, for a missing file;
    `StorageError` where it cannot be opened.
    """
    file = file_of(url)
    if "://" not in url or url in {"sqlite://", "sqlite:///", "sqlite:///:memory:", "journal:///"}:
        raise StudyError(
            f"{url!r} is not the URL of a study that lasts; expected for example "
            "sqlite:///study.db, journal:///study.log or postgresql://user@host/database"
        )
    options = url.partition("?")[2] if url.startswith(_SQLITE) else ""
    if options and "=" not in options:
        raise StudyError(
            f"{url!r}: after a ? stand options, such as ?timeout=60, and {options!r} is none; "
            "write %3F for a ? of the file's name, or name the folder in place of its URL"
        )
    if file is not None and must_exist and not file.exists():
        raise StudyError(f"there is no study file {file}; `spiceloop size` makes one")
    if file is not None and not file.parent.is_dir():
        raise StorageError(f"cannot make {file}: its folder {file.parent} does not exist")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with storage_errors(url):
        if file is not None and url.startswith("journal:"):
            from spiceloop.study.turn import Journal

            return Journal(file)
        return _database(url)


def _database(url: str) -> BaseStorage:
    from optuna.storages import RDBStorage
    from sqlalchemy import event

    sqlite = url.startswith("sqlite")
    if sqlite:
        _require_same_file(url)
    storage = RDBStorage(
        _with_driver(url),
        engine_kwargs={"connect_args": {"timeout": BUSY_S}} if sqlite else {"pool_pre_ping": True},
    )
    if sqlite:
        # The rollback journal with a full sync survives a power cut and, unlike write-ahead
        # logging, leaves one file that can be copied, and works without shared memory.
        def durable(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("PRAGMA synchronous=FULL")

        storage.engine.dispose()  # the connections that creating the tables opened lack it
        event.listen(storage.engine, "connect", durable)
    weakref.finalize(storage, storage.engine.dispose)  # else its connections wait for exit
    return storage


def _require_same_file(url: str) -> None:
    # SQLAlchemy before 2.1 does not decode %3F in a file's name, and would make another file.
    import sqlalchemy

    found, file = sqlalchemy.make_url(_with_driver(url)).database, file_of(url)
    if file is not None and Path(found or "") != file:
        raise StudyError(
            f"the file's name {str(file)!r} has characters that SQLAlchemy "
            f"{sqlalchemy.__version__} cannot open; rename it, or its folder, in plain letters"
        )


def _with_driver(url: str) -> str:
    url = url.replace("{", "%7B").replace("}", "%7D")  # which Optuna would fill in
    # The driver of our extra, whichever one SQLAlchemy's version would take.
    scheme, colon, rest = url.partition("://")
    return f"postgresql+psycopg{colon}{rest}" if scheme in {"postgres", "postgresql"} else url


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what Optuna, SQLAlchemy and the file system raise into `StorageError`."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ImportError as error:
        todo = (
            "pip install 'spiceloop[postgresql]'"
            if url.startswith("postgres")
            else "install it with pip"
        )
        raise StorageError(f"no driver for {safe_url(url)}: {error}; {todo}") from error
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError, OSError) as error:
        raise StorageError(_explain(url, error)) from error
    except RuntimeError as error:  # Optuna's word for a database of another Optuna version
        raise StorageError(f"cannot use the study at {safe_url(url)}: {error}") from error


@contextmanager
def damage(url: str) -> Iterator[None]:
    """Turn into `StorageError` what reading a damaged file, or one made up, runs into.

    Optuna trusts what it once wrote: anything may come, from no UTF-8 to a missing key.
    """
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise StorageError(
            f"cannot read the study at {safe_url(url)}: {type(error).__name__}: "
            f"{str(error)[:200]}; the file is damaged or is no study"
        ) from error


def safe_url(url: str) -> str:
    """Return the URL without a password, for messages and reports."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except ArgumentError:
        return url.partition("://")[0] + "://…"
    return parsed.render_as_string(hide_password=True) if parsed.password else url


def _explain(url: str, error: BaseException) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    said = str(getattr(cause, "orig", None) or cause).strip().splitlines()[0]
    where = safe_url(url)
    lower = said.lower()
    if "full" in lower or "no space" in lower or "quota" in lower:
        todo = "the disk is full: make room"
    elif "no locks" in lower:
        todo = "its file system has no file locks: put it elsewhere, or on a PostgreSQL server"
    elif "locked" in lower or "lock timeout" in lower:
        todo = f"another process held it for {BUSY_S:.0f} s: end that process"
    elif "readonly" in lower or "read-only" in lower or "permission" in lower:
        todo = "it may not be written: check its owner and rights"
    elif "disk i/o" in lower or "unable to open" in lower:
        todo = "check that the disk is there, has room and may be written"
    elif "not a database" in lower or "malformed" in lower or "invalid log" in lower:
        todo = "the file is damaged or is no study"
        return f"cannot read the study at {where}: {said}; {todo}"
    else:
        todo = "check that the storage can be reached"
    return (
        f"cannot write the study at {where}: {said}; {todo}, then `spiceloop resume`. "
        "Every trial that was reported as finished is kept"
    )
