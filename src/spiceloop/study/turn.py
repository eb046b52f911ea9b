"""Taking turns: what several processes may do to one study only one after another.

To begin a trial a process has to know every trial before it, and to take over one it has to be
the first who does. Both are short: read, compare, write, with nobody in between. The lock is the
kernel's or the database's, so it goes away with the process that holds it, killed or not.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from spiceloop.study.storage import BUSY_S

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = ["Journal", "making", "turn"]

_NAP_S = 0.05
_MAKING = 0x5350494345  # PostgreSQL's locks go by number


def turn(storage: BaseStorage, study_id: int) -> AbstractContextManager[None]:
    """Return a lock that one thread of all processes of a study holds at a time.

    What is written while it is held comes onto the disk at its end: whole in a database, in order
    in a journal.
    """
    if isinstance(storage, Journal):
        return storage.turn()
    assert isinstance(storage, RDBStorage)
    return _transaction(storage, study_id)


@contextmanager
def making(storage: BaseStorage) -> Iterator[None]:
    """Hold off other processes that make a study in the same storage.

    Making one takes several steps, between which it looks like the rest of one whose making was
    killed.
    """
    if isinstance(storage, Journal):
        with storage.turn():
            yield
        return
    assert isinstance(storage, RDBStorage)
    kind, file = storage.engine.dialect.name, storage.engine.url.database
    if kind == "postgresql":
        from sqlalchemy import func, select, text

        with storage.engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY_S:.0f}s'"))
            connection.execute(select(func.pg_advisory_xact_lock(_MAKING)))
            yield
    elif kind == "sqlite" and file:
        # Not the file: closing it would let go of SQLite's own locks on it.
        folder = os.open(Path(file).parent, os.O_RDONLY)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    else:
        yield


@contextmanager
def _transaction(storage: RDBStorage, study_id: int) -> Iterator[None]:
    from optuna.storages._rdb.models import StudyModel
    from sqlalchemy import select, text

    with storage.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # Taking the lock before reading waits for other writers; trying to take it after,
            # SQLite fails at once.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY_S:.0f}s'"))
            row = select(StudyModel.study_id).where(StudyModel.study_id == study_id)
            connection.execute(row.with_for_update()).all()
        # Optuna takes this thread's session, and what it commits waits for our own commit.
        sessions = storage.scoped_session
        sessions.remove()
        sessions(bind=connection, join_transaction_mode="rollback_only")
        try:
            yield
        finally:
            sessions.remove()
        connection.commit()


class Journal(JournalStorage):
    """Optuna's journal in a file, with our lock, and one sync for all that a turn writes."""

    def __init__(self, file: Path) -> None:
        self._turns = _JournalLock(file)
        super().__init__(_JournalFile(file, self._turns))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """See `turn`."""
        self._turns.acquire()
        try:
            yield
            self._turns.sync()
        finally:
            self._turns.release()


class _JournalFile(JournalFileBackend):
    def __init__(self, file: Path, lock: _JournalLock) -> None:
        self._file = file
        self._turns = lock
        super().__init__(str(file), lock)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._turns.acquire()
        try:
            with self._file.open("ab", buffering=0) as stream:
                if stream.write(lines.encode()) != len(lines.encode()):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if not self._turns.nested:
                self._turns.sync()
        finally:
            self._turns.release()


class _JournalLock(JournalFileOpenLock):
    """A lock on the journal file itself; the thread that holds it may take it again.

    Optuna's own locks are files that a killed process leaves behind, and everybody then waits
    half a minute.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self._file = file
        self._thread = threading.RLock()
        self._depth = 0
        self._fd = -1

    def acquire(self) -> bool:
        """Take the lock, and mend what a killed process has left half written.

        Raises `OSError` after `BUSY_S`, and where the file system has no locks.
        """
        self._thread.acquire()
        self._depth += 1
        if self._depth == 1:
            try:
                self._fd = os.open(self._file, os.O_RDWR)
                _lock(self._fd)
                _cut_torn_line(self._fd)
            except BaseException:
                self.release()
                raise
        return True

    @property
    def nested(self) -> bool:
        """Whether its thread has taken it more than once."""
        return self._depth > 1

    def sync(self) -> None:
        """Bring the file onto the disk."""
        os.fsync(self._fd)

    def release(self) -> None:
        """Let go."""
        self._depth -= 1
        if not self._depth and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._thread.release()


def _lock(fd: int) -> None:
    deadline = time.monotonic() + BUSY_S
    nap = 0.0005
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError("the journal is locked") from None
        time.sleep(nap)
        nap = min(2 * nap, _NAP_S)


def _cut_torn_line(fd: int) -> None:
    # A process killed while it appends, or a full disk, leaves half a line; the next append would
    # be glued to it and the file unreadable from there on. It was never acknowledged.
    size = os.fstat(fd).st_size
    end = size
    while end:
        begin = max(0, end - 4096)
        found = os.pread(fd, end - begin, begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end < size:
        os.ftruncate(fd, end)
