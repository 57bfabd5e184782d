"""Top-p, the nucleus: the smallest set of tokens that holds a share p of the probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import Knob
from sandbox.sampler import Context, check_knobs


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

    name: ClassVar[str] = "top_p"
    knobs: ClassVar[Mapping[str, Knob]] = {"p": Knob("(0, 1]", neutral=1.0)}

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        return dist if self.p == 1 else dist.nucleus(self.p)
