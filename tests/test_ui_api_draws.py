"""POST /draws: the dice of many attempts, counted."""

from __future__ import annotations

import math
import statistics
import time

import numpy as np
import pytest
from fastapi.testclient import TestClient

from sandbox.draw import uniform
from tests.chain_client import (
    TWO_STEPS,
    RowEngine,
    body_of,
    chain,
    client_of,
    draws,
    ready,
    refused,
    step,
)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return ready()


# the first run of dice is one of those that a right law gives once in 100,000 times
@pytest.mark.parametrize(("attempt", "verdict"), [(3, "surprising"), (1000, "compatible")])
def test_many_draws_are_the_dice_of_one_attempt_after_another(client, attempt, verdict):
    body = draws(client, steps=TWO_STEPS, n=200, attempt=attempt)
    us = [uniform(7, 2, attempt + i) for i in range(200)]
    edge = math.e**2 / (math.e**2 + 1)
    observed, expected = (
        [sum(u < edge for u in us), sum(u >= edge for u in us)],
        [200 * edge, 200 * (1 - edge)],
    )
    chi2 = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    assert body["us"] == us[:100]
    assert [cell["observed"] for cell in body["counts"]] == observed
    assert [cell["expected"] for cell in body["counts"]] == pytest.approx(expected, abs=1e-9)
    assert body["others"] == {"n_tokens": 0, "observed": 0, "expected": 0}
    assert body["chi2"] == pytest.approx(chi2, abs=1e-9)
    assert (body["verdict"], body["degrees"], body["n_cells"], body["alpha"]) == (verdict, 1, 2, 0.001)
    assert (chi2 > 10.828) == (verdict == "surprising")  # the 0.1 % point of one degree of freedom


def test_the_first_of_many_draws_is_the_one_the_chain_shows(client):
    for attempt in range(5):
        drawn = chain(client, attempt=attempt)["drawn"]["token_id"]
        counts = draws(client, attempt=attempt, n=1)
        hit = [cell["token_id"] for cell in counts["counts"] if cell["observed"]]
        assert hit == [drawn] if hit else counts["others"]["observed"] == 1


@pytest.mark.parametrize(
    ("steps", "n", "verdict"), [([{"sampler": "greedy"}], 10_000, "certain"), ([], 1, "too_few")]
)
def test_what_cannot_be_tested_says_so(client, steps, n, verdict):
    body = draws(client, steps=steps, n=n)
    assert (body["verdict"], body["p_value"], body["chi2"]) == (verdict, None, None)


def test_ten_thousand_draws_over_a_real_vocabulary_are_quick():
    n = 49_152
    client = client_of(RowEngine({97: np.random.default_rng(5).normal(0, 3, n)}, vocab_size=n))
    step(client, [97])
    times = []
    for attempt in range(5):
        started = time.process_time()
        body = draws(client, [97], n=10_000, attempt=10_000 * attempt)
        times.append((time.process_time() - started) * 1000)
        assert sum(c["observed"] for c in body["counts"]) + body["others"]["observed"] == 10_000
    assert statistics.median(times) < 200, f"median {statistics.median(times):.1f} ms"


@pytest.mark.parametrize("n", [None, 0, 10_001, 2.5, "10"])
def test_a_count_of_draws_outside_1_to_10_000_is_refused(client, n):
    status, error = refused(client, body_of(n=n), route="draws")
    assert (status, error["code"], error["data"]) == (
        400,
        "OutOfRange",
        {"field": "n", "low": 1, "high": 10_000},
    )
