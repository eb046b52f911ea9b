"""Banks drawn from inside the bounds, for the tests that hold them against SPICE."""

from __future__ import annotations

import numpy as np
import torch

from spiceloop.filterbank import Bounds, Elements, WeakInversion
from spiceloop.filterbank.cell import make_cell

LAW = WeakInversion()


def random_elements(cell: str, seed: int, channels: int = 16) -> Elements:
    """Every capacitor and bias current drawn evenly on a log scale from the whole of its bounds."""
    rng = np.random.default_rng(seed)
    bounds, kind = Bounds(), make_cell(cell)

    def draw(limits: tuple[float, float], count: int) -> torch.Tensor:
        low, high = np.log(limits)
        return torch.from_numpy(np.exp(rng.uniform(low, high, (channels, count))))

    drawn = Elements(
        LAW.gm(draw(bounds.current, len(kind.transconductances))),
        draw(bounds.capacitor, len(kind.capacitors)),
    )
    return bounds.apply(kind, drawn, LAW)
