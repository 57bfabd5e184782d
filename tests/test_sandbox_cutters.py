"""The samplers that cut, on laws small enough to work out by hand. (top_k, top_p, min_p: test_sandbox_samplers.)"""

from __future__ import annotations

import math

import numpy as np
import pytest

from sandbox.distribution import Distribution
from sandbox.draw import uniform
from sandbox.outcome import run_chain
from sandbox.sampler import Context
from sandbox.samplers.epsilon_cutoff import EpsilonCutoff
from sandbox.samplers.eta_cutoff import EtaCutoff
from sandbox.samplers.p_less import PLess
from sandbox.samplers.temperature import Temperature
from sandbox.samplers.top_a import TopA
from sandbox.samplers.top_h import TopH
from sandbox.samplers.top_n_sigma import TopNSigma
from sandbox.samplers.typical_p import TypicalP
from sandbox.samplers.xtc import Xtc
from tests.small_laws import HERE, kept, law, logits, shown

INF = float("inf")


# -- typical_p --------------------------------------------------------------------------------------------------


def test_typical_keeps_the_nearest_to_the_entropy_first_and_the_favourite_may_go():
    # entropy 1.5129 bits; surprisals 1.1520, 1.5146, 2.3219: the distances rise from token 1 to 0 to 2
    dist = law(0.45, 0.35, 0.2)
    assert [kept(TypicalP(p=p), dist) for p in (0.34, 0.36, 0.79, 0.81)] == [[1], [0, 1], [0, 1], [0, 1, 2]]


def test_typical_stops_when_p_is_met_exactly():
    # four equal tokens are equally typical: the lower ids first, each with a quarter
    quarters = logits(0, 0, 0, 0)
    assert [len(kept(TypicalP(p=p), quarters)) for p in (0.2, 0.25, 0.26, 0.5, 0.75, 0.76)] == [
        1,
        1,
        2,
        2,
        3,
        4,
    ]
    assert kept(TypicalP(p=0.5), quarters) == [0, 1]


def mirrored(x):
    """Logits -2 and 0 and seven of x, where the mean surprisal lies exactly in the middle of the first two.

    The mean of the logits must be -1: (x + 1) * exp(x) * 7 = exp(-2) - 1, x near -2.4 or -1.6; then by last digits.
    """
    for _ in range(50):
        x -= (7 * (x + 1) * math.exp(x) - math.exp(-2) + 1) / (7 * (x + 2) * math.exp(x))
    for digit in range(-40, 40):
        dist = logits(-2, 0, *[x + digit * 4.5e-16] * 7)
        if math.log(dist.total) - dist.entropy_bits * math.log(2) == -1:
            return dist
    raise AssertionError("no row of these hits the middle exactly")


def test_of_two_equally_typical_tokens_the_likelier_comes_first():
    dist = mirrored(-2.4)
    assert kept(TypicalP(p=0.01), dist) == [1]
    assert kept(TypicalP(p=0.01), dist.ranked) == [1]
    assert kept(TypicalP(p=0.01, min_keep=2), dist) == [0, 1]
    assert kept(TypicalP(p=0.01, min_keep=8), mirrored(-1.6)) == list(range(1, 9))
    assert shown(TypicalP(p=0.01), 0, dist).endswith(f"= {round(dist.prob_of(1), 4)} ≥ 0.01")


@pytest.mark.parametrize("is_ranked", [False, True])
def test_the_place_of_a_token_in_typical_is_that_of_a_sort(is_ranked):
    dist = mirrored(-2.4)
    dist = dist.ranked if is_ranked else dist
    mean = math.log(dist.total) - dist.entropy_bits * math.log(2)
    x = dict(zip(dist.token_ids.tolist(), dist.shifted.tolist(), strict=True))
    order = sorted(x, key=lambda i: (abs(x[i] - mean), -x[i], i))
    for place, token_id in enumerate(order):
        worked = TypicalP(p=0.01).worked(token_id, dist, dist, HERE).numbers
        assert worked["C"] == pytest.approx(sum(dist.prob_of(i) for i in order[:place]), abs=1e-15)
        assert worked.get("place", 1) == place + 1


