"""What a check says of responses whose errors are known."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from spiceloop.bridge.validate import BankCheck
from spiceloop.errors import TrainingError
from spiceloop.filterbank import FilterBank

F = np.geomspace(20, 20e3, 500)


@pytest.fixture
def bank():
    return FilterBank.spread(4, low=200.0, high=2000.0, q=3.0, gain=1.5)


def check(bank, change=lambda h: h):
    h = bank.response(torch.from_numpy(F)).detach().numpy().copy()
    return BankCheck.compare(bank.cell, bank.elements(), F, change(h), seconds=0.5)


def test_the_model_against_itself(bank):
    seen = check(bank)
    transfer = bank.transfer()
    assert seen.worst_error < 1e-14
    for mine, theirs in ((seen.f0, transfer.f0), (seen.q, transfer.q), (seen.gain, transfer.gain)):
        assert mine.shape == (4,)
        assert mine == pytest.approx(theirs.detach().numpy(), rel=1e-4)
        assert (mine != theirs.detach().numpy()).any()  # measured, not copied
    assert seen.require(1e-9) is seen


def test_errors_are_relative_to_the_channel_s_peak(bank):
    def louder(h):
        h[2] *= 1.01
        return h

    seen = check(bank, louder)
    assert seen.worst.channel == 3
    assert seen.worst_error == pytest.approx(0.01, rel=1e-3)
    assert seen.worst.error_db == pytest.approx(20 * np.log10(1.01), rel=1e-6)
    assert seen.errors[[0, 1, 3]] == pytest.approx(0, abs=1e-14)


def test_a_turned_sign_is_an_error_that_magnitudes_do_not_show(bank):
    seen = check(bank, lambda h: -h)
    assert seen.worst_error == pytest.approx(2, rel=1e-3)
    assert seen.worst.error_db == pytest.approx(0, abs=1e-12)


def test_require_names_the_channel_both_sides_and_what_to_do(bank):
    def shifted(h):
        h[1] = np.interp(F * 1.1, F, h[1].real) + 1j * np.interp(F * 1.1, F, h[1].imag)
        return h

    with pytest.raises(TrainingError) as caught:
        check(bank, shifted).require(0.05)
    said = str(caught.value)
    assert "channel 2:" in said
    assert "tolerance 0.05" in said
    assert "SPICE: f0 391.7 Hz" in said
    assert "model: f0 430.9 Hz, Q 3, peak gain 1.5" in said
    assert "bank_netlist" in said


def test_a_response_that_is_no_number_never_passes(bank):
    def lost(h):
        h[0, 7] = np.nan
        return h

    seen = check(bank, lost)
    assert seen.worst_error == np.inf
    with pytest.raises(TrainingError, match="channel 1"):
        seen.require(1e9)
    written = json.loads(json.dumps(seen.as_dict(), allow_nan=False))
    assert written["channels"][0]["f0"] is None
    assert written["worst_error"] is None


def test_rows_and_json_hold_every_channel(bank):
    seen = check(bank)
    assert seen.rows() == [asdict(c) for c in seen.channels]
    written = json.loads(json.dumps(seen.as_dict(), allow_nan=False))
    assert written["channels"] == seen.rows()
    assert (written["cell"], written["seconds"]) == ("super-source-follower", 0.5)
