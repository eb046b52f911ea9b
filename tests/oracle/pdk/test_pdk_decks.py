"""Decks of every kind, compiled and with the library's own ``.lib``: all results and all devices.

Results are what the deck prints and measures, to 15 digits. After it, ``show all : all`` writes the
operating point and every parameter of every device, to six digits.
"""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import CompileReport, Pdk, get_pdk

pytestmark = [pytest.mark.ngspice, pytest.mark.pdk]

DECKS = Path(__file__).parents[2] / "data" / "pdk_decks"
# Run without --slow too, where each costs the library's loading time of about a second.
QUICK = {"bandgap", "bare_expressions", "layout_of_lines", "multipliers", "nested", "taken_names"}
# What keeps model cards or the whole library, and a word of the reason; all others must not.
KEPT = {
    "alter_w": "alters sizes",
    "altermod": "altermod",
    "bare_expressions": "xn .* geometry is not known",
    "functions": "geometry is not known",
    "own_function_max": "its own function max",
    "parameters_changed": "alterparam",
}
# Written differently on purpose: cards are shared, the product with the sheet resistance is kept.
NOT_COMPARED = {"nrd", "nrs"}

_INIT = "set ngbehavior=hsa\nset ng_nomodcheck\nset num_threads=1\nset numdgt=15\n"
_SHOW = ".control\n{run}echo @@show\nshow all : all\n.endc\n.end\n"
_RESULT = re.compile(r"^(\S.*?)\s*=\s*([-+]?\d[-+0-9.eE]*)(?:\s|$)", re.MULTILINE)

InLibrary = Callable[[str, Pdk], str]
Results = dict[str, list[float]]
Devices = dict[tuple[str, str], str]


def run(text: str, folder: Path) -> tuple[Results, Devices]:
    folder.mkdir()
    show = _SHOW.format(run="" if ".control" in text else "run\n")
    (folder / ".spiceinit").write_text(_INIT)
    (folder / "deck.spice").write_text(re.sub(r"(?m)^\.end\s*$", "", text) + show)
    done = subprocess.run(
        ["ngspice", "-b", "deck.spice"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    printed, _, shown = done.stdout.partition("@@show")
    results: Results = {}
    for name, value in _RESULT.findall(printed):
        results.setdefault(name, []).append(float(value))
    assert len(results) > 1, done.stdout[-2000:] + done.stderr[-2000:]
    devices: Devices = {}
    names: list[str] = []
    for line in shown.splitlines():
        words = line.split()
        if not words or words[0] == "model" or words[-1] == ":":
            continue
        if words[0] == "device":
            names = words[1:]
        elif ":" in line:
            names = []
        elif len(words) == len(names) + 1 and words[0] not in NOT_COMPARED:
            devices |= {(name, words[0]): word for name, word in zip(names, words[1:], strict=True)}
    return results, devices


def same(one: str, other: str) -> bool:
    try:
        # Currents of femtoamperes carry the solver's own tolerance.
        return math.isclose(float(one), float(other), rel_tol=2e-4, abs_tol=1e-16)
    except ValueError:
        return one == other


def check(text: str, reference: str, pdk: Pdk, folder: Path, name: str) -> CompileReport:
    compiled, report = pdk.compile_with_report(Deck(text, name=name))
    expected, devices = run(reference, folder / "library")
    got, found = run(compiled.text, folder / "compiled")
    assert got.keys() == expected.keys()
    for key, values in expected.items():
        assert got[key] == pytest.approx(values, rel=1e-7, abs=1e-22), key
    assert found.keys() == devices.keys()
    assert {k: (v, found[k]) for k, v in devices.items() if not same(v, found[k])} == {}
    assert len(devices) > 50
    return report


def corner_of(text: str) -> str:
    match = re.search(r"(?im)^\.lib\s.*sky130\.lib\.spice\S*\s+(\w+)", text)
    assert match
    return match[1].lower()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.stem, marks=() if path.stem in QUICK else pytest.mark.slow)
        for path in sorted(DECKS.glob("*.spice"))
    ],
)
def test_both_ways_give_the_same(name: str, tmp_path: Path, in_library: InLibrary) -> None:
    text = (DECKS / f"{name}.spice").read_text()
    pdk = get_pdk("sky130", corner_of(text))
    report = check(text, in_library(text, pdk), pdk, tmp_path, name)
    notes = "\n".join(report.notes)
    if name in KEPT:
        assert re.search(KEPT[name], notes), notes
    else:
        assert notes == ""


BRANCHES = """conditions
.lib sky130.lib.spice tt
.param sel=1 wide=3
vd d 0 1
vg g 0 0.9
.if (sel==1)
xm d g 0 0 sky130_fd_pr__nfet_01v8 w=1 l=0.15
.else
xm d g 0 0 sky130_fd_pr__nfet_01v8_lvt w={wide} l=0.15
.endif
.subckt cell d g kind=0
.if (kind==0)
xa d g 0 0 sky130_fd_pr__nfet_01v8 w=2 l=0.5
.elseif (kind==1)
xa d g 0 0 sky130_fd_pr__nfet_01v8_lvt w=3 l=0.5
.else
xa d g 0 0 sky130_fd_pr__nfet_01v8 w=0.001 l=0.5
.endif
.ends
x0 d g cell
x1 d g cell kind=1
.control
op
print i(vd) i(vg)
.endc
.end
"""
# ngspice 39 refuses any .if beside this library, so the branches are chosen by hand for it.
CHOSEN = """conditions
.lib sky130.lib.spice tt
vd d 0 1
vg g 0 0.9
xm d g 0 0 sky130_fd_pr__nfet_01v8{flavour} w={w} l=0.15
.subckt cell0 d g
xa d g 0 0 sky130_fd_pr__nfet_01v8 w=2 l=0.5
.ends
.subckt cell1 d g
xa d g 0 0 sky130_fd_pr__nfet_01v8_lvt w=3 l=0.5
.ends
x0 d g cell0
x1 d g cell1
.control
op
print i(vd) i(vg)
.endc
.end
"""


