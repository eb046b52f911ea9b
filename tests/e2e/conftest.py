"""A small file system, to fill up, and a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dask_cluster import DaskCluster


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """The folder of a file system of 320 KiB; skips without the right to mount one.

    Not inside ``tmp_path``: pytest's own clean-up could meet it while it is still mounted.
    """
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("mounting a small file system needs root")
    folder = Path(tempfile.mkdtemp(prefix="spiceloop-small-disk-"))
    try:
        made = subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=320k", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
        )
        if made.returncode:
            pytest.skip(f"cannot mount a small file system here: {made.stderr.strip()}")
        yield folder
    finally:
        # Lazily, for a process that a failed test left behind may still hold a file open.
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)
        folder.rmdir()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    """A scheduler, to which a test adds workers."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    # One failure allowed, so that two deaths give a trial up: they take seconds each.
    with DaskCluster(
        folder, environment={"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    ) as running:
        yield running
