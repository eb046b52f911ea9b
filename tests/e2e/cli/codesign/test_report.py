"""The report of a run: every card, nothing loaded, nothing that runs, drawn by a real browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from spiceloop.errors import StorageError
from spiceloop.kws.run_folder import RunFolder
from spiceloop.report.chart import Axis, Chart, Line, Panel, draw_chart, plotly_chart
from spiceloop.report.codesign import (
    BankFigures,
    RunView,
    plot_accuracy,
    plot_confusion,
    plot_responses,
    write_codesign_report,
)
from spiceloop.report.codesign.cards import all_cards
from spiceloop.report.static import new_figure

pytestmark = pytest.mark.ngspice

CARDS = (
    "verdict", "responses", "channels", "accuracy", "costs", "training", "spice", "confusion",
    "device", "made",
)  # fmt: skip
# Chromium's own switches; `--host-resolver-rules` makes any network access an error.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--virtual-time-budget=20000",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


@pytest.fixture
def view(place):
    return RunView.read(RunFolder(place.run))


def text_of(place) -> str:
    page = (place.run / "report.html").read_text()
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def specs(place):
    page = (place.run / "report.html").read_text()
    found = re.findall(r'<script type="application/json" id="spec-(\w+)">(.*?)</script>', page)
    return {key: json.loads(text) for key, text in found}


def chromium(page: Path, profile: Path) -> tuple[str, str]:
    """Return the page's elements as text, and what the browser logged."""
    program = shutil.which("chromium")
    assert program
    done = subprocess.run(
        [program, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout, "\n".join(x for x in done.stderr.splitlines() if "CONSOLE" in x)


def test_every_card_is_drawn_but_the_one_that_was_not_asked_for(view):
    cards = {c.key: c for c in all_cards(view)}
    assert tuple(cards) == CARDS
    assert {k: c.why for k, c in cards.items() if c.why} == {
        "device": "The configuration states the device (n = 1.4), so SPICE was not asked."
    }


def test_figures_lie_beside_the_page(place):
    names = {p.name for p in (place.run / "figures").iterdir()}
    assert names >= {
        f"{name}.png"
        for name in ("responses", "channels", "accuracy", "costs", "training", "spice",
                     "confusion-fixed", "confusion-learned")
    }  # fmt: skip
    assert all((place.run / "figures" / n).read_bytes()[:4] == b"\x89PNG" for n in names)


def test_what_it_says_is_what_came_out(place):
    page = text_of(place)
    learned = place.said["arms"]["learned"]
    change = learned["power_change"]
    assert f"{abs(100 * change):.1f} % {'less' if change < 0 else 'more'} power" in page
    assert f"{100 * learned['accuracy']['known 5']:.1f} %" in page
    assert "no capacitor below 800 fF" in page
    assert place.said["data"]["fingerprint"] in page
    assert str(place.data) in page


def test_plots_hold_the_numbers(place, view):
    found = specs(place)
    curves = {t["name"]: t for t in found["accuracy"]["data"] if t["xaxis"] == "x"}
    said = place.said["arms"]["learned"]["accuracy"]
    expected = [100 * said[c] for c in ("known 5", "known 10", "clean")]
    np.testing.assert_allclose(curves["learned"]["y"], expected, rtol=1e-4)
    f0 = next(t for t in found["channels"]["data"] if t["name"] == "learned" and t["xaxis"] == "x")
    np.testing.assert_allclose(f0["y"], view.arms[1].bank.f0, rtol=1e-4)
    response = [t for t in found["responses"]["data"] if t["xaxis"] == "x"]
    assert len(response) == 4
    for trace, where in zip(response, view.start.f0, strict=True):
        at = np.argmax(trace["y"])
        assert trace["x"][at] == pytest.approx(where, rel=0.06)  # the curve's own grid
        assert trace["y"][at] == pytest.approx(0, abs=0.05)  # dB


def test_responses_are_those_of_the_bank(view):
    """The drawn curve against H(j2πf) of the elements themselves."""
    import torch

    from spiceloop.kws.system import make_bank

    bank = make_bank(view.config.bank, view.law, 16_000)
    ax = plot_responses(bank=view.start)
    for k, line in enumerate(ax.lines):
        frequency = torch.tensor(np.array(line.get_xdata()))
        with torch.no_grad():
            expected = 20 * bank.response(frequency)[k].abs().log10()
        np.testing.assert_allclose(np.array(line.get_ydata()), expected.numpy(), atol=1e-6)


def test_nothing_is_loaded_and_only_known_scripts_run(place):
    page = (place.run / "report.html").read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert html.unescape(policy[1]).startswith("default-src 'none'; script-src 'sha256-")
    for address in re.findall(r'(?:src|href)="([^"]*)"', text_of(place)):
        assert address.startswith(("data:", "#"))


@pytest.mark.browser
def test_in_a_browser(place, tmp_path):
    dom, console = chromium(place.run / "report.html", tmp_path / "profile")
    assert console == ""
    plots = set(re.findall(r'<div class="plot[^>]*id="plot-(\w+)"', dom))
    assert plots == {"responses", "channels", "accuracy", "costs", "training", "spice"}
    assert f'data-drawn="{len(plots)}"' in dom
    assert dom.count('class="scatterlayer') >= len(plots)


@pytest.mark.browser
def test_attack_does_not_run(copied, tmp_path):
    attack = "</script><script>document.title='owned'</script><img src=x onerror=\"x()\">"
    run = copied()
    head = json.loads((run / "config.json").read_text())
    head["data"] |= {"source": attack, "classes": [attack, "no", "a", "b"], "warnings": [attack]}
    head["versions"][attack] = attack
    (run / "config.json").write_text(json.dumps(head))
    dom, console = chromium(write_codesign_report(RunFolder(run)), tmp_path / "profile")
    assert console == ""
    assert "<title>owned" not in dom
    assert '<img src="x"' not in dom


@pytest.mark.parametrize("epochs", [0, 3])
def test_a_run_that_still_goes_on(copied, epochs):
    run = copied()
    lines = (run / "epochs.jsonl").read_text().splitlines(keepends=True)
    (run / "epochs.jsonl").write_text("".join(lines[:epochs]))
    for name in ("evaluation.json", "fixed.bank.json", "learned.bank.json"):
        (run / name).unlink()
    page = write_codesign_report(RunFolder(run)).read_text()
    assert "The run is not finished" in page
    assert f"{epochs} of 6 epochs are done" in page
    assert "Error" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    missing = set(re.findall(r'<a href="#(\w+)" class="missing"', page))
    assert {"accuracy", "confusion"} <= missing
    assert ("training" in missing) == (epochs == 0)
    assert ("costs" in missing) == (epochs < 3)


def test_without_a_fixed_arm_there_is_nothing_to_compare_with(view):
    alone = replace(view, arms=tuple(a for a in view.arms if a.learned))
    cards = {c.key: c for c in all_cards(alone)}
    assert cards["verdict"].facts["sentences"][0].compared == ()
    assert cards["accuracy"].facts["control"] == ""


def test_where_it_cannot_be_written(copied):
    run = copied()
    shutil.rmtree(run / "figures")
    (run / "figures").write_text("")
    with pytest.raises(StorageError, match="cannot write the report"):
        write_codesign_report(RunFolder(run))


# --- figures for use elsewhere ------------------------------------------------------------------


def test_accuracy_of_several_seeds_with_error_bars():
    figure = new_figure(4, 3)
    ax = figure.subplots()
    curves = {"fixed": {"clean": 0.9, "known 5": 0.8, "unseen 5": 0.7}}
    spread = {"fixed": {"clean": (0.88, 0.91), "known 5": (0.75, 0.85)}}
    assert plot_accuracy(ax, curves=curves, spread=spread, title="P1") is ax
    line, *bars = ax.lines
    assert list(line.get_ydata()) == [80.0, 90.0]
    assert [list(b.get_ydata()) for b in bars] == [[75.0, 85.0], [88.0, 91.0]]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["5", "clean"]
    assert plot_accuracy(curves=curves, noise="unseen").lines[0].get_ydata()[0] == 70.0


def test_responses_with_the_start_behind():
    bank = BankFigures((100.0, 1000.0), (2.0, 3.0), (1.0, 0.5))
    ax = plot_responses(bank=bank, start=bank, title="Q 2")
    assert len(ax.lines) == 4
    assert [x.get_linestyle() for x in ax.lines] == ["--", "--", "-", "-"]


def test_confusion_counts():
    ax = plot_confusion(counts=[[5, 0], [2, 3]], classes=["yes", "_unknown_"])
    assert sorted(t.get_text() for t in ax.texts) == ["2", "3", "5"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["yes", "unknown"]
    assert np.allclose(ax.images[0].get_array(), [[1, 0], [0.4, 0.6]])


def test_a_chart_is_the_same_twice():
    """Both ways of drawing have the same lines, labels and scales."""
    panel = Panel(
        (Line([1, 10], [1, 2], "a", "#112233", marker="circle"), Line([1, 10], [3, 4], "b")),
        Axis("frequency", "Hz", log=True, prefixed=True),
        Axis("y <b>", range=(0, 5)),
        "title",
        ((5.0, "here"),),
    )
    chart = Chart((panel, panel, panel), columns=2)
    with mpl.rc_context():
        figure = draw_chart(chart)
    assert [len(ax.lines) for ax in figure.axes if ax.get_visible()] == [3, 3, 3]
    assert figure.axes[0].get_xscale() == "log"
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["a", "b"]
    spec = plotly_chart(chart)
    json.dumps(spec, allow_nan=False)
    assert len(spec["data"]) == 6
    assert [t["showlegend"] for t in spec["data"]] == [True, True, False, False, False, False]
    assert spec["layout"]["xaxis3"]["type"] == "log"
    assert spec["layout"]["yaxis"]["range"] == [0, 5]
    assert spec["layout"]["yaxis"]["title"]["text"] == "y &lt;b&gt;"
    top, bottom = spec["layout"]["yaxis"]["domain"], spec["layout"]["yaxis3"]["domain"]
    assert bottom[1] < top[0]
    assert spec["data"][0]["line"]["color"] == "#112233"


def test_what_is_no_number_becomes_a_gap():
    spec = plotly_chart(Chart((Panel((Line([1, 2], [float("nan"), float("inf")], "a"),)),)))
    assert spec["data"][0]["y"] == [None, None]
