"""One sampler after a text: what it leaves, and the logits there."""

from __future__ import annotations

import numpy as np

from sandbox.distribution import Distribution
from sandbox.sampler import Context
from sandbox.vocabulary import Vocabulary


def said(*history: int, prompt_len: int = 0, vocabulary: Vocabulary | None = None) -> Context:
    return Context(history, prompt_len, len(history), vocabulary=vocabulary)


def flat(n: int) -> Distribution:
    return Distribution.from_logits(np.zeros(n))


def logits_after(sampler, row, *history, **more):
    """{token id: logit}"""
    after = sampler.apply(Distribution.from_logits(row), said(*history, **more))
    return dict(zip(after.token_ids.tolist(), after.logits.tolist(), strict=True))


def left(sampler, n, *history, **more):
    return sampler.apply(flat(n), said(*history, **more)).token_ids.tolist()


def numbers_of(sampler, token_id, dist, context):
    return sampler.worked(token_id, dist, sampler.apply(dist, context), context)
