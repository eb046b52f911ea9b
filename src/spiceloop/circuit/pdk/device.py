"""A transistor of the library with its bins, corner parameters worked out."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import c_float
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from spiceloop.circuit.pdk.base import Bin
from spiceloop.circuit.pdk.cards import parse_card
from spiceloop.circuit.pdk.defaults import without_defaults
from spiceloop.circuit.pdk.expressions import Expression, UnresolvedError, parse
from spiceloop.circuit.pdk.library import Subcircuit
from spiceloop.circuit.pdk.scope import Scope, ordered
from spiceloop.circuit.pdk.together import Together

__all__ = ["BinCard", "Transistor"]


@dataclass(frozen=True)
class BinCard:
    """One bin: its range in metres, the parameters that are numbers, and those that are not."""

    range: Bin
    static: str
    dynamic: tuple[tuple[str, str], ...]

    @cached_property
    def expressions(self) -> tuple[tuple[str, Expression], ...]:
        """`dynamic`, parsed."""
        return tuple((name, parse(text)) for name, text in self.dynamic)

    @cached_property
    def short(self) -> str:
        """`static` without the numbers that ngspice takes anyway."""
        return without_defaults(self.static, [name for name, _ in self.dynamic])

    @cached_property
    def limits(self) -> tuple[float, float, float, float]:
        """The range in single precision, in which ngspice 39 compares.

        So W = 3 × 0.55 µm in 3 fingers is 0.55 µm.
        """
        r = self.range
        return _single(r.lmin), _single(r.lmax), _single(r.wmin), _single(r.wmax)


def _single(value: float) -> float:
    return c_float(value).value


@dataclass(frozen=True)
class Transistor:
    """A subcircuit that is one MOSFET and its binned models.

    ``formals`` are the parameters an instance may set, with defaults; ``values`` those of the M
    line; ``element`` and ``nodes`` are the M line's. Names are lower case. ``draws`` names the
    standard normal numbers that each instance draws, empty at a corner without statistics.
    """

    name: str
    ports: tuple[str, ...]
    formals: tuple[tuple[str, str], ...]
    element: str
    nodes: tuple[str, ...]
    model: str
    kind: str  # nmos or pmos
    values: tuple[tuple[str, str], ...]
    bins: tuple[BinCard, ...]
    draws: tuple[str, ...] = ()

    @cached_property
    def expressions(self) -> tuple[tuple[str, Expression], ...]:
        """`values`, parsed."""
        return tuple((name, parse(text)) for name, text in self.values)

    @cached_property
    def geometry(self) -> tuple[tuple[str, Expression], ...]:
        """Those of `expressions` that choose the bin."""
        return tuple((name, e) for name, e in self.expressions if name in ("l", "w", "nf"))

    @cached_property
    def together(self) -> Together:
        """`expressions`, all at once."""
        return Together(self.expressions)

    @cached_property
    def formal_names(self) -> frozenset[str]:
        """Names that an instance may set."""
        return frozenset(name for name, _ in self.formals)

    @cached_property
    def sharing(self) -> frozenset[int]:
        """Indices of the bins where ``rsh`` is all that ties the model card to an instance.

        BSIM4 uses the sheet resistance only in the products ``rsh·nrd`` and ``rsh·nrs`` when both
        numbers of squares are given, so one card serves all instances of a bin if ``nrd`` and
        ``nrs`` are scaled instead (BSIM4.5 manual, section 13: source/drain resistance).
        """
        if not {"nrd", "nrs"} <= {name for name, _ in self.values}:
            return frozenset()
        own = self.formal_names.union(self.draws)
        tied = [{n for n, e in card.expressions if e.names & own} for card in self.bins]
        return frozenset(index for index, names in enumerate(tied) if names == {"rsh"})

    @cached_property
    def defaults(self) -> Scope:
        """`formals` as a scope."""
        return Scope(ordered(self.formals))

    @cached_property
    def sheets(self) -> dict[int, float]:
        """``rsh`` of bins at the default W, L and nf, filled by who first needs one."""
        return {}

    def find(self, length: float, width: float) -> int | None:
        """Index of the bin for L and W per finger in metres: the first in file order.

        As for ngspice, the lower ends of a bin belong to it, the upper do not.
        """
        length, width = _single(length), _single(width)
        for index, card in enumerate(self.bins):
            lmin, lmax, wmin, wmax = card.limits
            if lmin <= length < lmax and wmin <= width < wmax:
                return index
        return None

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and strings, for the cache."""
        return {
            "name": self.name,
            "ports": self.ports,
            "formals": self.formals,
            "element": self.element,
            "nodes": self.nodes,
            "model": self.model,
            "kind": self.kind,
            "values": self.values,
            "draws": self.draws,
            "bins": [
                [b.range.lmin, b.range.lmax, b.range.wmin, b.range.wmax, b.static, b.dynamic]
                for b in self.bins
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Transistor:
        """Read what `to_json` wrote. Raises `KeyError`, `TypeError` or `ValueError` if damaged."""

        def pairs(items: Any) -> tuple[tuple[str, str], ...]:
            return tuple((str(name), str(text)) for name, text in items)

        return cls(
            name=str(data["name"]),
            ports=tuple(map(str, data["ports"])),
            formals=pairs(data["formals"]),
            element=str(data["element"]),
            nodes=tuple(map(str, data["nodes"])),
            model=str(data["model"]),
            kind=str(data["kind"]),
            values=pairs(data["values"]),
            draws=tuple(map(str, data.get("draws", ()))),
            bins=tuple(
                BinCard(
                    Bin(float(lmin), float(lmax), float(wmin), float(wmax)),
                    str(static),
                    pairs(dynamic),
                )
                for lmin, lmax, wmin, wmax, static, dynamic in data["bins"]
            ),
        )

    @classmethod
    def from_subcircuit(
        cls, subcircuit: Subcircuit, known: Mapping[str, float], *, draws: bool = False
    ) -> Transistor | None:
        """Compile a subcircuit of the library; None if it is more than one MOSFET and its models.

        ``known`` are the library's numeric parameters; those that the subcircuit redefines are not
        used. With ``draws``, the random draws that they leave get names, see
        `Expression.with_draws`; otherwise they stay for ngspice.
        """
        formals = tuple(dict(subcircuit.parameters).items())
        outer = {k: v for k, v in known.items() if k not in dict(formals)}
        elements, models = [], {}
        for text in subcircuit.cards[1:-1]:
            card = parse_card(text)
            if card.head == ".model" and len(card.words) == 3:
                models[card.words[1]] = card
            elif card.head.startswith("m") and len(card.words) >= 5:
                elements.append(card)
            elif card.head != ".param":
                return None
        if len(elements) != 1:
            return None
        element = elements[0]
        base = element.words[-1]
        mine = [m for n, m in models.items() if n == base or n.rpartition(".")[0] == base]
        if not mine or len(mine) != len(models):
            return None
        fold = _Fold(outer, draws)
        try:
            values = fold.all(element.parameters, "line")
            formals = fold.all(formals, "param")
            bins = tuple(_compile_bin(model.parameters, fold) for model in mine)
        except UnresolvedError:
            return None
        return cls(
            name=subcircuit.name,
            ports=subcircuit.ports,
            formals=formals,
            element=element.head,
            nodes=element.words[1:-1],
            model=base,
            kind=mine[0].words[2],
            values=values,
            draws=tuple(fold.names),
            bins=bins,
        )


class _Fold:
    """Works out expressions as far as they are known, and collects the draws left in them."""

    def __init__(self, known: Mapping[str, float], draws: bool) -> None:
        self.known = known
        self.draws = draws
        self.names: dict[str, None] = {}  # a set in order

    def __call__(self, text: str, stem: str) -> Expression:
        expression = parse(text).fold(self.known)
        if self.draws:
            expression, names = expression.with_draws(stem)
            self.names.update(dict.fromkeys(names))
        return expression

    def all(self, pairs: tuple[tuple[str, str], ...], where: str) -> tuple[tuple[str, str], ...]:
        return tuple((name, str(self(text, f"{where}_{name}"))) for name, text in pairs)


def _compile_bin(parameters: tuple[tuple[str, str], ...], fold: _Fold) -> BinCard:
    """Work out a model card's parameters. Raises `UnresolvedError` if its range is no number."""
    limits = {"lmin": 0.0, "lmax": float("inf"), "wmin": 0.0, "wmax": float("inf")}
    static, dynamic = [], []
    for name, text in parameters:
        written = parse(text)
        # The same name in every bin: a device keeps its deviation when its size changes.
        expression = fold(text, f"model_{name}")
        constant = expression.constant
        if constant is None:
            dynamic.append((name, str(expression)))
            if name in limits:
                raise UnresolvedError(f"{name} is not a number")
            continue
        if name in limits:
            # Left out of the card: the choice is made, and ngspice must not make it again.
            limits[name] = constant
            continue
        # A plain number stays as the library wrote it, digit for digit.
        plain = written.constant is not None and not text.startswith(("{", "'", '"'))
        static.append(f"{name}={text if plain else repr(constant)}")
    return BinCard(Bin(**limits), " ".join(static), tuple(dynamic))
