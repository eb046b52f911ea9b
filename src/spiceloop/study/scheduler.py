"""Finding a Dask scheduler: an address or a scheduler file in, a client out."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

from spiceloop.errors import ClusterError, SetupError

__all__ = ["Client", "Quiet", "connect", "first_line"]

_CONNECT_S = 10.0

Client: TypeAlias = Any  # Dask's own type hints are incomplete


def connect(address: str) -> Client:
    """Return a client of the scheduler at an address or in a scheduler file; the caller closes it.

    Raises `ClusterError` where none answers, `SetupError` without dask.distributed.
    """
    try:
        import distributed
    except ImportError as error:
        raise SetupError(
            "a cluster needs dask.distributed: pip install 'spiceloop[cluster]', here and on "
            "every worker"
        ) from error
    quiet = Quiet()
    quiet.begin()
    try:
        found = _address_in(address)
        # A client given a wrong address can wait for ever; so ask first, in a loop of our own.
        with ThreadPoolExecutor(1) as pool:
            kind = pool.submit(asyncio.run, _kind_at(found)).result()
        if kind != "Scheduler":
            raise ValueError(f"a Dask {kind.lower()} is there")
        dask: Any = distributed
        return dask.Client(found, timeout=_CONNECT_S, set_as_default=False, name="spiceloop")
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address}: {first_line(error)}; start one with "
            "`dask scheduler`, or correct --scheduler (such as tcp://host:8786)"
        ) from error
    finally:
        quiet.end()


def _address_in(text: str) -> str:
    """Return the address that a text is, or that a scheduler file holds. Raises `ValueError`."""
    from distributed.comm.addressing import parse_address, parse_host_port

    if "://" not in text and Path(text).is_file():
        try:
            text = str(json.loads(Path(text).read_text())["address"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(
                "the file is no scheduler file (dask scheduler --scheduler-file)"
            ) from None
    elif "://" not in text and ("/" in text or text.endswith(".json")):
        raise ValueError("there is no such scheduler file")
    scheme, rest = parse_address(text)
    if scheme not in {"tcp", "tls"}:
        raise ValueError(f"{scheme}:// is not supported; expected tcp:// or tls://")
    parse_host_port(rest)
    return text


async def _kind_at(address: str) -> str:
    import distributed

    dask: Any = distributed

    async def ask() -> str:
        arguments = dask.Security().get_connection_args("client")
        async with dask.rpc(address, connection_args=arguments) as server:
            return str((await server.identity())["type"])

    try:
        return await asyncio.wait_for(ask(), _CONNECT_S)
    except TimeoutError:
        raise TimeoutError(f"{_why_silent(address)} (waited {_CONNECT_S:.0f} s)") from None


def _why_silent(address: str) -> str:
    from distributed.comm.addressing import parse_address, parse_host_port

    try:
        socket.create_connection(parse_host_port(parse_address(address)[1]), timeout=1.0).close()
    except OSError as error:
        return error.strerror or str(error)
    return "something is there, but no Dask scheduler, or one that expects tls://"


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class Quiet:
    """Keeps Dask's own log, tracebacks included, off the terminal: our errors say it in words."""

    def __init__(self) -> None:
        self._before: dict[logging.Logger, int] = {}

    def begin(self) -> None:
        """Keep it off from now on."""
        for name in ("distributed.client", "distributed.comm", "distributed.batched"):
            logger = logging.getLogger(name)
            self._before[logger] = logger.level
            logger.setLevel(logging.CRITICAL)

    def end(self) -> None:
        """Let it be as it was."""
        for logger, level in self._before.items():
            logger.setLevel(level)
        self._before.clear()
