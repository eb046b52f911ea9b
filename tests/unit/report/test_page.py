"""The page as a file: self-contained, escaped, with its pictures beside it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from spiceloop.errors import StorageError
from spiceloop.report import StudyView, figures, write_report
from spiceloop.study.trial import Failure, TrialState

ATTACK = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>'\"&$"


class Tags(HTMLParser):
    """Collects tags with attributes, and the text of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def parse(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    return tags


@pytest.fixture(scope="module")
def page(five: StudyView, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(five, tmp_path_factory.mktemp("report") / "new" / "folder")


def test_nothing_is_loaded_from_anywhere(page: Path) -> None:
    tags = parse(page.read_text())
    for tag, attributes in tags.tags:
        for name in ("src", "href", "data", "action", "srcset", "poster"):
            value = attributes.get(name)
            if value is not None:
                assert value.startswith(("data:", "#")), (tag, name, value[:60])
    assert not any(tag in {"iframe", "object", "embed", "base"} for tag, _ in tags.tags)
    style = re.search(r"<style>(.*?)</style>", page.read_text(), re.S)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_policy_names_exactly_the_scripts_of_the_page(page: Path) -> None:
    tags = parse(page.read_text())
    policy = next(a["content"] for t, a in tags.tags if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    kinds = [a.get("type") for t, a in tags.tags if t == "script"]
    live = [s for s, kind in zip(tags.scripts, kinds, strict=True) if kind is None]
    hashes = {base64.b64encode(hashlib.sha256(s.encode()).digest()).decode("ascii") for s in live}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert len(live) == 2  # plotly.js once, and the page's own
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_every_picture_is_drawn(page: Path) -> None:
    found = sorted(p.name for p in page.parent.glob("*.png"))
    assert found == [
        "best_so_far.png", "forecasts.png", "hypervolume.png", "model-error.png", "parallel.png",
        "pareto.png",
    ]  # fmt: skip
    for name in found:
        with Image.open(page.parent / name) as image:
            pixels = np.asarray(image.convert("L"))
        assert min(pixels.shape) > 400
        assert (pixels < 200).mean() > 0.003  # ink, not an empty frame
        assert pixels.max() == 255


def test_in_line_pictures_are_png(page: Path) -> None:
    images = [a["src"] for t, a in parse(page.read_text()).tags if t == "img"]
    assert len(images) == 6
    for source in images:
        assert source is not None
        with Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))) as image:
            assert image.format == "PNG"


def test_untrusted_text_stays_text(make_view: Callable[..., StudyView], tmp_path: Path) -> None:
    view = make_view()
    metrics = {
        name: metric.model_copy(update={"unit": ATTACK, "description": ATTACK})
        for name, metric in view.problem.metrics.items()
    }
    problem = view.problem.model_copy(update={"metrics": metrics, "description": ATTACK})
    failure = Failure("timeout", ATTACK, ATTACK, ATTACK, ATTACK)
    bad = tuple(
        replace(t, failure=failure) if t.state is TrialState.FAILED else t for t in view.trials
    )
    evil = replace(
        view, problem=problem, trials=bad, name=ATTACK, url=ATTACK, command=ATTACK,
        netlists={ATTACK: ATTACK}, versions={ATTACK: ATTACK}, chosen_rule=ATTACK,
    )  # fmt: skip
    text = write_report(evil, tmp_path).read_text()
    tags = parse(text)
    kinds = [a.get("type") for t, a in tags.tags if t == "script"]
    assert kinds.count(None) == 2
    assert set(kinds) == {None, "application/json"}
    assert not any("onerror" in a for _, a in tags.tags)
    assert all((a["src"] or "").startswith("data:") for t, a in tags.tags if t == "img")
    assert "<script>document.title" not in text
    assert "&lt;/script&gt;" in text  # it is shown, as text


def test_a_thousand_trials_stay_below_ten_megabytes(
    make_view: Callable[..., StudyView], tmp_path: Path
) -> None:
    file = write_report(make_view(3, 1000), tmp_path)
    assert file.stat().st_size < 10e6


def test_unwritable_folder(five: StudyView, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(StorageError, match="cannot write the report"):
        write_report(five, blocker / "out")


def test_figures_draw_into_given_axes(five: StudyView) -> None:
    from spiceloop.report.static import new_figure

    before = dict(mpl.rcParams)
    grid = new_figure(8, 6).subplots(2, 2)
    assert figures.pareto_pair(five, "goal0", "goal3", grid[0, 0]) is grid[0, 0]
    assert figures.hypervolume(five, grid[0, 1]) is grid[0, 1]
    assert figures.best_so_far(five, "goal1", grid[1, 0]) is grid[1, 0]
    assert figures.parallel_coordinates(five, grid[1, 1]) is grid[1, 1]
    assert grid[0, 0].get_xlabel() == "goal0 (V)"
    assert grid[0, 0].get_xscale() == "log"
    assert sum(len(c.get_offsets()) for c in grid[0, 0].collections) == len(five.done)
    assert dict(mpl.rcParams) == before
    with pytest.raises(KeyError, match="no objective"):
        figures.pareto_pair(five, "goal0", "nonsense")
