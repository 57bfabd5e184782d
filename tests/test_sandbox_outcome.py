"""run_chain: what a notebook gets back, and where each token went."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from models.errors import InvalidTokenId
from sandbox import Context, Distribution, SamplerChain, run_chain
from sandbox.errors import (
    InvalidKnob,
    KnobOutOfRange,
    LogitsAllImpossible,
    LogitsInfinite,
    LogitsNotANumber,
    MissingKnob,
    NotAStep,
    NothingToDraw,
    UnknownKnob,
    UnknownSampler,
    ZeroTemperature,
)

HALVES = np.log([0.5, 0.25, 0.125, 0.125])


def test_probs_are_dense_and_exactly_zero_where_removed():
    outcome = run_chain(HALVES, [{"sampler": "top_k", "k": 2}])
    assert outcome.probs.dtype == np.float64
    assert outcome.probs == pytest.approx([2 / 3, 1 / 3, 0, 0], abs=1e-15)
    assert outcome.probs[2:].tolist() == [0.0, 0.0]


def test_a_token_the_model_rules_out_has_probability_zero_and_no_stage_to_blame():
    outcome = run_chain([0.0, -math.inf, 0.0], [{"sampler": "top_k", "k": 1}])
    assert outcome.probs.tolist() == [1.0, 0.0, 0.0]
    assert (outcome.removed_by(1), outcome.path(1)) == (None, [])
    assert outcome.removed_by(2) == 0


def test_the_row_is_left_as_it_was():
    row = np.array([3.0, 1.0, 2.0], dtype=np.float32)
    before = row.copy()
    run_chain(row, [{"sampler": "temperature", "temperature": 0.1}, {"sampler": "min_p", "p": 0.5}])
    assert np.array_equal(row, before)


def test_an_empty_list_of_steps_is_the_model_as_it_is():
    outcome = run_chain(HALVES, [])
    assert outcome.probs == pytest.approx([0.5, 0.25, 0.125, 0.125], abs=1e-15)
    assert outcome.stages == ()


def test_the_stage_that_removed_a_token_is_the_first_without_it():
    steps = [
        {"sampler": "top_k", "k": 3},
        {"sampler": "temperature", "temperature": 2},
        {"sampler": "top_p", "p": 0.5},
    ]
    outcome = run_chain(HALVES, steps)
    # 0.5 : 0.25 : 0.125 at T = 2 weigh 4 : 2.83 : 2, so the first two reach one half
    assert [outcome.removed_by(i) for i in range(4)] == [None, None, 2, 0]


def test_the_path_tells_probability_and_rank_before_and_after_each_stage():
    outcome = run_chain(
        HALVES, [{"sampler": "temperature", "temperature": 0.5}, {"sampler": "top_k", "k": 1}]
    )
    first, second = outcome.path(1)
    # squares: 1/4 : 1/16 : 1/64 : 1/64 = 16 : 4 : 1 : 1
    assert (first.prob_before, first.prob_after) == pytest.approx((0.25, 4 / 22))
    assert (first.rank_before, first.rank_after) == (2, 2)
    assert (second.prob_after, second.rank_after) == (None, None)


def test_the_worked_formula_carries_the_real_numbers():
    outcome = run_chain(HALVES, [{"sampler": "min_p", "p": 0.5}])
    worked = outcome.path(1)[0].worked
    assert worked.text == "p = {p} ≥ {m} · {p1} = {bar}"
    assert worked.numbers == pytest.approx({"p": 0.25, "m": 0.5, "p1": 0.5, "bar": 0.25})
    assert outcome.path(2)[0].worked.text.startswith("p = {p} < ")


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ([0.0, math.nan], LogitsNotANumber),
        ([0.0, math.inf], LogitsInfinite),
        ([-math.inf, -math.inf], LogitsAllImpossible),
    ],
)
def test_broken_rows_are_told_apart(row, error):
    with pytest.raises(error):
        run_chain(row, [{"sampler": "top_k", "k": 1}])


@pytest.mark.parametrize(
    ("steps", "error", "says"),
    [
        ([{"sampler": "top_k", "k": 2}, {"sampler": "top_q"}], UnknownSampler, "top_q"),
        ([{"sampler": "top_k", "k": 2}, {"sampler": "top_p"}], MissingKnob, "top_p needs a value for p"),
        ([{"sampler": "top_k", "k": 2}, {"sampler": "top_p", "q": 1, "p": 1}], UnknownKnob, r"top_p\.q"),
        ([{"sampler": "top_k", "k": 2}, {"sampler": "min_p", "p": 2}], KnobOutOfRange, r"min_p\.p = 2"),
        ([{"sampler": "top_k", "k": 2}, 7], NotAStep, "7 is no step"),
        (
            [{"sampler": "top_k", "k": 2}, {"sampler": "temperature", "temperature": 0}],
            ZeroTemperature,
            r'temperature = 0 .*"greedy"',
        ),
    ],
)
def test_a_bad_step_is_named_and_its_place_in_the_chain_too(steps, error, says):
    with pytest.raises(error, match=says) as caught:
        run_chain(HALVES, steps)
    assert caught.value.step == 1
    assert caught.value.data["step"] == 1


def test_steps_that_are_no_list_are_refused():
    for steps in ({"sampler": "top_k", "k": 1}, "top_k", None, 3):
        with pytest.raises(NotAStep):
            run_chain(HALVES, steps)


def test_what_was_written_comes_back():
    steps = [
        {"sampler": "top_k", "k": 40},
        {"sampler": "top_p", "p": 0.95, "min_keep": 1},
        {"sampler": "top_p", "p": 0.9},
    ]
    assert SamplerChain.from_steps(steps).to_steps() == steps
    assert SamplerChain.from_steps(steps[:1]) == SamplerChain.from_steps([{**steps[0], "min_keep": 1}])


def test_changing_what_to_steps_gave_changes_no_chain():
    chain = SamplerChain.from_steps([{"sampler": "top_k", "k": 40}])
    chain.to_steps()[0]["k"] = 1
    assert chain.to_steps() == [{"sampler": "top_k", "k": 40}]


@dataclass(frozen=True)
class Countdown:
    """A sampler with memory that the test can follow: it keeps as many tokens as its state says."""

    name: ClassVar[str] = "countdown"
    knobs: ClassVar[dict[str, Any]] = {}

    def initial_state(self) -> int:
        return 3

    def apply(self, dist: Distribution, context: Context, state: Any = None) -> Distribution:
        return dist.first(3 if state is None else state)

    def next_state(self, state: Any, before: Distribution, after: Distribution, token_id: int) -> int:
        return (3 if state is None else state) - 1

    def details(self, dist: Distribution, context: Context, state: Any = None) -> dict[str, Any]:
        return {"left": state}


def test_a_memory_is_handed_in_and_out():
    chain = SamplerChain((Countdown(),))
    dist = Distribution.from_logits(HALVES)
    states = chain.initial_states()
    assert states == [3]
    laws = chain.laws(dist, None, states)
    assert len(laws[-1]) == 3
    states = chain.next_states(states, laws, 0)
    final, stages = chain.run(dist, None, states)
    assert (len(final), stages[0].details) == (2, {"left": 2})


def test_a_chain_without_memory_has_no_states():
    chain = SamplerChain.from_steps([{"sampler": "top_k", "k": 1}])
    assert chain.initial_states() is None
    assert chain.next_states(None, chain.laws(Distribution.from_logits(HALVES)), 0) is None


def test_an_outcome_does_not_follow_later_changes_of_the_callers_row():
    row = np.array([3.0, 2.0, 1.0])
    outcome = run_chain(row, [{"sampler": "temperature", "temperature": 1.0}])
    row[0] = -9
    assert outcome.probs == pytest.approx(np.exp([3, 2, 1]) / np.exp([3, 2, 1]).sum())


def test_changing_what_a_stage_says_changes_no_chain():
    chain = SamplerChain.from_steps([{"sampler": "logit_bias", "bias": {"1": 2.0}}])
    run_chain([1.0, 2.0], chain).stages[0].params["bias"]["1"] = 99
    assert chain.to_steps() == [{"sampler": "logit_bias", "bias": {"1": 2.0}}]


def test_a_chain_with_other_samplers_says_so():
    chain = SamplerChain.from_steps([{"sampler": "top_k", "k": 40}])
    other = replace(chain, samplers=SamplerChain.from_steps([{"sampler": "top_k", "k": 2}]).samplers)
    assert other.to_steps() == [{"sampler": "top_k", "k": 2}]


@pytest.mark.parametrize(
    ("logits", "history", "states", "name"),
    [
        ([[1.0, 2.0]], (), None, "logits"),
        (1.0, (), None, "logits"),
        ("abc", (), None, "logits"),
        ([], (), None, "logits"),
        ([1 + 2j, 1], (), None, "logits"),
        ([[1.0], [1.0, 2.0]], (), None, "logits"),
        ([1.0, 2.0], "ab", None, "history"),
        ([1.0, 2.0], [1.9], None, "history"),
        ([1.0, 2.0], [-1], None, "history"),
        ([1.0, 2.0], (), [], "states"),
    ],
)
def test_what_is_no_row_no_history_and_no_state_is_refused_by_name(logits, history, states, name):
    with pytest.raises(InvalidKnob, match=f"^{name} = "):
        run_chain(logits, [{"sampler": "penalties", "repeat": 1.1}], history, states=states)


def test_an_error_in_a_stage_begins_with_the_stage():
    steps = [{"sampler": "allowed_tokens", "tokens": [0]}, {"sampler": "bad_words", "sequences": [[0]]}]
    with pytest.raises(NothingToDraw, match=r"^step 2, bad_words: every token was removed") as caught:
        run_chain([1.0, 2.0], steps)
    assert caught.value.step == 1
    with pytest.raises(InvalidTokenId, match=r"^step 1, suppress_tokens\.tokens: 99 is not a token"):
        run_chain([1.0, 2.0], [{"sampler": "suppress_tokens", "tokens": [99]}])


@pytest.mark.parametrize("k", [-(10**5000), 10**5000, np.array([0, 1])], ids=["low", "high", "array"])
def test_a_value_beyond_all_measure_is_refused_too(k):
    with pytest.raises(KnobOutOfRange, match=r"top_k\.k"):
        run_chain([1.0, 2.0], [{"sampler": "top_k", "k": k}])
