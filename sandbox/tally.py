"""tally(): many draws counted against the law they came from.

The question is whether the counts are what chance gives. Chi-square adds up (observed - expected)**2 / expected over
the cells; a token that is expected fewer than 10 times says nothing alone and is pooled with its like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sandbox.chi_square import p_value
from sandbox.distribution import Distribution
from sandbox.errors import ImpossibleDraw

Counts = NDArray[np.intp]
Verdict = Literal["compatible", "surprising", "too_few", "certain"]

ALPHA = 0.001  # a right law is called surprising once in a thousand times
MIN_EXPECTED = 10.0
N_SHOWN = 50


class Cell(NamedTuple):
    """One token. expected: n * p, seldom a whole number."""

    token_id: int
    observed: int
    expected: float
    p: float


class Others(NamedTuple):
    """All tokens without a cell of their own, together."""

    n_tokens: int
    observed: int
    expected: float


@dataclass(frozen=True)
class Tally:
    """n draws from one law.

    cells: the most likely tokens in rank order, to be shown; others: the rest of the law.
    The test has cells of its own: n_cells of them, the last of which gathers the n_pooled tokens that are too rare.
    degrees: of freedom, n_cells - 1. chi2 and p_value are None where nothing could be tested.
    verdict: "compatible" with the law; "surprising": this law gives such counts, or stranger ones, less than
    once in a thousand times (ALPHA); "too_few" draws to tell; "certain": only one token is possible.
    """

    n_draws: int
    cells: tuple[Cell, ...]
    others: Others
    chi2: float | None
    degrees: int
    p_value: float | None
    n_cells: int
    n_pooled: int
    verdict: Verdict


def tally(dist: Distribution, token_ids: ArrayLike, *, n_shown: int = N_SHOWN) -> Tally:
    """Count what was drawn from `dist`, (n,) token ids, against what it expects. n_shown: how many cells to show.

    Raises ImpossibleDraw when a token was drawn that the law gives no probability.

    >>> counted = tally(Distribution.from_logits([0.0, 0.0]), [0] * 60 + [1] * 40)
    >>> counted.chi2, counted.degrees, round(counted.p_value, 4), counted.verdict
    (4.0, 1, 0.0455, 'compatible')
    """
    drawn = np.asarray(token_ids, dtype=np.intp).reshape(-1)
    ids, probs = dist.token_ids, dist.probs
    by_id = np.bincount(drawn, minlength=int(ids.max()) + 1)
    _check_possible(by_id, ids[probs > 0])
    cells, others = _shown(dist, by_id, len(drawn), n_shown)
    observed, expected, n_pooled = _pooled(by_id[ids], probs * len(drawn))
    degrees = max(0, len(expected) - 1)
    chi2 = float(((observed - expected) ** 2 / expected).sum()) if degrees else None
    p = None if chi2 is None else p_value(chi2, degrees)
    return Tally(
        n_draws=len(drawn),
        cells=cells,
        others=others,
        chi2=chi2,
        degrees=degrees,
        p_value=p,
        n_cells=len(expected),
        n_pooled=n_pooled,
        verdict=_verdict(p, n_possible=int(np.count_nonzero(probs))),
    )


def _check_possible(by_id: Counts, possible_ids: NDArray[np.intp]) -> None:
    is_wrong = by_id > 0
    is_wrong[possible_ids] = False
    if is_wrong.any():
        raise ImpossibleDraw(int(is_wrong.argmax()))


def _shown(dist: Distribution, by_id: Counts, n_draws: int, n_shown: int) -> tuple[tuple[Cell, ...], Others]:
    ids, probs = dist.leading(n_shown)
    counts = by_id[ids].tolist()
    cells = tuple(
        Cell(token_id, count, p * n_draws, p)
        for token_id, count, p in zip(ids.tolist(), counts, probs.tolist(), strict=True)
    )
    rest = max(0.0, 1.0 - float(probs.sum())) if len(cells) < len(dist) else 0.0
    return cells, Others(len(dist) - len(cells), n_draws - sum(counts), rest * n_draws)


def _pooled(
    observed: Counts, expected: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Observed and expected counts of the cells of the test, and how many tokens the pool holds.

    A pool that is itself too rare takes the rarest of the others in.
    """
    alone = expected >= MIN_EXPECTED
    pool = float(expected[~alone].sum())
    if 0 < pool < MIN_EXPECTED and alone.any():
        rarest = int(np.flatnonzero(alone)[expected[alone].argmin()])
        alone[rarest] = False
    rare = ~alone
    if not float(expected[rare].sum()):
        return observed[alone].astype(np.float64), expected[alone], 0
    return (
        np.append(observed[alone], observed[rare].sum()).astype(np.float64),
        np.append(expected[alone], expected[rare].sum()),
        int(np.count_nonzero(rare)),
    )


def _verdict(p: float | None, *, n_possible: int) -> Verdict:
    if n_possible == 1:
        return "certain"
    if p is None:
        return "too_few"
    return "surprising" if p < ALPHA else "compatible"
