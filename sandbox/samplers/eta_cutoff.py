"""Eta cutoff: a bar that falls where the law is open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.cut import spared
from sandbox.distribution import Distribution
from sandbox.knob import MIN_KEEP, AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs


@dataclass(frozen=True)
class EtaCutoff:
    """Keep the tokens with a probability of at least eta = min(epsilon, sqrt(epsilon) * exp(-H)).

    H is the entropy in nats; exp(-H) is 2 to the minus entropy in bits. The most likely token always stays:
    eta is below exp(-H), and the largest probability is not. epsilon = 0 keeps everything.
    Typical: 0.0003 to 0.004. Raises KnobOutOfRange outside [0, 1).

    Source: Hewitt et al. 2022, arXiv 2210.15191.

    >>> dist = Distribution.from_logits([0.0] * 16)  # 4 bits: eta = min(0.25, 0.5 / 16)
    >>> EtaCutoff(epsilon=0.25).details(dist, Context())
    {'entropy_bits': 4.0, 'threshold': 0.03125}
    >>> len(EtaCutoff(epsilon=0.25).apply(dist, Context()))  # each has 1 / 16 = 0.0625
    16
    """

    epsilon: float
    min_keep: int = 1

    name: ClassVar[str] = "eta_cutoff"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "epsilon": Knob("[0, 1)", neutral=0.0, slider=(0.0, 0.02), start=0.002),
        "min_keep": MIN_KEEP,
    }
    family: ClassVar[Family] = "truncate"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "p ≥ min(ε, √ε · 2^(−H))"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if self.epsilon == 0:
            return dist
        return dist.keep_at_least(dist.weights >= self._bar_weight(dist), self.min_keep)

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        return {"entropy_bits": dist.entropy_bits, "threshold": self._eta(dist)}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        eta = self._eta(dist)
        numbers = {"p": dist.prob_of(token_id), "epsilon": self.epsilon, "H": dist.entropy_bits, "eta": eta}
        text = "p = {{p}} {} min({{epsilon}}, √{{epsilon}} · 2^(−{{H}})) = {{eta}}"
        if dist.weights_at(dist.position_of(token_id) or 0) >= self._bar_weight(dist):
            return Worked(text.format("≥"), numbers)
        return spared(Worked(text.format("<"), numbers), token_id, dist, after, self.min_keep)

    def _bar_weight(self, dist: Distribution) -> float:
        return min(1.0, self._eta(dist) * dist.total)  # rounding must not lift the bar over an even law

    def _eta(self, dist: Distribution) -> float:
        return min(self.epsilon, math.sqrt(self.epsilon) * math.exp2(-dist.entropy_bits))
