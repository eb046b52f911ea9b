"""What holds for any bank inside the bounds."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filterbank_signals import CELLS, METHODS, PARAMETERS
from spiceloop.filterbank import Bounds, Costs, Ekv, FilterBank, WeakInversion
from spiceloop.filterbank.cell import make_cell
from spiceloop.filterbank.spacing import SCALES, spread

LIMITS = Bounds()
CHANNELS = 3
# Compilation falls into the first example.
relaxed = settings(max_examples=40, deadline=None)


def between(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers from ``low`` to ``high``, even in their logarithm, the ends more often."""
    inner = st.floats(math.log(low), math.log(high)).map(math.exp)
    return st.one_of(st.just(low), st.just(high), inner.map(lambda v: min(max(v, low), high)))


def column(low: float, high: float) -> st.SearchStrategy[torch.Tensor]:
    values = st.lists(between(low, high), min_size=CHANNELS, max_size=CHANNELS)
    return values.map(lambda v: torch.tensor(v, dtype=torch.float64))


@st.composite
def banks(draw, **fixed) -> FilterBank:
    """Any f0 and Q inside the bounds; parts as they follow, inside the bounds or not."""
    cell = draw(st.sampled_from(CELLS))
    start = make_cell(cell).design(
        draw(column(*LIMITS.f0)),
        draw(column(*LIMITS.q)),
        draw(column(0.25, 4.0)),
        draw(between(0.5e-12, 20e-12)),
    )
    arguments = {
        "parameters": st.sampled_from(PARAMETERS),
        "method": st.sampled_from(METHODS),
        "law": st.sampled_from([WeakInversion(), Ekv(), WeakInversion(1.6, 85.0)]),
    }
    return FilterBank(start, cell=cell, **{k: draw(v) for k, v in arguments.items()} | fixed)


@st.composite
def moved_banks(draw) -> FilterBank:
    """Banks that training has pushed anywhere."""
    bank = draw(banks())
    with torch.no_grad():
        for p in bank.parameters():
            steps = draw(st.lists(st.floats(-4, 4), min_size=p.numel(), max_size=p.numel()))
            p += torch.tensor(steps, dtype=torch.float64).reshape(p.shape)
    return bank


def noise(batch: int, samples: int, seed: int = 0, dtype=torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, samples, generator=generator, dtype=torch.float64).to(dtype)


def values(bank: FilterBank) -> list[torch.Tensor]:
    return [p.detach().clone() for p in bank.parameters()]


