"""The built-in examples: folders of `spiceloop.examples`.

One that holds a ``problem.yaml`` is for sizing; `KEYWORD_SPOTTING` holds co-design configurations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["KEYWORD_SPOTTING", "Example", "configurations", "examples"]

KEYWORD_SPOTTING = "keyword_spotting"


@dataclass(frozen=True)
class Example:
    """One built-in example."""

    name: str
    folder: Path

    @property
    def problem_file(self) -> Path:
        """Its problem file."""
        return self.folder / "problem.yaml"

    @property
    def needs_pdk(self) -> bool:
        """Whether it needs process models that are installed apart from spiceloop."""
        return (
            re.search(r"^pdk\s*:", self.problem_file.read_text(encoding="utf-8"), re.MULTILINE)
            is not None
        )

    @property
    def description(self) -> str:
        """The first sentence of the problem file's description."""
        import yaml

        document = yaml.safe_load(self.problem_file.read_text(encoding="utf-8"))
        text = " ".join(str(document.get("description", "")).split())
        return re.split(r"(?<=[.;:])\s", text, maxsplit=1)[0].rstrip(".;:")


def configurations() -> dict[str, Path]:
    """Return the co-design configurations by name."""
    import spiceloop.examples

    home = Path(spiceloop.examples.__file__).parent / KEYWORD_SPOTTING
    return {p.stem: p for p in sorted(home.glob("*.yaml"))}


def examples() -> dict[str, Example]:
    """Return the examples by name, in alphabetical order."""
    from spiceloop.examples import names, path

    return {name: Example(name, path(name)) for name in names()}
