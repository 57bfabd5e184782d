"""The samplers that read what was said: penalties and n-grams."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.distribution import Distribution
from sandbox.errors import KnobOutOfRange, NothingToDraw
from sandbox.samplers import SAMPLERS
from sandbox.samplers.dry import Dry
from sandbox.samplers.min_new_tokens import MinNewTokens
from sandbox.samplers.no_repeat_ngram import NoRepeatNgram
from sandbox.samplers.penalties import Penalties
from sandbox.some_tokens import LIMIT, positions_of
from tests.said import flat, left, logits_after, numbers_of, said

INF = float("inf")
SOON = settings(max_examples=150, derandomize=True, database=None, deadline=None)
TEXTS = st.lists(st.integers(0, 3), max_size=40)


# -- where tokens stand -----------------------------------------------------------------------------------------


def test_tokens_are_found_by_id_in_a_whole_a_cut_and_a_ranked_law():
    row = np.array([0.0, 5.0, -INF, 3.0, 4.0])
    whole = Distribution.from_logits(row)
    for dist in (whole, whole.first(3), whole.ranked, whole.keep(whole.token_ids != 3)):
        at, is_there = positions_of(dist, [4, 2, 1, 99, -1, 3])
        held = [i for i in (4, 2, 1, 99, -1, 3) if i in dist.token_ids.tolist()]
        assert dist.token_ids[at].tolist() == held
        assert is_there.tolist() == [i in held for i in (4, 2, 1, 99, -1, 3)]


# -- penalties --------------------------------------------------------------------------------------------------


def test_a_positive_logit_is_divided_a_negative_one_multiplied_and_zero_stays():
    after = logits_after(Penalties(repeat=2.0), [3.0, -3.0, 0.0, 3.0], 0, 1, 2)
    assert after == {0: 1.5, 1: -6.0, 2: 0.0, 3: 3.0}


def test_repetition_comes_first_then_frequency_per_time_and_presence_once():
    # 4 / 2 - 3 * 0.5 - 0.25 = 0.25; the other way round it would be (4 - 1.75) / 2
    after = logits_after(Penalties(repeat=2.0, frequency=0.5, presence=0.25), [4.0, 1.0], 0, 0, 0)
    assert after == {0: 0.25, 1: 1.0}


def test_negative_penalties_and_a_repeat_below_one_reward():
    after = logits_after(Penalties(repeat=0.5, frequency=-1.0, presence=-2.0), [1.0, 0.0], 0)
    assert after == {0: 5.0, 1: 0.0}  # 1 / 0.5 + 1 + 2


def test_the_window_is_the_last_n_tokens_and_none_is_the_whole_text():
    history = [0] + [1] * 64  # token 0 has just left a window of 64
    counted = {
        n: set(logits_after(Penalties(presence=1.0, last_n=n), [0, 0, 0], *history).items()) for n in (64, 65)
    }
    assert (0, 0.0) in counted[64]
    assert (0, -1.0) in counted[65]
    assert logits_after(Penalties(presence=1.0), [0, 0, 0], *history)[0] == 0  # 64 is the default
    assert logits_after(Penalties(presence=1.0, last_n=None), [0, 0, 0], *history)[0] == -1
    assert logits_after(Penalties(presence=1.0, last_n=2), [0, 0, 0], 0, 1, 2) == {0: 0.0, 1: -1.0, 2: -1.0}


def test_a_window_of_no_tokens_penalises_nothing():
    dist = flat(3)
    assert Penalties(repeat=2.0, last_n=0).apply(dist, said(0, 1)) is dist


def test_neutral_penalties_are_the_default_and_leave_the_law_itself():
    dist = Distribution.from_logits([1.0, 2.0])
    assert Penalties().apply(dist, said(0, 1)) is dist
    assert Penalties() == Penalties(1.0, 0.0, 0.0, 64, 0)


def test_the_defaults_of_dry_are_those_of_the_field():
    assert Dry(multiplier=0.8) == Dry(0.8, 1.75, 2, 64, ("\n", ":", '"', "*"))


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_a_sampler_cannot_be_changed(name):
    assert SAMPLERS[name].__dataclass_params__.frozen


def test_the_prompt_counts_unless_prompt_len_takes_it_out():
    row, history = [0.0, 0.0, 0.0], (0, 1, 2)
    of = {
        n: logits_after(Penalties(presence=1.0, prompt_len=n), row, *history, prompt_len=1)
        for n in (0, 2, 9, None)
    }
    assert [sorted(i for i, x in after.items() if x < 0) for after in of.values()] == [
        [0, 1, 2],
        [2],
        [],
        [1, 2],
    ]
    assert logits_after(Penalties(presence=1.0), row, *history, prompt_len=3) == dict.fromkeys(range(3), -1.0)


def test_the_window_and_the_prompt_are_both_respected():
    # of 0 1 2 3 the last three are 1 2 3, and 0 1 are prompt
    after = logits_after(Penalties(presence=1.0, last_n=3, prompt_len=2), [0.0] * 4, 0, 1, 2, 3)
    assert after == {0: 0.0, 1: 0.0, 2: -1.0, 3: -1.0}


def test_an_absent_token_stays_absent_and_an_unknown_one_is_passed_over():
    after = logits_after(Penalties(repeat=2.0, presence=-5.0), [1.0, -INF, 1.0], 1, 99, -1)
    assert after == {0: 1.0, 2: 1.0}


def test_no_penalty_makes_a_logit_infinite():
    for knobs in (
        {"repeat": 1e-300},
        {"repeat": 1e300},
        {"frequency": 1.7e308, "presence": 1.7e308},
        {"repeat": 1e-300, "frequency": 1.7e308},
        {"repeat": 1e300, "presence": 1.7e308},
    ):
        law = Penalties(**knobs).apply(Distribution.from_logits([3e38, -3e38, 1.0]), said(0, 0, 1, 1))
        assert np.abs(law.logits).max() <= LIMIT
        assert len(law) == 3
        assert math.isfinite(law.entropy_bits)


def test_a_text_longer_than_any_context_is_no_problem():
    after = logits_after(Penalties(frequency=1.0, last_n=None), [0.0, 0.0], *[0] * 100_000)
    assert after[0] == -100_000


@SOON
@given(TEXTS, st.integers(0, 50), st.integers(0, 50), st.floats(0.2, 5), st.floats(-3, 3), st.floats(-3, 3))
def test_penalties_are_those_of_the_definition(text, last_n, prompt_len, repeat, frequency, presence):
    row = [1.5, -0.7, 0.0, 2.0, 4.0]
    sampler = Penalties(repeat, frequency, presence, last_n, prompt_len)
    after = logits_after(sampler, row, *text)
    counts = Counter(t for i, t in enumerate(text) if i >= prompt_len and i >= len(text) - last_n)
    for token_id, logit in enumerate(row):
        if counts[token_id]:
            logit = logit / repeat if logit > 0 else logit * repeat
            logit = logit - counts[token_id] * frequency - presence
        assert math.isclose(after[token_id], logit, rel_tol=1e-12, abs_tol=1e-12)


def test_the_working_of_a_penalty_ends_in_the_logit_that_the_law_has():
    sampler, dist, context = (
        Penalties(2.0, 0.5, 0.25),
        Distribution.from_logits([0.5, -1.0, 7.0]),
        said(0, 0, 1),
    )
    for token_id, sign, out in ((0, "/", 0.5 / 2 - 2 * 0.5 - 0.25), (1, "·", -1.0 * 2 - 0.5 - 0.25)):
        shown = numbers_of(sampler, token_id, dist, context)
        assert shown.text.startswith(f"{{l}} {sign} {{r}}")
        assert shown.numbers["out"] == out
    assert numbers_of(sampler, 2, dist, context) == ("c = 0 ⇒ ℓ′ = ℓ = {l}", {"l": 7.0})
    assert sampler.details(dist, context) == {"n_window": 3, "n_distinct": 2}


# -- n-grams ----------------------------------------------------------------------------------------------------


def test_an_ngram_is_not_said_twice():
    assert left(NoRepeatNgram(n=2), 4, 0, 1, 2, 0) == [0, 2, 3]  # 0 1 is there
    assert left(NoRepeatNgram(n=3), 4, 0, 1, 2, 0, 1) == [0, 1, 3]  # 0 1 2 is there
    assert left(NoRepeatNgram(n=3), 4, 0, 1, 2, 3, 1) == [0, 1, 2, 3]


def test_one_bans_all_that_was_said_zero_nothing_and_a_short_text_nothing():
    dist = flat(4)
    assert left(NoRepeatNgram(n=1), 4, 0, 2, 2) == [1, 3]
    assert NoRepeatNgram(n=0).apply(dist, said(0, 1)) is dist
    assert NoRepeatNgram(n=3).apply(dist, said(0, 0)) is dist
    assert left(NoRepeatNgram(n=3), 4, 0, 0, 0) == [1, 2, 3]
    assert NoRepeatNgram(n=10**9).apply(dist, said(0, 1, 2)) is dist
    with pytest.raises(NothingToDraw):
        left(NoRepeatNgram(n=1), 2, 0, 1)


@SOON
@given(TEXTS, st.integers(1, 6))
def test_the_ngrams_of_a_text_after_the_draw_are_all_different_from_the_new_one(text, n):
    grams = {tuple(text[i : i + n]) for i in range(len(text) - n + 1)}
    expected = [
        v for v in range(5) if len(text) < n - 1 or tuple([*text, v][-n:]) not in grams or len(text) < n
    ]
    assert left(NoRepeatNgram(n=n), 5, *text) == expected


def test_the_working_of_an_ngram_counts_its_earlier_places():
    sampler, context = NoRepeatNgram(n=2), said(0, 1, 0, 1, 0)
    assert numbers_of(sampler, 1, flat(3), context).numbers == {"n": 2, "token_id": 1, "c": 2}
    assert numbers_of(sampler, 2, flat(3), context).numbers["c"] == 0
    assert [numbers_of(sampler, i, flat(3), context).text.endswith("> 0") for i in (1, 2)] == [True, False]
    assert sampler.details(flat(3), context) == {"banned": [1]}


@pytest.mark.parametrize(
    ("sampler", "knobs"),
    [
        (Penalties, {"repeat": 0.0}),
        (Penalties, {"last_n": -1}),
        (Penalties, {"last_n": 1.5}),
        (Dry, {"multiplier": -1.0}),
        (Dry, {"multiplier": 1.0, "base": 0.9}),
        (Dry, {"multiplier": 1.0, "allowed_length": 0}),
        (NoRepeatNgram, {"n": -1}),
        (MinNewTokens, {"min_new": -1}),
    ],
)
def test_a_knob_outside_its_interval_is_refused(sampler, knobs):
    with pytest.raises(KnobOutOfRange) as caught:
        sampler(**knobs)
    assert caught.value.knob in knobs
