"""The several names of one vector. No imports: the worker process needs this too."""

from __future__ import annotations

__all__ = ["is_asked", "spellings"]


def spellings(name: str) -> tuple[str, ...]:
    """Other names of the same vector: ``v(out)`` for out, ``i(vdd)`` for vdd#branch, and back.

    Raw files write a device's currents and voltages as ``i(@m1[id])`` and ``v(@m1[vth])``.
    """
    if name.startswith("v(") and name.endswith(")"):
        return (name[2:-1],)
    if name.startswith("i(@") and name.endswith(")"):
        return (name[2:-1],)
    if name.startswith("@"):
        return (f"v({name})", f"i({name})")
    if name.startswith("i(") and name.endswith(")"):
        return (f"{name[2:-1]}#branch",)
    if name.endswith("#branch"):
        return (f"i({name[:-7]})",)
    return (f"v({name})",)


def is_asked(name: str, wanted: frozenset[str]) -> bool:
    """Whether a vector, by ngspice's own name, is among the wanted ones; ``*`` wants every one."""
    key = name.lower()
    return "*" in wanted or key in wanted or any(s in wanted for s in spellings(key))
