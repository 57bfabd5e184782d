"""Adaptive-p: prefer tokens of a given probability, and make up for what was drawn before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypedDict

import numpy as np

from sandbox.distribution import Distribution
from sandbox.errors import InvalidKnob
from sandbox.knob import AnyKnob, Knob
from sandbox.sampler import Context, Family, State, Worked, check_knobs

# the constants of its authors, the same in llama.cpp, exllamav3 and text-generation-webui
WIDTH, PEAK, SHARPNESS = 0.3, 5.0, 10.0


class Average(TypedDict):
    """A running mean of the probabilities drawn: weighted_sum / total_weight."""

    weighted_sum: float
    total_weight: float


@dataclass(frozen=True)
class AdaptiveP:
    """Give every token a new logit by the distance of its probability from a: 5 - 10 x^2 / (1 + x), x = |p - a| / 0.3.

    a = 2 * target - (mean of the probabilities drawn so far), within 0 and 1: after likely tokens it asks for less
    likely ones. The mean forgets by `decay` per step and begins at the target; p is the probability before this step.
    The old logits are gone, so it should be the last step (any step behind it works on these logits), best right
    behind a min_p: in a whole vocabulary the thousands of tokens with p near 0 weigh as much as the rest together.
    No value does nothing; below 0, llama.cpp's "off", is out of range. Raises KnobOutOfRange, InvalidKnob for a state
    of another kind.

    Source: llama.cpp, pull request 17927.

    >>> dist = Distribution.from_logits([math.log(8), math.log(2)])  # 0.8 and 0.2
    >>> AdaptiveP(target=0.5).apply(dist, Context()).logits.round(9).tolist()  # x = 1: 5 - 10 / 2, give or take
    [-0.0, 0.0]
    """

    target: float
    decay: float = 0.9

    name: ClassVar[str] = "adaptive_p"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "target": Knob("[0, 1]", slider=(0.0, 1.0), start=0.5),
        "decay": Knob("[0, 0.99]", slider=(0.0, 0.99), start=0.9),
    }
    family: ClassVar[Family] = "memory"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "ℓ′ = 5 − 10 · x² / (1 + x), x = 10 · |p − a| / 3"

    def __post_init__(self) -> None:
        check_knobs(self)

    def initial_state(self) -> Average:
        weight = 1 / (1 - self.decay)
        return {"weighted_sum": self.target * weight, "total_weight": weight}

    def apply(self, dist: Distribution, context: Context, state: State = None) -> Distribution:
        far = np.abs(dist.probs - self._wanted(state)) / WIDTH
        return dist.with_logits(PEAK - SHARPNESS * far * far / (1 + far))

    def next_state(self, state: State, before: Distribution, after: Distribution, token_id: int) -> Average:
        """A token that the law before does not hold was chosen by hand, and leaves the mean as it is."""
        average = self._average(state)
        if before.position_of(token_id) is None:
            return average
        return {
            "weighted_sum": before.prob_of(token_id) + self.decay * average["weighted_sum"],
            "total_weight": 1 + self.decay * average["total_weight"],
        }

    def details(self, dist: Distribution, context: Context, state: State = None) -> dict[str, Any]:
        """wanted: the probability a that this step prefers."""
        return {"wanted": self._wanted(state), "target": self.target, **self._average(state)}

    def worked(
        self, token_id: int, dist: Distribution, after: Distribution, context: Context, state: State = None
    ) -> Worked:
        p, wanted = dist.prob_of(token_id), self._wanted(state)
        far = abs(p - wanted) / WIDTH
        numbers = {"p": p, "a": wanted, "w": WIDTH, "x": far, "out": after.logit_of(token_id)}
        return Worked("x = |{p} − {a}| / {w} = {x};  5 − 10 · {x}² / (1 + {x}) = {out}", numbers)

    def _wanted(self, state: State) -> float:
        average = self._average(state)
        return min(1.0, max(0.0, 2 * self.target - average["weighted_sum"] / average["total_weight"]))

    def _average(self, state: State) -> Average:
        average: Any = self.initial_state() if state is None else state
        values = average.values() if isinstance(average, Mapping) else ()
        is_whole = set(average) == set(Average.__annotations__) if values else False
        if not is_whole or not all(isinstance(x, int | float) and 0 <= x < math.inf for x in values):
            raise InvalidKnob(
                self.name, "state", state, 'a memory such as {"weighted_sum": 5.0, "total_weight": 10.0}'
            )
        if average["total_weight"] < 1:  # it grows from at least 1, and a mean needs a weight
            raise InvalidKnob(self.name, "state", state, "a memory whose total_weight is at least 1")
        return {
            "weighted_sum": float(average["weighted_sum"]),
            "total_weight": float(average["total_weight"]),
        }
