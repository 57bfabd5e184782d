"""Logit bias: push some tokens by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Bias, Biases
from sandbox.sampler import Context, Family, Worked, check_knobs
from sandbox.some_tokens import bounded, positions_of, with_logits_at, without


@dataclass(frozen=True)
class LogitBias:
    """Add a number to the logits of some tokens.

    A bias of b multiplies the odds of its token against every other by e^b; -inf, written "-inf" in JSON, forbids it.
    {} does nothing. A token that is absent stays absent. Any finite bias is taken; OpenAI and vLLM stop at
    -100 and 100. Raises InvalidKnob for +inf and NaN, NothingToDraw when every token is forbidden; `run_chain` and
    `generate` raise InvalidTokenId for a token outside the vocabulary, which llama.cpp ignores.

    Source: OpenAI's API reference, logit_bias.

    >>> dist = Distribution.from_logits([0.0, 0.0, 0.0])
    >>> biased = LogitBias(bias={0: math.log(3), 2: -math.inf}).apply(dist, Context())
    >>> biased.token_ids.tolist(), biased.probs.round(4).tolist()
    ([0, 1], [0.75, 0.25])
    """

    bias: Bias | Mapping[int | str, float | str]  # kept as a tuple of pairs

    name: ClassVar[str] = "logit_bias"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {"bias": Biases()}
    family: ClassVar[Family] = "history"
    in_browser: ClassVar[bool] = True
    formula: ClassVar[str] = "ℓ′ = ℓ + b"

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    def pairs(self) -> Bias:
        """(token id, bias), in the order of the ids."""
        assert isinstance(self.bias, tuple)  # the knob has made it so
        return self.bias

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        forbidden = [token_id for token_id, bias in self.pairs if bias == -math.inf]
        added = {token_id: bias for token_id, bias in self.pairs if bias not in (0, -math.inf)}
        dist = without(dist, forbidden) if forbidden else dist
        at, is_there = positions_of(dist, list(added))
        biases = np.array(list(added.values()), dtype=np.float64)[is_there]
        return with_logits_at(dist, at, bounded(dist.logits[at].astype(np.float64)) + bounded(biases))

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        logit, bias = dist.logit_of(token_id), dict(self.pairs).get(token_id, 0.0)
        if bias == -math.inf:
            return Worked("{l} − ∞ = −∞", {"l": logit})
        return Worked("ℓ + b = {l} + {b} = {out}", {"l": logit, "b": bias, "out": after.logit_of(token_id)})
