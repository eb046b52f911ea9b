"""From cards to one HTML file that needs no network, and PNG files beside it.

Decks, messages and descriptions are untrusted. Templates escape everything; plot data stand in
JSON blocks with ``<``, ``>`` and ``&`` escaped; and the page's content security policy lets no
script run but the two whose hashes it names, and nothing be loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from spiceloop.errors import StorageError
from spiceloop.report.axes import shown
from spiceloop.report.cards import Card, all_cards
from spiceloop.report.view import StudyView

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["FILE_NAME", "render", "write_report"]

FILE_NAME = "report.html"


def write_report(view: StudyView, out: Path) -> Path:
    """Write ``report.html`` and its figures' PNGs into the folder ``out``; return the HTML file.

    The folder is made if need be; files of an earlier report are replaced. Raises `StorageError`
    where it cannot be written.
    """
    cards = all_cards(view)
    page = render(view, cards)
    file = out / FILE_NAME
    try:
        out.mkdir(parents=True, exist_ok=True)
        for card in cards:
            for plot in card.plots:
                (out / plot.picture.name).write_bytes(plot.picture.png)
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot write the report into {out}: {error.strerror or error}"
        ) from error
    return file


def render(view: StudyView, cards: tuple[Card, ...]) -> str:
    """Return the page's text."""
    from plotly.offline import get_plotlyjs

    here = files("spiceloop.report") / "templates"
    drawn = any(plot.spec for card in cards for plot in card.plots)
    scripts = [get_plotlyjs()] if drawn else []
    scripts.append((here / "report.js").read_text(encoding="utf-8"))
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            view=view,
            cards=cards,
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
