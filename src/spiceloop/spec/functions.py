"""Python functions that a problem file names: finding, importing and calling them.

``file.py:function`` is relative to the problem's folder, ``package.module:function`` is imported
as usual. Each file is imported once in a process.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import reprlib
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from spiceloop.circuit.design_space import did_you_mean
from spiceloop.errors import FailureKind, ProblemError, SimulationError
from spiceloop.plain_files import read_plain
from spiceloop.sim.waves import Waves

__all__ = ["MeasureFunction", "load_function"]

_importing = threading.Lock()
_MAX_BYTES = 16 << 20


@dataclass(frozen=True)
class MeasureFunction:
    """A function of the user's from `Waves` to named SI numbers; ``file`` is where it stands."""

    spec: str
    call: Callable[[Waves], Any]
    file: Path | None

    def __call__(self, waves: Waves) -> dict[str, float]:
        """Return its numbers. Whatever goes wrong raises `SimulationError` with the user's line."""
        try:
            found = self.call(waves)
        except (Exception, SystemExit) as error:
            raise SimulationError(
                FailureKind.MEASURE_FUNCTION,
                f"{self.spec} raised {type(error).__name__}: {error} ({_user_line(error)})",
            ) from error
        if not isinstance(found, Mapping):
            raise SimulationError(
                FailureKind.MEASURE_FUNCTION,
                f"{self.spec} returned {type(found).__name__}; expected a dict of named numbers",
            )
        return {str(name): self._number(name, value) for name, value in found.items()}

    def _number(self, name: object, value: Any) -> float:
        # float() takes the real part of NumPy's complex numbers, and reads text.
        wrong = isinstance(value, bool | np.bool_ | str | bytes) or np.iscomplexobj(value)
        if not wrong:
            with contextlib.suppress(Exception):  # __float__ is anybody's code
                return float(value)
        raise SimulationError(
            FailureKind.MEASURE_FUNCTION,
            f"{self.spec} returned {name!r} = {_shown(value)}; expected one real number"
            + (", such as abs() of it" if np.iscomplexobj(value) else ""),
        )


def _shown(value: object) -> str:
    kind = type(value).__name__
    if not isinstance(value, str | bool | np.bool_):
        return kind
    return reprlib.repr(value)


def load_function(spec: str, folder: Path) -> tuple[Callable[..., Any], Path | None]:
    """Import ``file.py:function`` or ``module:function``; return it and its source file.

    Raises `ProblemError` that says what is missing, or where the import failed.
    """
    where, _, name = spec.rpartition(":")
    with _importing:
        module = _from_file(folder / where, spec) if where.endswith(".py") else _named(where, spec)
    function = getattr(module, name, None)
    if not callable(function):
        known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise ProblemError(f"{spec}: {where} has no function {name!r}{did_you_mean(name, known)}")
    source = getattr(module, "__file__", None)
    return function, Path(source) if source else None


def _from_file(file: Path, spec: str) -> ModuleType:
    try:
        file = file.resolve()
        source = read_plain(file, _MAX_BYTES)
    except FileNotFoundError:
        raise ProblemError(f"{spec}: there is no file {file}") from None
    except OSError as error:
        raise ProblemError(f"{spec[:200]}: cannot read the file: {error.strerror}") from None
    # The content is part of the name, so that an edited file is a new module in a long session.
    digest = hashlib.sha256(os.fsencode(file) + b"\0" + source).hexdigest()[:16]
    name = f"spiceloop_user_{file.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses and pickle look there
    sys.path.insert(0, str(file.parent))  # for modules beside it
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _broken(spec, error) from error
    finally:
        sys.path.remove(str(file.parent))
    return module


def _named(where: str, spec: str) -> ModuleType:
    try:
        return importlib.import_module(where)
    except (Exception, SystemExit) as error:
        raise _broken(spec, error) from error


def _broken(spec: str, error: BaseException) -> ProblemError:
    return ProblemError(
        f"{spec} cannot be imported: {type(error).__name__}: {error} ({_user_line(error)})"
    )


def _user_line(error: BaseException) -> str:
    """Where it happened, in the user's own file if there is one on the way: ``a.py:3: x = 1/0``."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}: {(error.text or '').strip()}"
    frames = traceback.extract_tb(error.__traceback__)
    ours = str(Path(__file__).parents[1])
    theirs = [
        f
        for f in frames
        if not f.filename.startswith((ours, "<frozen", sys.base_prefix))
        and "site-packages" not in f.filename
    ]
    # An example that ships with spiceloop is the user's own file too, unless one outside is found.
    frame = (theirs or [f for f in frames if "examples" in f.filename] or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}: {frame.line or ''}".rstrip(": ")
