"""The fast paths against the definition: a stable sort of the whole row and sums in extended precision."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sandbox.distribution import Distribution
from sandbox.draw import draw
from sandbox.ranking import ranked_prefix
from sandbox.sampler import Context
from sandbox.samplers.min_p import MinP
from sandbox.samplers.top_k import TopK
from sandbox.samplers.top_p import TopP

HERE = Context()


def make_rows(size, seed):
    rng = np.random.default_rng(seed)
    normal = (rng.standard_normal(size) * 3).astype(np.float32)
    far = normal.copy()
    far[rng.integers(0, size, 5)] = np.float32(-3e38)
    holes = normal.copy()
    holes[rng.random(size) < 0.3] = -np.inf
    return {
        "normal": normal,
        "tied": np.round(normal * 2) / 2,
        "two values": (rng.random(size) < 0.5).astype(np.float32),
        "nearly flat": (rng.standard_normal(size) * 1e-3).astype(np.float32),
        "flat": np.full(size, -7.0, dtype=np.float32),
        "language": (-1.1 * np.log(rng.permutation(size) + 3)).astype(np.float32),
        "peaked": np.where(np.arange(size) == size // 2, np.float32(40), normal),
        "far outliers": far,
        "holes": holes,
    }


CASES = [(size, kind) for size in (7, 40, 1003, 20_000) for kind in make_rows(7, 0)]
CASES += [(151_936, kind) for kind in ("normal", "tied", "language")]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}", scope="module")
def case(request):
    size, kind = request.param
    return Reference(make_rows(size, size)[kind])


class Reference:
    """From the definition: softmax in long double, rank by probability downwards and id upwards, full sort."""

    def __init__(self, row):
        self.row = row
        logits = row.astype(np.longdouble)
        weights = np.exp(logits - logits.max())
        self.probs = weights / weights.sum()
        alive = np.flatnonzero(row > -np.inf)
        self.order = alive[np.argsort(-logits[alive], kind="stable")]
        self.ranked = self.probs[self.order]
        self.sums = np.cumsum(self.ranked)

    def nucleus(self, p):
        """The smallest prefix that reaches p; None when p lies within rounding of a boundary."""
        n = int(np.searchsorted(self.sums, p)) + 1
        near = self.sums[max(0, n - 2) : n]
        if len(near) == 0 or np.abs(near - p).min() < 1e-13:
            return None
        return self.order[:n]


def test_probabilities_entropy_and_logprobs_are_those_of_the_definition(case):
    dist = Distribution.from_logits(case.row)
    alive = dist.token_ids
    np.testing.assert_allclose(dist.probs, case.probs[alive].astype(np.float64), rtol=1e-12, atol=0)
    assert abs(dist.probs.sum() - 1) < 1e-12
    possible = case.ranked[case.ranked > 0]
    entropy = float(-(possible * np.log2(possible)).sum())
    assert math.isclose(dist.entropy_bits, entropy, rel_tol=1e-11, abs_tol=1e-13)
    np.testing.assert_allclose(np.exp(dist.logprobs), dist.probs, rtol=1e-11, atol=1e-300)


def test_the_ranking_is_a_full_stable_sort_cut_short(case):
    alive = np.flatnonzero(case.row > -np.inf)
    for n in (1, 2, 10, 40, 1000, len(alive)):
        depth = min(n, len(alive))
        assert np.array_equal(alive[ranked_prefix(case.row[alive], depth)], case.order[:depth])


def test_rank_of_counts_the_candidates_before(case):
    dist = Distribution.from_logits(case.row)
    for rank in {1, 2, 5, len(dist) // 2, len(dist)}:
        if 1 <= rank <= len(dist):
            assert dist.rank_of(int(case.order[rank - 1])) == rank
    dist.leading(10)  # from now on the first ranks are read from the ranking
    assert dist.rank_of(int(case.order[0])) == 1


def test_top_k_keeps_the_first_k_of_the_full_ranking(case):
    dist = Distribution.from_logits(case.row)
    for k in (1, 3, 40, 500, 2500):
        kept = TopK(k=k).apply(dist, HERE)
        assert np.array_equal(np.sort(kept.token_ids), np.sort(case.order[:k]))


def test_top_p_keeps_the_smallest_prefix_that_reaches_p(case):
    dist = Distribution.from_logits(case.row)
    for p in (0.0123, 0.3217, 0.5011, 0.9003, 0.9507, 0.9901, 0.9993, 0.99991):
        expected = case.nucleus(p)
        if expected is not None:
            assert np.array_equal(np.sort(TopP(p=p).apply(dist, HERE).token_ids), np.sort(expected)), p


def test_min_p_keeps_what_reaches_its_share_of_the_best(case):
    dist = Distribution.from_logits(case.row)
    for share in (0.0501, 0.3007, 1e-6):
        ratio = (case.probs / case.probs.max()).astype(np.float64)
        if np.abs(ratio - share).min() > 1e-13:
            assert np.array_equal(MinP(p=share).apply(dist, HERE).token_ids, np.flatnonzero(ratio >= share))


def test_a_draw_lands_where_the_running_sum_of_the_full_ranking_exceeds_u(case):
    dist = Distribution.from_logits(case.row)
    for u in (0.0, 0.1003, 0.5007, 0.9301, 0.9907, 0.9997, 0.99999):
        at = int(np.searchsorted(case.sums, u, side="right"))
        if np.abs(case.sums[max(0, at - 1) : at + 1] - u).min() > 1e-13:
            assert draw(dist, u) == case.order[at], u


def test_the_nucleus_of_a_wide_law_is_not_the_one_of_float32_sums():
    # the reason for rule 1: summed in float32 this nucleus is another one
    row = make_rows(151_936, 151_936)["language"]
    weights = np.sort(np.exp((row - row.max()).astype(np.float32)))[::-1]
    float32_sums = np.cumsum(weights / weights.sum(dtype=np.float32), dtype=np.float32)
    exact = len(TopP(p=0.9993).apply(Distribution.from_logits(row), HERE))
    assert exact == len(Reference(row).nucleus(0.9993))
    assert exact != int(np.searchsorted(float32_sums, np.float32(0.9993))) + 1