def test_typical_finds_the_cut_once_for_all_the_tokens_followed(monkeypatch):
    asked, cut = [], TypicalP._cut
    monkeypatch.setattr(TypicalP, "_cut", lambda self, dist: asked.append(dist) or cut(self, dist))
    sampler, halves, thirds = TypicalP(p=0.5), logits(0, 0), logits(0, 0, 0)
    worked = [
        sampler.worked(i, law, law, HERE).numbers["C"] for law in (halves, thirds) for i in range(len(law))
    ]
    assert worked == pytest.approx([0, 1 / 2, 0, 1 / 3, 2 / 3])
    assert asked == [halves, thirds]


def test_typical_cuts_through_equals_where_the_nearer_leave_p_unmet():
    # entropy 1.7129 bits; the distances 0.5609, 0.1984 and twice 1.6090: after 0.8 one of the equals is enough for 0.85
    dist = law(0.45, 0.35, 0.1, 0.1)
    assert [kept(TypicalP(p=p), dist) for p in (0.79, 0.85, 0.95)] == [[0, 1], [0, 1, 2], [0, 1, 2, 3]]


def test_typical_ranks_over_a_long_row_as_over_a_short_one():
    # 3000 equal tokens and one ten times as likely: the equal ones are nearer to the entropy; 0.49 * 3010 = 1474.9
    row = np.zeros(3001, dtype=np.float32)
    row[700] = math.log(10)
    wanted = [i for i in range(3001) if i != 700][:1475]
    assert kept(TypicalP(p=0.49), Distribution.from_logits(row)) == wanted
    assert kept(TypicalP(p=0.49), Distribution.from_logits(row).ranked) == wanted


def test_typical_keeps_at_least_min_keep_in_order_of_typicality():
    dist = law(0.45, 0.35, 0.2)
    assert [kept(TypicalP(p=0.01, min_keep=n), dist) for n in (1, 2, 3, 9)] == [
        [1],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2],
    ]


def test_the_working_of_typical_p():
    dist = law(0.45, 0.35, 0.2)
    assert shown(TypicalP(p=0.3), 1, dist) == "s = |1.5146 − 1.5129| = 0.0017; Σ p(sⱼ < s) = 0.0 < 0.3"
    assert shown(TypicalP(p=0.3), 0, dist) == "s = |1.152 − 1.5129| = 0.3609; Σ p(sⱼ < s) = 0.35 ≥ 0.3"
    spared = shown(TypicalP(p=0.3, min_keep=2), 0, dist)
    assert spared == "s = |1.152 − 1.5129| = 0.3609; Σ p(sⱼ < s) = 0.35 ≥ 0.3; 2 ≤ 2"
    never = shown(TypicalP(p=1), 1, logits(0, -1000))  # p = 1 keeps even what weighs nothing
    assert never.endswith("Σ p(sⱼ < s) = 1.0 < 1.0")


# -- top_n_sigma ------------------------------------------------------------------------------------------------


def test_top_n_sigma_measures_from_the_largest_in_population_deviations():
    # mean 2, squares 4 + 0 + 0 + 4 = 8, over 4: sigma = sqrt(2); the bars 4 - n * 1.4142
    dist = logits(4, 2, 2, 0)
    assert [len(kept(TopNSigma(n=n), dist)) for n in (0, 1, 1.41, 1.42, 2.82, 2.83)] == [4, 1, 1, 3, 3, 4]
    assert TopNSigma(n=2).details(dist, HERE) == pytest.approx(
        {"sigma": 2**0.5, "threshold_logit": 4 - 2 * 2**0.5}
    )


def test_a_token_exactly_at_the_bar_of_top_n_sigma_stays():
    assert kept(TopNSigma(n=2), logits(1, 0)) == [0, 1]  # sigma 0.5, bar 0
    assert kept(TopNSigma(n=1.999), logits(1, 0)) == [0]


