"""A FilterBank behaves like any `nn.Module`: copies, files, threads, training."""

import copy
import io
import pickle

import pytest
import torch

from filterbank_signals import small_bank
from spiceloop.filterbank import Costs, FilterBank
from spiceloop.filterbank.filtering import filter_by_recursion, rectified_means
from spiceloop.filterbank.recursion import discretize


@pytest.fixture
def x():
    return torch.randn(5, 700, generator=torch.Generator().manual_seed(2))


def moved(bank: FilterBank, seed: int = 0) -> FilterBank:
    """The bank after a few steps of training, so to speak."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in bank.parameters():
            p += 0.1 * torch.randn(p.shape, generator=generator)
    return bank


def test_state_dict_makes_another_start_the_same(cell, parameters, method, x):
    bank = moved(small_bank(cell, parameters, method))
    other = FilterBank.spread(3, q=1.1, cell=cell, parameters=parameters, method=method)
    assert not torch.equal(other(x), bank(x))
    other.load_state_dict(bank.state_dict())
    assert torch.equal(other(x), bank(x))


def test_state_dict_of_another_number_of_channels_is_refused(parameters):
    with pytest.raises(RuntimeError, match="size mismatch"):
        FilterBank.spread(4, parameters=parameters).load_state_dict(
            FilterBank.spread(5, parameters=parameters).state_dict()
        )


def test_copies_and_files(cell, parameters, method, x):
    bank = moved(small_bank(cell, parameters, method))
    y = bank(x)
    file = io.BytesIO()
    torch.save(bank, file)
    file.seek(0)
    copies = {
        "deepcopy": copy.deepcopy(bank),
        "pickle": pickle.loads(pickle.dumps(bank)),
        "torch.save": torch.load(file, weights_only=False),
    }
    moved(bank, seed=1)
    for how, other in copies.items():
        assert torch.equal(other(x), y), how
        assert torch.equal(other.noise(), copies["pickle"].noise())
        other(x).sum().backward()  # still trainable
        assert all(p.grad is not None for p in other.parameters()), how


def test_state_dict_is_plain_data(parameters):
    """So that `torch.load` takes it with weights_only, its default."""
    bank, file = moved(small_bank(parameters=parameters)), io.BytesIO()
    torch.save(bank.state_dict(), file)
    file.seek(0)
    other = small_bank(parameters=parameters)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other.transfer().f0, bank.transfer().f0)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", ["waveform", "rectified"])
def test_threads_change_next_to_nothing(method, kind, x, threads):
    """Torch's own sums and solutions are split differently; see the next test for ours."""
    results = []
    for count in (1, 2):
        threads(count)
        bank = FilterBank.spread(7, method=method)
        wave = x.clone().requires_grad_()
        y = bank(wave) if kind == "waveform" else bank.rectified_means(wave, 40)
        (y * torch.linspace(-1, 1, y.shape[-1])).sum().backward()
        results.append([y.detach(), wave.grad, *(p.grad for p in bank.parameters())])
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["waveform", "rectified"])
def test_threads_change_no_bit_of_the_recursion(kind, x, threads):
    rows = discretize(FilterBank.spread(7).transfer(), 16000.0).rows.detach()
    results = []
    for count in (1, 2, 3):
        threads(count)
        own, wave = rows.clone().requires_grad_(), x.clone().requires_grad_()
        if kind == "waveform":
            y = filter_by_recursion(wave, own)
        else:
            y = rectified_means(wave, own, 40, "full-wave")
        (y * torch.linspace(-1, 1, y.shape[-1])).sum().backward()
        results.append([y.detach(), wave.grad, own.grad])
    for one, other in zip(results[0] * 2, results[1] + results[2], strict=True):
        assert torch.equal(one, other)


def test_same_call_twice_gives_the_same_bits(method, x):
    bank = small_bank(method=method)
    assert torch.equal(bank(x), bank(x))
    assert torch.equal(bank.rectified_means(x, 10), bank.rectified_means(x, 10))


def test_a_clip_does_not_depend_on_its_batch(method, x):
    bank = small_bank(method=method)
    alone = torch.cat([bank(clip[None]) for clip in x])
    torch.testing.assert_close(bank(x), alone, rtol=1e-5, atol=1e-6)


def test_train_and_eval_are_the_same(method, x):
    bank = small_bank(method=method)
    y = bank(x)
    with torch.inference_mode():
        assert torch.equal(bank.eval()(x), y)


def test_module_in_single_precision(cell, parameters, method, x):
    """`.float()` of a whole network comes by; filters keep their place to 1e-4."""
    bank = small_bank(cell, parameters, method)
    y, f0 = bank(x), bank.transfer().f0
    bank.float()
    torch.testing.assert_close(bank.transfer().f0.double(), f0, rtol=1e-5, atol=0)
    assert (bank(x) - y).norm() < 1e-4 * y.norm()
    assert bank.noise().isfinite().all()
    bank.project_()
    bank(x).sum().backward()
    assert all(p.grad.isfinite().all() for p in bank.parameters())


def test_learns_a_centre_frequency_from_filtered_noise(cell, parameters, method):
    """Two channels, 40 % off on either side, find the filters that made the sound, within 1 %."""
    target = FilterBank.spread(2, low=600, high=2500, cell=cell)
    bank = FilterBank.spread(
        2, low=600 * 1.4, high=2500 / 1.4, cell=cell, parameters=parameters, method=method
    )
    optimizer = torch.optim.Adam(bank.parameters(), lr=0.03)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 120)
    generator = torch.Generator().manual_seed(4)
    losses = []
    for _ in range(120):
        wave = torch.randn(2, 600, generator=generator)
        with torch.no_grad():
            wanted = target(wave)
        loss = (bank(wave) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        bank.project_()
        scheduler.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.01 * losses[0]
    error = (bank.transfer().f0 / target.transfer().f0 - 1).abs().max()
    assert error < 0.01


def test_a_penalty_lowers_power_and_area(cell, parameters):
    """Without anything that holds the filters in place, costs fall to the bounds."""
    bank = FilterBank.spread(4, cell=cell, parameters=parameters)
    costs = Costs()
    start = [v.sum().item() for v in (bank.power(costs), bank.area(costs))]
    optimizer = torch.optim.Adam(bank.parameters(), lr=0.2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = bank.power(costs).sum() / start[0] + bank.area(costs).sum() / start[1]
        loss.backward()
        optimizer.step()
        bank.project_()
    end = [v.sum().item() for v in (bank.power(costs), bank.area(costs))]
    assert end[0] < 0.3 * start[0]
    assert end[1] < 0.3 * start[1]
    floor = bank.bounds.capacitor[0]
    assert bank.elements().c.min().item() >= floor * (1 - 1e-9)
