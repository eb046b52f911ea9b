"""The list of PDKs: built-in ones, entry points, names that are not in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spiceloop.circuit.pdk import get_pdk, processes
from spiceloop.circuit.pdk import registry as registry_module
from spiceloop.errors import ProblemError, SetupError

PACKAGE = """
from pathlib import Path
from spiceloop.circuit.pdk import Process

PROCESS = Process(
    name={name!r},
    title="our own",
    library_file="house.lib",
    locate=lambda library: Path(__file__).with_name("house.lib"),
)
"""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    registry_module.processes.cache_clear()
    yield
    registry_module.processes.cache_clear()


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str, target: str) -> None:
    """Put a package with an entry point on the path, as pip leaves it behind."""
    (folder / "house_pdk.py").write_text(code)
    (folder / "house.lib").write_text("* house\n.lib tt\n.endl tt\n")
    info = folder / "house_pdk-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house-pdk\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[spiceloop.pdks]\nhouse = {target}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "house_pdk", raising=False)


def test_built_in_processes_are_complete() -> None:
    assert set(processes()) >= {"generic", "sky130"}
    for name, process in processes().items():
        assert process.name == name
        assert process.title
        assert process.install
        assert process.library_file
        assert process.libraries


def test_a_package_brings_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, PACKAGE.format(name="house"), "house_pdk:PROCESS")
    pdk = get_pdk("house")
    assert pdk.library_path == tmp_path / "house.lib"
    with pytest.raises(ProblemError, match=r"no corner 'ss'.*it has tt"):
        get_pdk("house", "ss")


@pytest.mark.parametrize(
    ("code", "target", "message"),
    [
        (PACKAGE.format(name="sky130"), "house_pdk:PROCESS", "named 'sky130' already; rename it"),
        (PACKAGE.format(name="house"), "house_pdk:Path", "expected a Process, got type"),
        ("raise RuntimeError('no licence')", "house_pdk:PROCESS", "cannot be loaded: no licence"),
    ],
)
def test_a_bad_package_is_named(
    code: str, target: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, code, target)
    with pytest.raises(SetupError, match=message) as caught:
        processes()
    assert "house = house_pdk:" in str(caught.value)


def test_unknown_names() -> None:
    with pytest.raises(ProblemError, match=r"unknown pdk 'generc' .did you mean 'generic'.*sky130"):
        get_pdk("generc")
    with pytest.raises(ProblemError, match=r"pdk generic has no library 'binned'; it has cont"):
        get_pdk("generic", library="binned")