@pytest.mark.parametrize(("select", "flavour", "w"), [(1, "", 1), (2, "_lvt", 3)])
def test_conditions_take_the_branch_that_holds(
    select: int, flavour: str, w: int, tmp_path: Path, in_library: InLibrary
) -> None:
    pdk = get_pdk("sky130")
    text = BRANCHES.replace("sel=1", f"sel={select}")
    # The branch that no call takes holds a size in no bin: its device keeps all of its cards.
    report = check(
        text, in_library(CHOSEN.format(flavour=flavour, w=w), pdk), pdk, tmp_path, "bench"
    )
    assert len(report.notes) == 2
    assert all("xa (sky130_fd_pr__nfet_01v8) keeps" in note for note in report.notes)


def every_device(pdk: Pdk) -> str:
    """One instance of each device that is no plain transistor, its nodes at small voltages."""
    sizes = {
        "sky130_fd_pr__nfet_g5v0d16v0": "w=20 l=0.7",
        "sky130_fd_pr__pfet_g5v0d16v0": "w=20 l=0.66",
    }
    ports = {
        "diode": 2,
        "photodiode": 2,
        "cap_mim": 2,
        "cap_p2ps": 2,
        "res_generic_nd": 3,
        "res_generic_pd": 3,
        "res_high_po": 3,
        "res_xhigh_po": 3,
        "npn": 4,
        "pnp": 3,
        "nfet_g5v0d16v0": 4,
        "pfet_g5v0d16v0": 4,
    }
    lines, reads = ["every device", ".lib sky130.lib.spice tt"], []
    for number, device in enumerate(pdk.devices()):
        count = next((n for word, n in ports.items() if word in device), 0)
        if pdk.limits(device) or not count or device.endswith("_base"):
            continue
        levels = (-0.6, -0.6, 0.05) if "pnp" in device else (0.4, 0.6, 0.0, 0.0)
        nodes = [f"n{number}{port}" for port in "abcd"[:count]]
        lines += [f"v{n} {n} 0 {v}" for n, v in zip(nodes, levels[:count], strict=True)]
        reads += [f"print i(v{n})" for n in nodes]
        lines.append(f"x{number} {' '.join(nodes)} {device} {sizes.get(device, '')}")
    assert len(reads) > 70
    return "\n".join([*lines, ".control", "op", *reads, ".endc", ".end", ""])


def test_every_device_that_is_copied_whole(tmp_path: Path, in_library: InLibrary) -> None:
    pdk = get_pdk("sky130")
    text = every_device(pdk)
    report = check(text, in_library(text, pdk), pdk, tmp_path, "bench")
    assert report == CompileReport()


DISCRETE = """varactors, an RF and an ESD transistor of the discrete models
.lib sky130.lib.spice tt
vd d 0 dc 0.6 ac 1
vg g 0 0.9
x1 d 0 0 sky130_fd_pr__cap_var_lvt w=5 l=0.5
x2 d 0 0 sky130_fd_pr__cap_var_hvt w=5 l=0.5
x3 d g 0 0 sky130_fd_pr__rf_nfet_01v8_bM02W1p65L0p15
x4 d g 0 0 sky130_fd_pr__esd_nfet_01v8 w=20.35 l=0.165
x5 d 0 0 sky130_fd_pr__res_high_po_0p69 l=5
.control
op
print i(vd) i(vg)
ac lin 1 1g 1g
print vm(d) im(vd)
.endc
.end
"""


@pytest.mark.slow
def test_discrete_models(tmp_path: Path, in_library: InLibrary) -> None:
    pdk = get_pdk("sky130", "tt", "binned")
    check(DISCRETE, in_library(DISCRETE, pdk), pdk, tmp_path, "bench")


GENERIC = """the generic process, in metres
.lib generic.lib.spice {corner}
.param wn=4u
.subckt amp in out vdd w=2u l=0.5u
xn out in 0 0 generic_nmos_1v8 w={{w}} l={{l}} nf=2
xp out bp vdd vdd generic_pmos_1v8 w='2*w' l={{l}} m=2
xb bp bp vdd vdd generic_pmos_1v8 w='2*w' l={{l}}
xr bp 0 generic_res_poly w=1u l=50u
xc out 0 generic_cap_mim w=10u l=12u
.ends
vdd vdd 0 1.8
v3 v3 0 3.3
vin in 0 dc 0.6 ac 1
x1 in o1 vdd amp
x2 in o2 vdd amp w={{wn}}
xh v3 in 0 0 generic_nmos_3v3 w=5u l=0.35u
xi 0 in v3 v3 generic_pmos_3v3 w=5u l=1u mult=2
ie 0 e 1u
xq 0 0 e generic_pnp area=2
.control
op
print v(o1) v(o2) v(e) i(vdd) i(v3)
ac dec 5 1k 1g
print vdb(o1)[0] vdb(o2)[20]
noise v(o1) vin dec 5 1k 1meg
setplot noise2
print onoise_total
.endc
.end
"""


@pytest.mark.parametrize("corner", ["tt", "ss", "ff", "sf", "fs"])
def test_the_generic_process(corner: str, tmp_path: Path) -> None:
    pdk = get_pdk("generic", corner)
    text = GENERIC.format(corner=corner)
    reference = text.replace("generic.lib.spice", str(pdk.library_path))
    report = check(text, reference, pdk, tmp_path, "bench")
    assert report.flattened == 8
    assert report.notes == ()