def test_absent_tokens_do_not_count_in_sigma():
    assert kept(TopNSigma(n=2), logits(1, -INF, 0, -INF)) == [0, 2]


def test_one_or_even_candidates_pass_top_n_sigma():
    assert kept(TopNSigma(n=1e-9), logits(5)) == [0]
    assert kept(TopNSigma(n=1e-9), logits(-7, -7, -7)) == [0, 1, 2]


@pytest.mark.parametrize("unit", [1e-310, 1e-200, 1e-30, 1.0, 1e30, 1e200])
def test_top_n_sigma_cuts_alike_whatever_the_unit(unit):
    """1e200 squared leaves float64, 1e-200 squared is 0. The steps below are 4, 2 and 0 of the unit."""
    dist = logits(4 * unit, 2 * unit, 2 * unit, 0)
    assert [len(kept(TopNSigma(n=n), dist)) for n in (1, 2, 3)] == [1, 3, 4]


def test_a_temperature_before_top_n_sigma_changes_nothing():
    dist = Distribution.from_logits((np.random.default_rng(3).standard_normal(500) * 3).astype(np.float32))
    for temperature in (0.25, 4.0):
        scaled = Temperature(temperature=temperature).apply(dist, HERE)
        assert kept(TopNSigma(n=1.1), scaled) == kept(TopNSigma(n=1.1), dist)


def test_the_working_of_top_n_sigma():
    dist = logits(4, 2, 2, 0)
    assert shown(TopNSigma(n=2), 1, dist) == "ℓ = 2.0 ≥ 4.0 − 2.0 · 1.4142 = 1.1716"
    assert shown(TopNSigma(n=2), 3, dist) == "ℓ = 0.0 < 4.0 − 2.0 · 1.4142 = 1.1716"
    assert shown(TopNSigma(n=0), 3, dist) == "ℓ = 0.0; n = 0.0"
    assert TopNSigma(n=0).details(dist, HERE) == {}


# -- top_h ------------------------------------------------------------------------------------------------------


def test_top_h_spends_a_share_of_the_entropy_on_the_best():
    # terms of -p log2 p: 0.5, 0.5, 0.375, 0.375; entropy 1.75; sums as shares 0.286, 0.571, 0.786, 1
    dist = law(0.5, 0.25, 0.125, 0.125)
    assert [len(kept(TopH(h=h), dist)) for h in (0.1, 0.29, 0.57, 0.58, 0.78, 0.79, 1)] == [
        1,
        1,
        1,
        2,
        2,
        3,
        4,
    ]
    assert TopH(h=0.4).details(dist, HERE) == pytest.approx({"entropy_bits": 1.75, "budget_bits": 0.7})


def test_a_token_that_meets_the_budget_of_top_h_exactly_stays():
    quarters = logits(0, 0, 0, 0)
    assert [len(kept(TopH(h=h), quarters)) for h in (0.25, 0.49, 0.5, 0.75)] == [1, 1, 2, 3]


@pytest.mark.parametrize("n", [14, 24, 28, 96])
@pytest.mark.parametrize("h", [0.25, 0.5, 0.75])
def test_rounding_costs_no_token_that_meets_the_budget_of_top_h_exactly(n, h):
    equal, n_kept = Distribution.from_logits(np.zeros(n)), math.floor(n * h)  # n equal terms: h of them
    assert kept(TopH(h=h), equal) == list(range(n_kept))
    assert [" ≤ " in shown(TopH(h=h), i, equal) for i in range(n)] == [i < n_kept for i in range(n)]


def test_top_h_looks_at_the_hundred_best_alone():
    even = Distribution.from_logits(np.zeros(250))
    assert kept(TopH(h=1), even) == list(range(100))
    assert len(kept(TopH(h=0.505), even)) == 50  # half of log2(100), not of log2(250)
    assert TopH(h=1).details(even, HERE)["entropy_bits"] == pytest.approx(math.log2(100))
    assert shown(TopH(h=1), 100, even) == "r = 101 > 100"
    assert shown(TopH(h=1), 99, even) == "−Σ p log₂ p = 6.6439 ≤ 1.0 · 6.6439 = 6.6439"
    assert shown(TopH(h=0.5), 1, logits(0, 0, 0, 0)) == "−Σ p log₂ p = 1.0 ≤ 0.5 · 2.0 = 1.0"


