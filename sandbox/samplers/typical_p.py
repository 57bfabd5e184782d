"""Typical-p: the tokens about as surprising as the law itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sandbox.distribution import Distribution, Ids
from sandbox.knob import MIN_KEEP, AnyKnob, Knob
from sandbox.once import once
from sandbox.ranking import crossing
from sandbox.sampler import Context, Family, Worked, check_knobs


@dataclass(frozen=True)
class TypicalP:
    """Keep the tokens whose surprisal lies nearest to the entropy, until their probabilities reach p.

    The order is (|surprisal - entropy|, then rank); the token that reaches p stays, and the next one does not even
    when p is met exactly. The most likely token can go: it may be less surprising than usual.
    p = 1 keeps everything. Libraries differ here: llama.cpp goes one further when p is met exactly and is lost
    (NaN) when a logit is -inf; transformers keeps everything tied at the cut. Typical: 0.2 to 0.95.
    Raises KnobOutOfRange outside (0, 1].

    Source: Meister et al. 2023, arXiv 2202.00666.

    >>> import numpy as np
    >>> dist = Distribution.from_logits(np.log([0.5, 0.25, 0.25]))  # entropy 1.5 bits; surprisals 1, 2 and 2
    >>> TypicalP(p=0.5).apply(dist, Context()).token_ids.tolist()
    [0]
    >>> dist = Distribution.from_logits(np.log([0.45, 0.35, 0.2]))  # 1.51 bits; the surprisals 1.15, 1.51, 2.32
    >>> TypicalP(p=0.3).apply(dist, Context()).token_ids.tolist()
    [1]
    """

    p: float
    min_keep: int = 1

    name: ClassVar[str] = "typical_p"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "p": Knob("(0, 1]", neutral=1.0, slider=(0.01, 1.0), start=0.9),
        "min_keep": MIN_KEEP,
    }
    family: ClassVar[Family] = "truncate"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "s = |−log₂ p − H|;  Σ p(sⱼ < s) < P"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if self.p == 1:
            return dist
        distance = _distance(dist)
        at = self._reaching(dist, distance)
        if len(at) < self.min_keep:
            at = np.lexsort((-dist.logits, distance))[: self.min_keep]
        kept = np.zeros(len(dist), dtype=np.bool_)
        kept[at] = True
        return dist.keep(kept)

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        return {"entropy_bits": dist.entropy_bits}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        distance, n_reaching = once(self, dist, compute=lambda: self._cut(dist))
        is_before = _is_before(dist, distance, dist.position_of(token_id) or 0)
        place = int(np.count_nonzero(is_before))
        numbers = {
            "I": -dist.logprob_of(token_id) / math.log(2),
            "H": dist.entropy_bits,
            "s": float(distance[dist.position_of(token_id) or 0]) / math.log(2),
            "C": float(dist.weights[is_before].sum()) / dist.total,
            "P": self.p,
        }
        text = f"s = |{{I}} − {{H}}| = {{s}}; Σ p(sⱼ < s) = {{C}} {'<' if place < n_reaching else '≥'} {{P}}"
        if place < n_reaching or after.position_of(token_id) is None:
            return Worked(text, numbers)
        return Worked(
            text + "; {place} ≤ {min_keep}", {**numbers, "place": place + 1, "min_keep": self.min_keep}
        )

    def _cut(self, dist: Distribution) -> tuple[NDArray[np.float64], int]:
        """The distances, and how many tokens the rule keeps before min_keep."""
        distance = _distance(dist)
        return distance, len(dist) if self.p == 1 else len(self._reaching(dist, distance))

    def _reaching(self, dist: Distribution, distance: NDArray[np.float64]) -> Ids:
        """The positions of the shortest prefix, nearest first, that holds p."""
        goal = self.p * dist.total
        weights = dist.weights
        cut = crossing(-distance, weights.__getitem__, goal, side="left")
        at_the_cut = distance[cut.positions[cut.offset]]
        nearer, tied = np.flatnonzero(distance < at_the_cut), np.flatnonzero(distance == at_the_cut)
        tied = tied[
            np.argsort(-dist.logits[tied], kind="stable")
        ]  # `crossing` breaks ties by position, we by rank
        missing = goal - float(weights[nearer].sum())
        n_tied = int(np.searchsorted(np.cumsum(weights[tied]), missing)) + 1
        return np.concatenate((nearer, tied[:n_tied]))


def _distance(dist: Distribution) -> NDArray[np.float64]:
    """|surprisal - entropy| in nats, (n,). The normaliser stands in both and cancels: |shifted - its mean|."""
    mean = math.log(dist.total) - dist.entropy_bits * math.log(2)
    return np.abs(dist.shifted - mean)


def _is_before(dist: Distribution, distance: NDArray[np.float64], at: int) -> NDArray[np.bool_]:
    """Which positions come before this one, nearest first, (n,): a sort of the row for each token costs 5 ms."""
    is_before: NDArray[np.bool_] = distance < distance[at]
    tied = np.flatnonzero(distance == distance[at])
    is_better = dist.logits[tied] > dist.logits[at]
    is_before[tied[is_better | ((dist.logits[tied] == dist.logits[at]) & (tied < at))]] = True
    return is_before
