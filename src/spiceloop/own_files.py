"""Whose a file is: Python that a file names runs only if the file is the user's own.

The rule is that of git's ``safe.directory`` and of ssh's configuration, and it is a weak one: a
file that the user downloaded belongs to the user. A stronger sign is looked for where there may be
one: browsers and wget note in an extended attribute where a file came from.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from spiceloop.errors import UntrustedPythonError
from spiceloop.plain_files import is_file

__all__ = ["not_own", "require_own"]

_PACKAGE = Path(__file__).resolve().parent
_ORIGIN = ("user.xdg.origin.url", "user.xdg.referrer.url")


def not_own(path: Path) -> str:
    """Return why a file is not the user's own, or an empty string if it is.

    It is if it and its folder belong to the user or to root, nobody else can write to them, and
    the file bears no mark of a download; or if it is one of spiceloop's own.
    """
    file = path.resolve()
    if file.is_relative_to(_PACKAGE):
        return ""
    if origin := _downloaded_from(file):
        return f"it was downloaded from {origin[:100]!r}"
    if not hasattr(os, "geteuid"):  # Windows has other rules
        return ""
    for place, what in ((file, "it"), (file.parent, f"its folder {file.parent}")):
        try:
            status = place.stat()
        except OSError as error:
            return f"{what} cannot be looked at: {error.strerror}"
        if status.st_uid not in (0, os.geteuid()):
            return f"{what} belongs to another user"
        if status.st_mode & stat.S_IWOTH:
            return f"{what} can be written by everybody"
        if status.st_mode & stat.S_IWGRP and not _private_group(status.st_gid):
            return f"{what} can be written by a group of users"
    return ""


def require_own(files: Iterable[Path], named: Iterable[str]) -> None:
    """Raise `UntrustedPythonError` unless all files are the user's own; ``named``: what they run.

    A file that is not there is left to whoever opens it.
    """
    for file in dict.fromkeys(files):
        if is_file(file) and (why := not_own(file)):
            raise UntrustedPythonError(
                f"{file} is not yours: {why}; and it would run the Python code "
                f"{', '.join(named)}. Read that, then copy the files into a folder of your own, "
                "or give --trust-python (in Python: trust_python=True)"
            )


def _downloaded_from(file: Path) -> str:
    if not hasattr(os, "getxattr"):
        return ""
    for name in _ORIGIN:
        try:
            return os.getxattr(file, name).decode(errors="replace")
        except OSError:
            continue
    return ""


def _private_group(group: int) -> bool:
    """Whether a group is that of one user alone, as many systems make one for each."""
    import grp
    import pwd

    try:
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return (
        user.pw_gid == group
        and found.gr_name == user.pw_name
        and not set(found.gr_mem) - {user.pw_name}
    )
