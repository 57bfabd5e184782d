"""The law after a chain, for a search that asks for it at many positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.engine import Logits
from sandbox.chain import SamplerChain, States
from sandbox.distribution import Distribution
from sandbox.sampler import Context
from sandbox.vocabulary import Vocabulary


@dataclass(frozen=True)
class ChainedLaw:
    """One chain, the prompt's length and the dice: what stays the same while a search goes on."""

    chain: SamplerChain
    n_prompt: int
    seed: int
    attempt: int = 0
    vocabulary: Vocabulary | None = None

    def laws(self, row: Logits, token_ids: Sequence[int], states: States) -> list[Distribution]:
        """The law of one row and after each sampler. token_ids: all before this token, prompt included."""
        position = len(token_ids)
        context = Context(token_ids, self.n_prompt, position, self.seed, self.attempt, self.vocabulary)
        return self.chain.laws(Distribution.from_logits(row), context, states)
