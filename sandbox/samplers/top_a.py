"""Top-a: a bar that rises with the square of the best probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs


@dataclass(frozen=True)
class TopA:
    """Keep the tokens with a probability of at least a times the square of the largest.

    Where the model is sure the bar is high, where it hesitates the bar falls faster than min_p's. The most likely
    token always stays. a = 0 keeps everything. Typical: 0.2. Raises KnobOutOfRange outside [0, 1].

    Source: BlinkDL's RWKV-LM; koboldcpp, text-generation-webui.

    >>> import numpy as np
    >>> dist = Distribution.from_logits(np.log([0.5, 0.3, 0.15, 0.05]))  # the bar at a = 0.8: 0.8 * 0.25 = 0.2
    >>> [len(TopA(a=a).apply(dist, Context())) for a in (0.0, 0.4, 0.8)]
    [4, 3, 2]
    """

    a: float

    name: ClassVar[str] = "top_a"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {"a": Knob("[0, 1]", neutral=0.0, slider=(0.0, 1.0), start=0.2)}
    family: ClassVar[Family] = "truncate"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "p ≥ a · (max p)²"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        # p >= a * p1**2, both sides times the total: the most likely token weighs 1, so p1 = 1 / total
        return dist if self.a == 0 else dist.keep(dist.weights >= self.a / dist.total)

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        return {"threshold": self.a / dist.total**2}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        sign = "≥" if after.position_of(token_id) is not None else "<"
        numbers = {"p": dist.prob_of(token_id), "a": self.a, "p1": dist.prob_of(dist.winner)}
        text = f"p = {{p}} {sign} {{a}} · {{p1}}² = {{bar}}"
        return Worked(text, {**numbers, "bar": self.a / dist.total**2})
