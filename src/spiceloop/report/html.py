"""From cards to one HTML file that needs no network, and PNG files beside it.

Decks, messages and descriptions are untrusted. Templates escape everything; plot data stand in
JSON blocks with ``<``, ``>`` and ``&`` escaped; and the page's content security policy lets no
script run but the two whose hashes it names, and nothing be loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from spiceloop.errors import StorageError
from spiceloop.report.axes import shown
from spiceloop.report.cards import Card, all_cards
from spiceloop.report.explain.document import document
from spiceloop.report.view import StudyView

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = [
    "EXPLANATIONS",
    "FILE_NAME",
    "Page",
    "render",
    "render_page",
    "write_page",
    "write_report",
]

FILE_NAME = "report.html"
EXPLANATIONS = "explanations.json"


@dataclass(frozen=True)
class Page:
    """A report: ``subject`` and ``kind`` make its title; the templates of its ``cards`` lie in
    ``templates`` (below ``templates/``).
    """

    subject: str
    kind: str
    cards: Sequence[Card]
    templates: str = "cards"


def write_report(view: StudyView, out: Path) -> Path:
    """Write ``report.html``, its figures' PNGs, and what the model says of the study as
    ``explanations.json``, into the folder ``out``; return the HTML file.

    The folder is made if need be; files of an earlier report are replaced. Raises `StorageError`
    where it cannot be written.
    """
    file = write_page(_sizing(view, all_cards(view)), out, out)
    text = json.dumps(document(view.explained), indent=2, ensure_ascii=False, allow_nan=False)
    with _written(out):
        (out / EXPLANATIONS).write_text(text + "\n", encoding="utf-8")
    return file


def write_page(page: Page, out: Path, pictures: Path) -> Path:
    """Write ``report.html`` into ``out`` and the PNGs into ``pictures``; return the HTML file.

    Raises `StorageError` where it cannot be written.
    """
    text = render_page(page)
    file = out / FILE_NAME
    with _written(out):
        out.mkdir(parents=True, exist_ok=True)
        pictures.mkdir(parents=True, exist_ok=True)
        for card in page.cards:
            for plot in card.plots:
                (pictures / plot.picture.name).write_bytes(plot.picture.png)
        file.write_text(text, encoding="utf-8")
    return file


@contextmanager
def _written(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write the report into {out}: {error.strerror or error}"
        ) from error


def render(view: StudyView, cards: Sequence[Card]) -> str:
    """Return the text of a sizing study's page."""
    return render_page(_sizing(view, cards))


def _sizing(view: StudyView, cards: Sequence[Card]) -> Page:
    return Page(view.name or view.problem.name, "Sizing report", cards)


def render_page(page: Page) -> str:
    """Return a page's text."""
    from plotly.offline import get_plotlyjs

    here = files("spiceloop.report") / "templates"
    drawn = any(plot.spec for card in page.cards for plot in card.plots)
    scripts = [get_plotlyjs()] if drawn else []
    scripts.append((here / "report.js").read_text(encoding="utf-8"))
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            page=page,
            cards=page.cards,
            style=(here / "style.css").read_text(encoding="utf-8"),
            scripts=scripts,
            policy=_policy(scripts),
            made=datetime.now().astimezone().isoformat(" ", "minutes"),
        )
    )


def _policy(scripts: list[str]) -> str:
    hashes = (
        base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
        for script in scripts
    )
    allowed = " ".join(f"'sha256-{h}'" for h in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("spiceloop.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["si"] = shown
    return environment
