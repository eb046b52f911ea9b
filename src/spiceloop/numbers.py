"""A pydantic number that reads engineering notation: ``4u``, ``1meg``, ``5e-9``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from spiceloop.errors import UnitError
from spiceloop.units import parse_spice

__all__ = ["Number"]


def _number(value: object) -> object:
    """Read text as SPICE does; what is no number is left to pydantic to complain about."""
    if isinstance(value, str):
        try:
            return parse_spice(value)
        except UnitError as error:
            raise ValueError(str(error)) from None
    return value


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