def test_the_working_of_top_h():
    dist = law(0.5, 0.25, 0.125, 0.125)
    assert shown(TopH(h=0.6), 1, dist) == "−Σ p log₂ p = 1.0 ≤ 0.6 · 1.75 = 1.05"
    assert shown(TopH(h=0.6), 2, dist) == "−Σ p log₂ p = 1.375 > 0.6 · 1.75 = 1.05"
    assert shown(TopH(h=0.1), 0, dist) == "−Σ p log₂ p = 0.5 > 0.1 · 1.75 = 0.175; r = 1"


# -- top_a, epsilon, eta, p_less --------------------------------------------------------------------------------


def test_top_a_squares_the_best():
    # max p = 0.5: the bar is a / 4
    dist = law(0.5, 0.3, 0.15, 0.05)
    assert [len(kept(TopA(a=a), dist)) for a in (0, 0.19, 0.21, 0.59, 0.61, 1)] == [4, 4, 3, 3, 2, 2]
    assert TopA(a=0.8).details(dist, HERE) == pytest.approx({"threshold": 0.2})
    assert TopA(a=0.5).details(law(0.4, 0.3, 0.3), HERE) == pytest.approx({"threshold": 0.08})
    assert shown(TopA(a=0.5), 1, law(0.4, 0.3, 0.3)) == "p = 0.3 ≥ 0.5 · 0.4² = 0.08"
    assert kept(TopA(a=1), logits(3)) == [0]
    assert kept(TopA(a=1), law(0.5, 0.25, 0.25)) == [0, 1, 2]  # exactly at the bar
    assert shown(TopA(a=0.8), 1, dist) == "p = 0.3 ≥ 0.8 · 0.5² = 0.2"
    assert shown(TopA(a=0.8), 2, dist) == "p = 0.15 < 0.8 · 0.5² = 0.2"


def test_epsilon_keeps_what_is_exactly_at_it_and_the_best_in_any_case():
    dist = law(0.5, 0.25, 0.125, 0.125)
    sizes = [len(kept(EpsilonCutoff(epsilon=e), dist)) for e in (0, 0.1, 0.125, 0.126, 0.25, 0.26, 0.5, 0.51)]
    assert sizes == [4, 4, 4, 2, 2, 1, 1, 1]
    assert kept(EpsilonCutoff(epsilon=0.9), logits(1, 1, 0)) == [0]
    assert kept(EpsilonCutoff(epsilon=0.9, min_keep=2), logits(0, 1, 0)) == [0, 1]
    assert shown(EpsilonCutoff(epsilon=0.2), 1, dist) == "p = 0.25 ≥ 0.2"
    assert shown(EpsilonCutoff(epsilon=0.125), 2, dist) == "p = 0.125 ≥ 0.125"
    assert shown(EpsilonCutoff(epsilon=0.2), 2, dist) == "p = 0.125 < 0.2"
    assert shown(EpsilonCutoff(epsilon=0.2, min_keep=3), 2, dist) == "p = 0.125 < 0.2; r = 3 ≤ 3"


