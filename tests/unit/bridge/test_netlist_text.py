"""The netlist's text: every value with all its digits, every figure in the header."""

import re

import pytest
import torch

from filterbank_elements import random_elements
from spiceloop.bridge.decks import ac_card, oversampled
from spiceloop.bridge.to_netlist import SUBCIRCUITS, bank_netlist
from spiceloop.errors import ConfigError, TrainingError
from spiceloop.filterbank import Elements, FilterBank
from spiceloop.filterbank.cell import CELLS, make_cell


@pytest.mark.parametrize("cell", CELLS)
def test_values_read_back_are_the_elements_to_the_last_digit(cell):
    kind, elements = make_cell(cell), random_elements(cell, seed=1)
    text = bank_netlist(kind, elements)
    instances = re.findall(r"(?m)^Xch(\d+) inp inn p\1 n\1 (\w+) (.*)$", text)
    assert [int(number) for number, _, _ in instances] == list(range(1, 17))
    for (_, name, pairs), gm, c in zip(instances, elements.gm, elements.c, strict=True):
        assert name == SUBCIRCUITS[cell].name
        values = {k: float(v) for k, v in (pair.split("=") for pair in pairs.split())}
        assert [values[k] for k in kind.transconductances] == gm.tolist()
        assert [values[k] for k in kind.capacitors] == c.tolist()
        assert len(values) == len(kind.transconductances) + len(kind.capacitors)


def test_header_states_f0_q_and_gain_of_every_channel():
    bank = FilterBank.spread(4, low=200.0, high=1600.0, q=2.5, gain=1.25)
    text = bank_netlist(bank.cell, bank.elements())
    rows = re.findall(r"(?m)^\* (\d+) +(\S+ k?Hz) +(\S+) +(\S+)$", text)
    assert rows == [
        ("1", "200 Hz", "2.5", "1.25"),
        ("2", "400 Hz", "2.5", "1.25"),
        ("3", "800 Hz", "2.5", "1.25"),
        ("4", "1.6 kHz", "2.5", "1.25"),
    ]


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_has_a_subcircuit_that_uses_every_element(cell):
    kind = make_cell(cell)
    used = set(re.findall(r"\{(\w+)", SUBCIRCUITS[cell].body))
    assert used == {*kind.transconductances, *kind.capacitors}


def test_text_is_plain_ascii_that_any_ngspice_reads():
    bank = FilterBank.spread(2, low=0.5, high=100.0)
    assert bank_netlist(bank.cell, bank.elements()).isascii()


def test_unknown_cell_names_the_known_ones():
    class Ladder(type(make_cell("gm-c-biquad"))):
        name = "ladder"

    bank = FilterBank.spread(2, cell="gm-c-biquad")
    with pytest.raises(ConfigError, match=r"'ladder'.*gm-c-biquad, super-source-follower"):
        bank_netlist(Ladder(), bank.elements())


@pytest.mark.parametrize("value", [float("nan"), 0.0, -1e-12, float("inf")])
def test_an_impossible_element_is_named(value):
    elements = FilterBank.spread(3).elements().detach()
    c = elements.c.clone()
    c[1, 0] = value
    bank = make_cell("super-source-follower"), Elements(elements.gm, c)
    for write in (bank_netlist, ac_card):
        with pytest.raises(TrainingError, match=rf"channel 2 .* has c1 = {value}"):
            write(*bank)


@pytest.mark.parametrize("q", [0.5, 2.0, 16.0])
def test_sweep_reaches_past_both_edges_and_resolves_the_narrowest_band(q):
    bank = FilterBank.spread(5, low=50.0, high=7500.0, q=q)
    words = ac_card(bank.cell, bank.elements()).split()
    points, low, high = int(words[2]), float(words[3]), float(words[4])
    edge = (1 + 1 / (4 * q * q)) ** 0.5
    assert low < 50 * (edge - 0.5 / q) / 1.5
    assert high > 7500 * (edge + 0.5 / q) * 1.5
    assert 10 ** (1 / points) - 1 < 1 / (4 * q)


def test_oversampling_lifts_a_tone_by_what_straight_lines_take():
    samples, factor, cycles = 64, 8, 20
    tone = torch.cos(2 * torch.pi * cycles * torch.arange(samples, dtype=torch.float64) / samples)
    fine = oversampled(tone.numpy(), factor)
    x = cycles / (samples * factor) * torch.pi
    grid = torch.arange(samples * factor, dtype=torch.float64) / (samples * factor)
    expected = (
        torch.cos(2 * torch.pi * cycles * grid)
        * (x / torch.tensor(x, dtype=torch.float64).sin()) ** 2
    )
    assert fine == pytest.approx(expected.numpy(), abs=1e-12)
