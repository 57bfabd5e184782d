"""compare(): how far two laws over the same tokens are apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.distribution import DEPTH, Distribution


class Difference(NamedTuple):
    """The first rank (from 1) at which two rankings name different tokens; None where one has ended."""

    rank: int
    a: int | None
    b: int | None


@dataclass(frozen=True)
class Comparison:
    """Two laws side by side.

    n_a, n_b: how many tokens each holds; n_common: how many both hold.
    total_variation: 0 for the same law, 1 when no token is common; the largest difference any event can show.
    kl_bits: the bits that b wastes per token on a text drawn from a; infinite when b lacks a token of a.
    first_difference: None when the rankings are the same.
    """

    n_a: int
    n_b: int
    n_common: int
    total_variation: float
    kl_bits: float
    first_difference: Difference | None


def compare(a: Distribution, b: Distribution) -> Comparison:
    """Two laws over one vocabulary, each with its own survivors.

    Total variation is half the sum of |p_a - p_b|; the divergence is the sum of p_a * log2(p_a / p_b), Kullback and
    Leibler 1951.

    >>> halves, one = Distribution.from_logits([0.0, 0.0]), Distribution.from_logits([0.0])
    >>> comparison = compare(halves, one)
    >>> comparison.n_common, comparison.total_variation, comparison.kl_bits, compare(one, halves).kl_bits
    (1, 0.5, inf, 1.0)
    >>> comparison.first_difference
    Difference(rank=2, a=1, b=None)
    """
    size = 1 + max(int(a.token_ids.max()), int(b.token_ids.max()))
    in_a, in_b = np.zeros(size, bool), np.zeros(size, bool)
    in_a[a.token_ids] = in_b[b.token_ids] = True
    n_common = int(np.count_nonzero(in_a & in_b))
    distance = float(np.abs(_dense(a, a.probs, size) - _dense(b, b.probs, size)).sum()) / 2
    return Comparison(
        n_a=len(a),
        n_b=len(b),
        n_common=n_common,
        total_variation=min(1.0, distance),
        kl_bits=_kl_bits(a, b, size) if n_common == len(a) else math.inf,
        first_difference=_first_difference(a, b),
    )


def _dense(dist: Distribution, values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """(size,) by token id, 0 for the absent."""
    row = np.zeros(size)
    row[dist.token_ids] = values
    return row


def _kl_bits(a: Distribution, b: Distribution, size: int) -> float:
    """Every token of a is one of b. Logarithms are finite where a probability underflows to 0."""
    log_b = _dense(b, b.logprobs, size)[a.token_ids]
    nats = float((a.probs * (a.logprobs - log_b)).sum())
    return max(0.0, nats / math.log(2))  # never negative but for rounding


def _first_difference(a: Distribution, b: Distribution) -> Difference | None:
    """Looks as deep as it must: the first ranks are cheap, a whole ranking is a sort."""
    depth, longest = 64, max(len(a), len(b))
    while True:
        ids_a, ids_b = a.leading(depth)[0], b.leading(depth)[0]
        n = min(len(ids_a), len(ids_b))
        differs = ids_a[:n] != ids_b[:n]
        if differs.any():
            at = int(differs.argmax())
            return Difference(at + 1, int(ids_a[at]), int(ids_b[at]))
        if len(ids_a) != len(ids_b):
            return Difference(n + 1, _at(ids_a, n), _at(ids_b, n))
        if depth >= longest:
            return None
        depth = DEPTH if depth < DEPTH else longest


def _at(ids: NDArray[np.intp], index: int) -> int | None:
    return int(ids[index]) if index < len(ids) else None
