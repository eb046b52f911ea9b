"""Waves → named SI numbers: small functions on arrays, for measure functions of problem files.

``ac``: gain, bandwidth, margins · ``dc``: slopes, offset, swing · ``tran``: step response ·
``noise``: integrated noise · ``linearity``: tunable range, nonlinearity · ``interpolate``: level
crossings. A figure that the waves do not reach is NaN.
"""

from __future__ import annotations

from spiceloop.measure import ac, dc, interpolate, linearity, noise, tran

__all__ = ["ac", "dc", "interpolate", "linearity", "noise", "tran"]
