"""Ranking without sorting everything: the largest logits first, equal ones by position.

Sorting 49,152 logits takes 5 ms, a twentieth of which is more than a step may spend. Both functions here are exact:
they give what a stable sort of the whole row would give.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Positions = NDArray[np.intp]

Side = Literal["left", "right"]

Weigh = Callable[[Positions], NDArray[np.float64]]

# Whole rows are worked through in blocks of this many entries: 128 KiB of float64. Fresh memory for a row costs
# more in page faults (0.3 ms at 49,152 entries) than the arithmetic does.
BLOCK = 16_384

_N_BUCKETS = 2048


def ranked_prefix(logits: Floats, n: int) -> Positions:
    """Positions of the n largest logits, largest first, equal ones by position. 0 < n <= len(logits).

    >>> ranked_prefix(np.array([1.0, 3.0, 3.0, 2.0]), 3).tolist()
    [1, 2, 3]
    """
    if len(logits) < 8 * n:
        return np.argsort(-logits, kind="stable")[:n]
    near = (logits >= _lower_bound(logits, n)).nonzero()[0]
    if len(near) > 4 * n:
        near = _without_needless_ties(logits, near, n)
    return near[(-logits[near]).argsort(kind="stable")][:n]


def _lower_bound(logits: Floats, n: int) -> float:
    """A logit that at least n others reach, near the n-th largest.

    Fold the row into columns: the n-th largest of the columns' maxima is reached by n entries, one per column.
    With four columns per wanted entry about 1.15 n entries reach it, and partitioning the few maxima replaces
    partitioning the row (0.02 against 0.35 ms at 49,152).
    """
    n_columns = min(max(4 * n, 512), len(logits) // 2)
    n_rows = len(logits) // n_columns
    maxima = np.maximum.reduce(logits[: n_rows * n_columns].reshape(n_rows, n_columns))
    maxima.partition(n_columns - n)
    return float(maxima[n_columns - n])


def _without_needless_ties(logits: Floats, near: Positions, n: int) -> Positions:
    """Where nearly everything ties with the n-th largest (a flat row), sorting the equals would cost all we saved."""
    values = logits[near]
    last = np.partition(values, len(values) - n)[len(values) - n]
    above = near[values > last]
    return np.concatenate((above, near[values == last][:n]))


class Cut(NamedTuple):
    """Where a running sum over the ranking crosses a goal.

    Every candidate above `bound` comes before; `positions` are the next ones in rank order, and the crossing one
    is `positions[offset]`. A goal that rounding puts beyond the whole sum is crossed by the last candidate that weighs.
    """

    bound: float
    positions: Positions
    offset: int


def crossing(values: Floats, weights_at: Weigh, goal: float, *, side: Side) -> Cut:
    """Find the candidate at which the weights, summed in rank order of `values`, reach `goal`.

    weights_at: gives the weights of some positions, so that no whole row of them need exist.
    side "left": the first sum >= goal (top-p). side "right": the first sum > goal (a draw).
    Narrow down by histograms of the values until the slice that holds the crossing is small; sort only that.

    >>> quarters = np.full(4, 0.25)
    >>> cut = crossing(np.zeros(4), quarters.__getitem__, 0.5, side="left")
    >>> cut.positions[cut.offset], crossing(np.zeros(4), quarters.__getitem__, 0.5, side="right").offset
    (np.int64(1), 2)
    """
    active, before = np.arange(len(values)), 0.0
    while len(active) > _N_BUCKETS:
        highest, lowest = float(values.max()), float(values.min())
        scale = (_N_BUCKETS - 1) / (highest - lowest) if highest > lowest else math.inf
        if not math.isfinite(scale):  # all equal: position is the order
            break
        bucket, sums = _histogram(values, active, weights_at, highest, scale)
        sums += before
        chosen = _first_reaching(sums, goal, side)
        before = float(sums[chosen - 1]) if chosen else before
        inside = np.flatnonzero(bucket == chosen)
        active, values = active[inside], values[inside]
    order = np.argsort(-values, kind="stable")
    offset = _first_reaching(before + np.cumsum(weights_at(active[order])), goal, side)
    return Cut(float(values[order[0]]), active[order], offset)


def _histogram(
    values: Floats, active: Positions, weights_at: Weigh, highest: float, scale: float
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Each value's bucket, the largest in bucket 0, and the running sum of the buckets' weights."""
    bucket, sums = np.empty(len(values), np.int16), np.zeros(_N_BUCKETS)
    for at in range(0, len(values), BLOCK):
        block = slice(at, at + BLOCK)
        down = values[block].astype(np.float64)
        np.subtract(highest, down, out=down)
        down *= scale
        bucket[block] = down
        sums += np.bincount(bucket[block], weights=weights_at(active[block]), minlength=_N_BUCKETS)
    return bucket, np.cumsum(sums)


def _first_reaching(sums: Floats, goal: float, side: Side) -> int:
    return min(int(np.searchsorted(sums, goal, side)), int(np.searchsorted(sums, sums[-1])))
