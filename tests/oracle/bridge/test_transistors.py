"""The bank of SKY130 transistors: how far its filters are from the ideal ones, by ngspice."""

import numpy as np
import pytest
import torch

from filterbank_elements import random_elements
from spiceloop.bridge.decks import ac_card
from spiceloop.bridge.transistors import (
    bias_currents,
    device_tables,
    transistor_deck,
    transistor_netlist,
)
from spiceloop.circuit.deck import Deck
from spiceloop.circuit.pdk import get_pdk
from spiceloop.errors import ConfigError, TrainingError
from spiceloop.filterbank import FilterBank

pytestmark = [pytest.mark.ngspice, pytest.mark.pdk]


@pytest.fixture(scope="module")
def tables():
    return device_tables()


def parts(**options):
    bank = FilterBank.spread(**options)
    return bank.cell, bank.elements().detach()


def test_at_low_q_the_transistors_make_the_model_s_filters(spice, tables):
    cell, elements = parts(channels=16, q=1.0)
    currents = bias_currents(elements, tables)
    check = spice.run(transistor_deck(cell, elements, currents), cell, elements)
    model = cell.transfer(elements)
    assert check.f0 == pytest.approx(model.f0.numpy(), rel=0.01)
    assert check.q == pytest.approx(model.q.numpy(), rel=0.02)
    assert check.gain == pytest.approx(model.gain.numpy(), rel=0.02)
    check.require(0.03)
    assert check.seconds < 1.0
    with pytest.raises(TrainingError, match="channel"):
        check.require(1e-3)  # real transistors are not ideal ones


def test_output_conductance_damps_high_q(spice, tables):
    cell, elements = parts(channels=4, q=4.0)
    currents = bias_currents(elements, tables)
    check = spice.run(transistor_deck(cell, elements, currents), cell, elements)
    assert check.f0 == pytest.approx(cell.transfer(elements).f0.numpy(), rel=0.01)
    assert (check.q < 3.8).all()
    assert (check.q > 3.4).all()


def test_devices_have_the_gm_of_the_elements(spice, tables):
    cell, elements = parts(channels=3, q=2.0)
    currents = bias_currents(elements, tables)
    text = transistor_netlist(cell, elements, currents, analyses=(".op",))
    names = [
        f"@m.xch{k}.xp.xm{j}.msky130_fd_pr__{device}[{figure}]"
        for k in (1, 2, 3)
        for j, device in ((1, "pfet_01v8"), (2, "nfet_01v8"))
        for figure in ("gm", "id")
    ]
    pdk = get_pdk("sky130")
    deck = pdk.compile(Deck(text, compat=pdk.compat))
    seen = spice.simulator.run(deck, measures=names).measures
    values = np.abs([seen[name] for name in names]).reshape(3, 2, 2)
    assert values[:, :, 0] == pytest.approx(elements.gm.numpy(), rel=0.01)
    assert values[:, :, 1] == pytest.approx(currents.numpy(), rel=0.01)


def test_without_compiling_the_library_gives_the_same(spice, tables):
    cell, elements = parts(channels=2, q=1.0)
    currents = bias_currents(elements, tables)
    text = transistor_netlist(cell, elements, currents, analyses=(ac_card(cell, elements),))
    pdk = get_pdk("sky130")
    library = text.replace('"sky130.lib.spice"', f'"{pdk.library_path}"')
    plain = spice.run(Deck(library, name="library", compat=pdk.compat), cell, elements)
    compiled = spice.run(transistor_deck(cell, elements, currents), cell, elements)
    assert compiled.response == pytest.approx(plain.response, rel=1e-6)


def test_a_gm_outside_the_table_is_named(tables):
    _, elements = parts(channels=2)
    with pytest.raises(ConfigError, match=r"gm1 runs .* pfet_01v8"):
        bias_currents(elements.scaled(gm=torch.tensor([1.0, 1e4])), tables)


def test_other_cells_have_no_transistor_circuit(tables):
    elements = random_elements("gm-c-biquad", seed=0, channels=2)
    cell = FilterBank.spread(2, cell="gm-c-biquad").cell
    with pytest.raises(ConfigError, match="gm-c-biquad"):
        transistor_netlist(cell, elements, elements.gm)
