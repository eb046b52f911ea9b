"""What comes after training: evaluate, export, report."""

from __future__ import annotations

import csv
import json
import subprocess

import numpy as np
import pytest
import torch

from spiceloop.bridge.bandpass import measure_bandpass
from spiceloop.bridge.codesign import load_system
from spiceloop.cli.app import main
from spiceloop.kws.run_folder import RunFolder
from spiceloop.sim.rawfile import read_raw

pytestmark = pytest.mark.ngspice


class TestEvaluate:
    def test_it_hears_what_the_run_heard(self, inside, place, copied):
        run = copied()
        done = inside("codesign", "evaluate", run, "--by-kind", "--threads", 1, "--json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        kept = json.loads((place.run / "evaluation.json").read_text())
        for arm in ("fixed", "learned"):
            for part in ("accuracy", "confusion", "clips"):
                assert said["arms"][arm][part] == kept[arm][part]
        assert said["arms"]["learned"]["against"] == place.said["arms"]["learned"]["against"]
        assert [p.endswith(".png") for p in said["pictures"]] == [True, True]

    def test_tables(self, inside, copied):
        run = copied()
        done = inside("codesign", "evaluate", run, "--arm", "learned", "--threads", 1)
        assert done.returncode == 0, done.stderr
        assert "known noise, 10 dB" in done.stdout
        assert "unseen noise (rain)" not in done.stdout
        kept = json.loads((run / "evaluation.json").read_text())["learned"]
        rows = [x.split() for x in done.stdout.splitlines()]
        yes = next(r for r in rows if len(r) == 5 and r[0] == "yes")
        assert yes[1:] == [str(n) if n else "·" for n in kept["confusion"]["clean"][0]]
        assert (run / "figures" / "confusion-learned.png").read_bytes()[:4] == b"\x89PNG"


@pytest.fixture(scope="module")
def exported(place, tmp_path_factory):
    """The learned arm, exported by the command."""
    pytest.importorskip("onnxscript")
    out = tmp_path_factory.mktemp("export") / "new"
    assert main(["codesign", "export", str(place.run), "--arm", "learned", "--out", str(out)]) == 0
    assert {p.name for p in out.iterdir()} == {
        "bank.sp", "bank.csv", "bank.json", "system.pt", "classifier.onnx", "README.txt",
    }  # fmt: skip
    return out


class TestExport:
    def test_the_netlist_runs_in_ngspice_and_has_the_figures(self, exported):
        done = subprocess.run(
            ["ngspice", "-b", "-r", "bank.raw", "bank.sp"],
            cwd=exported, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        (plot,) = read_raw(exported / "bank.raw")
        sweep = {v.name: v.values for v in plot.vectors}
        told = json.loads((exported / "bank.json").read_text())
        for k, (f0, q, gain) in enumerate(zip(told["f0"], told["q"], told["gain"], strict=True), 1):
            found = measure_bandpass(sweep["frequency"].real, sweep[f"v(out{k})"])
            assert found.f0 == pytest.approx(f0, rel=1e-4)
            assert found.q == pytest.approx(q, rel=1e-4)
            assert found.gain == pytest.approx(gain, rel=1e-4)

    def test_csv_and_json_say_the_same_as_the_run(self, exported, place):
        told = json.loads((exported / "bank.json").read_text())
        kept = json.loads((place.run / "learned.bank.json").read_text())
        assert {k: told[k] for k in kept} == kept
        with (exported / "bank.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 4
        for k, row in enumerate(rows):
            assert int(row["channel"]) == k + 1
            assert float(row["f0_Hz"]) == kept["f0"][k]
            assert float(row["power_W"]) == kept["power"][k]
            assert float(row["gm1_S"]) == kept["elements"]["gm1"][k]
            assert float(row["i1_A"]) == kept["elements"]["i1"][k]
            assert float(row["c2_F"]) == kept["elements"]["c2"][k]

    def test_power_and_area_follow_from_the_elements(self, exported):
        told = json.loads((exported / "bank.json").read_text())
        e = {k: np.array(v) for k, v in told["elements"].items()}
        np.testing.assert_allclose(told["power"], 2 * told["supply"] * (e["i1"] + e["i2"]))
        np.testing.assert_allclose(told["area"], (e["c1"] + e["c2"]) / told["capacitor_density"])

    def test_the_weights_are_those_of_the_run(self, exported, place):
        _, system = load_system(RunFolder(place.run), "learned")
        kept = torch.load(exported / "system.pt", weights_only=True)
        assert kept.keys() == system.state_dict().keys()
        assert all(torch.equal(kept[k], v) for k, v in system.state_dict().items())

    def test_onnx_gives_the_same_logits(self, exported, place):
        runtime = pytest.importorskip("onnxruntime")
        _, system = load_system(RunFolder(place.run), "learned")
        session = runtime.InferenceSession(str(exported / "classifier.onnx"))
        rng = np.random.default_rng(0)
        for batch in (1, 5):
            features = rng.standard_normal((batch, 4, 100)).astype(np.float32)
            (logits,) = session.run(["logits"], {"features": features})
            with torch.no_grad():
                expected = system.eval().classifier(torch.from_numpy(features)).numpy()
            np.testing.assert_allclose(logits, expected, atol=1e-5)

    def test_the_readme_names_every_file(self, exported):
        text = (exported / "README.txt").read_text()
        for file in exported.iterdir():
            if file.name not in ("README.txt", "bank.raw"):
                assert file.name in text
        assert "yes, no, _unknown_, _silence_" in text

    def test_without_onnx(self, inside, place, tmp_path):
        done = inside("codesign", "export", place.run, "--arm", "fixed", "--out", "x", "--no-onnx")
        assert done.returncode == 0
        assert not (tmp_path / "x" / "classifier.onnx").exists()
        assert "classifier.onnx" not in (tmp_path / "x" / "README.txt").read_text()

    def test_where_nothing_can_be_written(self, inside, place, tmp_path):
        (tmp_path / "file").write_text("")
        done = inside(
            "codesign", "export", place.run, "--arm", "fixed", "--out", "file", "--no-onnx"
        )
        assert done.returncode == 5
        assert "cannot write the export into file" in done.stderr
