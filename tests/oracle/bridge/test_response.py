"""H(s) against ngspice's AC analysis of the exported netlist, elements from the whole bounds."""

import numpy as np
import pytest
import torch

from filterbank_elements import random_elements
from spiceloop.bridge.decks import ac_card
from spiceloop.bridge.to_netlist import bank_netlist
from spiceloop.bridge.validate import BankCheck, check_bank
from spiceloop.filterbank import FilterBank
from spiceloop.filterbank.cell import CELLS, make_cell

pytestmark = pytest.mark.ngspice


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("cell", CELLS)
def test_bank_of_random_elements(spice, cell, seed):
    kind, elements = make_cell(cell), random_elements(cell, seed)
    check = spice((kind, elements)).require(1e-9)
    transfer = kind.transfer(elements)
    assert check.f0 == pytest.approx(transfer.f0.numpy(), rel=1e-5)
    assert check.q == pytest.approx(transfer.q.numpy(), rel=1e-4)
    assert check.gain == pytest.approx(transfer.gain.numpy(), rel=1e-4)
    assert max(c.error_db for c in check.channels) < 1e-8


@pytest.mark.parametrize("cell", CELLS)
def test_exported_file_in_plain_ngspice(batch, cell):
    kind, elements = make_cell(cell), random_elements(cell, seed=11)
    text = bank_netlist(kind, elements, analyses=(ac_card(kind, elements),))
    (plot,) = batch(text)
    frequency = np.array(plot["frequency"].real, np.float64)
    response = np.array([plot[f"v(out{k})"] for k in range(1, 17)])
    check = BankCheck.compare(kind, elements, frequency, response).require(1e-9)
    # The differential pair that stands behind a channel's output node.
    pair = np.array([plot[f"v(p{k})"] - plot[f"v(n{k})"] for k in range(1, 17)])
    assert pair == pytest.approx(response, rel=1e-9, abs=1e-12)
    assert check.f0 == pytest.approx(kind.transfer(elements).f0.numpy(), rel=1e-5)


def test_a_bank_module_under_training_is_checked_as_it_stands(spice):
    bank = FilterBank.spread(q=1.0)
    with torch.no_grad():
        for parameter in bank.parameters():
            parameter += torch.linspace(-0.2, 0.2, parameter.numel()).reshape(parameter.shape)
    before = spice(bank).require(1e-9)
    with torch.no_grad():
        bank.parametrization.log_c[4] += 0.2
    after = spice(bank).require(1e-9)
    assert after.f0[4] == pytest.approx(before.f0[4] * np.exp(-0.2), rel=1e-5)
    assert np.delete(after.f0, 4) == pytest.approx(np.delete(before.f0, 4), rel=1e-9)


def test_both_simulators_agree():
    bank = FilterBank.spread(8, q=5.0)
    one, other = (check_bank(bank, name) for name in ("ngspice-lib", "ngspice-batch"))
    assert one.response == pytest.approx(other.response, rel=1e-9)


def test_sixteen_channels_take_well_under_a_second(spice):
    bank = FilterBank.spread(16, q=16.0, low=50.0, high=7500.0)
    spice(bank)  # the worker starts
    assert min(spice(bank).seconds for _ in range(3)) < 0.3
