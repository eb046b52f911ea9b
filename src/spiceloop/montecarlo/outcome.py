"""What is sampled, and what one die gave at one corner: both as they stand in the results' file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spiceloop.circuit.pdk.sample import Sample
from spiceloop.spec.bench import Bench
from spiceloop.spec.corners import Corner
from spiceloop.study.fingerprint import fingerprint

__all__ = ["Outcome", "Plan"]

# Parts of a problem that decide how results are judged, not what they are.
_JUDGING = (".minimum", ".maximum", ".goal", ".scale")


@dataclass(frozen=True)
class Plan:
    """One design and the dies that it is put on.

    ``design`` holds the free parameters, SI; ``label`` says where it comes from; ``corners`` are
    those at which each die is simulated.
    """

    design: Mapping[str, float]
    corners: tuple[Corner, ...]
    seed: int = 0
    mismatch: bool = True
    process: bool = True
    label: str = ""

    def sample(self, number: int) -> Sample:
        """The die of a number."""
        return Sample(self.seed, number, self.mismatch, self.process)

    @property
    def varies(self) -> str:
        """What differs between dies, in words."""
        return " and ".join(filter(None, ("mismatch" * self.mismatch, "process" * self.process)))

    def parts(self, bench: Bench) -> dict[str, str]:
        """Return what the results depend on, by part: they may not be mixed where one differs."""
        problem = {
            part: value
            for part, value in fingerprint(bench).items()
            if not part.startswith(("parameters.", "order of "))
            and not (part.startswith("metrics.") and part.endswith(_JUDGING))
        }
        corners = {
            f"corner {c.name}": " ".join(
                [c.process, *(f"{n}={v!r}" for n, v in c.conditions.items())]
            )
            for c in self.corners
        }
        return {
            "seed": str(self.seed),
            "variation": self.varies,
            **{f"design {name}": repr(value) for name, value in self.design.items()},
            **corners,
            **problem,
        }


@dataclass(frozen=True)
class Outcome:
    """One die at one corner: metrics, or why there are none."""

    number: int
    corner: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""
    kind: str = ""  # of the failure
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the simulation failed."""
        return bool(self.kind)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `from_json` reads them."""
        said = {"failure": self.failure, "kind": self.kind} if self.failed else {}
        return {
            "sample": self.number,
            "corner": self.corner,
            "metrics": dict(self.metrics),
            "seconds": round(self.seconds, 6),
            **said,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcome:
        """Read what `to_json` wrote. Raises `KeyError`, `TypeError` or `ValueError` if damaged."""
        return cls(
            int(data["sample"]),
            str(data["corner"]),
            {str(n): float(v) for n, v in data["metrics"].items()},
            str(data.get("failure", "")),
            str(data.get("kind", "")),
            float(data["seconds"]),
        )
