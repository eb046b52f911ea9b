"""The numbers of a die: by name only, normal, scaled by area; and where devices get their names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import Sample, get_pdk
from spiceloop.circuit.pdk.die import normal, random_calls
from spiceloop.circuit.pdk.process import LibraryPdk, Process

GOLDEN = (0.19421425272228787, -0.9076673862139165)
_DELVTO = re.compile(r"delvto=(\S+)")
_CALLS = re.compile(r"^(x\S*) .*?(\S+)$", re.MULTILINE)
_ONE = ".lib sky130.lib.spice tt\nxm d g 0 0 sky130_fd_pr__pfet_01v8 w={w} l={l} nf={nf}\n.end\n"


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPICELOOP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def shift(text: str, sample: Sample | None) -> float:
    """The threshold shift of a deck's only transistor, in volts."""
    compiled = get_pdk("sky130").compile(Deck("title\n" + text), sample=sample)
    (found,) = _DELVTO.findall(compiled.text)
    return float(found)


def test_a_number_depends_on_seed_sample_and_name_only() -> None:
    names = [f"mismatch opamp/xm{k}.xm line_delvto" for k in range(50)]
    samples = [Sample(3, n) for n in range(20)]
    pairs = [(s, n) for s in samples for n in names]
    forward = [normal(s, n) for s, n in pairs]
    with ThreadPoolExecutor(4) as pool:
        backward = list(pool.map(lambda pair: normal(*pair), reversed(pairs)))
    assert forward == backward[::-1]
    assert len(set(forward)) == len(forward)
    # What a study of today draws must be what one of tomorrow draws.
    assert normal(Sample(0, 0), "process sw_polycd") == pytest.approx(GOLDEN[0], rel=1e-12)
    assert normal(Sample(7, 41), "mismatch a/xm1 t") == pytest.approx(GOLDEN[1], rel=1e-12)


def test_numbers_are_standard_normal_and_uncorrelated() -> None:
    numbers = np.array([[normal(Sample(5, n), f"term {k}") for k in range(4)] for n in range(4000)])
    for column in numbers.T:
        assert stats.kstest(column, "norm").pvalue > 0.01
    correlations = np.corrcoef(numbers.T)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 4 / math.sqrt(4000)
    shifted = np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]  # from one sample to the next
    assert abs(shifted) < 4 / math.sqrt(4000)


@pytest.mark.pdk
def test_threshold_spread_goes_with_the_root_of_area() -> None:
    """Pelgrom's law with the library's own constant: 5.856 mV·um for pfet_01v8."""
    sizes = [(1.0, 0.5, 1), (4.0, 0.5, 1), (4.0, 2.0, 4), (16.0, 2.0, 1)]
    for w, length, nf in sizes:
        text = _ONE.format(w=w, l=length, nf=nf)
        shifts = [shift(text, Sample(2, n, process=False)) for n in range(300)]
        sigma = 5.856e-3 / math.sqrt(w * length)
        nominal = shift(text, None)
        assert np.std(shifts) == pytest.approx(sigma, rel=4 / math.sqrt(2 * 300))
        assert np.mean(shifts) == pytest.approx(nominal, abs=4 * sigma / math.sqrt(300))
        # The same numbers for every size: what differs between designs is the design.
        first = (shifts[0] - nominal) / sigma
        assert first == pytest.approx(
            normal(Sample(2, 0), "mismatch xm draw__line_delvto__0"), rel=1e-9
        )


@pytest.mark.pdk
def test_corners_and_testbenches_see_the_same_die() -> None:
    sample = Sample(9, 3)
    cell = ".subckt ota d g\nx1 d g 0 0 sky130_fd_pr__pfet_01v8 w=4 l=0.5\n.ends\n"
    library = "bench\n.lib sky130.lib.spice tt\n"

    def shifts(deck: str, corner: str = "tt", seen: Sample | None = sample) -> list[float]:
        found = get_pdk("sky130", corner).compile(Deck(library + cell + deck), sample=seen)
        return sorted(float(v) for v in _DELVTO.findall(found.text))

    (typical,) = shifts("xdut a b ota\n.end\n")
    assert shifts("xamp c d ota\n.end\n") == [typical]  # the testbench's own name does not count
    assert typical in shifts("xa a b ota\nxb c d ota\n.end\n")
    assert len(shifts("xa a b ota\nxb c d ota\n.end\n")) == 2  # but two of them are two
    slow, slow_nominal = (shifts("xdut a b ota\n.end\n", "ss", s)[0] for s in (sample, None))
    (nominal,) = shifts("xdut a b ota\n.end\n", "tt", None)
    assert slow - slow_nominal == pytest.approx(typical - nominal, rel=1e-9)


