"""Draw one token: a recorded u in [0, 1), and the first token whose running sum of probabilities exceeds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sandbox.distribution import DEPTH, Distribution
from sandbox.errors import KnobOutOfRange
from sandbox.philox import first_word, first_words
from sandbox.ranking import crossing

Purpose = Literal["draw", "xtc", "speculative", "draft"]

PURPOSES: dict[Purpose, int] = {"draw": 0, "xtc": 1, "speculative": 2, "draft": 3}

# Running sums of one law in two orders of adding differ by less than this share of the whole; see `draw_many`.
ROUNDING = 1e-12


def uniform(seed: int, position: int, attempt: int = 0, purpose: Purpose = "draw") -> float:
    """The u of one token: a multiple of 2**-53 in [0, 1), the same wherever and whenever it is asked for.

    Counter based (Philox 4x64): the u of token 500 needs none before it, so an edited or branched text keeps its
    dice. position: index of the token in the whole sequence; attempt: grows at each redraw.

    The float is made here from a raw word, because numpy promises its words for ever and its floats only within a
    version (NEP 19).

    >>> uniform(7, 5) == uniform(7, 5) != uniform(7, 5, attempt=1)
    True
    """
    raw = first_word(seed, (position, attempt, PURPOSES[purpose], 0))
    return (raw >> 11) * 2.0**-53


def uniforms(
    seed: int, position: int, attempts: Sequence[int] | NDArray[np.integer], purpose: Purpose = "draw"
) -> NDArray[np.float64]:
    """(n,) the u of each attempt, bit for bit what `uniform` gives; 10,000 take 2 ms.

    >>> uniforms(7, 5, range(3)).tolist() == [uniform(7, 5, attempt) for attempt in range(3)]
    True
    """
    raw = first_words(seed, position, np.asarray(attempts, dtype=np.uint64), PURPOSES[purpose])
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53


def draw(dist: Distribution, u: float) -> int:
    """The token where u falls when the ranked probabilities are laid end to end. 0 <= u < 1.

    >>> halves = Distribution.from_logits([0.0, 0.0])
    >>> [draw(halves, u) for u in (0.0, 0.4999, 0.5, 0.9999)]
    [0, 0, 1, 1]
    """
    token_ids, probs = dist.leading(DEPTH)
    index = inverse_cdf(probs, u, is_whole=len(probs) == len(dist))
    if index is not None:
        return int(token_ids[index])
    cut = crossing(dist.logits, dist.weights_at, u * dist.total, side="right")
    return int(dist.token_ids[cut.positions[cut.offset]])


def draw_many(dist: Distribution, us: ArrayLike) -> NDArray[np.intp]:
    """(n,) token ids, for each u what `draw` gives: one ranking for all of them. Raises KnobOutOfRange.

    >>> draw_many(Distribution.from_logits([0.0, 0.0]), [0.0, 0.4999, 0.5, 0.9999]).tolist()
    [0, 0, 1, 1]
    """
    us = np.asarray(us, dtype=np.float64)
    if not ((us >= 0) & (us < 1)).all():
        raise KnobOutOfRange("", "u", float(us[~((us >= 0) & (us < 1))][0]), "[0, 1)")
    token_ids, probs = dist.leading(DEPTH)
    at = np.searchsorted(np.cumsum(probs), us, side="right")
    if len(probs) == len(dist):
        return token_ids[np.minimum(at, np.count_nonzero(probs) - 1)]
    drawn = token_ids[np.minimum(at, len(probs) - 1)]
    is_beyond = at == len(probs)
    if is_beyond.any():
        drawn[is_beyond] = _draw_beyond(dist, us[is_beyond])
    return drawn


def _draw_beyond(dist: Distribution, us: NDArray[np.float64]) -> NDArray[np.intp]:
    """For us that lie beyond the first DEPTH ranks. Where one is so near a boundary that the order of adding decides
    on which side, `draw` itself decides."""
    ranked = dist.ranked
    sums = np.cumsum(ranked.weights)
    goals = us * dist.total
    at = np.searchsorted(sums, goals, side="right")
    above, below = sums[np.minimum(at, len(sums) - 1)], sums[np.maximum(at - 1, 0)]
    is_close = np.minimum(np.abs(above - goals), np.abs(goals - below)) < ROUNDING * dist.total
    drawn = ranked.token_ids[np.minimum(at, len(sums) - 1)]
    drawn[is_close] = [draw(dist, float(u)) for u in us[is_close]]
    return drawn


def inverse_cdf(probs: NDArray[np.float64], u: float, *, is_whole: bool) -> int | None:
    """The first index whose running sum exceeds u; a probability of 0 is never chosen.

    probs: in rank order. is_whole: nothing follows them, so a sum that rounding left just below u means the last
    token that is possible at all. None: u lies beyond them. Raises KnobOutOfRange.
    """
    if not 0 <= u < 1:
        raise KnobOutOfRange("", "u", u, "[0, 1)")
    index = int(np.searchsorted(np.cumsum(probs), u, side="right"))
    if index < len(probs):
        return index
    return int(np.count_nonzero(probs)) - 1 if is_whole else None


def greedy(dist: Distribution) -> int:
    """The most likely token; among equals the lowest id.

    >>> greedy(Distribution.from_logits([1.0, 3.0, 3.0]))
    1
    """
    return dist.winner
