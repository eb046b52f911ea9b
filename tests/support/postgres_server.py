"""A real PostgreSQL server in a temporary folder, to be restarted and stopped by tests."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

__all__ = ["PostgresServer", "missing"]

_BINARIES = "/usr/lib/postgresql/*/bin"  # where Debian puts what is not for every user's PATH
_QUICK = ("fsync=off", "full_page_writes=off", "listen_addresses=", "max_connections=40")


def _program(name: str) -> str | None:
    folders = sorted(Path("/").glob(_BINARIES.lstrip("/")), reverse=True)
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, folders)))


def missing() -> str:
    """Why there can be no server here, or nothing."""
    if _program("initdb") is None or _program("pg_ctl") is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        return f"no driver: {error} (pip install 'spiceloop[postgresql]')"
    return ""


class PostgresServer:
    """Listens on a socket in a folder of its own, so nothing is shared with any other server."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="spiceloop-pg-", dir="/tmp"))
        self._count = itertools.count()
        # PostgreSQL refuses to run as root.
        self._user: str | None = None
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            self._user = next(n for n in ("postgres", "nobody") if n in names)
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._run("initdb", "-D", str(self._data), "-U", "tester", "-A", "trust", "-N")
        self.start()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, name: str, *words: str) -> None:
        program = _program(name)
        assert program is not None
        subprocess.run(
            [program, *words],
            check=True,
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )

    def start(self) -> None:
        settings = (*_QUICK, f"unix_socket_directories={self.folder}")
        options = " ".join(f"-c {setting}" for setting in settings)
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Throw every client out, as a restart of the machine does."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        import psycopg

        name = f"study{next(self._count)}"
        with psycopg.connect(
            host=str(self.folder), user="tester", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://tester@/{name}?host={self.folder}"

    def remove(self) -> None:
        """Stop the server, running or not, and delete its folder."""
        pid = self._data / "postmaster.pid"
        if pid.exists():
            try:
                self.stop()
            except subprocess.SubprocessError:
                os.kill(int(pid.read_text().split()[0]), signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
