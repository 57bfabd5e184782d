"""A hypothesis is one possible continuation; a step of a search is all of them side by side."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal, TypeVar

FinishReason = Literal["stop", "length", "context_full", "cancelled"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """token_ids: without the prompt. sum_logprob: of the model's own law, natural, without any penalty.

    score: what it is ranked by. While it grows that is the sum (diverse beam: less the penalty of its last token);
    once finished, sum / length**length_penalty. parent: its rank (from 0) among the hypotheses of the step before.
    group: of diverse beam. finish_reason None: it goes on, or went no further because better ones did.
    """

    token_ids: tuple[int, ...] = ()
    sum_logprob: float = 0.0
    score: float = 0.0
    parent: int = 0
    group: int = 0
    finish_reason: FinishReason | None = None


@dataclass(frozen=True, slots=True)
class SearchStep:
    """What one position did. Every tuple is best first.

    position: index of the new token in the whole sequence. candidates: the continuations that were weighed.
    running: those that go on. ended: those that finished here and count. pruned: those that do neither.
    finished: the best finished ones of the whole search so far.
    """

    position: int
    candidates: tuple[Hypothesis, ...]
    running: tuple[Hypothesis, ...]
    ended: tuple[Hypothesis, ...]
    pruned: tuple[Hypothesis, ...]
    finished: tuple[Hypothesis, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The result, best first. After a cancel these are the hypotheses as they stood, finished or not."""

    hypotheses: tuple[Hypothesis, ...]
    finish_reason: FinishReason


Search = Generator[SearchStep, None, Found]

_Step = TypeVar("_Step")
_Result = TypeVar("_Result")


def finished(search: Generator[_Step, None, _Result]) -> tuple[list[_Step], _Result]:
    """Run a search to its end: its steps, and what it returns.

    >>> def counting():
    ...     yield 1
    ...     return "done"
    >>> finished(counting())
    ([1], 'done')
    """
    steps = []
    while True:
        try:
            steps.append(next(search))
        except StopIteration as end:
            return steps, end.value
