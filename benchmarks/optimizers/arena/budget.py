"""Budgets: so many simulations (``100``), or so many seconds of wall clock (``60s``)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Budget"]


@dataclass(frozen=True)
class Budget:
    """One of the two is infinite."""

    simulations: float = float("inf")
    seconds: float = float("inf")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``100`` or ``60s``. Raises `ValueError` for anything else."""
        number = float(text.removesuffix("s"))
        if number <= 0 or (not text.endswith("s") and number != int(number)):
            raise ValueError(
                f"budget {text!r}: expected a number of simulations, or seconds as 60s"
            )
        return cls(seconds=number) if text.endswith("s") else cls(simulations=int(number))

    @property
    def timed(self) -> bool:
        """Whether it is one of wall clock."""
        return self.seconds < float("inf")

    def __str__(self) -> str:
        return f"{self.seconds:g}s" if self.timed else f"{self.simulations:g}"
