"""A bench in a parcel: what a worker on another machine needs to evaluate designs.

Decks travel as they were read, includes in-line, so no deck has to be there. Python functions
travel as the source of their file and of the modules beside it that it imported. A PDK does not
travel: the worker has its own, and `surroundings` tells whether it is the same one.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import linecache
import pickle
import platform
import sys
import sysconfig
import tempfile
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import spiceloop
from spiceloop.circuit.pdk import get_pdk
from spiceloop.circuit.pdk.base import Pdk
from spiceloop.circuit.pdk.cache import Cache
from spiceloop.circuit.pdk.library import read_library
from spiceloop.errors import ProblemError, SetupError
from spiceloop.spec.bench import Bench
from spiceloop.spec.functions import MeasureFunction, load_function

__all__ = ["Parcel", "freeze", "missing_libraries", "pack", "surroundings", "thaw", "unpack"]

_EVALUATING = ("circuit", "measure", "sim", "spec")
_importing = threading.Lock()
_shipped: set[str] = set()  # modules that came in a parcel


@dataclass(frozen=True)
class Parcel:
    """A packed bench. ``key`` names its content, ``versions`` the `surroundings` it came from."""

    key: str
    data: bytes
    simulator: str
    versions: Mapping[str, str]


def pack(bench: Bench, simulator: str, simulator_version: str) -> Parcel:
    """Pack a bench for evaluation by ``simulator``.

    Raises `SetupError` for one that cannot be packed.
    """
    try:
        data = zlib.compress(freeze(bench))
    except pickle.PicklingError as error:
        raise SetupError(f"the problem cannot be sent to a cluster: {error}") from error
    versions = surroundings(bench, simulator_version)
    key = hashlib.sha256(repr((simulator, sorted(versions.items()))).encode() + data).hexdigest()
    return Parcel(key[:16], data, simulator, versions)


def unpack(parcel: Parcel) -> Bench:
    """Return the bench. Raises `ProblemError` for a function that cannot be imported here."""
    return thaw(zlib.decompress(parcel.data))


def freeze(bench: Bench, *, near: bool = False) -> bytes:
    """Return a bench as bytes, from which `thaw` makes the same one in another process.

    ``near``: in one of this machine and with our ``sys.path``, which imports the modules of Python
    functions where we do. Raises `pickle.PicklingError`.
    """
    stream = io.BytesIO()
    try:
        _Pickler(stream, near).dump(bench)
    except (TypeError, AttributeError) as error:
        raise pickle.PicklingError(str(error)) from error
    return stream.getvalue()


def thaw(data: bytes) -> Bench:
    """Return the bench. Raises `ProblemError` for a function that cannot be imported here."""
    bench = pickle.loads(data)
    assert isinstance(bench, Bench)
    return bench


def surroundings(bench: Bench, simulator_version: str) -> dict[str, str]:
    """Return what results depend on and a parcel does not hold: versions and a PDK's contents."""
    found = {
        "spiceloop": version("spiceloop"),
        "simulator": simulator_version,
        **{f"pdk {pdk.name} {pdk.corner}": _contents(pdk) for pdk in _pdks(bench)},
        "spiceloop's source": _source_digest(),
        "python": platform.python_version(),
    }
    for package in ("numpy", "scipy"):
        found[package] = version(package)
    return found


def missing_libraries(bench: Bench) -> list[str]:
    """Return the ``.lib`` files, with their card's place, that are not on this machine.

    They are read by ngspice when it runs, unlike includes and the library of the bench's PDK.
    """
    ours = {pdk.library_path.name for pdk in _pdks(bench)}
    return [
        f"{library.path} ({library.source.file.name}:{library.source.number})"
        for netlist in bench.netlists.values()
        for library in netlist.libraries
        if library.path is not None and library.path.name not in ours and not library.path.is_file()
    ]


def _pdks(bench: Bench) -> list[Pdk]:
    """Return the PDK at every process corner that the bench simulates, each once."""
    found = {
        (pdk.name, pdk.corner): pdk
        for corner in bench.corners
        for testbench in bench.netlists
        if (pdk := bench.pdk_at(bench.corner_of(testbench, corner))) is not None
    }
    return list(found.values())


def _contents(pdk: Pdk) -> str:
    """Hash of all files that the corner's section of the library reads."""
    cache = Cache()
    key = cache.key(pdk.library_path, pdk.corner)
    if key is None:
        _, files = read_library(pdk.library_path, pdk.corner)
        key = cache.remember(pdk.library_path, pdk.corner, files)
    return key[:16]


