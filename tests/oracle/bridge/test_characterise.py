"""The transistor's gm against an AC analysis of the PDK's own library in ``ngspice -b``."""

import re
import subprocess

import numpy as np
import pytest

from spiceloop.bridge.characterise import characterise
from spiceloop.circuit.pdk import get_pdk
from spiceloop.errors import DesignError
from spiceloop.filterbank.gm_law import thermal_voltage

pytestmark = [pytest.mark.ngspice, pytest.mark.pdk]

DECK = """small-signal gm of a biased transistor
.lib "{library}" tt
.temp {temperature}
.options gmin=1e-20 abstol=1e-20 reltol=1e-6
Vg g 0 dc 0 ac 1
Vd d 0 {drain}
Xm d g 0 0 sky130_fd_pr__{device} w=5 l=1
.control
set numdgt=12
foreach vg {gates}
  alter vg dc = $vg
  op
  print i(vd)
  ac lin 1 1m 1m
  print mag(i(vd))
end
quit
.endc
.end
"""


@pytest.mark.parametrize(
    ("device", "gates", "temperature"),
    [("nfet_01v8", (0.2, 0.3, 0.4, 0.5, 0.55), 27.0), ("pfet_01v8", (-0.6, -0.75, -0.9), 60.0)],
)
def test_gm_is_what_an_ac_analysis_gives(tmp_path, device, gates, temperature):
    pdk = get_pdk("sky130")
    deck = DECK.format(
        library=pdk.library_path,
        temperature=temperature,
        drain=0.9 if device.startswith("n") else -0.9,
        device=device,
        gates=" ".join(map(str, gates)),
    )
    (tmp_path / ".spiceinit").write_text("set ngbehavior=hsa\nset ng_nomodcheck\n")
    (tmp_path / "deck.spice").write_text(deck)
    done = subprocess.run(
        ["ngspice", "-b", "deck.spice"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    current = np.abs([float(v) for v in re.findall(r"(?m)^i\(vd\) = (\S+)", done.stdout)])
    gm = np.array([float(v) for v in re.findall(r"(?m)^mag\(i\(vd\)\) = (\S+)", done.stdout)])
    assert len(current) == len(gm) == len(gates), done.stdout[-2000:] + done.stderr[-2000:]
    assert (current > 1e-11).all()
    assert (current < 1e-6).all()
    c = characterise(device=device, temperature=temperature)
    seen = np.exp(np.interp(np.log(current), np.log(c.currents), np.log(c.gms)))
    # Between the 51 currents the curve is interpolated.
    assert seen == pytest.approx(gm, rel=2e-3)


def test_the_default_transistor_follows_the_laws():
    c = characterise()
    assert (c.device, c.w, c.l, c.temperature) == ("nfet_01v8", 5e-6, 1e-6, 27.0)
    assert c.weak.rms_error < 0.03
    assert c.ekv.rms_error < 0.04
    # n as gm shows it at a tenth of a nanoampere, without any fit.
    k = int(np.argmin(np.abs(np.log(np.array(c.currents) / 1e-10))))
    n = c.currents[k] / (c.gms[k] * thermal_voltage(27.0))
    assert c.weak.n == pytest.approx(n, rel=0.03)
    assert c.ekv.n == pytest.approx(n, rel=0.05)


def test_the_sweep_takes_under_two_seconds(spice):
    import time

    characterise(simulator=spice.simulator)
    start = time.perf_counter()
    characterise(simulator=spice.simulator)
    assert time.perf_counter() - start < 2.0


def test_a_transistor_that_leaks_is_refused():
    with pytest.raises(DesignError, match="gate off"):
        characterise(device="nfet_01v8_lvt", w=20e-6, l=0.15e-6)


def test_a_size_outside_the_models_is_refused():
    with pytest.raises(DesignError, match="outside"):
        characterise(w=1.0)
