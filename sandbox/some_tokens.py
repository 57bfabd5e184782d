"""Some tokens of a law at once: where they stand, the law without them, with only them, or with other logits for them.

A token that the law does not hold is passed over: it was removed before, and stays so.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sandbox.distribution import Distribution, Floats, Ids

# a quarter of the largest float64: the difference of two such logits, and twice that, are still finite
LIMIT = sys.float_info.max / 4


def positions_of(dist: Distribution, token_ids: ArrayLike) -> tuple[Ids, NDArray[np.bool_]]:
    """Where these tokens stand in the arrays of `dist`, absent ones left out, and which of them are there.

    >>> at, is_there = positions_of(Distribution.from_logits([0.0, 1.0, 2.0]).first(2), [0, 2, -1])
    >>> at.tolist(), is_there.tolist()
    ([0], [False, True, False])
    """
    wanted, held = np.asarray(token_ids, dtype=np.int64), dist.token_ids
    by_id = np.argsort(held) if dist.is_ranked else None
    at = np.minimum(np.searchsorted(held, wanted, sorter=by_id), len(held) - 1)
    at = at if by_id is None else by_id[at]
    is_there = held[at] == wanted
    return at[is_there], is_there


def without(dist: Distribution, token_ids: ArrayLike) -> Distribution:
    """The law without these tokens; `dist` itself when it holds none of them. Raises NothingToDraw."""
    at, _ = positions_of(dist, token_ids)
    kept = np.ones(len(dist), dtype=np.bool_)
    kept[at] = False
    return dist.keep(kept)


def only(dist: Distribution, token_ids: ArrayLike) -> Distribution:
    """The law of these tokens alone. Raises NothingToDraw when it holds none of them."""
    at, _ = positions_of(dist, token_ids)
    kept = np.zeros(len(dist), dtype=np.bool_)
    kept[at] = True
    return dist.keep(kept)


def with_logits_at(dist: Distribution, at: Ids, logits: Floats) -> Distribution:
    """Other logits for the tokens at these positions; all logits stay within LIMIT, so that no sum overflows."""
    if not len(at):
        return dist
    row = dist.logits.astype(np.float64)
    row[at] = logits
    return dist.with_logits(row if abs(logits).max() <= LIMIT else bounded(row))


def bounded(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Within LIMIT: what has overflowed to an infinity is a number again."""
    return np.clip(numbers, -LIMIT, LIMIT)