@pytest.mark.pdk
def test_equal_calls_of_a_user_subcircuit_differ_and_keep_their_names() -> None:
    text = (
        "bench\n.lib sky130.lib.spice tt\n.subckt cell d g\n"
        "xm d g 0 0 sky130_fd_pr__nfet_01v8 w=4 l=0.5\n"
        "xr d g 0 sky130_fd_pr__res_high_po w=1 l=5\n.ends\n"
        ".subckt pair a b\nx1 a b cell\nx2 b a cell\n.ends\nxdut p q pair\n.end\n"
    )
    pdk = get_pdk("sky130")
    compiled = pdk.compile(Deck(text), sample=Sample(1, 1)).text
    assert len(set(_DELVTO.findall(compiled))) == 2
    called = dict(_CALLS.findall(compiled))
    assert called["x1"] != called["x2"]
    assert len(re.findall(r"\.subckt +sky130_fd_pr__res_high_po__die", compiled)) == 2
    assert not random_calls(compiled)
    same = pdk.compile(Deck(text), sample=Sample(1, 1, mismatch=False, process=False)).text
    assert len(set(_DELVTO.findall(same))) == 1


@pytest.mark.pdk
def test_a_die_is_the_same_in_another_process(tmp_path: Path) -> None:
    import subprocess
    import sys

    text = "title\n" + _ONE.format(w=3, l=0.4, nf=1)
    here = get_pdk("sky130").compile(Deck(text), sample=Sample(4, 2)).text
    code = (
        "from spiceloop.circuit.deck import Deck; from spiceloop.circuit.pdk import *\n"
        f"print(get_pdk('sky130').compile(Deck({text!r}), sample=Sample(4, 2)).text, end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == here


def test_a_random_term_of_a_librarys_own_model_is_drawn_once_a_die(tmp_path: Path) -> None:
    """ngspice draws it once a load, for all devices that share the model."""
    library = tmp_path / "own.lib.spice"
    library.write_text(
        """* own
.lib tt
.param mm=0 pr=0
.model rm r rsh={100*(1+pr*agauss(0,0.1,1))} tc1={pr*agauss(0,1e-3,1)}
.subckt ownres a b w=1u l=1u
r1 a b rm w={w} l={l}
.ends
.endl
"""
    )
    process = Process("own", "own", library.name, lambda _: library, switches=("mm", "pr"))
    pdk = LibraryPdk(process, "tt", "continuous")
    deck = Deck(f"title\n.lib {library.name} tt\nx1 a 0 ownres l=9u\nx2 a 0 ownres\n.end\n")
    model = re.compile(
        r"^\.model rm r rsh=\{100\*\(1\+pr\*\((\S+)\)\)\} tc1=\{pr\*\((\S+)\)\}$", re.M
    )

    def drawn(sample: Sample) -> tuple[float, float]:
        text = pdk.compile(deck, sample=sample).text
        ((sheet, slope),) = model.findall(text)
        assert f"pr={float(sample.process)!r}" in text
        return float(sheet) / 0.1, float(slope) / 1e-3

    numbers = np.array([drawn(Sample(1, n)) for n in range(300)])
    for column in numbers.T:
        assert stats.kstest(column, "norm").pvalue > 0.01
    assert abs(np.corrcoef(numbers.T)[0, 1]) < 4 / math.sqrt(300)
    assert drawn(Sample(1, 7, mismatch=False)) == tuple(numbers[7])
    drawn(Sample(1, 7, process=False))  # multiplied by zero in the deck


def test_random_calls_are_found_with_their_parentheses() -> None:
    text = "{1+AGAUSS(0,(1+2)*3,1)/sqrt(l)}*exp(gauss( 0 , 1,1)) my_agauss_x limits(2)"
    assert [text[a:b] for a, b in random_calls(text)] == ["AGAUSS(0,(1+2)*3,1)", "gauss( 0 , 1,1)"]


def test_a_corner_that_draws_for_itself_is_said_to() -> None:
    deck = Deck('bench\n.lib "generic.lib.spice" tt\nxm d g 0 0 generic_nmos_1v8\n.end\n', "tb")
    for corner, expected in (("tt", 0), ("tt_mm", 1), ("mc", 1)):
        _, report = get_pdk("generic", corner).compile_with_report(deck)
        notes = [n for n in report.notes if n.startswith(f"tb: at corner {corner} ngspice draws")]
        assert len(notes) == expected
    _, report = get_pdk("generic", "tt_mm").compile_with_report(deck, sample=Sample(1, 1))
    assert report.notes == ()
