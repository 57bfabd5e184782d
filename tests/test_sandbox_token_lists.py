"""The samplers that name tokens: biases, allowed and forbidden ones, bad words, endings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.errors import InvalidTokenId
from sandbox.chain import SamplerChain
from sandbox.errors import InvalidKnob, NeedsVocabulary, NothingToDraw
from sandbox.outcome import run_chain
from sandbox.samplers.allowed_tokens import AllowedTokens
from sandbox.samplers.bad_words import BadWords
from sandbox.samplers.logit_bias import LogitBias
from sandbox.samplers.min_new_tokens import MinNewTokens
from sandbox.samplers.suppress_tokens import SuppressTokens
from sandbox.vocabulary import Vocabulary
from tests.said import flat, left, logits_after, numbers_of, said

INF = float("inf")


def test_a_bias_is_added_and_minus_infinity_forbids():
    assert logits_after(LogitBias(bias={0: 1.5, 2: -2.0}), [1.0, 1.0, 1.0]) == {0: 2.5, 1: 1.0, 2: -1.0}
    assert logits_after(LogitBias(bias={"1": "-inf", "0": 1}), [1.0, 1.0, 1.0]) == {0: 2.0, 2: 1.0}
    dist = flat(2)
    assert LogitBias(bias={}).apply(dist, said()) is dist
    assert LogitBias(bias={0: 0.0}).apply(dist, said()) is dist


def test_a_bias_brings_no_absent_token_back_and_may_forbid_one():
    assert logits_after(LogitBias(bias={1: 100.0, 0: -INF}), [-INF, -INF, 1.0]) == {2: 1.0}


def test_huge_biases_stay_numbers():
    law = LogitBias(bias={0: 1.7e308, 1: -1.7e308}).apply(flat(3), said())
    assert law.winner == 0
    assert math.isfinite(law.entropy_bits)
    assert np.isfinite(law.logprobs).all()
    far = [{"sampler": "temperature", "temperature": 1e-300}]
    far += [{"sampler": "logit_bias", "bias": {0: 1.7e308, 1: -1.7e308}}] * 2
    far += [{"sampler": "dry", "multiplier": 1.7e308, "breakers": []}]
    outcome = run_chain([3e38, 0.0, 3e38], far, (1, 1, 1))
    assert outcome.probs.tolist() == [1.0, 0.0, 0.0]
    assert len(outcome.distribution) == 3


def test_forbidding_everything_names_the_step():
    steps = [{"sampler": "top_k", "k": 2}, {"sampler": "logit_bias", "bias": {0: -INF, 1: "-inf"}}]
    with pytest.raises(NothingToDraw) as caught:
        run_chain([1.0, 1.0, 0.0], steps)
    assert caught.value.step == 1


@pytest.mark.parametrize(
    "step",
    [
        {"sampler": "logit_bias", "bias": {5: 1.0}},
        {"sampler": "suppress_tokens", "tokens": [5]},
        {"sampler": "allowed_tokens", "tokens": [1, 5]},
        {"sampler": "bad_words", "sequences": [[5, 0]]},
        {"sampler": "min_new_tokens", "min_new": 1, "eos": [5]},
        {"sampler": "dry", "multiplier": 1.0, "breakers": [5]},
    ],
    ids=lambda step: step["sampler"],
)
def test_a_token_outside_the_vocabulary_is_named_with_the_step(step):
    with pytest.raises(InvalidTokenId) as caught:
        run_chain([1.0, 1.0, 0.0], [{"sampler": "top_k", "k": 3}, step])
    assert (caught.value.step, caught.value.token_id, caught.value.vocab_size) == (1, 5, 3)


@pytest.mark.parametrize("bias", [{0: INF}, {0: math.nan}, {-1: 1.0}, {"x": 1.0}, [1.0], "0:1", None])
def test_what_is_no_bias_is_refused(bias):
    with pytest.raises(InvalidKnob) as caught:
        LogitBias(bias=bias)
    assert (caught.value.sampler, caught.value.knob) == ("logit_bias", "bias")


def test_a_list_of_tokens_is_kept_or_removed_whatever_was_said():
    assert run_chain([1.0, 1.0, 1.0], [{"sampler": "suppress_tokens", "tokens": [1]}]).probs.tolist() == [
        0.5,
        0,
        0.5,
    ]
    assert run_chain([1.0, 1.0, 1.0], [{"sampler": "allowed_tokens", "tokens": [2]}]).probs.tolist() == [
        0,
        0,
        1,
    ]
    with pytest.raises(NothingToDraw) as caught:
        run_chain([1.0, 0.0], [{"sampler": "top_k", "k": 1}, {"sampler": "allowed_tokens", "tokens": [1]}])
    assert caught.value.step == 1
    with pytest.raises(InvalidKnob):
        SamplerChain.from_steps([{"sampler": "allowed_tokens", "tokens": []}])


def test_a_bad_word_loses_its_last_token_where_the_text_ends_with_the_others():
    never = BadWords(sequences=((3,), (0, 1, 2)))
    assert left(never, 4) == [0, 1, 2]
    assert left(never, 4, 1) == [0, 1, 2]
    assert left(never, 4, 0, 1) == [0, 1]  # no third token is needed, only the two before
    assert left(never, 4, 2, 0, 1) == [0, 1]
    assert left(never, 4, 0, 1, 0) == [0, 1, 2]


def test_an_ending_token_alone_is_no_bad_word_but_may_end_one():
    assert left(BadWords(sequences=((3,), (0, 3)), eos=(3,)), 4) == [0, 1, 2, 3]
    assert left(BadWords(sequences=((3,), (0, 3)), eos=(3,)), 4, 0) == [0, 1, 2]
    dist = flat(3)
    assert BadWords(sequences=()).apply(dist, said(0)) is dist


def test_a_text_may_not_end_before_enough_tokens_were_drawn():
    patient = MinNewTokens(min_new=2, eos=(3,))
    assert [left(patient, 4, 0, *[1] * n, prompt_len=1) for n in (0, 1, 2)] == [
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2, 3],
    ]
    assert left(MinNewTokens(min_new=2, eos=(3,), prompt_len=0), 4, 0, 1, prompt_len=2) == [0, 1, 2, 3]
    assert left(MinNewTokens(min_new=1, eos=(3,), prompt_len=5), 4, 0, 1) == [0, 1, 2]


def test_the_endings_are_those_of_the_vocabulary_unless_given():
    ends_with_2 = Vocabulary((b"a", b"b", b"<end>"), frozenset({2}), frozenset({2}))
    assert left(MinNewTokens(min_new=1), 3, vocabulary=ends_with_2) == [0, 1]
    assert MinNewTokens(min_new=1).needs_vocabulary
    assert not MinNewTokens(min_new=0).needs_vocabulary
    assert not MinNewTokens(min_new=1, eos=()).needs_vocabulary
    with pytest.raises(NeedsVocabulary):
        left(MinNewTokens(min_new=1), 4)
    dist = flat(4)
    assert MinNewTokens(min_new=0).apply(dist, said()) is dist


def test_the_working_of_a_list_says_on_which_side_a_token_is():
    never, context = BadWords(sequences=((0, 2, 1),)), said(0, 2)
    assert numbers_of(never, 1, flat(3), context).numbers == {"t0_id": 0, "t1_id": 2, "t2_id": 1}
    assert "∉" in numbers_of(never, 2, flat(3), context).text
    for kind in (SuppressTokens, AllowedTokens):
        assert [numbers_of(kind(tokens=(1,)), i, flat(3), context).text[-3] for i in (1, 2)] == ["∈", "∉"]
    assert numbers_of(MinNewTokens(min_new=0), 1, flat(3), context).text == "{g} ≥ {m}, {token_id} ∉ E"
    assert (
        numbers_of(MinNewTokens(min_new=1, eos=(1,)), 1, flat(3), said()).text == "{g} < {m}, {token_id} ∈ E"
    )
    patient = MinNewTokens(min_new=2, eos=(1,))
    assert numbers_of(patient, 1, flat(3), said(5)).text == "{g} < {m}, {token_id} ∈ E"
    assert numbers_of(patient, 0, flat(3), said(5, 5)).text == "{g} ≥ {m}, {token_id} ∉ E"
    forbidden = LogitBias(bias={0: -INF, 1: 2.0})
    assert numbers_of(forbidden, 0, flat(3), said()).text.endswith("−∞")
    assert numbers_of(forbidden, 1, flat(3), said()).numbers == {"l": 0.0, "b": 2.0, "out": 2.0}
    assert numbers_of(forbidden, 2, flat(3), said()).numbers == {"l": 0.0, "b": 0.0, "out": 0.0}
