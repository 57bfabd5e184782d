"""DRY: the search for repetitions, their price, and the breakers."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidText
from models.loading import LoadedModel
from sandbox import breakers as breaking
from sandbox.breakers import breaker_tokens
from sandbox.chain import SamplerChain
from sandbox.errors import BreakerWithoutTokens, InvalidKnob, NeedsVocabulary
from sandbox.outcome import run_chain
from sandbox.repetition import continuations, matches_with_the_end
from sandbox.samplers.dry import Dry
from sandbox.vocabulary import Vocabulary
from tests.said import flat, logits_after, numbers_of, said

SOON = settings(max_examples=150, derandomize=True, database=None, deadline=None)
TEXTS = st.lists(st.integers(0, 3), max_size=40)


# -- DRY: the search --------------------------------------------------------------------------------------------


@given(TEXTS)
@SOON
def test_a_match_is_as_long_as_a_comparison_token_by_token_says(text):
    lengths = matches_with_the_end(text)
    for distance in range(1, len(text)):
        n = 0
        while distance + n < len(text) and text[-1 - n] == text[-1 - distance - n]:
            n += 1
        assert lengths[distance] == n
    assert len(lengths) == len(text)


def test_the_longest_of_several_matches_counts_and_a_breaker_caps_it():
    text = [1, 2, 3, 9, 2, 3, 8, 1, 2, 3]  # "1 2 3" was followed by 9, "2 3" by 8
    assert continuations(text, limit=10) == {9: 3, 8: 2}
    assert continuations(text, limit=2) == {9: 2, 8: 2}
    assert continuations([5, 7, 5, 6, 7, 5], limit=10) == {6: 1, 7: 1} | {
        6: 2
    }  # once after "5", once after "7 5"


def test_the_search_is_one_pass_also_over_a_text_of_one_token():
    # compared pair by pair this would be 2 * 10**10 comparisons
    assert continuations([0] * 200_000, limit=10**9) == {0: 199_999}


# -- DRY: the price ---------------------------------------------------------------------------------------------


def dry(**knobs):
    return Dry(**{"multiplier": 1.0, "base": 2.0, "allowed_length": 2, "breakers": ()} | knobs)


def test_the_price_grows_by_the_base_with_each_repeated_token():
    for length in (1, 2, 3, 4):
        end = [1, 2, 3, 4][-length:]
        paid = -logits_after(dry(multiplier=0.5), [0.0] * 10, *end, 9, 7, *end)[9]
        assert paid == (0 if length < 2 else 0.5 * 2 ** (length - 2))


def test_the_allowed_length_is_the_first_that_pays():
    text = (1, 2, 3, 9, 1, 2, 3)
    assert [logits_after(dry(allowed_length=n), [0.0] * 10, *text)[9] for n in (1, 2, 3, 4)] == [
        -4,
        -2,
        -1,
        0,
    ]


def test_the_exponent_stops_where_float32_ends():
    # 2 ** 128 is the first power of two beyond float32, and llama.cpp's bound
    text = [0] * 300
    assert logits_after(dry(allowed_length=1, last_n=None), [0.0, 0.0], *text)[0] == -(2.0**128)
    assert logits_after(dry(allowed_length=1, last_n=129), [0.0, 0.0], *text)[0] == -(2.0**127)
    assert logits_after(dry(allowed_length=1, last_n=200, base=1.0), [0.0, 0.0], *text)[0] == -1.0
    assert logits_after(dry(base=1e300), [0.0] * 3, 1, 2, 0, 1, 2)[0] == -1.0  # L = a: base ** 0


def test_no_price_removes_a_token():
    law = dry(multiplier=1.7e308, allowed_length=1, last_n=None).apply(flat(2), said(*[0] * 300))
    assert len(law) == 2
    assert math.isfinite(law.entropy_bits)


def test_dry_looks_at_its_window_only():
    text = (1, 2, 9, 5, 6, 7, 1, 2)
    assert [logits_after(dry(last_n=n), [0.0] * 10, *text)[9] for n in (8, 7, None)] == [-1, 0, -1]
    assert [logits_after(dry(last_n=n), [0.0] * 10, 1, 2, 9, 1, 2)[9] for n in (5, 99, None)] == [-1, -1, -1]
    dist = flat(10)
    assert dry(last_n=0).apply(dist, said(*text)) is dist
    assert dry(multiplier=0.0).apply(dist, said(*text)) is dist
    assert Dry(multiplier=0.0).apply(dist, said(*text)) is dist  # breakers that are text, and no vocabulary


def test_a_breaker_cuts_the_repetition_and_never_pays_itself():
    text = (1, 2, 3, 9, 1, 2, 3)
    assert logits_after(dry(breakers=(1,)), [0.0] * 10, *text)[9] == -1  # "2 3" is left: 2 ** 0
    assert logits_after(dry(breakers=(2,)), [0.0] * 10, *text)[9] == 0  # "3" alone is below 2
    assert logits_after(dry(breakers=(9,)), [0.0] * 10, *text)[9] == 0  # 9 itself ends repetitions


def test_dry_shows_what_it_saw():
    context, dist = said(1, 2, 3, 9, 1, 2, 3), flat(10)
    sampler = dry(breakers=(1,))
    assert sampler.details(dist, context) == {"n_window": 7, "limit": 2, "repeats": [[9, 2]]}
    assert numbers_of(sampler, 9, dist, context).numbers["out"] == -1
    assert numbers_of(sampler, 4, dist, context).text.startswith("L = {L} < a")
    assert numbers_of(sampler, 4, dist, context).numbers["L"] == 0
    assert dry(multiplier=0.0).details(dist, context) == {"n_window": 0, "limit": 0, "repeats": []}
    assert numbers_of(dry(multiplier=0.0), 9, dist, context).numbers["L"] == 0
    uneven = dry(allowed_length=1).details(dist, said(2, 3, 9, 3, 8, 2, 3))  # "2 3" before 9, "3" before 8
    assert uneven["repeats"] == [[9, 2], [8, 1]]
    alternating = [t for i in range(12) for t in (20, i)] + [
        20
    ]  # every i followed a 20, and the text ends with one
    longest = dry(allowed_length=5).details(dist, said(*alternating))["repeats"]
    assert longest == [[i, 1] for i in range(10)]


@SOON
@given(TEXTS, st.lists(st.integers(0, 3), max_size=1), st.integers(1, 4), st.integers(1, 40))
def test_dry_is_the_definition_read_aloud(text, breakers, allowed, last_n):
    """For each earlier place: how many tokens before it equal the end, at most back to the last breaker."""
    window = text[-last_n:]
    since = next((i for i, t in enumerate(reversed(window)) if t in breakers), len(window))
    expected = [0.0] * 4
    for place in range(1, len(window)):
        n = 0
        while n < min(place, since) and window[place - 1 - n] == window[len(window) - 1 - n]:
            n += 1
        if n >= allowed and window[place] not in breakers:
            expected[window[place]] = min(expected[window[place]], -(1.5 ** (n - allowed)))
    sampler = dry(base=1.5, allowed_length=allowed, last_n=last_n, breakers=breakers)
    assert list(logits_after(sampler, [0.0] * 4, *text).values()) == pytest.approx(expected, rel=1e-12)


# -- DRY: breakers as text --------------------------------------------------------------------------------------

#            0     1     2       3      4        5       6        7        8
WORDS = (b"a", b"\n", b"b.\n", b"ab", b" end", b"END", b" say:", b"\xc2", b"\xab")


def words(encode=None) -> Vocabulary:
    by_bytes = {word: i for i, word in enumerate(WORDS)}
    return Vocabulary(WORDS, frozenset(), frozenset({5}), encode or (lambda text: [by_bytes[text.encode()]]))


def test_every_token_that_holds_the_breaker_is_one():
    assert breaker_tokens(["\n"], words()).tails == {1: ((),), 2: ((),)}
    assert breaker_tokens([":", 3], words()).tails == {6: ((),), 3: ((),)}


def test_a_token_that_ends_with_the_beginning_needs_the_rest_behind_it():
    tails = breaker_tokens(["aab"], words()).tails  # token "a" ends with "a": "ab" must follow
    assert tails == {0: ((3,),)}
    known = breaker_tokens(["aab"], words())
    assert known.distance([4, 0, 3, 4, 4]) == 2
    assert known.distance([4, 0, 4, 4, 4]) == 5  # "a" without "ab"
    assert known.distance([4, 4, 0]) == 3  # the rest may still come, but is not there
    assert not known.is_breaker(0)


def test_the_longest_breaker_at_a_place_counts_and_the_last_place_does():
    tails = dataclasses.replace(breaker_tokens([1], None), tails={1: ((), (2, 2)), 3: ((),)})
    assert tails.distance([3, 1, 2, 2, 0]) == 1  # 1 2 2 rather than 1 alone
    assert tails.distance([3, 1, 2, 0, 0]) == 3
    assert tails.distance([1, 0, 3, 0]) == 1


def test_a_breaker_cut_inside_a_character_goes_on_with_the_byte():
    # « is C2 AB: the token C2 ends with its beginning, the token AB is the rest
    assert breaker_tokens(["«"], words()).tails == {7: ((8,),)}
    three = Vocabulary((b"\xe2", b"\x80", b"\xa6", b"\xe2\x80"), frozenset(), frozenset())
    assert breaker_tokens(["…"], three).tails == {0: ((1, 2),), 3: ((2,),)}  # E2 80 A6
    no_rest = Vocabulary((b"\xe2", b"\x80"), frozenset(), frozenset())
    with pytest.raises(BreakerWithoutTokens):
        breaker_tokens(["…"], no_rest)


def test_a_tail_is_at_most_twenty_tokens():
    found = breaker_tokens(["a" * 60], words(lambda text: [0] * len(text))).tails
    assert {len(tail) for tail in found[0]} == {20}


def test_a_breaker_that_no_token_begins_is_an_error_and_a_default_one_is_left_out():
    with pytest.raises(BreakerWithoutTokens) as caught:
        breaker_tokens(["zebra"], words())
    assert "zebra" in str(caught.value)
    assert breaker_tokens(["*", "\n"], words()).tails == {1: ((),), 2: ((),)}  # no word holds *


def test_text_without_a_vocabulary_is_an_error_at_the_card():
    steps = [{"sampler": "top_k", "k": 2}, {"sampler": "dry", "multiplier": 1.0}]
    with pytest.raises(NeedsVocabulary) as caught:
        run_chain([1.0, 2.0], steps, (0, 1))
    assert (caught.value.step, caught.value.knob) == (1, "breakers")
    assert run_chain([1.0, 2.0], [{"sampler": "dry", "multiplier": 1.0, "breakers": []}]).probs.sum() == 1
    assert SamplerChain.from_steps(steps).needs_vocabulary
    assert not Dry(multiplier=1.0, breakers=(3,)).needs_vocabulary
    assert Dry(multiplier=1.0, breakers=(3, "a")).needs_vocabulary
    assert not Dry(multiplier=0.0).needs_vocabulary


def test_a_few_looked_up_breakers_are_kept_the_last_used_ones():
    vocabulary = words(lambda text: [3])
    for n in range(breaking.MAX_KNOWN + 2):
        breaker_tokens(["b", "a" + "x" * n], vocabulary)
    kept = list(breaking._known[vocabulary])
    assert len(kept) == breaking.MAX_KNOWN and kept[-2] == "b" and "a" not in kept and "ax" not in kept


@pytest.mark.parametrize("given", [["x"] * 33, ["x" * 41], [7] * 33])
def test_breakers_are_few_and_short(given):
    Dry(multiplier=1.0, breakers=("x" * 40,) * 32)
    with pytest.raises(InvalidKnob, match="at most 32 breakers of at most 40 characters"):
        Dry(multiplier=1.0, breakers=given)


def test_half_a_character_is_no_breaker():
    with pytest.raises(InvalidText):
        Dry(multiplier=1.0, breakers=("a\ud800",))


def test_a_vocabulary_is_looked_through_once_per_breaker():
    calls = []
    vocabulary = words(lambda text: calls.append(text) or [3])
    for _ in range(3):
        Dry(multiplier=1.0, breakers=("aab",)).apply(flat(9), said(0, 3, 0, 3, vocabulary=vocabulary))
    n_calls = len(calls)
    assert n_calls > 0
    Dry(multiplier=2.0, breakers=("aab",)).apply(flat(9), said(0, 3, 0, 3, vocabulary=vocabulary))
    assert len(calls) == n_calls


@pytest.mark.real
def test_the_embedded_model_breaks_at_line_ends_also_inside_a_token(embedded: LoadedModel):
    vocabulary = Vocabulary.of(embedded)
    tails = breaker_tokens(["\n", ":", '"', "*"], vocabulary).tails
    single = {
        i
        for i, piece in enumerate(vocabulary.token_bytes)
        if any(b in piece for b in (b"\n", b":", b'"', b"*"))
    }
    assert {i for i, rest in tails.items() if () in rest} == single
    assert len(single) > 100
    line = embedded.tokenizer.encode("one two three\none two", add_special=False)
    three = embedded.tokenizer.encode(" three", add_special=False)[0]
    context = said(*line, vocabulary=vocabulary)
    dist = flat(embedded.engine.vocab_size)
    # without breakers "one two" (2 tokens) is continued by " three"; the line end right before does not touch it
    assert Dry(multiplier=1.0).apply(dist, context).logit_of(three) == -1
    colon = embedded.tokenizer.encode("one two three: one: two", add_special=False)
    assert Dry(multiplier=1.0).apply(dist, said(*colon, vocabulary=vocabulary)).logit_of(three) == 0
