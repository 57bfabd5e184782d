"""Each sampler that cuts or reshapes, on laws small enough to work out by hand. The laws of all: test_sandbox_laws."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from sandbox.distribution import Distribution
from sandbox.errors import (
    LogitsAllImpossible,
    LogitsInfinite,
    LogitsNotANumber,
    NothingToDraw,
)
from sandbox.samplers.greedy import Greedy
from sandbox.samplers.min_p import MinP
from sandbox.samplers.temperature import Temperature
from sandbox.samplers.top_k import TopK
from sandbox.samplers.top_p import TopP
from tests.small_laws import HERE, kept, law, logits, shown

INF = float("inf")


def rows():
    rng = np.random.default_rng(20)
    normal = (rng.standard_normal(3000) * 3).astype(np.float32)
    holes = normal.copy()
    holes[rng.integers(0, 3000, 900)] = -INF
    return {
        "normal": normal,
        "tied": np.round(normal),
        "flat": np.zeros(3000, dtype=np.float32),
        "peaked": np.where(np.arange(3000) == 1234, np.float32(60), normal),
        "holes": holes,
        "single": np.array([-3.0], dtype=np.float32),
    }


@pytest.fixture(params=list(rows()))
def row(request):
    return rows()[request.param]


def ids_of(dist):
    return dist.token_ids.tolist()


def test_a_whole_float_and_a_numpy_number_are_plain_numbers_afterwards():
    assert type(TopK(k=40.0).k) is int
    assert type(TopK(k=np.int64(40)).k) is int
    assert type(Temperature(temperature=np.float32(0.5)).temperature) is float


# -- broken and partly impossible rows --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logits", "error"),
    [
        ([1.0, math.nan, 2.0], LogitsNotANumber),
        ([math.nan, INF, 2.0], LogitsNotANumber),
        ([1.0, INF, 2.0], LogitsInfinite),
        ([INF, -INF], LogitsInfinite),
        ([-INF, -INF, -INF], LogitsAllImpossible),
        ([], NothingToDraw),
    ],
)
def test_each_broken_row_has_its_own_error(logits, error):
    with pytest.raises(error) as caught:
        Distribution.from_logits(np.array(logits, dtype=np.float32))
    assert type(caught.value) is error


def test_a_nan_anywhere_in_a_long_row_is_found():
    for at in (0, 1, 17, 49_150, 49_151):
        row = np.zeros(49_152, dtype=np.float32)
        row[at] = math.nan
        with pytest.raises(LogitsNotANumber) as caught:
            Distribution.from_logits(row)
        assert caught.value.n_bad == 1


def test_a_token_of_logit_minus_infinity_is_absent():
    dist = Distribution.from_logits(np.array([-INF, 0.0, -INF, 0.0], dtype=np.float32))
    assert ids_of(dist) == [1, 3]
    assert dist.probs.tolist() == [0.5, 0.5]
    assert (dist.prob_of(0), dist.logprob_of(0), dist.rank_of(0), dist.rank_of(3)) == (0.0, -INF, None, 2)
    assert dist.winner == 1


def test_a_sampler_may_remove_a_token_by_minus_infinity_but_not_all_of_them():
    dist = Distribution.from_logits([0.0, 1.0, 2.0])
    assert ids_of(dist.with_logits(np.array([-INF, 1.0, 2.0]))) == [1, 2]
    assert ids_of(dist.ranked.with_logits(np.array([-INF, 1.0, 2.0]))) == [0, 1]
    with pytest.raises(LogitsAllImpossible):
        dist.with_logits(np.full(3, -INF))
    with pytest.raises(NothingToDraw):
        dist.keep(np.zeros(3, dtype=bool))


def test_removing_the_most_likely_token_measures_the_others_against_their_own_best():
    # relative to the removed one both weigh exp(-2000) = 0
    rest = Distribution.from_logits([2000.0, 0.0, 0.0]).keep(np.array([False, True, True]))
    assert rest.probs.tolist() == [0.5, 0.5]
    assert len(MinP(p=0.9).apply(rest, HERE)) == 2


# -- each sampler's edges ---------------------------------------------------------------------------------------


def test_greedy_takes_the_lowest_id_among_equals():
    assert ids_of(Greedy().apply(Distribution.from_logits([1.0, 3.0, 3.0, 2.0]), HERE)) == [1]


def test_top_k_keeps_exactly_k_and_the_lower_ids_among_equals():
    dist = Distribution.from_logits([0.0, 1.0, 1.0, 1.0, 0.5])
    assert [sorted(ids_of(TopK(k=k).apply(dist, HERE))) for k in (1, 2, 3, 4)] == [
        [1],
        [1, 2],
        [1, 2, 3],
        [1, 2, 3, 4],
    ]


def test_top_k_at_or_above_the_number_of_tokens_keeps_everything():
    dist = Distribution.from_logits([0.0, 1.0, 2.0])
    assert [len(TopK(k=k).apply(dist, HERE)) for k in (2, 3, 4, 10**9)] == [2, 3, 3, 3]
    assert TopK(k=3).apply(dist, HERE) is dist


def test_top_p_keeps_the_token_that_crosses_and_stops_when_p_is_met_exactly():
    quarters = Distribution.from_logits(np.zeros(4))
    assert [len(TopP(p=p).apply(quarters, HERE)) for p in (0.2, 0.25, 0.26, 0.5, 0.51, 0.75, 0.999)] == [
        1,
        1,
        2,
        2,
        3,
        3,
        4,
    ]


def test_top_p_met_exactly_by_a_flat_law_of_ten_keeps_eight():
    # summing ten probabilities of 0.1 would end at 0.7999999999999999; summing weights of 1 does not
    assert len(TopP(p=0.8).apply(Distribution.from_logits(np.zeros(10)), HERE)) == 8


def test_top_p_met_exactly_in_the_middle_of_a_wide_flat_law():
    flat = Distribution.from_logits(np.zeros(65_536, dtype=np.float32))
    assert ids_of(TopP(p=0.5).apply(flat, HERE)) == list(range(32_768))


def test_a_tiny_top_p_keeps_the_most_likely_token():
    for p in (1e-300, 5e-324, 1e-9):
        assert ids_of(TopP(p=p).apply(law(0.2, 0.5, 0.3), HERE)) == [1]


def test_a_top_p_just_below_one_never_asks_for_more_tokens_than_there_are(row):
    dist = Distribution.from_logits(row)
    after = TopP(p=1 - 2**-53).apply(dist, HERE)
    assert 1 <= len(after) <= len(dist)
    assert 1 - dist.mass_of(after) < 1e-12


def test_min_p_one_keeps_everything_tied_with_the_best():
    assert ids_of(MinP(p=1).apply(Distribution.from_logits([1.0, 3.0, 3.0, 2.0]), HERE)) == [1, 2]


def test_min_p_keeps_a_token_exactly_at_the_bar():
    assert len(MinP(p=0.5).apply(law(0.5, 0.25, 0.25), HERE)) == 3


def test_temperature_multiplies_the_log_odds():
    # at T = 1/2 odds of 4 to 1 become 16 to 1
    np.testing.assert_allclose(
        Temperature(temperature=0.5).apply(law(0.8, 0.2), HERE).probs, [16 / 17, 1 / 17]
    )


EXTREME = [
    [3e38, -3e38, 0.0],
    [0.0, 3e38, -3e38],
    [3e38, 3e38, -3e38],
    [-3e38, -3e38, -3e38],
    [3e38, 0.0, 1.0],
    [-3e38, 0.0, -1.0],
    [1.0, 2.0, 0.5],
]


@pytest.mark.parametrize("extreme", EXTREME)
@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 2e-270, 1e-30, 1e-3, 0.5, 2.0, 1e30, 1e300])
def test_no_temperature_overflows(extreme, temperature):
    """At 2e-270 both ends are inside float64, 1.5e308 and -1.5e308, and their difference is not."""
    dist = Distribution.from_logits(np.array(extreme, dtype=np.float32))
    for before in (dist, dist.ranked):
        after = Temperature(temperature=temperature).apply(before, HERE)
        assert len(after) == 3
        assert np.isfinite(after.shifted).all()
        assert abs(after.probs.sum() - 1) < 1e-12
        assert after.winner == dist.winner or temperature > 1e29
        if temperature < 1e-200:
            assert after.prob_of(dist.winner) == 1 / extreme.count(max(extreme))


def test_temperature_divides_the_logits_themselves():
    assert Temperature(temperature=0.5).apply(logits(3, -2, 0), HERE).logits.tolist() == [6, -4, 0]


def test_a_tiny_temperature_is_greedy_and_a_huge_one_is_uniform():
    dist = Distribution.from_logits(np.array([1.0, 2.0, 1.5], dtype=np.float32))
    assert Temperature(temperature=1e-300).apply(dist, HERE).probs.tolist() == [0.0, 1.0, 0.0]
    np.testing.assert_allclose(Temperature(temperature=1e300).apply(dist, HERE).probs, 1 / 3, rtol=1e-12)


def test_temperature_that_merges_two_logits_ranks_them_by_id_again():
    near = Distribution.from_logits([1e-20, 2e-20, -1.0]).ranked
    assert ids_of(near) == [1, 0, 2]
    merged = Temperature(temperature=1e308).apply(near, HERE)  # 1e-20 / 1e308 underflows to 0
    assert ids_of(merged.ranked) == [0, 1, 2]


def test_the_order_of_samplers_changes_the_law():
    # logits 3, 2, 1: top_p 0.8 before temperature 0.5 keeps two tokens, after it one
    dist = Distribution.from_logits([3.0, 2.0, 1.0])
    cool, nucleus = Temperature(temperature=0.5), TopP(p=0.8)
    assert len(cool.apply(nucleus.apply(dist, HERE), HERE)) == 2
    assert len(nucleus.apply(cool.apply(dist, HERE), HERE)) == 1


# -- min_keep, and the working ----------------------------------------------------------------------------------


def test_min_keep_holds_the_first_in_rank_and_never_more_than_there_are():
    dist = law(0.25, 0.5, 0.125, 0.125)
    for sampler in (TopK(k=1, min_keep=3), TopP(p=0.1, min_keep=3), MinP(p=0.9, min_keep=3)):
        assert kept(sampler, dist) == [0, 1, 2]
    for sampler in (TopK(k=1, min_keep=9), TopP(p=0.1, min_keep=9), MinP(p=0.9, min_keep=9)):
        assert sampler.apply(dist, HERE).token_ids.size == 4
    assert kept(TopP(p=0.8, min_keep=2), dist) == [0, 1, 2]  # more than that stay anyhow


def test_the_working_of_top_k():
    dist = law(0.25, 0.5, 0.125, 0.125)
    assert [shown(TopK(k=2), i, dist) for i in (1, 0, 2)] == ["r = 1 ≤ 2", "r = 2 ≤ 2", "r = 3 > 2"]
    assert shown(TopK(k=2, min_keep=3), 2, dist) == "r = 3 ≤ 3"


def test_the_working_of_top_p():
    dist = law(0.25, 0.5, 0.125, 0.125)
    assert [shown(TopP(p=0.6), i, dist) for i in (1, 0, 2)] == [
        "r = 1; p₍₁₎ + … + p₍ᵣ₋₁₎ = 0.0 < 0.6",
        "r = 2; p₍₁₎ + … + p₍ᵣ₋₁₎ = 0.5 < 0.6",
        "r = 3; p₍₁₎ + … + p₍ᵣ₋₁₎ = 0.75 ≥ 0.6",
    ]
    spared = shown(TopP(p=0.6, min_keep=3), 2, dist)
    assert spared == "r = 3; p₍₁₎ + … + p₍ᵣ₋₁₎ = 0.75 ≥ 0.6; r = 3 ≤ 3"
    # the sum of eight tenths is 0.7999999999999999, and the ninth token still goes
    assert "≥" in shown(TopP(p=0.8), 8, Distribution.from_logits(np.zeros(10)))
    assert shown(TopP(p=1), 1, logits(0, -1000)).endswith("= 1.0 < 1.0")  # 1 keeps even what weighs nothing


def test_the_working_of_min_p():
    dist = law(0.5, 0.25, 0.125, 0.125)
    assert shown(MinP(p=0.5), 1, dist) == "p = 0.25 ≥ 0.5 · 0.5 = 0.25"
    assert shown(MinP(p=0.5), 2, dist) == "p = 0.125 < 0.5 · 0.5 = 0.25"
    assert shown(MinP(p=0.5, min_keep=3), 2, dist) == "p = 0.125 < 0.5 · 0.5 = 0.25; r = 3 ≤ 3"


def test_the_working_of_greedy():
    dist = law(0.4, 0.4, 0.2)
    assert [shown(Greedy(), i, dist) for i in range(3)] == [
        "p = 0.4 = max p",
        "p = 0.4 = max p; i = 1 > 0",
        "p = 0.2 < max p = 0.4",
    ]


def test_the_working_of_temperature():
    assert shown(Temperature(temperature=0.5), 1, logits(3, -2)) == "ℓ / T = -2.0 / 0.5 = -4.0"
    for logit, largest in ((3e38, sys.float_info.max), (-3e38, -sys.float_info.max)):
        dist = logits(logit)
        worked = Temperature(temperature=1e-300).worked(0, dist, dist, HERE)
        assert worked.numbers["out"] == largest
