"""What must stop a training run does, and the next check works."""

import re
import time
from dataclasses import replace

import pytest

from spiceloop.bridge.decks import ac_deck
from spiceloop.bridge.validate import SpiceCheck, check_bank
from spiceloop.errors import SimulationError, TrainingError
from spiceloop.filterbank import FilterBank
from spiceloop.filterbank.cell import CELLS

pytestmark = pytest.mark.ngspice


@pytest.mark.parametrize("cell", CELLS)
def test_one_wrong_capacitor_trips_and_is_located(spice, cell):
    bank = FilterBank.spread(16, cell=cell)
    elements = bank.elements().detach()
    deck = ac_deck(bank.cell, elements)
    value = float(elements.c[6, 1])
    wrong, count = re.subn(rf"(?m)^(Xch7 .* c2=){value!r}", rf"\g<1>{value * 1.02!r}", deck.text)
    assert count == 1
    check = spice.run(replace(deck, text=wrong), bank.cell, elements)
    assert check.worst.channel == 7
    # f0 goes down by the square root.
    assert check.f0[6] == pytest.approx(float(bank.transfer().f0[6].detach()) / 1.02**0.5, rel=1e-5)
    with pytest.raises(TrainingError, match=r"channel 7: .*tolerance 0\.001\n"):
        check.require()
    spice.run(deck, bank.cell, elements).require()


def test_two_halves_that_differ_are_seen_in_the_gain(spice):
    bank = FilterBank.spread(4)
    elements = bank.elements().detach()
    deck = ac_deck(bank.cell, elements)
    broken = deck.text.replace("X2n sn 0 outn 0 transconductor gm={gm2}", "R2n sn 0 1g", 1)
    check = spice.run(replace(deck, text=broken), bank.cell, elements)
    with pytest.raises(TrainingError, match="4 of 4 channels"):
        check.require(0.1)


def test_a_time_out_says_what_was_checked_and_the_next_check_works():
    # Many channels: a busy machine may run a few of them before it lets the waiting process look.
    bank = FilterBank.spread(200)
    with SpiceCheck(timeout=30.0) as spice:
        spice(bank)
        spice.timeout = 1e-4
        start = time.monotonic()
        with pytest.raises(TrainingError) as caught:
            spice(bank)
        assert time.monotonic() - start < 10
        assert "bank of 200 super-source-follower channels" in str(caught.value)
        assert "spiceloop doctor" in str(caught.value)
        assert isinstance(caught.value.__cause__, SimulationError)
        spice.timeout = 30.0
        spice(bank).require(1e-9)


def test_a_netlist_that_ngspice_refuses_is_reported_with_its_line(spice):
    bank = FilterBank.spread(2)
    elements = bank.elements().detach()
    deck = ac_deck(bank.cell, elements)
    broken = replace(deck, text=deck.text.replace("ssf_bandpass gm1", "ssf_lowpass gm1"))
    with pytest.raises(TrainingError, match="ssf_lowpass"):
        spice.run(broken, bank.cell, elements)


def test_the_check_leaves_a_given_simulator_open_and_closes_its_own():
    bank = FilterBank.spread(2)
    with SpiceCheck() as outer:
        with SpiceCheck(outer.simulator) as inner:
            inner(bank)
        worker = outer.simulator.worker_pid
        assert worker is not None
        check_bank(bank, outer.simulator)
        assert outer.simulator.worker_pid == worker
    assert outer.simulator.worker_pid is None
