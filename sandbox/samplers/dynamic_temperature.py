"""Dynamic temperature: cool where the model is sure, warm where it hesitates."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs
from sandbox.samplers.temperature import Temperature


@dataclass(frozen=True)
class DynamicTemperature:
    """Divide every logit by t = lo + (hi - lo) * (H / Hmax) ** exponent.

    lo = max(0, temperature - range), hi = temperature + range, H the entropy of the law, Hmax that of an even law
    over the same candidates. range = 0 is plain `temperature`. Where t is 0 (lo = 0 and a law with no doubt left)
    only the most likely token stays, as `greedy` would have it. One candidate, or all equal: nothing changes.

    Hmax counts the candidates that are still there. llama.cpp counts those at -inf too, which lowers t.
    Raises KnobOutOfRange: temperature and exponent outside (0, inf), range outside [0, inf).

    Source: llama.cpp `temp_ext` (kalomaze's "dynatemp"); llama.h names arXiv 2309.02772.

    >>> dist = Distribution.from_logits([0.0, 0.0, -1000.0, -1000.0])  # H = 1 bit of 2: t is halfway
    >>> DynamicTemperature(temperature=1.0, range=0.5).details(dist, Context())["temperature"]
    1.0
    >>> DynamicTemperature(temperature=1.0, range=0.5, exponent=2.0).details(dist, Context())["temperature"]
    0.75
    """

    temperature: float
    range: float
    exponent: float = 1.0

    name: ClassVar[str] = "dynamic_temperature"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "temperature": Knob("(0, inf)", neutral=1.0, slider=(0.05, 2.0), start=1.0),
        "range": Knob("[0, inf)", neutral=0.0, slider=(0.0, 2.0), start=0.5),
        "exponent": Knob("(0, inf)", slider=(0.1, 5.0), start=1.0),
    }
    family: ClassVar[Family] = "reshape"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "ℓ′ = ℓ / t,  t = lo + (hi − lo) · (H / Hmax)^e"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if _is_even(dist):
            return dist
        t = self._temperature(dist)
        return Temperature(temperature=t).apply(dist, context) if t else dist.first(1)

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        return {"temperature": self._temperature(dist), "entropy_bits": dist.entropy_bits}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        if _is_even(dist):
            return Worked("ℓ′ = ℓ = {l}", {"l": dist.logit_of(token_id)})
        t, (low, high) = self._temperature(dist), self._bounds()
        numbers = {
            "lo": low,
            "hi": high,
            "e": self.exponent,
            "H": dist.entropy_bits,
            "Hmax": math.log2(len(dist)),
        }
        text = "t = {lo} + ({hi} − {lo}) · ({H} / {Hmax})^{e} = {t}"
        if not t:
            numbers |= {"t": t, "i": token_id, "i1": dist.winner}
            return Worked(f"{text}; i = {{i}}, argmax p = {{i1}}", numbers)
        divided = Temperature(temperature=t).worked(token_id, dist, after, context).numbers
        return Worked(
            f"{text}; ℓ / t = {{l}} / {{t}} = {{out}}",
            {**numbers, "t": t, "l": divided["l"], "out": divided["out"]},
        )

    def _bounds(self) -> tuple[float, float]:
        high = min(self.temperature + self.range, sys.float_info.max)
        return max(0.0, self.temperature - self.range), high

    def _temperature(self, dist: Distribution) -> float:
        low, high = self._bounds()
        share = 1.0 if len(dist) == 1 else min(1.0, dist.entropy_bits / math.log2(len(dist)))
        return low + (high - low) * math.pow(share, self.exponent)


def _is_even(dist: Distribution) -> bool:
    return bool(dist.logits.min() == dist.logits.max())
