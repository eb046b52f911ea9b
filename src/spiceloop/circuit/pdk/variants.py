"""The cards that a compilation has asked for so far: one per distinct transistor and bin."""

from __future__ import annotations

from collections.abc import Mapping

from spiceloop.circuit.pdk.device import BinCard, Transistor
from spiceloop.circuit.pdk.expressions import UnresolvedError, parse

__all__ = ["Variants"]


class Variants:
    """Collects subcircuits and model cards and gives them names.

    With ``share``, one model card serves every instance of a bin (see
    `Transistor.sharing`). With ``short``, cards leave out what ngspice takes by itself (see
    `spiceloop.circuit.pdk.defaults`). With ``nested``, some user subcircuit is called with a
    multiplier ``m``: ngspice hands it on to the calls inside, which fails (39: "0 formal but 1
    actual params") unless the subcircuits called have a parameter at all. ``known`` are the
    library's own parameters, as far as transistors still hold them by name.
    """

    def __init__(
        self,
        share: bool,
        short: bool,
        nested: bool,
        known: Mapping[str, float] | None = None,
    ) -> None:
        self._share = share
        self._short = short
        self._known = known or {}
        self._sheets: dict[str, dict[int, float]] = {}  # by device and bin
        self._formal = " mult=1" if nested else ""
        self._subcircuits: dict[str, str] = {}  # text with the name left out → name
        self._models: dict[str, str] = {}  # text with the name left out → name
        self._counts: dict[str, int] = {}
        self.names: set[str] = set()  # library parameters that cards left unfinished refer to

    @property
    def model_count(self) -> int:
        """Number of model cards written."""
        return len(self._models)

    def use(self, device: Transistor, index: int, inside: Mapping[str, float]) -> tuple[str, bool]:
        """Return the subcircuit for an instance, and whether it is complete.

        ``inside`` are the parameter values within the instance. An incomplete one keeps its
        expressions and must be called with the instance's own parameters.
        """
        try:
            return self._complete(device, index, inside), True
        except UnresolvedError:
            return self._with_expressions(device, index, inside), False

    def _complete(self, device: Transistor, index: int, inside: Mapping[str, float]) -> str:
        values = device.together.evaluate(inside)
        if values is None:
            raise UnresolvedError(device.name)
        card = device.bins[index]
        dynamic = {name: expression.evaluate(inside) for name, expression in card.expressions}
        if self._share and index in device.sharing:
            shared = self._default_sheet_resistance(device, index)
            if shared > 0 and dynamic["rsh"] > 0:
                ratio = dynamic["rsh"] / shared
                if ratio != 1.0:
                    values["nrd"] *= ratio
                    values["nrs"] *= ratio
                dynamic["rsh"] = shared
        extra = "".join(f" {name}={value!r}" for name, value in dynamic.items())
        model = self._name(
            self._models, f"{device.kind} {self._text(card)}{extra}", f"{device.name}__bin{index}"
        )
        line = " ".join([device.element, *device.nodes, model])
        line += "".join(f" {name}={value!r}" for name, value in values.items())
        return self._name(
            self._subcircuits, f"{' '.join(device.ports)}{self._formal}\n{line}\n.ends", device.name
        )

    def _default_sheet_resistance(self, device: Transistor, index: int) -> float:
        """``rsh`` of a bin at the device's default W, L and nf, the one of its shared card."""
        sheets = self._sheets.setdefault(device.name, {}) if self._known else device.sheets
        found = sheets.get(index)
        if found is None:
            _, inside = device.defaults.resolve(self._known)
            found = dict(device.bins[index].expressions)["rsh"].evaluate(inside)
            sheets[index] = found
        return found

    def _with_expressions(self, device: Transistor, index: int, inside: Mapping[str, float]) -> str:
        card = device.bins[index]
        draws = {name: inside[name] for name in device.draws}

        def texts(pairs: tuple[tuple[str, str], ...]) -> str:
            drawn = [(name, parse(text).fold(draws)) for name, text in pairs]
            self.names.update(*(expression.names for _, expression in drawn))
            return "".join(f" {name}={{{expression}}}" for name, expression in drawn)

        lines = [
            " ".join(device.ports),
            ".param" + texts(device.formals),
            " ".join([device.element, *device.nodes, device.model]) + texts(device.values),
            f".model {device.model} {device.kind} {self._text(card)}" + texts(card.dynamic),
            ".ends",
        ]
        return self._name(self._subcircuits, "\n".join(lines), device.name)

    def _text(self, card: BinCard) -> str:
        return card.short if self._short else card.static

    def _name(self, table: dict[str, str], text: str, stem: str) -> str:
        name = table.get(text)
        if name is None:
            count = self._counts[stem] = self._counts.get(stem, 0) + 1
            name = table[text] = f"{stem}__{count}"
        return name

    def cards(self) -> list[str]:
        """Return every card asked for, models first."""
        lines = [f".model {name} {text}" for text, name in self._models.items()]
        return lines + [f".subckt {name} {text}" for text, name in self._subcircuits.items()]
