"""Min-p: a bar that follows the most likely token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.cut import spared
from sandbox.distribution import Distribution
from sandbox.knob import MIN_KEEP, AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs


@dataclass(frozen=True)
class MinP:
    """Keep the tokens at least p times as likely as the most likely one.

    The most likely token always stays; p = 1 keeps every token tied with it, p = 0 keeps everything.
    Typical: 0.05. Raises KnobOutOfRange outside [0, 1].

    Source: Nguyen et al. 2024, arXiv 2407.01082.

    >>> import numpy as np
    >>> dist = Distribution.from_logits(np.log(np.array([0.6, 0.3, 0.1], dtype=np.float32)))
    >>> [len(MinP(p=p).apply(dist, Context())) for p in (0.0, 0.4, 1.0)]
    [3, 2, 1]
    """

    p: float
    min_keep: int = 1

    name: ClassVar[str] = "min_p"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "p": Knob("[0, 1]", neutral=0.0, slider=(0.0, 0.5), start=0.05),
        "min_keep": MIN_KEEP,
    }
    family: ClassVar[Family] = "truncate"
    in_browser: ClassVar[bool] = True
    formula: ClassVar[str] = "p ≥ m · max p"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        # the most likely token weighs exactly 1, so its weight is its probability relative to the best
        if self.p == 0:
            return dist
        return dist.keep_at_least(dist.weights >= self.p, self.min_keep)

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        p, best = dist.prob_of(token_id), dist.prob_of(dist.winner)
        numbers = {"p": p, "m": self.p, "p1": best, "bar": self.p * best}
        if dist.weights_at(dist.position_of(token_id) or 0) >= self.p:
            return Worked("p = {p} ≥ {m} · {p1} = {bar}", numbers)
        worked = Worked("p = {p} < {m} · {p1} = {bar}", numbers)
        return spared(worked, token_id, dist, after, self.min_keep)