def test_eta_falls_with_the_entropy():
    # 1.75 bits: 2**-1.75 = 0.2973; epsilon 0.16: min(0.16, 0.4 * 0.2973 = 0.1189); 0.04: min(0.04, 0.0595)
    dist = law(0.5, 0.25, 0.125, 0.125)
    assert EtaCutoff(epsilon=0.16).details(dist, HERE) == pytest.approx(
        {"entropy_bits": 1.75, "threshold": 0.4 * 2**-1.75}
    )
    assert EtaCutoff(epsilon=0.04).details(dist, HERE)["threshold"] == 0.04
    # 0.125 / 0.2973 = 0.4204 = sqrt(0.1768): from there on the tail goes
    assert [len(kept(EtaCutoff(epsilon=e), dist)) for e in (0, 0.176, 0.178, 0.7, 0.71)] == [4, 4, 2, 2, 1]
    assert kept(EtaCutoff(epsilon=0.71, min_keep=3), dist) == [0, 1, 2]
    assert shown(EtaCutoff(epsilon=0.16), 1, dist) == "p = 0.25 ≥ min(0.16, √0.16 · 2^(−1.75)) = 0.1189"
    spared = shown(EtaCutoff(epsilon=0.64, min_keep=3), 2, dist)
    assert spared == "p = 0.125 < min(0.64, √0.64 · 2^(−1.75)) = 0.2378; r = 3 ≤ 3"


def test_a_token_exactly_at_eta_stays():
    # 1.9375 bits: sqrt(1/32) * 2**-1.9375 = 0.0462 is above 1/32, which is what the last two tokens have
    dist = law(1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 32)
    assert kept(EtaCutoff(epsilon=1 / 32), dist) == [0, 1, 2, 3, 4, 5]
    assert "≥" in shown(EtaCutoff(epsilon=1 / 32), 5, dist)


def test_an_even_law_passes_eta_whole():
    for n in range(1, 400):
        assert len(kept(EtaCutoff(epsilon=1 - 2**-53), Distribution.from_logits(np.zeros(n)))) == n


def test_p_less_asks_for_the_chance_that_two_draws_agree():
    dist = law(0.5, 0.4, 0.1)  # 0.25 + 0.16 + 0.01 = 0.42
    assert PLess().details(dist, HERE)["threshold"] == pytest.approx(0.42, rel=1e-12)
    assert kept(PLess(), dist) == [0]
    assert kept(PLess(), law(0.45, 0.45, 0.1)) == [0, 1]  # 0.415
    assert shown(PLess(), 0, dist) == "p = 0.5 ≥ (Σ p^2.0)^(1 / (2.0 − 1)) = 0.42"
    assert shown(PLess(), 1, dist) == "p = 0.4 < (Σ p^2.0)^(1 / (2.0 − 1)) = 0.42"


@pytest.mark.parametrize("order", [1.0000001, 1.01, 1.5, 2.0, 3.0, 50.0, 1e300])
def test_the_bar_of_p_less_is_the_power_mean_that_its_order_names(order):
    # exp(-H) = 0.3874 near 1, the largest p without bound
    p = np.array([0.5, 0.4, 0.1])
    wanted = {1.0000001: math.exp((p * np.log(p)).sum()), 1e300: 0.5}.get(order)
    wanted = wanted or float((p**order).sum() ** (1 / (order - 1)))
    bar = PLess(order=order).details(law(*p), HERE)["threshold"]
    assert bar == pytest.approx(wanted, rel=1e-6 if order < 1.001 else 1e-12)


@pytest.mark.parametrize("order", [1.001, 2.0, 7.3])
def test_an_even_law_passes_p_less_whole(order):
    for n in (1, 3, 10, 1000):
        assert len(kept(PLess(order=order), Distribution.from_logits(np.full(n, -2.5)))) == n


# -- xtc --------------------------------------------------------------------------------------------------------


def test_xtc_keeps_the_least_likely_of_the_top_choices_and_all_below():
    dist = law(0.5, 0.3, 0.15, 0.05)
    survivors = [kept(Xtc(probability=1, threshold=t), dist) for t in (0, 0.04, 0.14, 0.16, 0.29, 0.31, 0.6)]
    assert survivors == [[3], [3], [2, 3], [1, 2, 3], [1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]]


def test_the_coin_of_xtc_fires_below_the_probability_and_not_at_it():
    dist = law(0.5, 0.3, 0.2)
    fired = [len(kept(Xtc(probability=0.5, threshold=0.1, u=u), dist)) for u in (0, 0.4999, 0.5, 0.9)]
    assert fired == [1, 1, 3, 3]
    assert len(kept(Xtc(probability=0, threshold=0.1, u=0.0), dist)) == 3
    assert len(kept(Xtc(probability=1, threshold=0.1, u=1 - 2**-53), dist)) == 1


