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
    formula: ClassVar[str] = "i = argmax p"

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        return dist.first(1)

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        best = dist.winner
        numbers = {"p": dist.prob_of(token_id), "p1": dist.prob_of(best)}
        if token_id == best:
            return Worked("p = {p} = max p", numbers)
        if dist.logit_of(token_id) < dist.logit_of(best):
            return Worked("p = {p} < max p = {p1}", numbers)
        return Worked("p = {p} = max p; i = {i} > {i1}", {**numbers, "i": token_id, "i1": best})
