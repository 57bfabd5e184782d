"""A model that can be worked out by hand: the law of the next token depends on the last token alone."""

from __future__ import annotations

import math

import numpy as np

from models.catalog import ModelSpec
from models.engine import OneByOne, Request, check_length, check_token_ids
from models.engines.toy import ToyTokenizer
from models.loading import LoadedModel


class Markov(OneByOne):
    """Row i of a table of probabilities is the law after token i."""

    name = "toy"

    def __init__(self, table, context_length=64):
        with np.errstate(divide="ignore"):
            self.logits = np.log(np.array(table, dtype=np.float64)).astype(np.float32)
        self.context_length, self.asked = context_length, []

    @property
    def vocab_size(self):
        return self.logits.shape[1]

    def next_logits(self, token_ids, *, request=None):
        (request or Request()).check()
        check_length(token_ids, self.context_length)
        check_token_ids(token_ids, self.vocab_size)
        self.asked.append(list(token_ids))
        return self.logits[token_ids[-1]].copy()

    def close(self):
        pass


class Letters(ToyTokenizer):
    """Token i is the letter a + i; some of them end a text."""

    def __init__(self, size, eos_ids):
        super().__init__()
        self._bytes = [bytes([97 + i]) for i in range(size)]
        self.eos_ids, self.special_ids = frozenset(eos_ids), frozenset(eos_ids)


def markov(table, *, eos_ids=(), context_length=64):
    engine = Markov(table, context_length)
    spec = ModelSpec(id="markov", title="Markov")
    return LoadedModel(spec, engine, Letters(engine.vocab_size, eos_ids))


def random_table(size, seed):
    return np.random.default_rng(seed).dirichlet(np.ones(size), size)


def logprob(model, prompt, token_ids):
    """The log-probability of a continuation, straight from the rows."""
    total, ids = 0.0, list(prompt)
    for token_id in token_ids:
        row = model.engine.logits[ids[-1]].astype(np.float64)
        total += row[token_id] - math.log(np.exp(row - row.max()).sum()) - row.max()
        ids.append(token_id)
    return total
