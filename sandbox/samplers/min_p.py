"""Min-p: a bar that follows the most likely token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import Knob
from sandbox.sampler import Context, check_knobs


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

    name: ClassVar[str] = "min_p"
    knobs: ClassVar[Mapping[str, Knob]] = {"p": Knob("[0, 1]", neutral=0.0)}

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        # the most likely token weighs exactly 1, so its weight is its probability relative to the best
        return dist if self.p == 0 else dist.keep(dist.weights >= self.p)
