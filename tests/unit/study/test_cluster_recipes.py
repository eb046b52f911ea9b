"""The recipes of docs/cluster.md give the job scripts that the page shows."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

ctrl_c = signal.getsignal(signal.SIGINT)
pytest.importorskip("dask_jobqueue")
signal.signal(signal.SIGINT, ctrl_c)  # importing it takes Ctrl-C from every test of this process

PAGE = (Path(__file__).parents[3] / "docs" / "cluster.md").read_text()
SECTIONS = dict(re.findall(r"^## (LSF|Slurm)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("system", ["LSF", "Slurm"])
def test_the_recipe_gives_the_job_script_shown(system):
    recipe = re.search(r"```python\n(.*?)```", SECTIONS[system], re.DOTALL).group(1)
    shown = re.search(r"```text\n(.*?)```", SECTIONS[system], re.DOTALL).group(1)
    here = {}
    recipe = recipe.replace("10.1.2.3", "127.0.0.1")
    # Any port that is free: another test's scheduler may hold Dask's own.
    recipe = recipe.replace('"dashboard": False', '"dashboard": False, "dashboard_address": ":0"')
    exec(recipe, here)
    cluster = here["cluster"]
    try:
        port = cluster.scheduler_address.rpartition(":")[2]
        script = cluster.job_script()
    finally:
        cluster.close()
    assert script.replace(f"127.0.0.1:{port}", "10.1.2.3:PORT").strip() == shown.strip()
