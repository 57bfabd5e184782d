"""Counts against expectation: chi-square, its chance, and what is said about it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sandbox.chi_square import p_value, upper_gamma
from sandbox.distribution import Distribution
from sandbox.draw import draw_many, uniforms
from sandbox.errors import ImpossibleDraw
from sandbox.tally import ALPHA, Cell, Others, tally


def of_probs(*probs):
    return Distribution.from_logits(np.log(probs))


def drawn(*counts):
    return [token_id for token_id, n in enumerate(counts) for _ in range(n)]


# The chance


@pytest.mark.parametrize(
    ("chi2", "degrees", "chance"),
    [  # critical values as every table prints them, to three decimals
        (3.841, 1, 0.05),
        (6.635, 1, 0.01),
        (10.828, 1, 0.001),
        (5.991, 2, 0.05),
        (13.816, 2, 0.001),
        (18.307, 10, 0.05),
        (29.588, 10, 0.001),
        (43.773, 30, 0.05),
        (124.342, 100, 0.05),
        (149.449, 100, 0.001),
        (77.929, 100, 0.95),
    ],
)
def test_the_chance_agrees_with_the_published_table(chi2, degrees, chance):
    density = 0.2  # no chi-square law of these rises faster, so half a thousandth moves the chance by less than 1e-4
    assert p_value(chi2, degrees) == pytest.approx(chance, abs=0.0005 * density, rel=0)


@pytest.mark.parametrize("degrees", [2, 4, 10, 100, 600])
def test_with_even_degrees_the_chance_is_a_finite_sum(degrees):
    # Q(n, x) = exp(-x) * (1 + x + x**2/2! + ... + x**(n-1)/(n-1)!)
    for factor in (0.1, 0.7, 0.95, 1.0, 1.05, 1.5, 3.0):
        x = degrees * factor / 2
        logs = [i * math.log(x) - math.lgamma(i + 1) - x for i in range(degrees // 2)]
        expected = math.fsum(map(math.exp, logs))
        assert p_value(2 * x, degrees) == pytest.approx(expected, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("chi2", [1e-8, 0.01, 0.5, 1.0, 2.9, 3.1, 10.0, 60.0])
def test_with_one_and_three_degrees_the_chance_is_the_error_function(chi2):
    one = math.erfc(math.sqrt(chi2 / 2))
    three = one + math.sqrt(2 * chi2 / math.pi) * math.exp(-chi2 / 2)
    assert p_value(chi2, 1) == pytest.approx(one, rel=1e-12)
    assert p_value(chi2, 3) == pytest.approx(three, rel=1e-12)


def test_the_series_and_the_fraction_meet():
    # on both sides of the change-over the next degree differs by one known term: Q(a + 1, x) - Q(a, x)
    for a in (0.5, 1.0, 7.5, 50.0, 400.0):
        for x in (a * 0.99, a + 0.99, a + 1.01, a * 1.05 + 1):
            term = math.exp(a * math.log(x) - x - math.lgamma(a + 1))
            assert upper_gamma(a + 1, x) - upper_gamma(a, x) == pytest.approx(term, rel=1e-9, abs=1e-14)


def test_the_ends_of_the_scale():
    assert p_value(0.0, 5) == 1.0
    assert p_value(math.inf, 5) == 0.0
    assert p_value(1e6, 3) == 0.0
    assert 0 <= p_value(1e-300, 1) <= 1


# The count


def test_counts_are_compared_cell_by_cell():
    counted = tally(of_probs(0.5, 0.3, 0.2), drawn(60, 20, 20))
    # (60-50)²/50 + (20-30)²/30 + (20-20)²/20 = 2 + 10/3
    assert counted.chi2 == pytest.approx(2 + 10 / 3)
    assert (counted.degrees, counted.n_cells, counted.n_pooled, counted.n_draws) == (2, 3, 0, 100)
    assert counted.p_value == pytest.approx(math.exp(-counted.chi2 / 2))
    assert counted.verdict == "compatible"
    assert [cell[:2] for cell in counted.cells] == [(0, 60), (1, 20), (2, 20)]
    assert [cell.expected for cell in counted.cells] == pytest.approx([50, 30, 20])


def test_rare_tokens_are_pooled():
    # expected 60, 28, 6, 6: the last two together 12
    counted = tally(of_probs(0.60, 0.28, 0.06, 0.06), drawn(58, 30, 9, 3))
    assert counted.chi2 == pytest.approx(4 / 60 + 4 / 28)
    assert (counted.n_cells, counted.n_pooled, counted.degrees) == (3, 2, 2)


def test_a_rare_pool_takes_in_the_rarest_of_the_others():
    # expected 60, 30, 5, 5 of 100: the pool of 10 is enough; of 90 it is 9 and swallows the second
    probs = (0.6, 0.3, 0.05, 0.05)
    assert (tally(of_probs(*probs), drawn(60, 30, 5, 6)).n_cells) == 3
    counted = tally(of_probs(*probs), drawn(50, 30, 5, 5))
    assert (counted.n_cells, counted.n_pooled) == (2, 3)
    assert counted.chi2 == pytest.approx((50 - 54) ** 2 / 54 + (40 - 36) ** 2 / 36)


def test_a_pool_of_exactly_ten_is_enough():
    law = Distribution.from_logits([0.0, -math.log(2), -math.log(4), -math.log(4)])
    assert (40 * law.probs).tolist() == [20, 10, 5, 5]
    assert tally(law, drawn(20, 10, 5, 5)).n_cells == 3


def test_a_token_expected_exactly_ten_times_stands_alone():
    assert tally(Distribution.from_logits(np.zeros(8)), drawn(*[10] * 8)).n_cells == 8


def test_a_right_law_is_compatible_and_a_wrong_one_surprising():
    row = np.random.default_rng(2).normal(0, 2, 500)
    right, wrong = Distribution.from_logits(row), Distribution.from_logits(row / 1.1)
    token_ids = draw_many(right, uniforms(7, 0, range(10_000)))
    assert tally(right, token_ids).verdict == "compatible"
    counted = tally(wrong, token_ids)
    assert counted.verdict == "surprising" and counted.p_value < ALPHA


def test_perfect_counts_are_no_surprise_in_chi_square():
    dist = Distribution.from_logits(np.random.default_rng(2).normal(0, 2, 500))
    counted = tally(dist, draw_many(dist, (np.arange(10_000) + 0.5) / 10_000))
    assert counted.chi2 < counted.n_cells / 10 and counted.p_value > 0.999


def test_a_right_law_is_called_surprising_about_once_in_a_thousand_times():
    dist = Distribution.from_logits(np.random.default_rng(4).normal(0, 1.5, 60))
    ps = [tally(dist, draw_many(dist, uniforms(5, n, range(1000)))).p_value for n in range(1000)]
    assert sum(p < ALPHA for p in ps) <= 5  # expected 1; more than 5 has a chance of 0.06 %
    assert 0.03 < np.mean([p < 0.05 for p in ps]) < 0.07


@pytest.mark.parametrize("n_draws", [0, 1, 10, 19])
def test_too_few_draws_say_nothing(n_draws):
    counted = tally(of_probs(0.5, 0.5), [0] * n_draws)
    assert (counted.verdict, counted.chi2, counted.p_value, counted.degrees) == ("too_few", None, None, 0)
    assert sum(cell.observed for cell in counted.cells) == n_draws


def test_one_possible_token_is_certain():
    assert tally(Distribution.from_logits([-np.inf, 3.0]), [1] * 100).verdict == "certain"
    underflowing = Distribution.from_logits([0.0, -2000.0])
    assert tally(underflowing, [0] * 100).verdict == "certain"


@pytest.mark.parametrize("token_id", [1, 2, 77])
def test_a_token_without_probability_cannot_have_been_drawn(token_id):
    dist = Distribution.from_logits([0.0, -np.inf, -2000.0, 0.0])
    with pytest.raises(ImpossibleDraw, match=f"token {token_id} was drawn") as caught:
        tally(dist, [0, 3, token_id])
    assert caught.value.token_id == token_id


def test_others_hold_what_is_not_shown():
    counted = tally(of_probs(0.5, 0.25, 0.125, 0.125), drawn(48, 30, 12, 10), n_shown=2)
    assert counted.cells == (Cell(0, 48, 50.0, 0.5), Cell(1, 30, 25.0, 0.25))
    assert counted.others == Others(2, 22, 25.0)
    assert counted.n_cells == 4  # what is shown changes nothing in the test


def test_cells_stand_in_rank_order_whatever_the_order_of_the_law():
    dist = of_probs(0.2, 0.5, 0.3)
    for law in (dist, dist.ranked):
        assert [cell[:2] for cell in tally(law, [1, 1, 2, 0, 1]).cells] == [(1, 3), (2, 1), (0, 1)]


def test_the_verdict_changes_at_one_in_a_thousand():
    # one degree of freedom: 10.828 is the critical value; (n - 5000)²/5000 * 2 crosses it between 5164 and 5165
    halves = of_probs(0.5, 0.5)
    assert 2 * 164**2 / 5000 < 10.828 < 2 * 165**2 / 5000
    assert tally(halves, drawn(5164, 4836)).verdict == "compatible"
    assert tally(halves, drawn(5165, 4835)).verdict == "surprising"
