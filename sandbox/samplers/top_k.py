"""Top-k: the k most likely tokens."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import Knob
from sandbox.sampler import Context, check_knobs


@dataclass(frozen=True)
class TopK:
    """Keep the k most likely tokens, exactly k: among equals at the cut the lower ids stay.

    Libraries differ here: transformers and vLLM keep every token tied with the k-th, llama.cpp keeps k of them
    in no stated order. k at or above the number of tokens keeps everything. Typical: 40 (llama.cpp), 50
    (transformers). Raises KnobOutOfRange below 1; the flat setting `top_k=0` means no stage at all.

    Source: Fan et al. 2018, arXiv 1805.04833.

    >>> TopK(k=2).apply(Distribution.from_logits([0.0, 1.0, 1.0, 1.0, 0.5]), Context()).token_ids.tolist()
    [1, 2]
    """

    k: int

    name: ClassVar[str] = "top_k"
    knobs: ClassVar[Mapping[str, Knob]] = {"k": Knob("[1, inf)", neutral=sys.maxsize, is_whole=True)}

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        return dist if self.k >= len(dist) else dist.first(self.k)
