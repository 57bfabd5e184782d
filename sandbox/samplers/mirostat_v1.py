"""Mirostat v1: hold the surprise of the text near a target by choosing k for top-k at every step."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Knob
from sandbox.mirostat import ETA, MU, TAU, MuState, first_state, learned, mu_of
from sandbox.sampler import Context, Family, State, Worked, check_knobs


@dataclass(frozen=True)
class MirostatV1:
    """Keep the k most likely tokens, k such that their mean surprise would be mu bits if the law followed Zipf's.

    s, the exponent of that law (p falls like rank ^ -s), is fitted to the m most likely tokens. With N tokens in the
    vocabulary and e = s - 1, k = (e * 2^mu / (1 - N^-e)) ^ (1 / s), rounded down, at least 1 and at most all. After
    each draw mu -= eta * (surprise - tau), in bits, under the law after the cut.
    Edges: s = 1 is the limit 2^mu / ln N; s = 0, all m equally likely, is the limit too: 1 token as long as
    2^mu < N - 1, else all. An s beyond every float is the limit as well: 1 token. One candidate stays alone.
    mu None: it starts at 2 * tau. No value does nothing.
    Typical: tau 5, eta 0.1, m 100. Raises KnobOutOfRange, InvalidKnob for a state of another kind.

    Source: Basu et al. 2020, arXiv 2007.14966, algorithm 1.

    >>> dist = Distribution.from_logits([0.0, -2 * math.log(2), -2 * math.log(3), -2 * math.log(4)])  # 1 / rank^2
    >>> sampler = MirostatV1(tau=1.0)  # mu = 2, s = 2, N = 4: k = (1 * 4 / (1 - 1 / 4)) ^ (1 / 2) = 2.3
    >>> len(sampler.apply(dist, Context())), round(sampler.details(dist, Context())["s"], 9)
    (2, 2.0)
    """

    tau: float
    eta: float = 0.1
    m: int = 100
    mu: float | None = None

    name: ClassVar[str] = "mirostat_v1"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "tau": TAU,
        "eta": ETA,
        "m": Knob("[2, inf)", is_whole=True, slider=(2, 1000), start=100),
        "mu": MU,
    }
    family: ClassVar[Family] = "memory"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "rank ≤ k = (ε · 2^μ / (1 − N^−ε))^(1/s), ε = s − 1;  μ′ = μ − η · (−log₂ p − τ)"

    def __post_init__(self) -> None:
        check_knobs(self)

    def initial_state(self) -> MuState:
        return first_state(self.tau, self.mu)

    def apply(self, dist: Distribution, context: Context, state: State = None) -> Distribution:
        _, k = self._fit(dist, state)
        return dist if k == len(dist) else dist.first(k)

    def next_state(self, state: State, before: Distribution, after: Distribution, token_id: int) -> MuState:
        return learned(self._mu(state), tau=self.tau, eta=self.eta, law=after, token_id=token_id)

    def details(self, dist: Distribution, context: Context, state: State = None) -> dict[str, Any]:
        """mu in bits; s: Zipf's exponent, None for one candidate; k: how many tokens stay."""
        s, k = self._fit(dist, state)
        return {"mu": self._mu(state), "tau": self.tau, "s": s, "k": k}

    def worked(
        self, token_id: int, dist: Distribution, after: Distribution, context: Context, state: State = None
    ) -> Worked:
        (s, k), rank = self._fit(dist, state), dist.rank_of(token_id) or 0
        text = f"{{rank}} {'≤' if rank <= k else '>'} k = {{k}}"
        if s is None:
            return Worked(text, {"rank": rank, "k": k})
        return Worked(
            f"{text} (s = {{s}}, μ = {{mu}})", {"rank": rank, "k": k, "s": s, "mu": self._mu(state)}
        )

    def _fit(self, dist: Distribution, state: State) -> tuple[float | None, int]:
        if len(dist) == 1:
            return None, 1
        s = zipf_exponent(dist, self.m)
        return s, n_for_surprise(self._mu(state), s, dist.vocab_size, len(dist))

    def _mu(self, state: State) -> float:
        return mu_of(self.initial_state() if state is None else state, self.name)


def zipf_exponent(dist: Distribution, m: int) -> float:
    """The slope s of ln p against ln rank, by least squares over the steps between the m most likely tokens."""
    logits = dist.first(m).logits
    ranks = np.arange(1, len(logits) + 1)
    steps = np.diff(np.log(ranks))
    with np.errstate(over="ignore"):  # two logits may lie further apart than the largest float
        s = float((-np.diff(logits) * steps).sum() / (steps * steps).sum())
    # such a law is sure: with the largest float k is 1, the limit, while infinity / infinity would be no number
    return min(s, sys.float_info.max)


def n_for_surprise(mu: float, s: float, vocab_size: int, n_candidates: int) -> int:
    """k for a Zipf law of exponent s over vocab_size >= 2 tokens, worked out in logarithms: 2^mu overflows at 1024."""
    excess, log_n = s - 1, math.log(vocab_size)
    # e / (1 - N^-e) near e = 0 is 1 / ln N
    ratio = 1 / log_n if abs(excess) < 1e-12 else excess / -math.expm1(-excess * log_n)
    log_power = math.log(ratio) + mu * math.log(2)
    log_k = log_power / s if s else math.copysign(math.inf, log_power)
    if log_k >= math.log(n_candidates):
        return n_candidates
    return max(1, int(math.exp(log_k)))
