"""Record what ngspice 45.2 prints for the decks of ../ngspice39; see README.md."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
# This build ends in its own strtod() at the first, and sees no second file as the other wants.
NOT_RECORDED = {"model_parameter", "missing_section"}
_PROMPT = re.compile(r"ngspice \d+ -> ")
_BANNER = re.compile(r"\*\*\*\*\*\*\n(?:\*\*.*\n)+\*\*\*\*\*\*\n")
# The engine starts "run" after it has read a deck; so a deck without dot cards ends in this.
_NOTHING_TO_RUN = re.compile(r"Warning: No job \(tran, ac, op etc\.\) defined:\s+run simulation.*")


def decks() -> dict[str, str]:
    path = HERE.parent / "ngspice39" / "record.py"
    spec = importlib.util.spec_from_file_location("record39", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.DECKS)


def record(text: str, engine: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        deck = Path(folder) / "deck.cir"
        deck.write_text(text)
        try:
            done = subprocess.run(
                ["node", "record.mjs", str(deck)],
                cwd=engine,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            # Errors come a second time on stderr; of an engine that died they are all there is.
            said = done.stdout if "@@header" in done.stdout else done.stderr
        except subprocess.TimeoutExpired as late:  # it waits for a console that is not there
            said = (late.stderr or b"").decode()
    said, _, header = said.partition("@@header\n")
    said = _BANNER.sub("", _NOTHING_TO_RUN.sub("", _PROMPT.sub("", said)))
    said = said.replace('binary raw file "out.raw"', "")
    names = re.findall(r"^\t\d+\t(\S+)\t(\S+)", header, re.MULTILINE)
    vectors = "".join(f"@@vector {name} {kind}\n" for name, kind in names)
    return said.strip("\n") + "\n" + ("" if "constants" in header else vectors)


def main() -> None:
    engine = Path(sys.argv[1])
    (engine / "record.mjs").write_text((HERE / "record.mjs").read_text())
    for name, text in decks().items():
        if name not in NOT_RECORDED:
            (HERE / f"{name}.txt").write_text(record(text, engine))


if __name__ == "__main__":
    main()
