"""Top-h: as many of the best tokens as fit into a share of the entropy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs

N_CONSIDERED = 100
# a sum of 100 terms may be off by this much, and must not cost a token that meets the budget exactly
ROUNDING = 1 + N_CONSIDERED * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class TopH:
    """Keep the most likely tokens while their entropy terms, -p log p, sum to at most h times the entropy.

    Only the 100 most likely are considered, and p and the entropy are those of a law over them alone; the rest goes.
    The most likely token always stays. h = 1 keeps all of the 100, so no value does nothing to a longer law.
    A sure law gives a small budget, an open one a large one. Typical: 0.4. Raises KnobOutOfRange outside (0, 1].

    Source: Baghaei Potraghloo et al. 2025, arXiv 2509.02510; the 100 are transformers'.

    >>> quarters = Distribution.from_logits([0.0, 0.0, 0.0, 0.0])  # entropy 2 bits, half a bit per token
    >>> [TopH(h=h).apply(quarters, Context()).token_ids.tolist() for h in (0.1, 0.5, 0.74, 1.0)]
    [[0], [0, 1], [0, 1], [0, 1, 2, 3]]
    """

    h: float

    name: ClassVar[str] = "top_h"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {"h": Knob("(0, 1]", slider=(0.01, 1.0), start=0.4)}
    family: ClassVar[Family] = "truncate"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "−Σ p log₂ p (1 … r) ≤ h · H,  r ≤ 100"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        best = dist.first(N_CONSIDERED)
        used = _used_bits(best)
        return best.first(max(1, self._n_within(used)))

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        entropy = float(_used_bits(dist.first(N_CONSIDERED))[-1])
        return {"entropy_bits": entropy, "budget_bits": self.h * entropy}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        rank = dist.rank_of(token_id) or 1
        if rank > N_CONSIDERED:
            return Worked("r = {r} > {max}", {"r": rank, "max": N_CONSIDERED})
        used = _used_bits(dist.first(N_CONSIDERED))
        sign = "≤" if rank <= self._n_within(used) else ">"
        numbers = {
            "C": float(used[rank - 1]),
            "h": self.h,
            "H": float(used[-1]),
            "bar": self.h * float(used[-1]),
        }
        text = f"−Σ p log₂ p = {{C}} {sign} {{h}} · {{H}} = {{bar}}"
        return Worked(text, numbers) if rank > 1 else Worked(f"{text}; r = {{r}}", {**numbers, "r": rank})

    def _n_within(self, used: NDArray[np.float64]) -> int:
        """How many tokens fit into the budget."""
        return int(np.searchsorted(used, self.h * used[-1] * ROUNDING, side="right"))


def _used_bits(best: Distribution) -> NDArray[np.float64]:
    """The running sum of -p log2 p, (n,); its last entry is the entropy."""
    return np.cumsum(-best.probs * best.logprobs / math.log(2))
