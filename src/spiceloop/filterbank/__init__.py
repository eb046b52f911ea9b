"""Banks of analog band-pass filters inside a network: elements → H(s) → filtered waveforms.

Start reading at `bank` (`FilterBank`). `cell` holds the circuits, `parametrization` what is
trained, `recursion` and `frequency` the two ways to filter. Nothing here knows of a simulator or of
speech.
"""

from spiceloop.filterbank.bank import FilterBank
from spiceloop.filterbank.cell import FilterCell, GmCBiquad, SuperSourceFollower
from spiceloop.filterbank.costs import Costs
from spiceloop.filterbank.elements import Elements, Transfer
from spiceloop.filterbank.gm_law import Ekv, GmLaw, WeakInversion
from spiceloop.filterbank.parametrization import Bounds

__all__ = [
    "Bounds",
    "Costs",
    "Ekv",
    "Elements",
    "FilterBank",
    "FilterCell",
    "GmCBiquad",
    "GmLaw",
    "SuperSourceFollower",
    "Transfer",
    "WeakInversion",
]
