"""Epsilon cutoff: a bar that does not move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.cut import spared
from sandbox.distribution import Distribution
from sandbox.knob import MIN_KEEP, AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs


@dataclass(frozen=True)
class EpsilonCutoff:
    """Keep the tokens with a probability of at least epsilon.

    Where none reaches it the most likely one stays, among equals the lowest id. epsilon = 0 keeps everything.
    Libraries differ here: transformers keeps every token tied with the best; text-generation-webui's field is in
    units of 0.0001. Typical: 0.0003 to 0.0009. Raises KnobOutOfRange outside [0, 1).

    Source: Hewitt et al. 2022, arXiv 2210.15191.

    >>> import numpy as np
    >>> dist = Distribution.from_logits(np.log([0.6, 0.3, 0.1]))
    >>> [len(EpsilonCutoff(epsilon=e).apply(dist, Context())) for e in (0.0, 0.2, 0.9)]
    [3, 2, 1]
    """

    epsilon: float
    min_keep: int = 1

    name: ClassVar[str] = "epsilon_cutoff"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "epsilon": Knob("[0, 1)", neutral=0.0, slider=(0.0, 0.02), start=0.0006),
        "min_keep": MIN_KEEP,
    }
    family: ClassVar[Family] = "truncate"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "p ≥ ε"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if self.epsilon == 0:
            return dist
        return dist.keep_at_least(dist.weights >= self.epsilon * dist.total, self.min_keep)

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        numbers = {"p": dist.prob_of(token_id), "epsilon": self.epsilon}
        if dist.weights_at(dist.position_of(token_id) or 0) >= self.epsilon * dist.total:
            return Worked("p = {p} ≥ {epsilon}", numbers)
        return spared(Worked("p = {p} < {epsilon}", numbers), token_id, dist, after, self.min_keep)
