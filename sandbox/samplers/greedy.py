"""Greedy: always the most likely token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob
from sandbox.sampler import Context, Family, Worked


@dataclass(frozen=True)
class Greedy:
    """Keep only the most likely token; among equals the lowest id.

    This is what temperature 0 means: a rule, not the limit of a division.

    >>> tied = Distribution.from_logits([1.0, 3.0, 3.0, 2.0])
    >>> Greedy().apply(tied, Context()).token_ids.tolist()
    [1]
    """

    name: ClassVar[str] = "greedy"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {}
    family: ClassVar[Family] = "rule"
    in_browser: ClassVar[bool] = True
    formula: ClassVar[str] = "p′ = 1 for argmax p, 0 otherwise"

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        return dist.first(1)

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        return Worked("p = {p}, max p = {p1}", {"p": dist.prob_of(token_id), "p1": dist.prob_of(dist.winner)})