def test_the_coin_of_xtc_is_that_of_seed_position_and_attempt():
    xtc, dist = Xtc(probability=0.5, threshold=0.1), law(0.5, 0.3, 0.2)
    for seed, position, attempt in [(0, 0, 0), (7, 3, 0), (7, 3, 1), (7, 4, 0)]:
        context = Context(seed=seed, position=position, attempt=attempt)
        u = uniform(seed, position, attempt, "xtc")
        assert xtc.details(dist, context) == {"u": u, "fired": u < 0.5, "n_above": 3}
        assert (len(kept(xtc, dist, context)) == 1) == (u < 0.5)


def test_of_equally_unlikely_top_choices_the_last_in_rank_survives_xtc():
    assert kept(Xtc(probability=1, threshold=0.3), law(1 / 3, 1 / 3, 1 / 3)) == [2]
    ranked = law(0.25, 0.25, 0.4, 0.1).ranked
    assert kept(Xtc(probability=1, threshold=0.2), ranked) == [1, 3]


def test_two_halves_are_two_top_choices_at_a_threshold_of_a_half():
    assert kept(Xtc(probability=1, threshold=0.5), logits(0, 0)) == [1]


def test_xtc_leaves_everything_where_too_few_would_stay():
    dist = law(0.5, 0.3, 0.15, 0.05)  # at 0.14 two would stay
    sizes = [len(kept(Xtc(probability=1, threshold=0.14, min_keep=n), dist)) for n in (1, 2, 3, 9)]
    assert sizes == [2, 2, 4, 4]


def test_the_working_of_xtc():
    dist = law(0.5, 0.3, 0.15, 0.05)
    xtc = Xtc(probability=0.5, threshold=0.14, u=0.25)
    assert [shown(xtc, i, dist) for i in range(4)] == [
        "u = 0.25 < 0.5; p = 0.5 ≥ 0.14, r = 1 < 3",
        "u = 0.25 < 0.5; p = 0.3 ≥ 0.14, r = 2 < 3",
        "u = 0.25 < 0.5; p = 0.15 ≥ 0.14, r = 3 = 3",
        "u = 0.25 < 0.5; p = 0.05 < 0.14",
    ]
    two = Xtc(probability=0.5, threshold=0.2, u=0.25, min_keep=3)  # three would stay
    assert shown(two, 1, dist) == "u = 0.25 < 0.5; p = 0.3 ≥ 0.2, r = 2 = 2"
    assert shown(Xtc(probability=0.5, threshold=0.14, u=0.5), 0, dist) == "u = 0.5 ≥ 0.5"
    assert shown(Xtc(probability=1, threshold=0.4, u=0.5), 0, dist) == "u = 0.5 < 1.0; n(p ≥ 0.4) = 1 < 2"
    assert shown(Xtc(probability=1, threshold=0.1, u=0.5, min_keep=3), 0, dist) == "u = 0.5 < 1.0; n′ = 2 < 3"


def test_typical_p_shares_a_tie_at_the_cut_out_by_rank():
    # entropy 2.37 bits: 0.3 is 0.63 away and 0.1 is 0.95; 0.6 is held before the four that tie, two more reach 0.75
    outcome = run_chain(np.log([0.3, 0.3, 0.1, 0.1, 0.1, 0.1]), [{"sampler": "typical_p", "p": 0.75}])
    assert sorted(outcome.distribution.token_ids.tolist()) == [0, 1, 2, 3]


def test_top_a_tells_its_bar():
    outcome = run_chain(np.log([0.4, 0.3, 0.2, 0.1]), [{"sampler": "top_a", "a": 0.5}])
    assert outcome.stages[0].details["threshold"] == pytest.approx(0.5 * 0.4**2)
