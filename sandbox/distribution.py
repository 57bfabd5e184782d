"""Distribution: the candidates for the next token, and how likely each is.

How it is computed, and what is put off until somebody looks:
1. the largest logit is found: it also betrays NaN, +inf and all -inf, without another pass;
2. weights = exp(logit - largest), float64, so the largest weighs exactly 1; total = their sum, float64;
3. probability = weight / total;
4. the ranking (probability downwards, token id upwards among equals) only as deep as somebody looks: a full sort
   of 49,152 logits takes 5 ms, the first 40 take 0.03 ms.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sandbox.errors import LogitsAllImpossible, LogitsInfinite, LogitsNotANumber, NothingToDraw
from sandbox.ranking import BLOCK, crossing, ranked_prefix

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.intp]
At = Ids | slice | int

# How deep the ranking usually goes: what a step records. Wider laws are cut by `ranking.crossing`.
DEPTH = 1000
# How deep a nucleus is looked for first: usually it ends there, and at 49,152 that takes 0.03 ms instead of 0.12.
SHALLOW = 256


class Candidate(NamedTuple):
    """One token under one law. `prob` is its share of that law, 0 to 1."""

    token_id: int
    logit: float
    prob: float


class Distribution:
    """A law over tokens. Never empty, never changed: every method gives a new one.

    logits: (n,), the engine's float32 row, or float64 after a sampler. All finite: a token whose logit was -inf is
    absent. Candidates stand by token id, or by rank when `is_ranked`. vocab_size: how many logits the row had that all
    this began with, absent tokens included.

    >>> dist = Distribution.from_logits([0.0, 0.0, float("-inf")])
    >>> dist.token_ids.tolist(), dist.probs.tolist(), dist.entropy_bits
    ([0, 1], [0.5, 0.5], 1.0)
    """

    __slots__ = (
        "_best",
        "_ids",
        "_order",
        "_shifted",
        "_source",
        "_sums",
        "_weights",
        "is_ranked",
        "logits",
        "vocab_size",
    )

    def __init__(
        self,
        logits: Floats,
        token_ids: Ids | None,
        best: int,
        vocab_size: int,
        *,
        is_ranked: bool = False,
    ) -> None:
        """For this file only; use `from_logits`. token_ids None: all of 0 to n - 1. best: where the largest is."""
        self.logits, self._ids, self._best, self.is_ranked = logits, token_ids, best, is_ranked
        self.vocab_size = vocab_size
        # the law whose candidates these are a part of, weights and all
        self._source: Distribution | None = None
        self._shifted: NDArray[np.float64] | None = None
        self._weights: NDArray[np.float64] | None = None
        self._sums: tuple[float, float] | None = None
        self._order: Ids | None = None

    @classmethod
    def from_logits(cls, row: ArrayLike) -> Distribution:
        """The law of one row, softmax in float64; the index is the token id.

        row: (vocab_size,) float32; kept, not copied. Raises LogitsNotANumber, LogitsInfinite, LogitsAllImpossible.
        """
        logits = np.asarray(row)
        if logits.dtype not in (np.float32, np.float64):
            logits = logits.astype(np.float64)
        return _alive(logits, None, len(logits), is_ranked=False)

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def token_ids(self) -> Ids:
        """(n,) integers."""
        return np.arange(len(self.logits)) if self._ids is None else self._ids

    @property
    def shifted(self) -> NDArray[np.float64]:
        """(n,) logit minus the largest logit: 0 for the most likely, negative for the others."""
        if self._shifted is None:
            self._shifted = np.subtract(self.logits, self.logits[self._best], dtype=np.float64)
        return self._shifted

    @property
    def weights(self) -> NDArray[np.float64]:
        """(n,) probability relative to the most likely token, which weighs exactly 1."""
        if self._weights is None:
            self._weights = np.exp(self.shifted)
        return self._weights

    def shifted_at(self, at: At) -> NDArray[np.float64]:
        """`shifted` of these positions only, without a whole row of them."""
        if self._shifted is not None:
            return self._shifted[at]
        shifted: NDArray[np.float64] = np.subtract(self.logits[at], self.logits[self._best], dtype=np.float64)
        return shifted

    def weights_at(self, at: At) -> NDArray[np.float64]:
        """`weights` of these positions only."""
        if self._weights is not None:
            return self._weights[at]
        weights: NDArray[np.float64] = np.exp(self.shifted_at(at))
        return weights

    @property
    def total(self) -> float:
        """The sum of the weights."""
        return self._sum_up()[0]

    @property
    def probs(self) -> NDArray[np.float64]:
        """(n,) probabilities; they sum to 1."""
        return self.weights / self.total

    @property
    def logprobs(self) -> NDArray[np.float64]:
        """(n,) natural logarithms of the probabilities, finite even where the probability underflows to 0."""
        return self.shifted - math.log(self.total)

    @property
    def entropy_bits(self) -> float:
        """How uncertain the law is: 0 for one certain token, log2(n) when all n are equal."""
        total, moment = self._sum_up()
        return (math.log(total) - moment / total) / math.log(2) + 0.0  # + 0.0 turns -0.0 into 0.0

    @property
    def winner(self) -> int:
        """The most likely token; among equals the lowest id."""
        return int(self._best if self._ids is None else self._ids[self._best])

    @property
    def ranked(self) -> Distribution:
        """The same law with every candidate in rank order: a full sort, so not for the hot path."""
        return self.first(len(self))

    def leading(self, n: int) -> tuple[Ids, NDArray[np.float64]]:
        """The n most likely token ids and their probabilities under this whole law, in rank order."""
        at = self._leading_positions(n)
        return self._ids_at(at), self.weights_at(at) / self.total

    def top(self, n: int) -> list[Candidate]:
        """The n most likely candidates in rank order.

        >>> Distribution.from_logits([0.0, 0.0]).top(1)
        [Candidate(token_id=0, logit=0.0, prob=0.5)]
        """
        at = self._leading_positions(n)
        ids, probs = self.leading(n)
        return list(map(Candidate, ids.tolist(), self.logits[at].tolist(), probs.tolist()))

    def position_of(self, token_id: int) -> int | None:
        """Where a token stands in the arrays; None when it is absent."""
        if self._ids is None:
            return token_id if 0 <= token_id < len(self) else None
        found = np.flatnonzero(self._ids == token_id)
        return int(found[0]) if len(found) else None

    def logit_of(self, token_id: int) -> float:
        """-inf for an absent token."""
        at = self.position_of(token_id)
        return -math.inf if at is None else float(self.logits[at])

    def prob_of(self, token_id: int) -> float:
        """0 for an absent token."""
        at = self.position_of(token_id)
        return 0.0 if at is None else float(self.weights_at(at)) / self.total

    def logprob_of(self, token_id: int) -> float:
        """-inf for an absent token."""
        at = self.position_of(token_id)
        return -math.inf if at is None else float(self.shifted_at(at)) - math.log(self.total)

    def rank_of(self, token_id: int) -> int | None:
        """1 for the most likely; None for an absent token.

        >>> Distribution.from_logits([1.0, 2.0, 2.0]).rank_of(2)
        2
        """
        at = self.position_of(token_id)
        if at is None or self.is_ranked:
            return at if at is None else at + 1
        if self._order is not None and len(found := np.flatnonzero(self._order == at)):
            return int(found[0]) + 1
        logit = self.logits[at]
        n_equal_before = np.count_nonzero(self.logits[:at] == logit)
        return 1 + int(np.count_nonzero(self.logits > logit)) + int(n_equal_before)

    def mass_before(self, token_id: int) -> float:
        """The probability of all better ranks together, without a sort; 1 for an absent token, which comes after all.

        >>> Distribution.from_logits([0.0, 0.0, 0.0, 0.0]).mass_before(3)
        0.75
        """
        at = self.position_of(token_id)
        if at is None:
            return 1.0
        is_better = self.logits > self.logits[at]
        is_better[:at] |= self.logits[:at] == self.logits[at]
        return float(self.weights_at(np.flatnonzero(is_better)).sum()) / self.total

    def first(self, n: int) -> Distribution:
        """Keep the n most likely, in rank order; exactly n, the lower ids among equals at the cut."""
        if self.is_ranked and n >= len(self):
            return self
        return self._at(self._leading_positions(n), is_ranked=True)

    def nucleus(self, p: float) -> Distribution:
        """Keep the shortest ranked prefix whose mass reaches p."""
        goal = p * self.total
        for depth in (SHALLOW, DEPTH):
            reached = np.cumsum(self.weights_at(self._leading_positions(depth)))
            if reached[-1] >= goal or len(reached) == len(self):
                return self.first(int(np.searchsorted(reached, goal)) + 1)
        cut = crossing(self.logits, self.weights_at, goal, side="left")
        kept = self.logits > cut.bound
        kept[cut.positions[: cut.offset + 1]] = True
        return self.keep(kept)

    def keep(self, mask: NDArray[np.bool_]) -> Distribution:
        """Keep the candidates where the mask (n,) is True, in their order. Raises NothingToDraw."""
        at = np.flatnonzero(mask)
        if len(at) == len(self):
            return self
        if not len(at):
            raise NothingToDraw
        return self._at(at, is_ranked=self.is_ranked)

    def keep_at_least(self, mask: NDArray[np.bool_], n: int) -> Distribution:
        """Like `keep`, and in any case the n most likely."""
        if int(np.count_nonzero(mask)) < min(n, len(self)):
            mask = mask.copy()
            mask[self._leading_positions(n)] = True
        return self.keep(mask)

    def with_logits(self, logits: Floats) -> Distribution:
        """Other logits (n,) for the same candidates; -inf removes one. Raises like `from_logits`."""
        stays_ranked = self.is_ranked and bool((logits[1:] < logits[:-1]).all())
        if self.is_ranked and not stays_ranked:
            by_id = np.argsort(self.token_ids)
            return _alive(logits[by_id], self.token_ids[by_id], self.vocab_size, is_ranked=False)
        return _alive(logits, self._ids, self.vocab_size, is_ranked=stays_ranked)

    def mass_of(self, kept: Distribution) -> float:
        """The share of this law that the candidates of `kept` hold, whatever their logits are there."""
        if len(kept) == len(self):
            return 1.0
        if kept._source is self:
            return min(1.0, kept.total / self.total)
        at = kept.token_ids if self._ids is None else np.flatnonzero(np.isin(self._ids, kept.token_ids))
        return float(self.weights_at(at).sum()) / self.total

    def _leading_positions(self, n: int) -> Ids | slice:
        n = min(n, len(self))
        if self.is_ranked:
            return slice(n)
        if self._order is None or len(self._order) < n:
            self._order = ranked_prefix(self.logits, n)
        return self._order[:n]

    def _sum_up(self) -> tuple[float, float]:
        """The sum of the weights, and the sum of weight times shifted.

        In place, because after a decode the caches hold the model's weights and nothing of ours.
        """
        if (
            self._sums is None
            and self._weights is not None
            and self._shifted is not None
            and len(self) <= DEPTH
        ):
            # a part of another law: known already (and short: from 10,000 entries on BLAS wakes threads of its own)
            self._sums = float(np.add.reduce(self._weights)), float(self._weights @ self._shifted)
        if self._sums is None:
            total = moment = 0.0
            for at in range(0, len(self), BLOCK):
                weights, shifted = self._block(slice(at, at + BLOCK))
                total += float(np.add.reduce(weights))
                shifted *= weights
                moment += float(np.add.reduce(shifted))
            self._sums = total, moment
        return self._sums

    def _block(self, block: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights, which may be the cached ones, and the caller's own copy of shifted."""
        if self._weights is not None:
            return self._weights[block], self.shifted[block].copy()
        shifted = self.logits[block].astype(np.float64)
        shifted -= self.logits[self._best]
        return np.exp(shifted), shifted

    def _ids_at(self, at: Ids | slice) -> Ids:
        if self._ids is not None:
            return self._ids[at]
        return np.arange(len(self))[at] if isinstance(at, slice) else at

    def _at(self, at: Ids | slice, *, is_ranked: bool) -> Distribution:
        """The candidates at these positions, with everything already computed about them."""
        logits = self.logits[at].astype(np.float64)
        best = 0 if is_ranked else int(logits.argmax())
        ids = self._ids_at(at)
        part = Distribution(logits, ids, best, self.vocab_size, is_ranked=is_ranked)
        if logits[best] == self.logits[self._best]:
            part._source = self
            # otherwise in blocks, if at all: two fresh rows of float64 cost more than their arithmetic
            if self._weights is not None or len(ids) <= DEPTH:
                part._shifted, part._weights = self.shifted_at(at), self.weights_at(at)
        return part


def _alive(logits: Floats, token_ids: Ids | None, vocab_size: int, *, is_ranked: bool) -> Distribution:
    """A distribution of the candidates whose logit is not -inf; the broken rows are told apart here."""
    if not len(logits):
        raise NothingToDraw
    best = int(logits.argmax())  # NaN wins every argmax
    largest = float(logits[best])
    if math.isnan(largest):
        raise LogitsNotANumber(int(np.isnan(logits).sum()), len(logits))
    if largest == math.inf:
        raise LogitsInfinite(int(np.isposinf(logits).sum()), len(logits))
    if largest == -math.inf:
        raise LogitsAllImpossible(len(logits))
    if np.minimum.reduce(logits) == -math.inf:
        alive = np.flatnonzero(logits != -np.inf)
        ids = alive if token_ids is None else token_ids[alive]
        logits, token_ids, best = logits[alive], ids, int(np.searchsorted(alive, best))
    return Distribution(logits, token_ids, best, vocab_size, is_ranked=is_ranked)
