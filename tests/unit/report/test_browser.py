"""The page in a real browser: plots are drawn, nothing fails, marking is linked."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spiceloop.report import StudyView, write_report

pytestmark = pytest.mark.browser

# Chromium's own switches; `--host-resolver-rules` makes any network access an error.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=20000",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip

PROBE = """
<script>
window.addEventListener("error", (e) => { document.documentElement.dataset.error = e.message; });
const wait = setInterval(() => {
  if (!document.documentElement.dataset.drawn) return;
  clearInterval(wait);
  const matrix = document.querySelector("[data-role=matrix]");
  const lines = document.querySelector("[data-role=parallel]");
  const root = document.documentElement.dataset;
  matrix.emit("plotly_selected", { points: [{ customdata: 3 }, { customdata: 8 }] });
  setTimeout(() => {
    root.selected = matrix.data.map((t) =>
      t.selectedpoints.map((i) => t.customdata[i]).join("+")).filter(Boolean).join(" ");
    root.marked = lines.data.filter((t) => t.name === "marked")
      .map((t) => Array.from(new Set(t.customdata)).join("+")).join(" ");
    matrix.emit("plotly_deselect");
    setTimeout(() => {
      root.cleared = matrix.data.every((t) => !t.selectedpoints) &&
        lines.data.every((t) => t.name !== "marked");
    }, 200);
  }, 200);
}, 50);
</script>
"""


def chromium(page: Path, *flags: str) -> tuple[str, str]:
    """Return the page's elements as text, and what the browser logged."""
    program = shutil.which("chromium")
    assert program
    profile = page.parent / "profile"
    done = subprocess.run(
        [program, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout, "\n".join(x for x in done.stderr.splitlines() if "CONSOLE" in x)


@pytest.mark.parametrize("k", [1, 5])
def test_every_plot_is_drawn_without_an_error(
    make_view: Callable[..., StudyView], tmp_path: Path, k: int
) -> None:
    page = write_report(make_view(k, 20), tmp_path)
    dom, console = chromium(page, "--dump-dom")
    assert console == ""
    plots = re.findall(r'<div class="plot[^>]*id="plot-([\w-]+)"', dom)
    wanted = {"hypervolume", "best", "forecasts", "model-error"}
    assert set(plots) == wanted | ({"pareto", "parallel"} if k > 1 else set())
    assert re.search(rf'data-drawn="{len(plots)}"', dom)
    # Plotly makes three layers of class main-svg for each plot.
    assert len(re.findall(r'<svg class="main-svg"', dom)) >= len(plots)
    assert dom.count('class="scatterlayer') >= len(plots)


def test_attack_does_not_run_in_the_browser(
    make_view: Callable[..., StudyView], tmp_path: Path
) -> None:
    attack = "</script><script>document.title='owned'</script><img src=x onerror=\"x()\">"
    view = make_view(3, 20)
    metrics = {
        name: m.model_copy(update={"unit": attack, "description": attack})
        for name, m in view.problem.metrics.items()
    }
    problem = view.problem.model_copy(update={"metrics": metrics})
    view = make_view(3, 20, name=attack, problem=problem, netlists={attack: attack}, command=attack)
    dom, console = chromium(write_report(view, tmp_path), "--dump-dom")
    assert console == ""  # a script that the policy stopped would be reported here
    assert "<title>owned" not in dom
    assert '<img src="x"' not in dom
    assert 'data-drawn="6"' in dom


def test_marking_is_linked(make_view: Callable[..., StudyView], tmp_path: Path) -> None:
    page = write_report(make_view(3, 20), tmp_path)
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
    page.write_text(text.replace("</body>", PROBE + "</body>"))
    dom, console = chromium(page, "--dump-dom")
    assert console == ""
    root = re.search(r"<html([^>]*)>", dom)
    assert root is not None
    facts = dict(re.findall(r'data-(\w+)="([^"]*)"', root[1]))
    assert "error" not in facts
    assert sorted(set("+".join(facts["selected"].split()).split("+"))) == ["3", "8"]
    assert sorted(n for n in facts["marked"].split("+") if n) == ["3", "8"]
    assert facts["cleared"] == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_has_the_scheme_of_the_reader(
    make_view: Callable[..., StudyView], tmp_path: Path, scheme: str
) -> None:
    page = write_report(make_view(2, 12), tmp_path)
    shot = tmp_path / "shot.png"
    chromium(
        page, f"--screenshot={shot}", "--window-size=1280,1600",
        f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
    )  # fmt: skip
    with Image.open(shot) as image:
        pixels = np.asarray(image.convert("L")).astype(float)
    assert pixels.shape == (1600, 1280)
    assert (pixels.mean() > 200) == (scheme == "light")
    assert pixels.std() > 10
