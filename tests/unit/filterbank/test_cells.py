"""Closed forms of the cells: what their docstrings say of f0, Q and gain."""

import math

import pytest
import torch

from filterbank_signals import CELLS, designed
from spiceloop.filterbank import Elements, FilterBank, GmCBiquad, SuperSourceFollower
from spiceloop.filterbank.cell import make_cell
from spiceloop.filterbank.elements import UNIT_CAPACITOR, UNIT_TRANSCONDUCTANCE


def elements(gm: list[float], c: list[float]) -> Elements:
    return Elements(torch.tensor([gm]).double(), torch.tensor([c]).double())


def test_super_source_follower():
    gm1, gm2, c1, c2 = 3e-9, 20e-9, 2e-12, 5e-12
    t = SuperSourceFollower().transfer(elements([gm1, gm2], [c1, c2]))
    assert t.f0.item() == pytest.approx(0.5 * math.sqrt(gm1 * gm2 / (c1 * c2)) / (2 * math.pi))
    assert t.q.item() == pytest.approx(math.sqrt(gm2 * c2 / (gm1 * c1)))
    assert t.gain.item() == pytest.approx(c2 / c1)
    # Bandwidth in Hz.
    assert t.d1.item() / (2 * math.pi) == pytest.approx(gm1 / (4 * math.pi * c2))


def test_super_source_follower_at_the_units():
    """95.5 Hz: the source paper's unit capacitor and transconductance."""
    units = elements([UNIT_TRANSCONDUCTANCE] * 2, [UNIT_CAPACITOR] * 2)
    assert SuperSourceFollower().transfer(units).f0.item() == pytest.approx(95.5, abs=0.05)


def test_gm_c_biquad():
    gm_in, gm_q, gm_1, gm_2, c1, c2 = 7e-9, 4e-9, 9e-9, 11e-9, 2e-12, 3e-12
    t = GmCBiquad().transfer(elements([gm_in, gm_q, gm_1, gm_2], [c1, c2]))
    assert t.f0.item() == pytest.approx(math.sqrt(gm_1 * gm_2 / (c1 * c2)) / (4 * math.pi))
    assert t.q.item() == pytest.approx(math.sqrt(gm_1 * gm_2 * c1 / c2) / gm_q)
    assert t.gain.item() == pytest.approx(gm_in / gm_q)


@pytest.mark.parametrize("cell", CELLS)
def test_design_gives_what_is_asked(cell):
    f0, q, gain = [60.0, 950.0, 7000.0], [0.5, 3.0, 16.0], [0.5, 1.0, 4.0]
    made = designed(cell, f0, q, gain)
    t = make_cell(cell).transfer(made)
    assert t.f0.tolist() == pytest.approx(f0)
    assert t.q.tolist() == pytest.approx(q)
    assert t.gain.tolist() == pytest.approx(gain)
    assert made.c.log().mean(1).exp().tolist() == pytest.approx([3.2e-12] * 3)
    assert made.gm.shape == (3, len(make_cell(cell).transconductances))
    # |H| at f0 is the gain, and 3 dB less at the edges of the bandwidth f0/Q.
    for channel, f in enumerate(f0):
        width = f / q[channel]
        edges = [math.hypot(f, width / 2) + s * width / 2 for s in (-1, 1)]
        magnitudes = t.at(torch.tensor([f, *edges]).double())[channel].abs().tolist()
        expected = [1, math.sqrt(0.5), math.sqrt(0.5)]
        assert magnitudes == pytest.approx([gain[channel] * e for e in expected])


@pytest.mark.parametrize("cell", CELLS)
def test_damped_divides_q_and_keeps_f0(cell):
    made = designed(cell, [200.0, 3000.0], [4.0, 2.0], [1.0, 1.0])
    circuit = make_cell(cell)
    t = circuit.transfer(circuit.damped(made, torch.tensor([2.0, 0.5]).double()))
    assert t.f0.tolist() == pytest.approx([200.0, 3000.0])
    assert t.q.tolist() == pytest.approx([2.0, 4.0])
    assert t.gain.tolist() == pytest.approx([1.0, 1.0])


def test_the_sign_of_the_output():
    """The super-source follower inverts at f0, the biquad does not."""
    for cell, sign in (("super-source-follower", -1), ("gm-c-biquad", 1)):
        bank = FilterBank(designed(cell, [1000.0], [2.0], [1.0]), cell=cell)
        h = bank.response(torch.tensor([1000.0]).double())[0, 0]
        assert (h.real.item(), h.imag.item()) == pytest.approx((sign, 0), abs=1e-9)


def test_no_output_at_dc():
    bank = FilterBank.spread()
    assert bank.response(torch.zeros(1).double()).abs().max().item() == 0


def test_a_cell_of_ones_own():
    """The protocol is all that a bank asks for; here the biquad with a tied input."""

    class Tied(GmCBiquad):
        name = "tied"

        def transfer(self, elements):
            t = super().transfer(elements)
            return type(t)(t.d1, t.d1, t.d0)

    bank = FilterBank(designed("gm-c-biquad", [500.0], [2.0], [3.0]), cell=Tied())
    assert bank.transfer().gain.item() == pytest.approx(1.0)
    assert "tied, 1 channels" in repr(bank)
    assert bank(torch.randn(1, 100)).shape == (1, 1, 100)
