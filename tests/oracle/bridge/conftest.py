import shutil
import subprocess

import pytest

from spiceloop.bridge.validate import SpiceCheck
from spiceloop.sim.rawfile import read_raw


@pytest.fixture(scope="session")
def spice():
    with SpiceCheck("ngspice-lib") as check:
        yield check


@pytest.fixture
def batch(tmp_path):
    """Run a netlist's text as a user would, ``ngspice -b -r``; return each plot's vectors."""

    def go(text):
        (tmp_path / "bank.spice").write_text(text)
        done = subprocess.run(
            [shutil.which("ngspice"), "-b", "-r", "bank.raw", "bank.spice"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert "rror" not in done.stderr, done.stderr
        plots = read_raw(tmp_path / "bank.raw")
        return [{v.name: v.values for v in plot.vectors} for plot in plots]

    return go
