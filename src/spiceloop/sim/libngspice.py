"""A small ctypes binding to libngspice: just what a worker needs.

Reference: the ngspice manual, chapter "ngspice as shared library or dynamic link library", and
its header ``sharedspice.h``. One process can hold one ngspice, so this is a thin layer over one
global library. Standard library only: a worker must start fast.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Callable, Iterator

from spiceloop.errors import SetupError

__all__ = ["LibNgspice", "find_library"]

_NAMES = ("libngspice.so.0", "libngspice.so", "libngspice.dylib")

_SendChar = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p)
_ControlledExit = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_bool, ctypes.c_bool, ctypes.c_int, ctypes.c_void_p
)
_COMPLEX_FLAG = 2  # VF_COMPLEX


class _VectorInfo(ctypes.Structure):
    """``struct vector_info`` of sharedspice.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("flags", ctypes.c_short),
        ("real", ctypes.c_void_p),
        ("complex", ctypes.c_void_p),
        ("length", ctypes.c_int),
    )


def find_library() -> str:
    """Name or path of libngspice for the dynamic loader; ``SPICELOOP_LIBNGSPICE`` wins."""
    chosen = os.environ.get("SPICELOOP_LIBNGSPICE")
    if chosen:
        return chosen
    # find_library runs ldconfig or a compiler, tens of milliseconds; try the usual names first.
    for name in _NAMES:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return name
    found = ctypes.util.find_library("ngspice")
    if found:
        return found
    raise SetupError(
        "the shared library of ngspice is not installed; on Debian or Ubuntu run "
        "`apt-get install ngspice libngspice0`, or name the file in SPICELOOP_LIBNGSPICE"
    )


class LibNgspice:
    """The library, initialised. ``on_line(text)`` gets every output line, as it comes.

    ``on_exit(status, is_quit)`` is called when ngspice wants its process to end: after ``quit``
    (by then all plots are gone) or after an error that it cannot survive.
    """

    def __init__(
        self, on_line: Callable[[bytes], None], on_exit: Callable[[int, bool], None]
    ) -> None:
        path = find_library()
        try:
            self._lib = ctypes.CDLL(path)
        except OSError as error:
            raise SetupError(
                f"cannot load libngspice from {path!r}: {error}; on Debian or Ubuntu run "
                "`apt-get install libngspice0`, or correct or unset SPICELOOP_LIBNGSPICE"
            ) from None

        def send_char(text: bytes, _ident: int, _user: object) -> int:
            on_line(text)
            return 0

        def controlled_exit(
            status: int, _immediate: bool, is_quit: bool, _ident: int, _user: object
        ) -> int:
            on_exit(status, is_quit)
            return 0

        # Kept alive here: ngspice stores the bare pointers.
        self._callbacks = (_SendChar(send_char), _ControlledExit(controlled_exit))
        lib = self._lib
        lib.ngGet_Vec_Info.argtypes = [ctypes.c_char_p]
        lib.ngGet_Vec_Info.restype = ctypes.c_void_p
        lib.ngSpice_AllPlots.restype = ctypes.POINTER(ctypes.c_char_p)
        lib.ngSpice_AllVecs.argtypes = [ctypes.c_char_p]
        lib.ngSpice_AllVecs.restype = ctypes.POINTER(ctypes.c_char_p)
        lib.ngSpice_Command.argtypes = [ctypes.c_char_p]
        self._infos: dict[int, _VectorInfo] = {}
        lib.ngSpice_Init(self._callbacks[0], None, self._callbacks[1], None, None, None, None)

    def command(self, line: str) -> int:
        """Execute one command line (at most 1000 characters); nonzero after a fatal error."""
        return int(self._lib.ngSpice_Command(line.encode()))

    def plots(self) -> list[str]:
        """Names of all plots, newest first, ``const`` last."""
        return list(_strings(self._lib.ngSpice_AllPlots()))

    def vectors(self, plot: str) -> list[str]:
        """Names of a plot's vectors, newest first; the scale of an analysis comes last."""
        return list(_strings(self._lib.ngSpice_AllVecs(plot.encode())))

    def vector(self, name: str) -> tuple[bool, int, int] | None:
        """Return (is complex, length, address of the values) of ``plot.vector``, or None."""
        address = self._lib.ngGet_Vec_Info(name.encode())
        if not address:
            return None
        info = self._infos.get(address)  # ngspice has one such structure and fills it anew
        if info is None:
            info = self._infos[address] = _VectorInfo.from_address(address)
        is_complex = bool(info.flags & _COMPLEX_FLAG)
        values, length = info.complex if is_complex else info.real, info.length
        return (is_complex, length, values) if values and length > 0 else None

    def file(self) -> str:
        """Return the library's path, "" where the system does not say."""
        inside = ctypes.cast(self._lib.ngSpice_Init, ctypes.c_void_p).value or 0
        try:
            with open("/proc/self/maps") as maps:  # noqa: PTH123
                for line in maps:
                    low, high = (int(x, 16) for x in line.split(None, 1)[0].split("-"))
                    if low <= inside < high:
                        return line.split()[-1]
        except OSError:
            pass
        return ""


def _strings(pointer: ctypes._Pointer[ctypes.c_char_p]) -> Iterator[str]:
    position = 0
    while pointer and (item := pointer[position]) is not None:
        yield item.decode(errors="replace")
        position += 1
