import math

import pytest
import torch

from filterbank_signals import CELLS, designed
from spiceloop.filterbank import Costs, Ekv, FilterBank, WeakInversion
from spiceloop.filterbank.gm_law import thermal_voltage
from spiceloop.filterbank.spacing import SCALES, spread


def test_thermal_voltage():
    assert thermal_voltage(26.85) == pytest.approx(25.85e-3, rel=1e-3)


def test_weak_inversion_at_the_papers_unit():
    """3.84 nS at about 0.13 nA."""
    current = WeakInversion().current(torch.tensor(3.84e-9).double()).item()
    assert current == pytest.approx(0.129e-9, rel=0.01)


def test_ekv_meets_both_of_its_limits():
    n, specific = 1.3, 1e-7
    law, ut = Ekv(n, specific), thermal_voltage(27.0)
    weak, strong = torch.tensor([1e-12, 1e-2]).double()
    assert law.gm(weak).item() == pytest.approx(1e-12 / (n * ut), rel=1e-4)
    # Strong inversion: gm = √(I·I_spec)/(n·U_T), the square law.
    assert law.gm(strong).item() == pytest.approx(math.sqrt(1e-2 * specific) / (n * ut), rel=2e-3)


def test_ekv_is_weak_inversion_where_the_device_is_wide():
    current = torch.logspace(-11, -7, 5).double()
    wide = Ekv(specific_current=1.0).gm(current)
    torch.testing.assert_close(wide, WeakInversion().gm(current), rtol=1e-6, atol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_power_and_area(cell):
    bank = FilterBank(designed(cell, [400.0, 2000.0], [2.0, 3.0], [1.0, 1.5]), cell=cell)
    made, costs = bank.elements(), Costs(supply=1.2, capacitor_density=1e-3)
    volts = 1.3 * thermal_voltage(27.0)
    for channel in range(2):
        amps = sum(gm.item() * volts for gm in made.gm[channel])
        assert bank.power(costs)[channel].item() == pytest.approx(1.2 * 2 * amps)
        farads = sum(c.item() for c in made.c[channel])
        assert bank.area(costs)[channel].item() == pytest.approx(farads / 1e-3)


def test_noise_rises_with_temperature_and_excess():
    cold, hot = (
        FilterBank.spread(3, law=WeakInversion(temperature=t)).noise() for t in (-40.0, 85.0)
    )
    # Equal gm, so kT alone: the elements do not move with temperature, the currents do.
    expected = torch.full((3,), math.sqrt((85 + 273.15) / (-40 + 273.15))).double()
    torch.testing.assert_close((hot / cold).detach(), expected)
    bank = FilterBank.spread(3)
    torch.testing.assert_close(bank.noise(4.0), 2 * bank.noise())


@pytest.mark.parametrize("scale", SCALES)
def test_spread_has_the_ends_asked_for(scale):
    f = spread(16, 100.0, 6000.0, scale)
    assert (len(f), f[0], f[-1]) == (16, pytest.approx(100.0), pytest.approx(6000.0))


def test_spread_on_each_scale():
    """Textbook values: 1000 mel is 1 kHz, and 1 kHz has an ERB rate of 15.6."""
    assert spread(3, 100, 10000)[1] == pytest.approx(1000)
    assert spread(3, 100, 10000, "linear")[1] == pytest.approx(5050)
    there, _ = SCALES["mel"]
    assert there(1000.0) == pytest.approx(1000, abs=0.1)
    there, _ = SCALES["erb"]
    assert there(1000.0) == pytest.approx(15.6, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((4, 100, 6000, "bark"), "no scale 'bark'; there are log, linear, mel, erb"),
        ((0, 100, 6000), "a channel or more, got 100, 6000, 0"),
        ((4, 6000, 100), "0 < low < high"),
        ((4, 0, 100), "0 < low < high"),
        ((4, float("nan"), 100), "0 < low < high"),
    ],
)
def test_spread_of_nonsense(arguments, text):
    with pytest.raises(ValueError, match=text):
        spread(*arguments)
