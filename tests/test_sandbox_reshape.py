"""The samplers that change the shape of a law, on laws small enough to work out by hand. (`temperature`: _samplers.)"""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.distribution import Distribution
from sandbox.samplers.dynamic_temperature import DynamicTemperature
from sandbox.samplers.quadratic import Quadratic
from tests.small_laws import HERE, kept, law, logits, shown


def test_dynamic_temperature_goes_with_the_entropy():
    # 1.75 bits of 2: a share of 0.875 between 0.5 and 1.5
    dist = law(0.5, 0.25, 0.125, 0.125)
    dynamic = DynamicTemperature(temperature=1.0, range=0.5)
    assert dynamic.details(dist, HERE) == pytest.approx({"temperature": 0.5 + 0.875, "entropy_bits": 1.75})
    powers = np.array([0.5, 0.25, 0.125, 0.125]) ** (1 / 1.375)
    np.testing.assert_allclose(dynamic.apply(dist, HERE).probs, powers / powers.sum(), rtol=1e-12)
    squared = DynamicTemperature(temperature=1.0, range=0.5, exponent=2.0)
    assert squared.details(dist, HERE)["temperature"] == pytest.approx(0.5 + 0.875**2)


def test_a_range_above_the_temperature_starts_at_zero():
    # from max(0, 0.5 - 1.5) to 0.5 + 1.5
    wide = DynamicTemperature(temperature=0.5, range=1.5)
    assert wide.details(law(0.5, 0.25, 0.125, 0.125), HERE)["temperature"] == pytest.approx(0.875 * 2)


def test_a_dynamic_temperature_of_zero_is_greedy():
    sure = logits(0.0, 2000.0, 0.0)  # no entropy left in float64
    assert kept(DynamicTemperature(temperature=1.0, range=1.0), sure) == [1]
    assert kept(DynamicTemperature(temperature=1.0, range=0.5), sure) == [0, 1, 2]
    text = shown(DynamicTemperature(temperature=1.0, range=1.0), 0, sure)
    assert text == "t = 0.0 + (2.0 − 0.0) · (0.0 / 1.585)^1.0 = 0.0; i = 0, argmax p = 1"


def test_a_dynamic_temperature_of_no_range_is_a_temperature():
    dist = law(0.8, 0.2)
    mine = DynamicTemperature(temperature=0.5, range=0).apply(dist, HERE)
    np.testing.assert_allclose(mine.probs, [16 / 17, 1 / 17], rtol=1e-12)


def test_one_or_even_candidates_pass_a_dynamic_temperature_untouched():
    for dist in (logits(4.0), logits(-3.0, -3.0, -3.0)):
        assert DynamicTemperature(temperature=1.0, range=0.7).apply(dist, HERE) is dist
    assert shown(DynamicTemperature(temperature=1.0, range=0.7), 0, logits(4.0)) == "ℓ′ = ℓ = 4.0"


def test_the_temperature_of_an_even_law_is_the_highest_and_no_higher():
    dynamic = DynamicTemperature(temperature=1.0, range=0.7)
    for n in range(1, 300):
        t = dynamic.details(Distribution.from_logits(np.full(n, 0.3)), HERE)["temperature"]
        assert 1.7 - 1e-12 < t <= 1.7


def test_the_working_of_dynamic_temperature():
    dist = Distribution.from_logits([2.0, 2.0, -1000.0, -1000.0])
    text = shown(DynamicTemperature(temperature=1.0, range=0.5), 0, dist)
    assert text == "t = 0.5 + (1.5 − 0.5) · (1.0 / 2.0)^1.0 = 1.0; ℓ / t = 2.0 / 1.0 = 2.0"


def test_quadratic_bends_distances_from_the_best():
    # factor 0.5, curve 2: k = s = 0.5; d = -1: 0.5 * (-0.5 - 0.5) = -0.5; d = -2: 0.5 * (-4 - 2) = -3
    bent = Quadratic(factor=0.5, curve=2.0).apply(logits(5, 4, 3), HERE)
    np.testing.assert_allclose(bent.logits, [5, 4.5, 2], rtol=1e-15)
    assert shown(Quadratic(factor=0.5, curve=2.0), 2, logits(5, 4, 3)) == (
        "ℓ′ = 5.0 + 0.5 · (0.5 · -2.0³ − 0.5 · -2.0²) = 2.0"
    )
    assert shown(Quadratic(factor=0), 2, logits(5, 4, 3)) == "f = 0.0 ⇒ ℓ′ = ℓ = 3.0"


def test_a_curve_above_three_lets_a_runner_up_win():
    # curve 5: k = -1, s = 2; d = -0.25: 2 * -1/64 + 1/16 = 1/32 above the best
    bent = Quadratic(factor=1.0, curve=5.0).apply(logits(1.0, 0.75, -1.0), HERE)
    np.testing.assert_allclose(bent.logits, [1, 1 + 1 / 32, 1 - 12], rtol=1e-15)
    assert bent.winner == 1


def test_quadratic_removes_nothing_however_far_a_token_is():
    for factor in (1e-300, 1.0, 1e300):
        after = Quadratic(factor=factor, curve=2.0).apply(logits(3e38, -3e38, 0, 3e38), HERE)
        assert len(after) == 4
        assert np.isfinite(after.shifted).all()


def test_quadratic_keeps_its_differences_finite():
    # 1e308 * 0.25 * (2499 - 1250) and 1e308 * 1e4 * -250000: each beyond float64, one up, one down
    after = Quadratic(factor=1e308, curve=5000.0).apply(logits(0, -0.5, -100), HERE)
    assert len(after) == 3
    assert after.winner == 1
    assert np.isfinite(after.shifted).all()
