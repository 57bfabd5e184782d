"""Top-p, the nucleus: the smallest set of tokens that holds a share p of the probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.cut import spared
from sandbox.distribution import Distribution
from sandbox.knob import MIN_KEEP, AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs


@dataclass(frozen=True)
class TopP:
    """Keep the most likely tokens until their probabilities reach p.

    The token that reaches p stays in, and the next one does not even when p is met exactly. At least one token
    stays. p = 1 keeps everything. Libraries differ here: exllamav3 drops the token that crosses; float32 sums
    (llama.cpp) keep 4629 tokens where 5075 are meant. Typical: 0.95. Raises KnobOutOfRange outside (0, 1].

    Source: Holtzman et al. 2020, arXiv 1904.09751.

    >>> import numpy as np
    >>> dist = Distribution.from_logits(np.log(np.array([0.5, 0.4, 0.1], dtype=np.float32)))
    >>> len(TopP(p=0.6).apply(dist, Context())), len(TopP(p=1.0).apply(dist, Context()))
    (2, 3)
    """

    p: float
    min_keep: int = 1

    name: ClassVar[str] = "top_p"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "p": Knob("(0, 1]", neutral=1.0, slider=(0.01, 1.0), start=0.95),
        "min_keep": MIN_KEEP,
    }
    family: ClassVar[Family] = "truncate"
    in_browser: ClassVar[bool] = True
    formula: ClassVar[str] = "p₍₁₎ + … + p₍ᵣ₋₁₎ < P"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if self.p == 1:
            return dist
        nucleus = dist.nucleus(self.p)
        return nucleus if len(nucleus) >= min(self.min_keep, len(dist)) else dist.first(self.min_keep)

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        rank = dist.rank_of(token_id) or 1
        numbers = {"r": rank, "C": dist.mass_before(token_id), "P": self.p}
        if self.p == 1 or rank <= len(dist.nucleus(self.p)):
            return Worked("r = {r}; p₍₁₎ + … + p₍ᵣ₋₁₎ = {C} < {P}", numbers)
        worked = Worked("r = {r}; p₍₁₎ + … + p₍ᵣ₋₁₎ = {C} ≥ {P}", numbers)
        return spared(worked, token_id, dist, after, self.min_keep)
