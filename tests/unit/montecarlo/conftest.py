"""A current mirror on the generic process: one operating point, statistics of both kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror_problem import write_mirror


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return write_mirror(tmp_path)
