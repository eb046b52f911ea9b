"""A Dask cluster of real processes: one scheduler, workers of one thread each."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Self

START_S = 60.0


class DaskCluster:
    """Use as a context manager. Every process it starts carries ``mark`` in its environment."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.mark = f"spiceloop-test-{uuid.uuid4().hex}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.environment = {**os.environ, "CLUSTER_MARK": self.mark, **(environment or {})}
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.start_scheduler()
        return self

    def __exit__(self, *_: object) -> None:
        for processes in (self.workers, [self.scheduler]):
            there = [p for p in processes if p is not None]
            for process in there:
                process.send_signal(signal.SIGTERM)
            for process in there:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def start_scheduler(self) -> None:
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"
        )
        deadline = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, self.log("scheduler")
                time.sleep(0.1)

    def add_worker(
        self, *, nanny: bool = False, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        name = f"worker{len(self.workers)}"
        options = ["--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", "--name", name]
        options += ["--local-directory", str(self.folder / name)]
        process = self._start(
            "worker",
            self.address,
            *options,
            "--nanny" if nanny else "--no-nanny",
            log=name,
            environment=environment,
        )
        self.workers.append(process)
        return process

    def _start(
        self,
        kind: str,
        *options: str,
        log: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{log or kind}.log").open("wb") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options],
                stdout=stream,
                stderr=stream,
                env={**self.environment, **(environment or {})},
            )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def simulators(self) -> dict[int, int]:
        """Processes that run ngspice for this cluster's workers, with their parents."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    if self.mark.encode() not in (folder / "environ").read_bytes():
                        continue
                    command = (folder / "cmdline").read_bytes()
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if b"spiceloop.sim.worker" in command and fields[0] != "Z":
                    found[int(folder.name)] = int(fields[1])
        return found


def wait_until(true: object, what: str, limit_s: float = 30.0) -> None:
    """Call ``true`` until it says so; fail after ``limit_s`` seconds."""
    deadline = time.monotonic() + limit_s
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        time.sleep(0.1)
