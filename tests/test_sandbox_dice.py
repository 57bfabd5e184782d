"""Many draws at once, and chains of every family under stratified dice."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import Philox

from sandbox.chain import SamplerChain
from sandbox.distribution import Distribution
from sandbox.draw import PURPOSES, draw, draw_many, uniform, uniforms
from sandbox.errors import KnobOutOfRange
from sandbox.philox import first_word, first_words
from sandbox.sampler import Context

LAST_U = 1 - 2**-53


def language_row(size, seed=5):
    rng = np.random.default_rng(seed)
    return (-1.1 * np.log(rng.permutation(size) + 3)).astype(np.float32)


def of_probs(*probs):
    return Distribution.from_logits(np.log(probs))


# Many at once


@pytest.mark.parametrize("purpose", PURPOSES)
def test_many_us_are_the_words_of_numpys_philox(purpose):
    attempts = [0, 1, 2, 9_999, 2**31, 2**53 - 1]
    for seed, position in [(0, 0), (7, 5), (2**53 - 1, 4095)]:
        words = [
            Philox(
                counter=np.array([position, a, PURPOSES[purpose], 0], dtype=np.uint64), key=seed
            ).random_raw()
            for a in attempts
        ]
        expected = [(int(word) >> 11) / 2**53 for word in words]
        assert uniforms(seed, position, attempts, purpose).tolist() == expected
        assert [uniform(seed, position, a, purpose) for a in attempts] == expected


def test_words_at_once_are_the_words_one_by_one():
    dice = np.random.default_rng(3)
    for _ in range(20):
        key, low, third = int(dice.integers(2**63)), int(dice.integers(2**63)), int(dice.integers(4))
        second = dice.integers(0, 2**64, 50, dtype=np.uint64)
        expected = [first_word(key, (low, int(n), third, 0)) for n in second]
        assert first_words(key, low, second, third).tolist() == expected


@pytest.mark.parametrize("size", [1, 2, 999, 1000, 1001, 5000, 49_152])
def test_many_draws_are_the_draws_one_by_one(size):
    dist = Distribution.from_logits(language_row(size))
    sums = np.cumsum(dist.ranked.probs)
    on_boundaries = sums[:: max(1, size // 40)][:-1]
    us = np.concatenate((uniforms(11, 3, range(300)), on_boundaries, [0.0, LAST_U]))
    us = us[us < 1]
    assert draw_many(dist, us).tolist() == [draw(dist, float(u)) for u in us]


def test_many_draws_at_boundaries_take_the_next_candidate():
    assert draw_many(of_probs(0.5, 0.5), [0.0, 0.4999, 0.5, LAST_U]).tolist() == [0, 0, 1, 1]
    flat = Distribution.from_logits(np.zeros(4096, dtype=np.float32))
    ranks = [0, 999, 1000, 1001, 2048, 4095]
    assert draw_many(flat, np.array(ranks) / 4096).tolist() == ranks


@pytest.mark.parametrize("size", [900, 5000, 49_152])
def test_many_draws_never_hit_a_probability_of_zero(size):
    logits = language_row(size)
    logits[size // 2 :] = -2000.0  # present, but its probability underflows to 0
    drawn = draw_many(Distribution.from_logits(logits), [0.0, 0.999999, LAST_U])
    assert (drawn < size // 2).all()


def test_many_draws_from_a_ranked_law_and_with_no_u_at_all():
    ranked = Distribution.from_logits([0.0, 2.0, 1.0]).first(2)
    assert draw_many(ranked, [0.0, LAST_U]).tolist() == [1, 2]
    assert draw_many(ranked, []).tolist() == []


@pytest.mark.parametrize("u", [-0.1, 1.0, float("nan")])
def test_one_u_outside_the_unit_interval_is_refused(u):
    with pytest.raises(KnobOutOfRange, match=r"u = .* is outside \[0, 1\)"):
        draw_many(of_probs(0.5, 0.5), [0.3, u])


def test_every_purpose_has_a_number_of_its_own():
    assert PURPOSES == {"draw": 0, "xtc": 1, "speculative": 2, "draft": 3}


# Stratified dice over chains

CHAINS = [
    [{"sampler": "typical_p", "p": 0.8}],
    [{"sampler": "top_h", "h": 0.6}],
    [{"sampler": "top_a", "a": 0.2}],
    [{"sampler": "epsilon_cutoff", "epsilon": 0.001}],
    [{"sampler": "eta_cutoff", "epsilon": 0.001}],
    [{"sampler": "p_less", "order": 2}],
    [{"sampler": "top_n_sigma", "n": 1.0}],
    [{"sampler": "quadratic", "factor": 0.3, "curve": 2.0}],
    [{"sampler": "dynamic_temperature", "temperature": 1.0, "range": 0.5}],
    [{"sampler": "xtc", "probability": 1.0, "threshold": 0.02}],
    [{"sampler": "logit_bias", "bias": {"5": 3.0, "7": "-inf"}}],
    [{"sampler": "penalties", "repeat": 1.3, "frequency": 0.4, "presence": 0.2}],
    [{"sampler": "no_repeat_ngram", "n": 2}, {"sampler": "top_k", "k": 200}],
    [{"sampler": "mirostat_v2", "tau": 3.0, "eta": 0.1}],
    [{"sampler": "adaptive_p", "target": 0.3, "decay": 0.9}],
    [{"sampler": "top_k", "k": 1500}, {"sampler": "typical_p", "p": 0.9}, {"sampler": "temperature", "temperature": 2}],
]  # fmt: skip


@pytest.mark.parametrize("steps", CHAINS, ids=lambda steps: "+".join(step["sampler"] for step in steps))
def test_stratified_draws_after_a_chain_give_every_survivor_its_share_within_one(steps):
    n_draws, size = 20_000, 3000
    row = language_row(size)
    row[[0, 1, 500, size - 1]] = -np.inf
    history = (3, 4, 5, 3, 4)
    law, _ = SamplerChain.from_steps(steps).run(Distribution.from_logits(row), Context(history, 2, 5, seed=7))
    dense = np.zeros(size)
    dense[law.token_ids] = law.probs
    counts = np.bincount(draw_many(law, (np.arange(n_draws) + 0.5) / n_draws), minlength=size)
    assert np.abs(counts - n_draws * dense).max() <= 1
    assert (dense[draw_many(law, [0.0, 2**-53, LAST_U])] > 0).all()
