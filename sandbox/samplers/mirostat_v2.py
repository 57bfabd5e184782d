"""Mirostat v2: hold the surprise of the text near a target by moving a ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob
from sandbox.mirostat import ETA, MU, TAU, MuState, first_state, learned, mu_of, surprise_bits
from sandbox.sampler import Context, Family, State, Worked, check_knobs


@dataclass(frozen=True)
class MirostatV2:
    """Keep the tokens whose surprise, -log2 p, is at most mu bits; after each draw mu -= eta * (surprise - tau).

    The most likely token always stays. The surprise that teaches is the one under the law after the cut, made whole
    again. mu None: it starts at 2 * tau. eta 0: the ceiling stays where it is. No value does nothing. In llama.cpp
    mirostat takes the place of the whole chain behind the temperature; here it is one step among others, and learns
    from whatever is drawn in the end. Typical: tau 5, eta 0.1. Raises KnobOutOfRange, InvalidKnob for a state of
    another kind.

    Source: Basu et al. 2020, arXiv 2007.14966; version 2 is the cut that its authors' code makes.

    >>> dist = Distribution.from_logits([math.log(4), math.log(2), 0.0, 0.0])  # surprises of 1, 2, 3, 3 bits
    >>> sampler = MirostatV2(tau=1.0, eta=0.5)
    >>> after = sampler.apply(dist, Context())
    >>> len(after), sampler.next_state({"mu": 2.0}, dist, dist, 3)  # 2 - 0.5 * (3 - 1)
    (2, {'mu': 1.0})
    """

    tau: float
    eta: float = 0.1
    mu: float | None = None

    name: ClassVar[str] = "mirostat_v2"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {"tau": TAU, "eta": ETA, "mu": MU}
    family: ClassVar[Family] = "memory"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "−log₂ p ≤ μ;  μ′ = μ − η · (−log₂ p − τ)"

    def __post_init__(self) -> None:
        check_knobs(self)

    def initial_state(self) -> MuState:
        return first_state(self.tau, self.mu)

    def apply(self, dist: Distribution, context: Context, state: State = None) -> Distribution:
        ceiling = -self._mu(state) * math.log(2)
        return dist.keep_at_least(dist.logprobs >= ceiling, 1)

    def next_state(self, state: State, before: Distribution, after: Distribution, token_id: int) -> MuState:
        return learned(self._mu(state), tau=self.tau, eta=self.eta, law=after, token_id=token_id)

    def details(self, dist: Distribution, context: Context, state: State = None) -> dict[str, Any]:
        """mu: the ceiling of this step, in bits."""
        return {"mu": self._mu(state), "tau": self.tau}

    def worked(
        self, token_id: int, dist: Distribution, after: Distribution, context: Context, state: State = None
    ) -> Worked:
        surprise, mu = surprise_bits(dist, token_id), self._mu(state)
        is_saved = surprise > mu and after.position_of(token_id) is not None
        text = f"−log₂ {{p}} = {{I}} {'≤' if surprise <= mu else '>'} {{mu}}{', p = max' if is_saved else ''}"
        return Worked(text, {"p": dist.prob_of(token_id), "I": surprise, "mu": mu})

    def _mu(self, state: State) -> float:
        return mu_of(self.initial_state() if state is None else state, self.name)
