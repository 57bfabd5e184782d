"""Temperature: sharpen or flatten the law without removing anything."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs


@dataclass(frozen=True)
class Temperature:
    """Divide every logit by the temperature.

    Below 1 the likely tokens gain, above 1 the unlikely ones do, 1 is the model as it is. The ranking stays.
    Raises KnobOutOfRange outside (0, inf): 0 is another rule, `greedy`.

    Source: Ackley, Hinton, Sejnowski 1985 (the Boltzmann machine's temperature).

    >>> import numpy as np
    >>> dist = Distribution.from_logits(np.log(np.array([0.8, 0.2], dtype=np.float32)))
    >>> Temperature(temperature=0.5).apply(dist, Context()).probs.round(4).tolist()  # 0.64 : 0.04
    [0.9412, 0.0588]
    """

    temperature: float

    name: ClassVar[str] = "temperature"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "temperature": Knob("(0, inf)", neutral=1.0, slider=(0.05, 2.0), start=0.8)
    }
    family: ClassVar[Family] = "reshape"
    in_browser: ClassVar[bool] = True
    formula: ClassVar[str] = "ℓ′ = ℓ / T"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if self.temperature == 1:
            return dist
        farthest = float(dist.logits[-1]) if dist.is_ranked else float(dist.logits.min())
        highest = float(dist.logits[0]) if dist.is_ranked else float(dist.logits.max())
        if math.isfinite(highest / self.temperature - farthest / self.temperature):
            return dist.with_logits(np.divide(dist.logits, self.temperature, dtype=np.float64))
        # 3e38 / 1e-300 overflows even float64; the differences alone make the law
        with np.errstate(over="ignore"):
            scaled = dist.shifted / self.temperature
        return dist.with_logits(np.maximum(scaled, -sys.float_info.max))

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        logit = dist.logit_of(token_id)
        largest = sys.float_info.max  # 3e38 / 1e-300 is beyond what a number can say
        out = max(-largest, min(largest, logit / self.temperature))
        numbers = {"l": logit, "T": self.temperature, "out": out}
        return Worked("ℓ / T = {l} / {T} = {out}", numbers)
