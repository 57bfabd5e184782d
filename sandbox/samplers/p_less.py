"""P-less: a bar that the law sets for itself, with nothing to tune."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs


@dataclass(frozen=True)
class PLess:
    """Keep the tokens at least as likely as two draws from the law are to agree: p >= sum(p ** 2).

    order k makes it (sum(p ** k)) ** (1 / (k - 1)): near 1 the bar is exp(-entropy), without bound it is the largest
    p. The most likely token always stays, an even law stays whole; no order does nothing.
    Raises KnobOutOfRange outside (1, inf).

    Source: Tan et al. 2025, arXiv 2509.23234.

    >>> import numpy as np
    >>> dist = Distribution.from_logits(np.log([0.5, 0.4, 0.1]))  # 0.25 + 0.16 + 0.01 = 0.42
    >>> round(PLess().details(dist, Context())["threshold"], 12), len(PLess().apply(dist, Context()))
    (0.42, 1)
    """

    order: float = 2.0

    name: ClassVar[str] = "p_less"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {"order": Knob("(1, inf)", slider=(1.1, 10.0), start=2.0)}
    family: ClassVar[Family] = "truncate"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "p ≥ (Σ pᵏ)^(1 / (k − 1))"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        return dist.keep(dist.weights >= self._bar_weight(dist))

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        return {"threshold": self._bar_weight(dist) / dist.total}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        sign = "≥" if after.position_of(token_id) is not None else "<"
        numbers = {"p": dist.prob_of(token_id), "k": self.order, "bar": self._bar_weight(dist) / dist.total}
        return Worked(f"p = {{p}} {sign} (Σ p^{{k}})^(1 / ({{k}} − 1)) = {{bar}}", numbers)

    def _bar_weight(self, dist: Distribution) -> float:
        """The bar relative to the most likely token, which weighs 1: (sum(w ** k) / sum(w)) ** (1 / (k - 1))."""
        if self.order == 2:
            return min(1.0, float(np.add.reduce(dist.weights**2)) / dist.total)
        # near k = 1 the quotient is 1 minus next to nothing, so that difference is what is computed
        with np.errstate(over="ignore"):
            lost = dist.weights * np.expm1((self.order - 1) * dist.shifted)
        return min(1.0, math.exp(math.log1p(float(np.add.reduce(lost)) / dist.total) / (self.order - 1)))
