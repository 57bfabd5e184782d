"""Rows for the parity tests, and how far each token of a row is from where a sampler cuts, from the definitions.

A distance (vocab_size,) is 0 where the cut goes through the token. Distances are relative to what the rule compares, so
that float32 arithmetic errs by about 2**-24 times the number of terms summed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from tests.peers import softmax

INF = float("inf")
KINDS = ("random", "random", "heavy-tailed", "tied", "holes")
N_OF_EACH = {1: 2, 2: 6, 50: 12, 1000: 8, 49_152: 1, 151_936: 1}


class ParityRow:
    """logits: (vocab_size,) float32. The rest, in float64, is computed here and not with our samplers."""

    def __init__(self, kind: str, size: int, seed: int) -> None:
        dice = np.random.default_rng([size, seed])
        logits = dice.standard_t(3, size) * 3 if kind == "heavy-tailed" else dice.standard_normal(size) * 3
        if kind == "tied":
            logits = np.round(logits)
        if kind == "holes":
            logits[dice.random(size) < 0.3] = -INF
            logits[dice.integers(size)] = 1.0
        self.kind, self.logits = kind, logits.astype(np.float32)

    @cached_property
    def probs(self) -> Any:
        return softmax(self.logits)

    @cached_property
    def surprisal(self) -> Any:
        """In nats; inf for an absent token."""
        shifted = self.logits.astype(np.float64) - float(self.logits.max())
        return np.log(np.exp(shifted).sum()) - shifted

    @cached_property
    def entropy(self) -> float:
        there = self.probs > 0
        return float((self.probs[there] * self.surprisal[there]).sum())

    @cached_property
    def order(self) -> Any:
        return np.argsort(-self.logits, kind="stable")


Distance = Callable[[ParityRow], Any]


def parity_rows() -> list[ParityRow]:
    return [
        ParityRow(kind, size, seed * len(KINDS) + at)
        for size, n in N_OF_EACH.items()
        for at, kind in enumerate(KINDS)
        for seed in range(n)
    ]


def nowhere(row: ParityRow) -> Any:
    return np.full(len(row.logits), INF)


def from_bar(bar: Callable[[ParityRow], float]) -> Distance:
    """The cut is where the probability equals the bar."""
    return lambda row: np.abs(row.surprisal + np.log(bar(row)))


def from_sum(row: ParityRow, order: Any, terms: Any, goal: float) -> Any:
    """The cut is where the running sum of the terms, in this order, passes the goal."""
    distance, after = nowhere(row), np.cumsum(terms)
    distance[order] = np.maximum(0, np.maximum(after - terms - goal, goal - after))
    return distance


def from_nucleus(p: float) -> Distance:
    return lambda row: from_sum(row, row.order, row.probs[row.order], p)


def from_budget(h: float) -> Distance:
    def distance(row: ParityRow) -> Any:
        best = row.order[:100]
        best = best[row.logits[best] > -INF]
        p = softmax(row.logits[best])
        terms = -p * np.log(np.maximum(p, 1e-300))
        return from_sum(row, best, terms, h * float(terms.sum()))

    return distance


def from_sigma(n: float) -> Distance:
    """In units of the deviation that the cut is measured with."""

    def distance(row: ParityRow) -> Any:
        there = row.logits[row.logits > -INF].astype(np.float64)
        bar, sigma = there.max() - n * there.std(), max(float(there.std()), 1e-300)
        return np.abs(row.logits - bar) / sigma

    return distance


def from_typical(p: float) -> Distance:
    """Near the cut: the sum is nearly p there, or it is nearly as typical as the token that the sum of p falls on."""

    def distance(row: ParityRow) -> Any:
        s = np.abs(row.surprisal - row.entropy)
        order = np.argsort(s, kind="stable")
        at = order[min(int(np.searchsorted(np.cumsum(row.probs[order]), p)), len(order) - 1)]
        return np.minimum(from_sum(row, order, row.probs[order], p), np.abs(s - s[at]))

    return distance
