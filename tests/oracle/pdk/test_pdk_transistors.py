"""Transistors of random geometry: compiled cards against the library's own ``.lib``."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import Pdk, get_pdk

pytestmark = [pytest.mark.ngspice, pytest.mark.pdk]

DEVICES = (
    "nfet_01v8",
    "pfet_01v8",
    "nfet_01v8_lvt",
    "pfet_01v8_lvt",
    "pfet_01v8_hvt",
    "nfet_g5v0d10v5",
    "pfet_g5v0d10v5",
)
Run = Callable[[str], dict[str, float]]
READ = ("id", "gm", "gds", "gmbs", "vth", "vdsat", "cgg", "cgd", "cbs")


def instances(pdk: Pdk, device: str, count: int, dice: random.Random) -> list[str]:
    """Parameter texts: corners of bins first, then any place inside one, on a 5 nm grid.

    The uppermost edges of all belong to no bin; see the test of the limits.
    """
    bins = pdk.limits(f"sky130_fd_pr__{device}")
    top = max(b.lmax for b in bins) * 1e6, max(b.wmax for b in bins) * 1e6
    texts = []
    for number in range(count):
        area = dice.choice(bins)
        l_low, l_high, w_low, w_high = (
            x * 1e6 for x in (area.lmin, area.lmax, area.wmin, area.wmax)
        )
        if number < count // 2:
            length, width = dice.choice((l_low, l_high)), dice.choice((w_low, w_high))
        else:
            length = round(dice.uniform(l_low, l_high) / 0.005) * 0.005
            width = round(dice.uniform(w_low, w_high) / 0.005) * 0.005
            length, width = min(max(length, l_low), l_high), min(max(width, w_low), w_high)
        length, width = min(length, top[0] - 0.01), min(width, top[1] - 0.01)
        fingers = dice.choice((1, 1, 2, 3, 4))
        text = f"l={length:.10g} w={width * fingers:.10g} nf={fingers}"
        if number % 3 == 1:
            text += f" m={dice.randint(2, 5)}"
        if number % 4 == 2:
            text += f" mult={dice.randint(2, 5)}"
        if number % 5 == 3:  # as xschem writes them
            text += (
                " ad='int((nf+1)/2) * W/nf * 0.29' as='int((nf+2)/2) * W/nf * 0.29'"
                " pd='2*int((nf+1)/2) * (W/nf + 0.29)' ps='2*int((nf+2)/2) * (W/nf + 0.29)'"
                " nrd='0.29 / W' nrs='0.29 / W' sa=0 sb=0 sd=0"
            )
        texts.append(text)
    return texts


def deck_of(pdk: Pdk, count: int, seed: int) -> str:
    dice = random.Random(seed)
    lines = ["transistors", '.lib "sky130.lib.spice" tt', "vn n 0 0.9", "vg g 0 0.85", "vs s 0 1.8"]
    reads = []
    for device in DEVICES:
        for number, text in enumerate(instances(pdk, device, count, dice)):
            source = "0" if device.startswith("n") else "s"
            name = f"x{device}{number}"
            lines.append(f"{name} n g {source} {source} sky130_fd_pr__{device} {text}")
            path = f"@m.{name}.msky130_fd_pr__{device}"
            reads += [f"print {path}[{what}]" for what in READ]
    return "\n".join([*lines, ".control", "op", *reads, ".endc", ".end", ""])


@pytest.mark.parametrize("corner", ["tt", "ss", "ff", "sf", "fs"])
def test_random_geometries_read_as_with_the_library(
    corner: str,
    run: Callable[[str], dict[str, float]],
    in_library: Callable[[str, Pdk], str],
) -> None:
    pdk = get_pdk("sky130", corner)
    text = deck_of(pdk, 12, seed=sum(map(ord, corner)))
    compiled, report = pdk.compile_with_report(Deck(text))
    assert report.notes == ()
    assert report.flattened == 12 * len(DEVICES)
    expected = run(in_library(text, pdk))
    got = run(compiled.text)
    assert len(expected) == 12 * len(DEVICES) * len(READ)
    assert got.keys() == expected.keys()
    wrong = {
        name: (got[name], value)
        for name, value in expected.items()
        if got[name] != pytest.approx(value, rel=1e-9, abs=1e-24)
    }
    assert wrong == {}


def every_bin(pdk: Pdk, dice: random.Random) -> tuple[str, int]:
    """A deck with one transistor of random size in each bin of each device, and their number."""
    lines = ["bins", ".lib sky130.lib.spice tt", "vn n 0 0.9", "vg g 0 0.85", "vs s 0 1.8"]
    reads = []
    for device in pdk.devices():
        kind = device.removeprefix("sky130_fd_pr__")
        if not kind.startswith(("nfet", "pfet", "esd_nfet", "esd_pfet")):
            continue
        for number, area in enumerate(pdk.limits(device)):
            length = dice.uniform(area.lmin, min(area.lmax, 4 * area.lmin)) * 1e6
            width = dice.uniform(area.wmin, min(area.wmax, 4 * area.wmin)) * 1e6
            fingers = dice.choice((1, 1, 2, 4))
            source = "s" if "pfet" in kind else "0"
            name = f"x{kind}{number}"
            size = f"l={length:.9g} w={width * fingers:.9g} nf={fingers}"
            lines.append(f"{name} n g {source} {source} {device} {size}")
            path = f"@m.{name}.m{device}"
            reads += [f"print {path}[{what}]" for what in ("id", "gm", "gds", "vth", "cgg")]
    return "\n".join([*lines, ".control", "op", *reads, ".endc", ".end", ""]), len(reads) // 5


def compare(text: str, pdk: Pdk, run: Run, in_library: Callable[[str, Pdk], str]) -> int:
    compiled, report = pdk.compile_with_report(Deck(text))
    assert report.notes == ()
    expected, got = run(in_library(text, pdk)), run(compiled.text)
    assert got.keys() == expected.keys()
    wrong = {
        name: (got[name], value)
        for name, value in expected.items()
        if got[name] != pytest.approx(value, rel=1e-9, abs=1e-24)
    }
    assert wrong == {}
    return report.flattened


@pytest.mark.slow
@pytest.mark.parametrize("corner", ["tt", "ss", "ff", "sf", "fs", "hh", "ll", "hl", "lh"])
def test_every_bin_at_every_corner(
    corner: str, run: Run, in_library: Callable[[str, Pdk], str]
) -> None:
    pdk = get_pdk("sky130", corner)
    text, count = every_bin(pdk, random.Random(sum(map(ord, corner))))
    assert count > 300
    assert compare(text, pdk, run, in_library) == count


@pytest.mark.slow
@pytest.mark.parametrize("corner", ["tt", "ss", "ff", "sf", "fs"])
def test_the_binned_library_too(
    corner: str, run: Run, in_library: Callable[[str, Pdk], str]
) -> None:
    pdk = get_pdk("sky130", corner, "binned")
    text, count = every_bin(pdk, random.Random(3))
    assert count > 300
    assert compare(text, pdk, run, in_library) == count
