"""Drafts for speculative decoding: something cheap that guesses the next tokens.

A draft says for each guess from which law it was drawn; with that the result stays the model's own law, however bad the
guesses are. Bad guesses cost time, never truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from models.engine import Request
from models.loading import LoadedModel
from sandbox.chain import States
from sandbox.distribution import Distribution
from sandbox.draw import draw, uniform
from sandbox.errors import VocabulariesDiffer
from sandbox.knob import Knob
from sandbox.search.chained_law import ChainedLaw
from sandbox.vocabulary import Vocabulary

N_GRAM = Knob("[1, 16]", is_whole=True)


class Proposal(NamedTuple):
    """A guess, the law q it was drawn from, and the u it was drawn with; None where nothing was drawn."""

    token_id: int
    law: Distribution
    u: float | None


class Draft(Protocol):
    def propose(
        self, token_ids: Sequence[int], n: int, chained: ChainedLaw, states: States, request: Request
    ) -> list[Proposal]:
        """At most n guesses for what follows token_ids, one after the other. chained: what the model's law goes
        through too."""
        ...


class ModelDraft:
    """A smaller model that speaks the same tokens. Raises VocabulariesDiffer when it does not."""

    def __init__(self, draft: LoadedModel, model: LoadedModel) -> None:
        check_same_vocabulary(model, draft)
        self._draft = draft

    def propose(
        self, token_ids: Sequence[int], n: int, chained: ChainedLaw, states: States, request: Request
    ) -> list[Proposal]:
        ids, found = list(token_ids), list[Proposal]()
        while len(found) < n and len(ids) <= self._draft.engine.context_length:
            row = self._draft.engine.next_logits_many([ids], request=request)[0]
            laws = chained.laws(row, ids, states)
            u = uniform(chained.seed, len(ids), chained.attempt, "draft")
            token_id = draw(laws[-1], u)
            states = chained.chain.next_states(states, laws, token_id)
            found.append(Proposal(token_id, laws[-1], u))
            ids = [*ids, token_id]
        return found


class LookupDraft:
    """What followed the last tokens when they stood in the text before. No second model at all.

    n_gram: how many last tokens must agree at most; where so many never stood before, fewer will do, down to one. The
    latest place counts. The guess is certain, so q gives it probability 1. Raises KnobOutOfRange.

    Source: Saxena 2023, "Prompt lookup decoding".
    """

    def __init__(self, n_gram: int = 3) -> None:
        self._n_gram: int = N_GRAM.checked(n_gram, sampler="", knob="n_gram")

    def propose(
        self, token_ids: Sequence[int], n: int, chained: ChainedLaw, states: States, request: Request
    ) -> list[Proposal]:
        del chained, states, request  # text alone
        return [Proposal(i, _certain(i), None) for i in looked_up(list(token_ids), self._n_gram)[:n]]


def looked_up(token_ids: list[int], n_gram: int) -> list[int]:
    """Everything that followed the latest earlier place of the longest known ending; [] when the last token is new.

    >>> looked_up([5, 6, 7, 5, 6], 2), looked_up([5, 6, 9, 5, 8, 5], 2), looked_up([1, 2, 3], 2)
    ([7, 5, 6], [8, 5], [])
    """
    for length in range(min(n_gram, len(token_ids) - 1), 0, -1):
        ending = token_ids[-length:]
        for start in range(len(token_ids) - length - 1, -1, -1):
            if token_ids[start : start + length] == ending:
                return token_ids[start + length :]
    return []


def check_same_vocabulary(model: LoadedModel, draft: LoadedModel) -> None:
    """Raises VocabulariesDiffer at the first token id that stands for other bytes in the draft."""
    ours, theirs = Vocabulary.of(model).token_bytes, Vocabulary.of(draft).token_bytes
    if ours != theirs:
        pairs = zip(ours, theirs, strict=False)
        first = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))
        raise VocabulariesDiffer(model.spec.id, len(ours), draft.spec.id, len(theirs), first)


def _certain(token_id: int) -> Distribution:
    row = np.full(token_id + 1, -np.inf)
    row[token_id] = 0.0
    return Distribution.from_logits(row)