@relaxed
@given(banks(), st.sampled_from([torch.float32, torch.float64]), st.sampled_from([1, 5, 400]))
def test_outputs_and_gradients_are_finite(bank, dtype, samples):
    x = noise(2, samples, dtype=dtype).requires_grad_()
    y, means = bank(x), bank.rectified_means(x, max(1, samples // 4))
    costs = bank.power(Costs()).sum() * 1e9 + bank.area(Costs()).sum() * 1e9 + bank.noise().sum()
    (y.square().sum() + (means + 1e-6).log().sum() + costs).backward()
    for value in (y, means, x.grad, *(p.grad for p in bank.parameters())):
        assert value.isfinite().all()


@settings(max_examples=20, deadline=None)
@given(banks(method="recursion"))
def test_the_longest_ringing_decays(bank):
    """A recursion with poles outside the circle would grow; in single precision too."""
    x = torch.zeros(1, 16000)
    x[0, 100] = 1
    y = bank(x).detach().square()
    # Energy after half a second: the slowest filter (50 Hz, Q 16) has lost 40 dB by then.
    late = y[..., 8000:].sum(-1)
    early = y[..., :8000].sum(-1)
    assert (late <= 1e-3 * early + 1e-20).all()


@relaxed
@given(moved_banks())
def test_projection_ends_inside_the_bounds(bank):
    """Every part is inside; f0 and Q are too unless a part at its limit forbids it."""
    bank.project_()
    held = bank.elements().detach()
    currents = bank.law.current(held.gm)
    near = 1e-9
    for parts, (low, high) in ((held.c, LIMITS.capacitor), (currents, LIMITS.current)):
        assert (parts >= low * (1 - near)).all()
        assert (parts <= high * (1 + near)).all()
    limited = (currents <= LIMITS.current[0] * (1 + near)).any(1)
    limited |= (currents >= LIMITS.current[1] * (1 - near)).any(1)
    t = bank.transfer()
    f0 = t.f0.detach()[~limited]
    assert (f0 >= LIMITS.f0[0] * (1 - near)).all()
    assert (f0 <= LIMITS.f0[1] * (1 + near)).all()
    if "log_current" in dict(bank.parametrization.named_parameters()):
        q = t.q.detach()[~limited]
        assert (q >= LIMITS.q[0] * (1 - near)).all()
        assert (q <= LIMITS.q[1] * (1 + near)).all()


@relaxed
@given(moved_banks())
def test_projecting_again_changes_nothing(bank):
    """Unless a part at its limit kept f0 or Q outside: the next call then tries again."""
    bank.project_()
    t = bank.transfer()
    f0, q = t.f0.detach(), t.q.detach()
    scaled = "log_alpha" in dict(bank.parametrization.named_parameters())
    near = 1e-9
    reached = (f0 >= LIMITS.f0[0] * (1 - near)) & (f0 <= LIMITS.f0[1] * (1 + near))
    if not scaled:
        reached &= (q >= LIMITS.q[0] * (1 - near)) & (q <= LIMITS.q[1] * (1 + near))
    before = values(bank)
    for old, new in zip(before, values(bank.project_()), strict=True):
        keep = torch.ones_like(reached) if scaled else reached
        torch.testing.assert_close(new[keep], old[keep], rtol=0, atol=1e-7)


@relaxed
@given(banks())
def test_a_bank_inside_is_left_alone(bank):
    held = bank.elements().detach()
    currents = bank.law.current(held.gm)
    wide = Bounds(
        capacitor=(held.c.min().item() / 2, held.c.max().item() * 2),
        current=(currents.min().item() / 2, currents.max().item() * 2),
        f0=(40.0, 7600.0),
        q=(0.4, 17.0),
    )
    bank.bounds = wide
    before = values(bank)
    for old, new in zip(before, values(bank.project_()), strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=1e-12)


@relaxed
@given(banks(), st.floats(-3, 3), st.floats(-3, 3))
def test_linear(bank, a, b):
    x, y = noise(1, 300, 1), noise(1, 300, 2)
    torch.testing.assert_close(bank(a * x + b * y), a * bank(x) + b * bank(y), rtol=1e-7, atol=1e-8)


@relaxed
@given(banks(), st.integers(1, 150))
def test_a_later_sound_comes_out_later(bank, delay):
    """From 24 samples of silence on: so far do the pre-filters look ahead."""
    x = torch.zeros(2, 500, dtype=torch.float64)
    x[0, 100:150] = noise(1, 50)[0]
    x[1, 100 + delay : 150 + delay] = x[0, 100:150]
    y = bank(x).detach()
    # The FFT's interpolation has tails on all sides, which end with the clip.
    tolerance = 1e-9 if bank.method == "recursion" else 5e-3 * y.abs().max().item()
    torch.testing.assert_close(
        y[1, :, 50 + delay :], y[0, :, 50 : 500 - delay], rtol=0, atol=tolerance
    )


@relaxed
@given(banks(law=WeakInversion()), between(0.05, 20.0))
def test_the_scaling_trap(bank, factor):
    """All gm and C of a channel times a factor: the same H for another power, area and noise."""
    held, costs = bank.elements().detach(), Costs()
    other = FilterBank(
        held.scaled(gm=factor, c=factor), cell=bank.cell, parameters="currents", law=bank.law
    )
    f = torch.logspace(1.5, 4, 50, dtype=torch.float64)
    close = {"rtol": 1e-9, "atol": 1e-12}
    torch.testing.assert_close(other.response(f), bank.response(f), **close)
    torch.testing.assert_close(other.power(costs), factor * bank.power(costs), rtol=1e-9, atol=0)
    torch.testing.assert_close(other.area(costs), factor * bank.area(costs), rtol=1e-9, atol=0)
    torch.testing.assert_close(other.noise(), bank.noise() / math.sqrt(factor), rtol=1e-9, atol=0)


@relaxed
@given(banks(parameters="scaling"), st.floats(-1, 1), st.floats(-1, 1))
def test_the_two_scales_move_f0_alone(bank, up, down):
    """f0 goes as β/α; Q and gain stay. For the paper's own elements f0 = 95.5 Hz·β/α."""
    before = [v.detach() for v in (bank.transfer().f0, bank.transfer().q, bank.transfer().gain)]
    with torch.no_grad():
        bank.parametrization.log_beta += up
        bank.parametrization.log_alpha += down
    t = bank.transfer()
    torch.testing.assert_close(t.f0.detach(), before[0] * math.exp(up - down))
    torch.testing.assert_close(t.q.detach(), before[1])
    torch.testing.assert_close(t.gain.detach(), before[2])
    held = bank.parametrization
    if bank.cell.name == "super-source-follower":
        ratio = (held.log_beta - held.log_alpha).exp()
        torch.testing.assert_close(t.f0, 95.493 * ratio, rtol=1e-4, atol=0)


@relaxed
@given(banks())
def test_both_parametrizations_stand_for_the_start(bank):
    held = bank.elements().detach()
    for parameters in PARAMETERS:
        for law in (WeakInversion(), Ekv()):
            other = FilterBank(held, cell=bank.cell, parameters=parameters, law=law).elements()
            torch.testing.assert_close(other.gm.detach(), held.gm, rtol=1e-9, atol=0)
            torch.testing.assert_close(other.c.detach(), held.c, rtol=1e-9, atol=0)


@given(
    st.sampled_from([WeakInversion, Ekv]),
    st.floats(1.0, 2.0),
    st.floats(-40, 125),
    between(1e-12, 1e-3),
    between(1e-9, 1e-5),
)
def test_gm_and_current_are_inverse(kind, n, temperature, current, specific):
    law = kind(n=n, temperature=temperature)
    if kind is Ekv:
        law = Ekv(n, specific, temperature)
    there = torch.tensor([current, current * 1.01], dtype=torch.float64)
    gm = law.gm(there)
    assert gm[1] > gm[0] > 0
    torch.testing.assert_close(law.current(gm), there, rtol=1e-9, atol=0)


@given(
    st.integers(1, 64),
    st.floats(20, 5000),
    st.floats(1.01, 50),
    st.sampled_from(sorted(SCALES)),
)
def test_spread_rises(channels, low, ratio, scale):
    f = spread(channels, low, low * ratio, scale)
    assert len(f) == channels
    assert (f[1:] > f[:-1]).all()
    assert f[0] == pytest.approx(low)
    if channels > 1:
        assert f[-1] == pytest.approx(low * ratio)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([8000.0, 22050.0, 44100.0, 48000.0]), st.sampled_from(METHODS))
@example(8000.0, "recursion")
def test_time_is_measured_in_samples(rate, method):
    """All frequencies and the sample rate times a factor: the same numbers come out."""
    factor = rate / 16000
    bank, other = (
        FilterBank.spread(
            CHANNELS, low=200 * k, high=6000 * k, sample_rate=16000 * k, method=method
        )
        for k in (1, factor)
    )
    x = noise(1, 400)
    torch.testing.assert_close(other(x), bank(x), rtol=1e-6, atol=1e-7)
