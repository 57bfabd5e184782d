"""Knob: the interval a number must lie in, written once and used for the check, the message and the slider."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sandbox.errors import KnobOutOfRange


@dataclass(frozen=True)
class Knob:
    """A number with an interval and the value at which its sampler does nothing.

    interval: in the notation `(0, 1]`, round at an open end and square at a closed one. neutral: None where no
    value does nothing.

    >>> Knob("(0, 1]", neutral=1.0).checked(0.9, sampler="top_p", knob="p")
    0.9
    >>> Knob("[1, inf)", is_whole=True).checked(2.5, sampler="top_k", knob="k")
    Traceback (most recent call last):
    sandbox.errors.KnobOutOfRange: top_k.k = 2.5 is outside {1, 2, ...}; choose a value inside
    """

    interval: str
    neutral: float | None = None
    is_whole: bool = False

    @cached_property
    def bounds(self) -> tuple[float, float]:
        low, high = self.interval[1:-1].split(",")
        return float(low), float(high)

    def __contains__(self, value: float) -> bool:
        if not abs(value) <= sys.float_info.max:  # NaN, an infinity, or a whole number no float can hold
            return False
        low, high = self.bounds
        above = value >= low if self.interval[0] == "[" else value > low
        below = value <= high if self.interval[-1] == "]" else value < high
        return above and below and (not self.is_whole or value == math.floor(value))

    def __str__(self) -> str:
        if not self.is_whole:
            return self.interval
        low, high = self.bounds
        last = "" if high == math.inf else f", {int(high) - (self.interval[-1] == ')')}"
        return f"{{{int(low)}, {int(low) + 1}, ...{last}}}"

    def checked(self, value: object, *, sampler: str, knob: str) -> float:
        """The value as a plain int or float, ready for JSON. Raises KnobOutOfRange, also for what is no number."""
        number = value.item() if isinstance(value, np.number) else value
        if isinstance(number, bool) or not isinstance(number, int | float) or number not in self:
            raise KnobOutOfRange(sampler, knob, value, str(self))
        return math.floor(number) if self.is_whole else float(number)
