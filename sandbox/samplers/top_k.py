"""Top-k: the k most likely tokens."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import MIN_KEEP, AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs


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
    min_keep: int = 1

    name: ClassVar[str] = "top_k"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "k": Knob("[1, inf)", neutral=sys.maxsize, is_whole=True, slider=(1, 100), start=40),
        "min_keep": MIN_KEEP,
    }
    family: ClassVar[Family] = "truncate"
    in_browser: ClassVar[bool] = True
    formula: ClassVar[str] = "r ≤ k"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        k = max(self.k, self.min_keep)
        return dist if k >= len(dist) else dist.first(k)

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        rank, k = dist.rank_of(token_id) or 0, max(self.k, self.min_keep)
        return Worked(f"r = {{r}} {'≤' if rank <= k else '>'} {{k}}", {"r": rank, "k": k})
