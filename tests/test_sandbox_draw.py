"""The draw: one uniform, inverse CDF over the ranked law."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.random import Philox

from sandbox.distribution import Distribution
from sandbox.draw import draw, greedy, inverse_cdf, uniform
from sandbox.errors import KnobOutOfRange
from sandbox.ranking import crossing

LAST_U = 1 - 2**-53


def language_row(size, seed=5):
    rng = np.random.default_rng(seed)
    return (-1.1 * np.log(rng.permutation(size) + 3)).astype(np.float32)


def test_a_draw_at_a_boundary_takes_the_next_candidate():
    halves = Distribution.from_logits(np.zeros(2, dtype=np.float32))
    assert [draw(halves, u) for u in (0.0, 0.4999, 0.5, LAST_U)] == [0, 0, 1, 1]


def test_a_draw_at_a_boundary_far_down_the_ranking_takes_the_next_candidate():
    flat = Distribution.from_logits(np.zeros(4096, dtype=np.float32))
    assert [draw(flat, i / 4096) for i in (0, 999, 1000, 1001, 2048, 4095)] == [
        0,
        999,
        1000,
        1001,
        2048,
        4095,
    ]


def test_a_draw_among_thousands_of_equals_below_one_heavy_token():
    # one token of mass 1/2, 3,000 equal ones, 3,000 a hair below, one far away that makes every histogram coarse
    row = np.concatenate(([np.log(6000)], np.full(3000, 0.0), np.full(3000, -1e-3), [-500.0])).astype(
        np.float32
    )
    dist = Distribution.from_logits(row)
    sums = np.cumsum(dist.probs)  # already in rank order
    for rank in (1200, 2000, 2999, 3001, 4000, 5999):
        assert draw(dist, float(sums[rank] + sums[rank - 1]) / 2) == rank


def test_candidates_are_laid_out_by_rank_and_equal_ones_by_id():
    dist = Distribution.from_logits(np.log(np.array([0.125, 0.5, 0.125, 0.25])))
    assert [draw(dist, u) for u in (0.0, 0.49, 0.51, 0.74, 0.76, 0.87, 0.88)] == [1, 1, 3, 3, 0, 0, 2]


@pytest.mark.parametrize("size", [50, 1000, 3000])
def test_stratified_draws_give_every_token_its_share_within_one(size):
    n_draws = 20_000
    dist = Distribution.from_logits(language_row(size))
    drawn = [draw(dist, (i + 0.5) / n_draws) for i in range(n_draws)]
    counts = np.bincount(drawn, minlength=size)
    assert np.abs(counts - n_draws * dist.probs).max() <= 1


def test_stratified_draws_far_in_the_tail_give_every_token_its_share_within_one():
    # 49,152 tokens: most of these draws lie beyond the first 1,000 ranks
    n_draws = 1500
    dist = Distribution.from_logits(language_row(49_152))
    ranked = dist.ranked
    first, last = 0.80, 0.81
    us = first + (last - first) * (np.arange(n_draws) + 0.5) / n_draws
    drawn = [draw(dist, float(u)) for u in us]
    sums = np.concatenate(([0.0], np.cumsum(ranked.probs)))
    inside = np.clip(sums, first, last)
    expected = dict(zip(ranked.token_ids.tolist(), (np.diff(inside) / (last - first)).tolist(), strict=True))
    counts = np.bincount(drawn, minlength=49_152)
    assert max(abs(counts[token_id] - n_draws * p) for token_id, p in expected.items()) <= 1
    assert dist.rank_of(drawn[0]) > 1000


def test_no_draw_leaves_the_support():
    logits = np.full(2000, -np.inf, dtype=np.float32)
    logits[500:1500] = language_row(1000)
    dist = Distribution.from_logits(logits)
    for u in (0.0, 2**-53, 0.3, 0.999999, LAST_U):
        assert 500 <= draw(dist, u) < 1500


@pytest.mark.parametrize("size", [3, 900, 5000, 49_152])
def test_the_largest_u_never_draws_a_probability_of_zero(size):
    logits = language_row(size)
    logits[size // 2 :] = -2000.0  # present, but its probability underflows to 0
    dist = Distribution.from_logits(logits)
    for u in (0.0, LAST_U):
        assert dist.prob_of(draw(dist, u)) > 0


def test_a_running_sum_that_rounding_leaves_below_u_ends_at_the_last_possible_token():
    tenths = np.array([0.1] * 10)
    assert np.cumsum(tenths)[-1] < LAST_U + 2**-53
    assert inverse_cdf(np.append(tenths, 0.0), LAST_U, is_whole=True) == 9
    assert inverse_cdf(tenths[:5], 0.7, is_whole=False) is None


def test_a_goal_beyond_the_whole_sum_is_crossed_by_the_last_candidate_that_weighs():
    for size in (100, 5000, 50_000):
        values = -np.arange(size, dtype=np.float64)
        weights = np.where(np.arange(size) < size // 2, 1.0 / size, 0.0)
        for side in ("left", "right"):
            cut = crossing(values, weights.__getitem__, 2.0, side=side)
            assert cut.positions[cut.offset] == size // 2 - 1


@pytest.mark.parametrize("u", [-0.1, 1.0, 2.0, float("nan")])
def test_a_u_outside_the_unit_interval_is_refused(u):
    with pytest.raises(KnobOutOfRange, match=r"u = .* is outside \[0, 1\)"):
        draw(Distribution.from_logits([0.0, 0.0]), u)


def test_greedy_is_the_first_maximum():
    assert greedy(Distribution.from_logits([1.0, 3.0, 3.0, 2.0])) == 1


@pytest.mark.parametrize(("purpose", "number"), [("draw", 0), ("xtc", 1), ("speculative", 2)])
def test_u_is_the_top_53_bits_of_the_first_philox_word(purpose, number):
    for seed, position, attempt in [(0, 0, 0), (7, 5, 0), (7, 5, 3), (2**53 - 1, 4095, 1)]:
        words = Philox(
            counter=np.array([position, attempt, number, 0], dtype=np.uint64), key=seed
        ).random_raw(4)
        assert uniform(seed, position, attempt, purpose) == float(int(words[0]) >> 11) / 2**53


def test_philox_itself_is_the_published_generator():
    """Philox4x64-10, written out from Salmon et al. 2011 (figure 4 and table 2), one block for one u."""
    mask = 2**64 - 1
    multipliers, weyl = (0xD2E7470EE14C6C93, 0xCA5A826395121157), (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
    seed, position, attempt = 20_240, 17, 2
    c, key = [position + 1, attempt, 0, 0], [seed, 0]  # numpy counts up before its first block
    for _ in range(10):
        low, high = (
            [(multipliers[i] * c[2 * i]) & mask for i in (0, 1)],
            [(multipliers[i] * c[2 * i]) >> 64 for i in (0, 1)],
        )
        c = [high[1] ^ c[1] ^ key[0], low[1], high[0] ^ c[3] ^ key[1], low[0]]
        key = [(key[i] + weyl[i]) & mask for i in (0, 1)]
    assert uniform(seed, position, attempt) == (c[0] >> 11) * 2.0**-53


def test_every_seed_position_attempt_and_purpose_has_its_own_u():
    us = {
        uniform(seed, position, attempt, purpose)
        for seed in (0, 1, 2)
        for position in range(50)
        for attempt in (0, 1, 2)
        for purpose in ("draw", "xtc", "speculative")
    }
    assert len(us) == 3 * 50 * 3 * 3
    assert all(0 <= u < 1 for u in us)


def test_us_fill_the_unit_interval_evenly():
    # 20,000 draws in 16 cells: chi-square with 15 degrees of freedom exceeds 64 once in 20 million seeds
    counts = np.bincount([int(uniform(11, position) * 16) for position in range(20_000)], minlength=16)
    assert ((counts - 1250) ** 2 / 1250).sum() < 64


def test_neighbouring_us_are_independent():
    us = [uniform(13, position) for position in range(20_001)]
    pairs = np.bincount([int(a * 8) * 8 + int(b * 8) for a, b in itertools.pairwise(us)], minlength=64)
    # 63 degrees of freedom: 140 is beyond one seed in ten million
    assert ((pairs - 312.5) ** 2 / 312.5).sum() < 140
