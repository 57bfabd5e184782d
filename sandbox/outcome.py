"""run_chain(): the one door for a notebook. A row of logits and a list of steps in, everything that happened out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sandbox.chain import SamplerChain, Stage, States
from sandbox.distribution import Distribution
from sandbox.errors import InvalidKnob
from sandbox.knob import token_ids_of
from sandbox.known_tokens import check_known_tokens
from sandbox.sampler import Context, Worked, remembers


class Passage(NamedTuple):
    """One token through one stage. prob_after is None where the stage removed it; worked: the formula with numbers."""

    sampler: str
    prob_before: float
    prob_after: float | None
    rank_before: int
    rank_after: int | None
    worked: Worked


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a chain made of one row of logits.

    laws: the model's law, then the law after each stage. stages: what each sampler did.
    """

    chain: SamplerChain
    context: Context
    vocab_size: int
    laws: Sequence[Distribution]
    stages: tuple[Stage, ...]
    states: States = None

    @property
    def distribution(self) -> Distribution:
        """The law one draws from."""
        return self.laws[-1]

    @cached_property
    def probs(self) -> NDArray[np.float64]:
        """(vocab_size,) probabilities by token id; exactly 0 where a token was removed."""
        dense = np.zeros(self.vocab_size)
        dense[self.distribution.token_ids] = self.distribution.probs
        return dense

    def removed_by(self, token_id: int) -> int | None:
        """The index of the stage that removed this token; None for a survivor and for one the model itself rules out.

        >>> run_chain([3.0, 2.0, 1.0], [{"sampler": "top_k", "k": 2}, {"sampler": "greedy"}]).removed_by(1)
        1
        """
        before = self.laws[0].position_of(token_id) is not None
        for index, law in enumerate(self.laws[1:]):
            here = law.position_of(token_id) is not None
            if before and not here:
                return index
            before = here
        return None

    def path(self, token_id: int) -> list[Passage]:
        """What each stage did to this token, up to the stage that removed it; [] for one the model itself rules out."""
        passages = []
        for index, (before, after) in enumerate(zip(self.laws[:-1], self.laws[1:], strict=True)):
            rank_before = before.rank_of(token_id)
            if rank_before is None:
                break
            sampler = self.chain.samplers[index]
            memory = (self.states[index] if self.states else None,) if remembers(sampler) else ()
            prob_after = after.prob_of(token_id) if after.position_of(token_id) is not None else None
            passages.append(
                Passage(
                    sampler=sampler.name,
                    prob_before=before.prob_of(token_id),
                    prob_after=prob_after,
                    rank_before=rank_before,
                    rank_after=after.rank_of(token_id),
                    worked=sampler.worked(token_id, before, after, self.context, *memory),
                )
            )
        return passages


def run_chain(
    logits: ArrayLike,
    steps: Iterable[Mapping[str, object]] | SamplerChain,
    history: Sequence[int] = (),
    *,
    context: Context | None = None,
    states: States = None,
) -> Outcome:
    """Run the steps over one row of logits, (vocab_size,); the index is the token id. The row stays as it is.

    history: every token id so far, for penalties and their kind; context: instead of it, with all a sampler can ask.
    Raises InvalidKnob for what is no row and no history, LogitsNotANumber, LogitsInfinite, LogitsAllImpossible,
    InvalidTokenId for a knob that names no token of the row, and what `SamplerChain.from_steps` and the samplers raise.

    >>> run_chain([3.0, 2.0, 1.0], [{"sampler": "top_k", "k": 1}]).probs.tolist()
    [1.0, 0.0, 0.0]
    """
    chain = steps if isinstance(steps, SamplerChain) else SamplerChain.from_steps(steps)
    row = _row(logits)
    if context is None:
        ids = _history(history)
        context = Context(ids, 0, len(ids))
    if states is not None and len(states) != len(chain.samplers):
        raise InvalidKnob("", "states", states, "a list with one entry per step")
    check_known_tokens(chain, len(row))
    laws = chain.laws(Distribution.from_logits(row), context, states)
    return Outcome(chain, context, len(row), laws, chain.stages(laws, context, states), states)


def _history(history: Sequence[int]) -> tuple[int, ...]:
    ids = token_ids_of(history)
    if ids is None:
        raise InvalidKnob("", "history", history, "a list of token ids")
    return tuple(ids)


def _row(logits: ArrayLike) -> NDArray[np.floating[Any]]:
    """A copy that nobody else can write to: an Outcome is worked out when it is looked at."""
    try:
        row = np.array(logits)
    except ValueError:  # lists of different lengths
        row = np.empty((0, 0))
    if row.ndim != 1 or not len(row) or row.dtype.kind not in "fiub":
        raise InvalidKnob("", "logits", logits, "one row of numbers, one per token")
    row = row if row.dtype in (np.float32, np.float64) else row.astype(np.float64)
    row.flags.writeable = False
    return row
