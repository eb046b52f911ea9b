"""One small run that the tests of what comes after it share: tones, four channels, 2 + 2 epochs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codesign_runs import CONFIG, Place, make_speech


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    home = tmp_path_factory.mktemp("codesign")
    os.environ["XDG_CACHE_HOME"] = str(home / "cache")
    data = make_speech(home / "speech")
    config = home / "tiny.yaml"
    config.write_text(CONFIG)
    command = shutil.which("spiceloop", path=str(Path(sys.executable).parent))
    assert command
    done = subprocess.run(
        [
            command, "codesign", str(config), "--data", str(data), "--out", str(home / "run"),
            "--threads", "1", "--json",
        ],
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Place(data, config, home / "run", json.loads(done.stdout), done.stderr)


@pytest.fixture
def copied(place: Place, tmp_path: Path) -> Callable[[], Path]:
    """Make a copy of the finished run that a test may spoil."""

    def copy() -> Path:
        return Path(shutil.copytree(place.run, tmp_path / "copy"))

    return copy


@pytest.fixture(autouse=True)
def cache_home(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.run.parent / "cache"))
