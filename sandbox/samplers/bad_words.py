"""Bad words: sequences of tokens that are never completed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Sequences, TokenIds, TokenSequences
from sandbox.sampler import Context, Family, Worked, check_knobs
from sandbox.some_tokens import without


@dataclass(frozen=True)
class BadWords:
    """Remove the last token of a sequence when the text ends with the tokens before it.

    A sequence of one token is always removed. The prompt is part of the text. eos: a sequence that is one of these
    tokens alone is passed over, as transformers does, so that a text can still end; (), the default, passes over none.
    [] removes nothing. Only this spelling is found: vLLM also bans the one with a space in front, here it is a
    sequence of its own. Raises InvalidKnob, NothingToDraw.

    Source: transformers, NoBadWordsLogitsProcessor.

    >>> never = BadWords(sequences=((0,), (5, 1)))
    >>> dist = Distribution.from_logits([3.0, 2.0, 1.0])
    >>> [never.apply(dist, Context(history=said)).token_ids.tolist() for said in ((), (5,), (5, 5))]
    [[1, 2], [2], [2]]
    """

    sequences: Sequences
    eos: tuple[int, ...] = ()

    name: ClassVar[str] = "bad_words"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {"sequences": TokenSequences(), "eos": TokenIds()}
    family: ClassVar[Family] = "constrain"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "(…, h₋₁, v) ∉ W"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        banned = [sequence[-1] for sequence in self.sequences if self._is_due(sequence, context.history)]
        return without(dist, banned) if banned else dist

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        due = [s for s in self.sequences if s[-1] == token_id and self._is_due(s, context.history)]
        if not due:
            return Worked("(…, {token_id}) ∉ W", {"token_id": token_id})
        numbers = {f"t{i}_id": each for i, each in enumerate(due[0])}
        return Worked(f"({', '.join(f'{{{name}}}' for name in numbers)}) ∈ W", numbers)

    def _is_due(self, sequence: Sequence[int], history: Sequence[int]) -> bool:
        """Would its last token complete it here?"""
        n_before = len(sequence) - 1
        if n_before == 0:
            return sequence[0] not in self.eos
        return len(history) >= n_before and tuple(history[-n_before:]) == tuple(sequence[:-1])
