"""The code on the filter bank's page runs as it stands, and its formulas are the cells' own."""

import re
from pathlib import Path

import pytest
import torch

from spiceloop.filterbank import FilterBank

PAGE = Path(__file__).parents[3] / "docs" / "filter-bank.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def page():
    """Every block one after the other in one namespace, as a reader would paste them."""
    names: dict[str, object] = {}
    seen = []
    for i, block in enumerate(BLOCKS):
        exec(compile(block, f"{PAGE.name}, block {i + 1}", "exec"), names)
        seen.append(dict(names))
    return seen


def test_shapes_are_those_of_the_comments(page):
    first = page[0]
    assert first["filtered"].shape == (4, 16, 16000)
    assert first["frames"].shape == (4, 16, 100)
    assert all(p.grad.isfinite().all() for p in first["bank"].parameters())


def test_the_bounds_are_in_force(page):
    [bounded] = [p for b, p in zip(BLOCKS, page, strict=True) if "bounds=Bounds(" in b]
    f0 = bounded["bank"].transfer().f0
    assert f0.min().item() >= 80 * (1 - 1e-9)
    assert bounded["bank"].bounds.capacitor == (1e-12, 32e-12)


def test_the_cell_of_ones_own_is_the_biquad_with_unity_gain(page):
    """The same H as the built-in biquad whose gm_in is gm_q, with one source of noise less."""
    bank, cell, f0 = page[-1]["bank"], page[-1]["cell"], page[-1]["f0"]
    other = FilterBank.spread(8, low=100, high=10**3.7, q=2.0, cell="gm-c-biquad")
    f = torch.logspace(1.5, 3.9, 30, dtype=torch.float64)
    torch.testing.assert_close(bank.response(f), other.response(f))
    held = bank.elements()
    kt = 1.380649e-23 * 300.15
    one_less = 2 * 4 * kt * held.gm[:, 0] / (2 * held.c[:, 0]) ** 2 / (4 * bank.transfer().d1)
    torch.testing.assert_close(bank.noise() ** 2, other.noise() ** 2 - one_less, rtol=1e-9, atol=0)
    half = cell.damped(bank.elements(), torch.full_like(f0, 2.0))
    torch.testing.assert_close(cell.transfer(half).q, bank.transfer().q / 2)
    torch.testing.assert_close(cell.transfer(half).f0, bank.transfer().f0)
