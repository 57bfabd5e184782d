"""Allowed tokens: a list of the only tokens that may be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, TokenIds
from sandbox.sampler import Context, Family, Worked, check_knobs
from sandbox.some_tokens import only


@dataclass(frozen=True)
class AllowedTokens:
    """Remove every token but these. No value does nothing.

    Raises InvalidKnob for an empty list, NothingToDraw when none of them is left. transformers differs: there an
    allowed token that was removed before comes back with a score of 0.

    Source: vLLM, allowed_token_ids; transformers, PrefixConstrainedLogitsProcessor.

    >>> AllowedTokens(tokens=(1, 2)).apply(Distribution.from_logits([3.0, 2.0, 1.0]), Context()).token_ids.tolist()
    [1, 2]
    """

    tokens: tuple[int, ...]

    name: ClassVar[str] = "allowed_tokens"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {"tokens": TokenIds(neutral=None, may_be_empty=False)}
    family: ClassVar[Family] = "constrain"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "v ∈ A"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        return only(dist, self.tokens)

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        return Worked(f"{{token_id}} {'∈' if token_id in self.tokens else '∉'} A", {"token_id": token_id})
