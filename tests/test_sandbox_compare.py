"""Two laws side by side."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sandbox.compare import compare
from sandbox.distribution import Distribution


def of_probs(*probs):
    with np.errstate(divide="ignore"):
        return Distribution.from_logits(np.log(probs))


def test_hand_checked_numbers():
    # |1/2 - 1/4| + |1/4 - 1/2| + 0, halved; 1/2 log2(2) + 1/4 log2(1/2) + 0
    compared = compare(of_probs(1 / 2, 1 / 4, 1 / 4), of_probs(1 / 4, 1 / 2, 1 / 4))
    assert compared.total_variation == pytest.approx(1 / 4)
    assert compared.kl_bits == pytest.approx(1 / 4)
    assert (compared.n_a, compared.n_b, compared.n_common) == (3, 3, 3)
    assert compared.first_difference == (1, 0, 1)


def test_divergence_is_one_sided():
    # 3/4 log2(3) - 1/4 log2(3) + ... : 3/4 log2((3/4)/(1/2)) + 1/4 log2((1/4)/(1/2))
    a, b = of_probs(3 / 4, 1 / 4), of_probs(1 / 2, 1 / 2)
    assert compare(a, b).kl_bits == pytest.approx(0.75 * math.log2(1.5) - 0.25)
    assert compare(b, a).kl_bits == pytest.approx(0.5 * math.log2(2 / 3) + 0.5)


def test_a_law_equals_itself():
    law = Distribution.from_logits(np.random.default_rng(1).normal(0, 3, 2000).astype(np.float32))
    compared = compare(law, law.ranked)
    assert compared.first_difference is None
    # the two orders of adding up differ in the last bit
    assert (compared.total_variation, compared.kl_bits) == pytest.approx((0.0, 0.0), abs=1e-12)


def test_nothing_in_common_is_as_far_as_it_goes():
    compared = compare(of_probs(0.5, 0.5, 0, 0), of_probs(0, 0, 0.5, 0.5))
    assert (compared.n_common, compared.total_variation, compared.kl_bits) == (0, 1.0, math.inf)
    assert compared.first_difference == (1, 0, 2)


def test_survivors_missing_in_b_cost_infinitely_many_bits_and_those_missing_in_a_cost_few():
    whole, cut = of_probs(0.5, 0.25, 0.25), of_probs(0.5, 0.25, 0.25).first(2)
    assert compare(whole, cut).kl_bits == math.inf
    assert compare(cut, whole).kl_bits == pytest.approx(math.log2(1 / 0.75))
    assert compare(whole, cut).total_variation == pytest.approx(0.25)


def test_a_ranking_that_ends_differs_where_it_ends():
    whole, cut = of_probs(0.5, 0.3, 0.2), of_probs(0.5, 0.3, 0.2).first(2)
    assert compare(whole, cut).first_difference == (3, 2, None)
    assert compare(cut, whole).first_difference == (3, None, 2)


def test_equal_probabilities_are_ranked_by_id_in_both():
    assert compare(of_probs(0.5, 0.5), of_probs(0.5, 0.5)).first_difference is None


def test_a_probability_that_underflows_to_zero_still_has_a_finite_divergence():
    far, near = Distribution.from_logits([0.0, -2000.0]), Distribution.from_logits([0.0, -3000.0])
    assert compare(far, near).kl_bits == pytest.approx(0.0, abs=1e-12)
    # b gives probability e**-2000 where a gives 1/2: half of 2000 nats, less the bit of a's own choice
    halves = Distribution.from_logits([0.0, 0.0])
    assert compare(halves, far).kl_bits == pytest.approx(1000 / math.log(2) - 1)


@pytest.mark.parametrize("rank", [1, 64, 65, 1000, 1001, 30_000, 151_936])
def test_the_first_difference_is_found_however_deep_it_lies(rank):
    row = -np.arange(151_936, dtype=np.float64) / 151_936
    other = row.copy()
    other[rank - 1] -= 10.0  # falls to the end of the ranking
    found = compare(Distribution.from_logits(row), Distribution.from_logits(other)).first_difference
    if rank == 151_936:
        assert found is None
    else:
        assert found == (rank, rank - 1, rank)
