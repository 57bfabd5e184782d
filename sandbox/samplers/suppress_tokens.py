"""Suppress tokens: a list of tokens that are never said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, TokenIds
from sandbox.sampler import Context, Family, Worked, check_knobs
from sandbox.some_tokens import without


@dataclass(frozen=True)
class SuppressTokens:
    """Remove these tokens, whatever was said before.

    [] removes nothing. Raises InvalidKnob for what is no list of token ids, NothingToDraw when every token is removed.

    Source: transformers, SuppressTokensLogitsProcessor.

    >>> SuppressTokens(tokens=(0, 2)).apply(Distribution.from_logits([3.0, 2.0, 1.0]), Context()).token_ids.tolist()
    [1]
    """

    tokens: tuple[int, ...]

    name: ClassVar[str] = "suppress_tokens"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {"tokens": TokenIds()}
    family: ClassVar[Family] = "constrain"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "v ∉ S"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        return without(dist, self.tokens) if self.tokens else dist

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        return Worked(f"{{token_id}} {'∈' if token_id in self.tokens else '∉'} S", {"token_id": token_id})