@lru_cache
def _source_digest() -> str:
    """Tell two working copies of one version apart."""
    root = Path(spiceloop.__file__).parent
    digest = hashlib.sha256()
    for folder in _EVALUATING:
        for file in sorted((root / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


class _Pickler(pickle.Pickler):
    """Pickles a PDK as its name, and a function of the user's as its source."""

    def __init__(self, stream: io.BytesIO, near: bool) -> None:
        super().__init__(stream, pickle.HIGHEST_PROTOCOL)
        self.near = near

    def reducer_override(self, item: Any) -> Any:
        if isinstance(item, MeasureFunction):
            return _function, (_Source.of(item, self.near),)
        if isinstance(item, Pdk):
            return get_pdk, (item.name, item.corner, getattr(item, "library", ""))
        return NotImplemented


@dataclass(frozen=True)
class _Source:
    """A function by its source. ``file`` and the names of ``files`` are relative to ``root``.

    Without ``files`` it stands in an installed package, which the worker must have too. ``near``
    as in `freeze`.
    """

    spec: str
    root: Path
    file: str
    files: Mapping[str, bytes]
    near: bool = False

    @classmethod
    def of(cls, function: MeasureFunction, near: bool) -> _Source:
        where, _, _ = function.spec.rpartition(":")
        if where == "__main__":
            raise pickle.PicklingError(
                f"{function.spec} stands in the script that runs, which no other process can "
                "import; put it into a file of its own"
            )
        if function.file is None:
            return cls(function.spec, Path(), "", {})
        file = function.file.resolve()
        root = file.parent
        if not where.endswith(".py"):
            depth = where.count(".") + (file.name == "__init__.py")
            root = file.parents[depth]
        if _is_installed(root):
            return cls(function.spec, root, file.relative_to(root).as_posix(), {})
        beside = {file} | {
            path
            for module in list(sys.modules.values())
            if (path := _file_of(module)) and path.is_relative_to(root) and not _is_installed(path)
        }
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(beside)}
        return cls(function.spec, root, file.relative_to(root).as_posix(), files, near)


def _file_of(module: Any) -> Path | None:
    name = getattr(module, "__file__", None)
    if not isinstance(name, str) or not name.endswith(".py"):
        return None
    path = Path(name)  # torch.classes says "_classes.py", which is no file of the current folder
    return path.resolve() if path.is_absolute() else None


def _is_installed(path: Path) -> bool:
    if "site-packages" in path.parts or "dist-packages" in path.parts:
        return True
    return path.is_relative_to(Path(sysconfig.get_path("stdlib")).resolve())


def _function(source: _Source) -> MeasureFunction:
    """Import a function: where it stood if the same files stand there, else from what was sent."""
    where, _, name = source.spec.rpartition(":")
    is_file = where.endswith(".py")
    if not source.files:
        return MeasureFunction(source.spec, *load_function(source.spec, source.root))
    with _importing:
        in_place = is_file or source.near
        if in_place and all(_same(source.root / n, data) for n, data in source.files.items()):
            spec = f"{source.file}:{name}" if is_file else source.spec
            return MeasureFunction(source.spec, *load_function(spec, source.root))
        with tempfile.TemporaryDirectory(prefix="spiceloop-source-") as folder:
            root = Path(folder).resolve()
            for file, data in source.files.items():
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                (root / file).write_bytes(data)
            modules = {_module_name(file) for file in source.files}
            for module in modules & _shipped:  # of a former parcel: not the same content
                sys.modules.pop(module, None)
            sys.path.insert(0, folder)
            importlib.invalidate_caches()
            try:
                spec = f"{source.file}:{name}" if is_file else source.spec
                loaded = MeasureFunction(source.spec, *load_function(spec, root))
            finally:
                sys.path.remove(folder)
            _check_shadows(source, modules, root)
            _shipped.update(modules)
            for file, data in source.files.items():  # so that messages still show the user's line
                text = data.decode("utf-8", errors="replace")
                path = str(root / file)
                linecache.cache[path] = (len(text), None, text.splitlines(True), path)
    return loaded


def _same(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _module_name(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _check_shadows(source: _Source, modules: set[str], root: Path) -> None:
    """Refuse to run with a module of the worker's own in place of the one that was sent."""
    for name in sorted(modules):
        path = _file_of(sys.modules.get(name))
        if path is not None and not path.is_relative_to(root):
            raise ProblemError(
                f"{source.spec} needs its own module {name!r}, but this worker has another one "
                f"of that name loaded from {path}; rename yours"
            )
