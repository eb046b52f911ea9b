"""Every derivative against finite differences, and the single-precision ones against double."""

import pytest
import torch
from torch.autograd import gradcheck
from torch.func import functional_call

from filterbank_signals import METHODS, OVERSAMPLING, noise, small_bank
from spiceloop.filterbank import Costs, Ekv, FilterBank
from spiceloop.filterbank.filtering import RECTIFIERS

OUTPUTS = ("waveform", *RECTIFIERS)


def waves(batch: int, samples: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(5), dtype=dtype)


def output(bank, x, kind, hop=7):
    return bank(x) if kind == "waveform" else bank.rectified_means(x, hop, kind)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_gradcheck_of_every_parameter(cell, parameters, method, kind):
    bank = small_bank(cell, parameters, method, channels=2)
    names = [name for name, _ in bank.named_parameters()]

    class Output(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bank = bank

        def forward(self, x):
            return output(self.bank, x, kind)

    whole, x = Output(), waves(2, 31)

    def run(*values):
        held = {f"bank.{n}": v for n, v in zip(names, values, strict=True)}
        return functional_call(whole, held, (x,))

    assert gradcheck(run, [p.detach().clone().requires_grad_() for p in bank.parameters()])


@pytest.mark.parametrize("kind", OUTPUTS)
def test_gradcheck_of_the_input(cell, method, kind):
    bank = small_bank(cell, method=method, channels=2)
    # Longer than the pre-filters, so that they lie wholly inside too.
    x = waves(1, 60).requires_grad_()
    assert gradcheck(lambda x: output(bank, x, kind), [x])


@pytest.mark.parametrize("figure", ["f0", "q", "gain", "power", "area", "noise", "response"])
def test_gradcheck_of_what_a_bank_is_and_costs(cell, parameters, figure):
    bank = small_bank(cell, parameters)
    names = [name for name, _ in bank.named_parameters()]
    law = Ekv() if parameters == "currents" else bank.law
    bank = FilterBank(bank.elements(), cell=cell, parameters=parameters, law=law)
    # In units that make all of them of order one.
    figures = {
        "f0": lambda: bank.transfer().f0 / 1e3,
        "q": lambda: bank.transfer().q,
        "gain": lambda: bank.transfer().gain,
        "power": lambda: bank.power(Costs()) * 1e8,
        "area": lambda: bank.area(Costs()) * 1e9,
        "noise": lambda: bank.noise() * 1e4,
        "response": lambda: bank.response(torch.tensor([100.0, 900.0, 6000.0]).double()),
    }

    class Figure(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bank = bank

        def forward(self):
            return figures[figure]()

    def run(*values):
        held = {f"bank.{n}": v for n, v in zip(names, values, strict=True)}
        return functional_call(Figure(), held, ())

    assert gradcheck(run, [p.detach().clone().requires_grad_() for p in bank.parameters()])


@pytest.mark.parametrize("kind", OUTPUTS)
def test_both_methods_have_the_same_gradients(cell, parameters, kind):
    """Half a second of noise up to 7 kHz; the recursion promises nothing beyond 7.5 kHz."""
    x = torch.from_numpy(noise(8000)[::OVERSAMPLING].copy())[None]
    gradients = []
    for method in METHODS:
        bank = FilterBank.spread(8, cell=cell, parameters=parameters, method=method)
        y = output(bank, x, kind, hop=160)
        # The mean logarithm, as a network would see the features; of a waveform its power's.
        level = y.square().mean(-1).log() if kind == "waveform" else y.log().mean(-1)
        level.sum().backward()
        gradients.append([p.grad for p in bank.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert (one - other).norm() < 0.005 * other.norm()


@pytest.mark.parametrize("kind", OUTPUTS)
def test_single_precision_gradients(method, kind):
    gradients = []
    for dtype in (torch.float32, torch.float64):
        bank = FilterBank.spread(16, method=method)
        x = waves(2, 4000).to(dtype).requires_grad_()
        y = output(bank, x, kind, hop=160)
        pull = torch.randn(y.shape, generator=torch.Generator().manual_seed(6)).to(dtype)
        (y * pull).sum().backward()
        assert x.grad.dtype == dtype
        assert all(p.grad.dtype == torch.float64 for p in bank.parameters())
        gradients.append([x.grad.double(), *(p.grad for p in bank.parameters())])
    for single, double in zip(*gradients, strict=True):
        assert (single - double).norm() < 1e-3 * double.norm()


@pytest.mark.parametrize("kind", OUTPUTS)
def test_gradients_scale_with_the_loss(method, kind):
    """A loss in small units: the same gradients in small, and none at all of nothing."""
    x, gradients = waves(1, 2000, torch.float32), []
    for unit in (1.0, 1e-9, 0.0):
        bank = FilterBank.spread(4, method=method)
        y = output(bank, x, kind, hop=160)
        (unit * y.square().mean()).backward()
        gradients.append([p.grad for p in bank.parameters()])
    for whole, small, none in zip(*gradients, strict=True):
        assert (small * 1e9 - whole).norm() < 1e-4 * whole.norm()
        assert not none.any()


def test_frozen_parts_get_no_gradient(parameters, method):
    bank = small_bank(parameters=parameters, method=method).requires_grad_(False)
    x = waves(1, 50).requires_grad_()
    bank(x).sum().backward()
    assert x.grad is not None
    assert all(p.grad is None for p in bank.parameters())
    assert not bank(x.detach()).requires_grad


def test_an_input_changed_before_backward_is_seen():
    """Its gradient would be wrong; autograd's own error says so."""
    bank = small_bank(method="recursion")
    for run in (bank.forward, lambda x: bank.rectified_means(x, 5)):
        x = waves(1, 50)
        y = run(x)
        x.zero_()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()


def test_second_derivatives_of_the_recursion_are_refused():
    bank = small_bank(method="recursion")
    x = waves(1, 50).requires_grad_()
    (first,) = torch.autograd.grad(bank(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        first.square().sum().backward()
