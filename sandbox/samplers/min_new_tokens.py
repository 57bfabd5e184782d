"""Min new tokens: the text may not end yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox.distribution import Distribution
from sandbox.errors import NeedsVocabulary
from sandbox.knob import AnyKnob, Knob, TokenIds
from sandbox.sampler import Context, Family, Worked, check_knobs
from sandbox.some_tokens import without


@dataclass(frozen=True)
class MinNewTokens:
    """Remove the tokens that end a text as long as fewer than min_new tokens were drawn.

    0 is off. eos: the tokens that end a text; None: those of the model's vocabulary. prompt_len: how many tokens of
    the history are prompt; None: what the context says. Raises KnobOutOfRange, NeedsVocabulary, NothingToDraw.

    Source: transformers, MinNewTokensLengthLogitsProcessor.

    >>> dist, patient = Distribution.from_logits([3.0, 2.0]), MinNewTokens(min_new=2, eos=(0,))
    >>> [patient.apply(dist, Context(said, prompt_len=1)).winner for said in ((7,), (7, 1), (7, 1, 1))]
    [1, 1, 0]
    """

    min_new: int
    eos: tuple[int, ...] | None = None
    prompt_len: int | None = None

    name: ClassVar[str] = "min_new_tokens"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "min_new": Knob("[0, inf)", neutral=0, is_whole=True, slider=(0, 100), start=5),
        "eos": TokenIds(neutral=None, is_optional=True),
        "prompt_len": Knob("[0, inf)", is_whole=True, is_optional=True),
    }
    family: ClassVar[Family] = "constrain"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "g < m ⇒ v ∉ E"

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    def needs_vocabulary(self) -> bool:
        return self.min_new > 0 and self.eos is None

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if self.min_new == 0:
            return dist
        endings = self._endings(context)
        return without(dist, sorted(endings)) if self._n_drawn(context) < self.min_new and endings else dist

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        n_drawn = self._n_drawn(context)
        is_end = self.min_new > 0 and token_id in self._endings(context)
        text = (
            f"{{g}} {'<' if n_drawn < self.min_new else '≥'} {{m}}, {{token_id}} {'∈' if is_end else '∉'} E"
        )
        return Worked(text, {"g": n_drawn, "m": self.min_new, "token_id": token_id})

    def _n_drawn(self, context: Context) -> int:
        prompt_len = context.prompt_len if self.prompt_len is None else self.prompt_len
        return max(0, len(context.history) - prompt_len)

    def _endings(self, context: Context) -> Collection[int]:
        if self.eos is not None:
            return self.eos
        if context.vocabulary is None:
            raise NeedsVocabulary(self.name, "eos")
        return context.vocabulary.eos_ids
