"""Beams, plain and diverse, against every possible text and against transformers."""

from __future__ import annotations

import dataclasses
import itertools
import math
import threading
from collections import Counter

import numpy as np
import pytest

from models.engine import Request
from models.errors import ContextFull, EmptyPrompt
from sandbox.errors import BeamsNotDivisible, InvalidKnob, KnobOutOfRange
from sandbox.search import SEARCHES, BeamSettings, DiverseSettings, beam, diverse_beam, finished, greedy
from tests.markov import Markov, logprob, markov, random_table


def test_the_table_names_every_search():
    assert list(SEARCHES) == ["greedy", "beam", "diverse_beam", "speculative"]


def every_text(size, eos_id, max_tokens):
    """Every text that ends with the end token, or is cut at max_tokens."""
    others = [i for i in range(size) if i != eos_id]
    for n in range(max_tokens):
        for start in itertools.product(others, repeat=n):
            yield (*start, eos_id)
    yield from itertools.product(others, repeat=max_tokens)


# Beam search


@pytest.mark.parametrize("length_penalty", [-1.0, 0.0, 1.0, 2.0])
@pytest.mark.parametrize("early_stopping", [True, False, "never"])
def test_a_beam_wide_enough_finds_every_text_in_order(length_penalty, early_stopping):
    # two letters and an end: at most 16 running, 31 texts that end and 32 that are cut, fewer than the beams
    model = markov(random_table(3, 5), eos_ids=[2])
    settings = BeamSettings(
        beams=64, length_penalty=length_penalty, early_stopping=early_stopping, max_tokens=5
    )
    _, found = finished(beam(model, [0], settings))
    scores = {ids: logprob(model, [0], ids) / len(ids) ** length_penalty for ids in every_text(3, 2, 5)}
    assert len(scores) == 63
    assert [h.token_ids for h in found.hypotheses] == sorted(scores, key=lambda ids: -scores[ids])
    for hypothesis in found.hypotheses:
        assert hypothesis.score == pytest.approx(scores[hypothesis.token_ids], abs=1e-12)
        assert hypothesis.finish_reason == ("stop" if hypothesis.token_ids[-1] == 2 else "length")


def test_a_narrow_beam_misses_what_begins_badly():
    # after a: b 0.6, c 0.4; after b all four are equal; after c d is certain: "cd" has 0.4, "b?" 0.15
    table = [[0, 0.6, 0.4, 0], [0.25] * 4, [0, 0, 0, 1], [0.25] * 4]
    model = markov(table)
    one, two = (
        finished(beam(model, [0], BeamSettings(beams=n, max_tokens=2)))[1].hypotheses[0] for n in (1, 2)
    )
    assert (one.token_ids, two.token_ids) == ((1, 0), (2, 3))
    assert (one.sum_logprob, two.sum_logprob) == pytest.approx((math.log(0.15), math.log(0.4)))


def test_greedy_follows_the_argmax_and_is_a_beam_of_one():
    model, ids = markov(random_table(6, 9), eos_ids=[5]), [0]
    steps, found = finished(greedy(model, [0], max_tokens=9))
    while len(ids) < 10 and ids[-1] != 5:
        ids.append(int(model.engine.logits[ids[-1]].argmax()))
    assert found.hypotheses[0].token_ids == tuple(ids[1:])
    assert found.hypotheses[0].score == pytest.approx(logprob(model, [0], ids[1:]))
    assert len(found.hypotheses) == 1 and len(steps) == len(ids) - 1


def test_equals_are_taken_by_parent_and_then_by_id():
    steps, found = finished(beam(markov(np.full((4, 4), 0.25)), [0], BeamSettings(beams=3, max_tokens=2)))
    assert [h.token_ids for h in steps[0].running] == [(0,), (1,), (2,)]
    assert [(h.parent, h.token_ids[-1]) for h in steps[1].candidates] == [
        *((0, 0), (0, 1), (0, 2), (0, 3)),
        *((1, 0), (1, 1)),
    ]
    assert [h.token_ids for h in found.hypotheses] == [(0, 0), (0, 1), (0, 2)]


def test_an_end_counts_among_the_first_beams_only():
    # b 0.5, c 0.3, the end 0.2: third, beyond the two beams
    late = markov([[0, 0.5, 0.3, 0.2], [0.25] * 4, [0.25] * 4, [0.25] * 4], eos_ids=[3])
    first = next(beam(late, [0], BeamSettings(beams=2)))
    assert (first.ended, [h.token_ids for h in first.pruned]) == ((), [(3,)])
    early = markov([[0, 0.5, 0.2, 0.3], [0.25] * 4, [0.25] * 4, [0.25] * 4], eos_ids=[3])
    first = next(beam(early, [0], BeamSettings(beams=2)))
    assert [h.token_ids for h in first.ended] == [(3,)]
    assert [h.token_ids for h in first.running] == [(1,), (2,)]  # the backup goes on in its place


def test_with_several_ends_enough_candidates_are_weighed():
    # three ends are the likeliest; (1 + 3) * 2 candidates still leave two to go on
    table = np.tile([0.1, 0.1, 0.3, 0.26, 0.24], (5, 1))
    step = next(beam(markov(table, eos_ids=[2, 3, 4]), [0], BeamSettings(beams=2)))
    assert len(step.candidates) == 5 and [h.token_ids for h in step.running] == [(0,), (1,)]
    assert [h.token_ids for h in step.ended] == [(2,), (3,)]


def test_length_penalty_decides_between_short_and_long():
    # the end at once: ln 0.4; b, then the end: ln 0.6 + ln 0.6 = ln 0.36
    model = markov([[0, 0.6, 0.4], [0, 0.4, 0.6], [0.3, 0.3, 0.4]], eos_ids=[2])
    best = {
        penalty: finished(beam(model, [0], BeamSettings(beams=2, length_penalty=penalty)))[1].hypotheses[0]
        for penalty in (0.0, 1.0)
    }
    assert best[0.0].token_ids == (2,) and best[0.0].score == pytest.approx(math.log(0.4))
    assert best[1.0].token_ids == (1, 2) and best[1.0].score == pytest.approx(math.log(0.36) / 2)


def test_a_limit_that_just_fits_the_context_is_the_limit():
    model = markov(random_table(3, 2), context_length=5)
    assert finished(beam(model, [0, 1, 2], BeamSettings(max_tokens=3)))[1].finish_reason == "length"


def n_steps(model, **settings):
    return len(finished(beam(model, [0], BeamSettings(**settings)))[0])


def test_early_stopping_says_when_enough_is_enough():
    # one beam; each step: the end 0.5 + b 0.5 (end first by id 1 < 2); running sums -0.69 n, first end -0.69
    half = markov([[0, 0.5, 0.5]] * 3, eos_ids=[1])
    assert n_steps(half, beams=1, early_stopping=True, max_tokens=9) == 1
    # score of the open one at its present length, ln 0.5 / 1, does not beat the finished ln 0.5 / 1
    assert n_steps(half, beams=1, early_stopping=False, max_tokens=9) == 1
    # at length 9 the open one could still reach ln 0.5 / 9, and each later end is no better than ln 0.5
    assert n_steps(half, beams=1, early_stopping="never", max_tokens=9) == 9
    settings = BeamSettings(beams=1, early_stopping="never", max_tokens=9)
    assert [h.token_ids for h in finished(beam(half, [0], settings))[1].hypotheses] == [(1,)]
    # without a length penalty its sum can only fall
    assert n_steps(half, beams=1, early_stopping="never", length_penalty=0.0, max_tokens=9) == 1


def test_false_goes_on_while_the_open_one_is_better():
    # a beam of two: "end" and "b end" are finished after two steps with ln 0.3 and (ln 0.7 + ln 0.3) / 2; the open
    # one has ln 0.49 / 2, better than both; it never gets worse than the worst, so it goes on to the limit
    model = markov([[0, 0.7, 0.3]] * 3, eos_ids=[2])
    assert n_steps(model, beams=2, early_stopping=True, max_tokens=7) == 2
    assert n_steps(model, beams=2, early_stopping=False, max_tokens=7) == 7


def test_every_step_is_a_complete_record():
    model = markov(random_table(7, 3), eos_ids=[6])
    steps, found = finished(beam(model, [0, 1], BeamSettings(beams=3, max_tokens=8)))
    previous = None
    for n, step in enumerate(steps):
        assert step.position == 2 + n
        parts = [h.token_ids for h in (*step.running, *step.ended, *step.pruned)]
        assert sorted(parts) == sorted(h.token_ids for h in step.candidates)
        assert [h.score for h in step.candidates] == sorted((h.score for h in step.candidates), reverse=True)
        for candidate in step.candidates:
            assert candidate.sum_logprob == pytest.approx(logprob(model, [1], candidate.token_ids), abs=1e-12)
            if previous is not None:
                assert candidate.token_ids[:-1] == previous.running[candidate.parent].token_ids
        previous = step
    assert found.hypotheses == steps[-1].finished


def test_all_running_hypotheses_are_asked_for_in_one_call():
    calls = []

    class Batching(Markov):
        def next_logits_many(self, sequences, *, request=None):
            calls.append([list(ids) for ids in sequences])
            return super().next_logits_many(sequences, request=request)

    model = markov(random_table(4, 1))
    model = dataclasses.replace(model, engine=Batching(random_table(4, 1)))
    finished(beam(model, [0], BeamSettings(beams=3, max_tokens=4)))
    assert [len(call) for call in calls] == [1, 3, 3, 3]


def test_the_context_ends_a_search_and_says_so():
    model = markov(random_table(3, 2), context_length=5)
    _, found = finished(beam(model, [0, 1, 2], BeamSettings(beams=2, max_tokens=9)))
    # places for 5 tokens, and one more that nothing has to follow
    assert found.finish_reason == "context_full"
    assert {len(h.token_ids) for h in found.hypotheses} == {3}
    assert {h.finish_reason for h in found.hypotheses} == {"context_full"}
    with pytest.raises(ContextFull):
        finished(beam(model, [0] * 6))
    with pytest.raises(EmptyPrompt):
        finished(beam(model, []))


@pytest.mark.parametrize("search", [beam, diverse_beam, greedy])
def test_giving_up_returns_what_there_is(search):
    request = Request(cancel=threading.Event())
    running = search(markov(random_table(5, 2)), [0], request=request)
    next(running), next(running)
    request.cancel.set()
    steps, found = finished(running)
    assert (steps, found.finish_reason) == ([], "cancelled")
    assert found.hypotheses and all(len(h.token_ids) == 2 for h in found.hypotheses)


def test_a_law_with_fewer_tokens_than_beams_is_no_obstacle():
    steps, found = finished(beam(markov([[0, 1], [0, 1]]), [0], BeamSettings(beams=5, max_tokens=3)))
    assert [h.token_ids for h in found.hypotheses] == [(1, 1, 1)]
    assert [len(step.running) for step in steps] == [1, 1, 0]


def test_a_search_ends_where_only_an_end_is_possible():
    model = markov([[0, 1], [0, 1]], eos_ids=[1])
    _, found = finished(beam(model, [0], BeamSettings(beams=3)))
    assert [h.token_ids for h in found.hypotheses] == [(1,)] and found.finish_reason == "stop"


@pytest.mark.parametrize(
    ("knobs", "named"),
    [
        ({"beams": 0}, "beams = 0"),
        ({"beams": 65}, "beams = 65"),
        ({"beams": 2.5}, "beams = 2.5"),
        ({"length_penalty": math.nan}, "length_penalty = nan"),
        ({"length_penalty": 11}, "length_penalty = 11"),
        ({"max_tokens": 0}, "max_tokens = 0"),
        ({"groups": 0}, "groups = 0"),
        ({"diversity": -0.1}, "diversity = -0.1"),
    ],
)
def test_a_knob_outside_its_range_is_named(knobs, named):
    with pytest.raises(KnobOutOfRange, match=named):
        DiverseSettings(**knobs)


def test_early_stopping_is_one_of_three():
    with pytest.raises(InvalidKnob, match="early_stopping = 'sometimes' is not true, false or never"):
        BeamSettings(early_stopping="sometimes")


def test_never_knows_that_a_negative_penalty_makes_long_texts_worse():
    # penalty -1: score = sum * length. After 2 steps the worst finished is 2 ln 0.21 = -3.12; the open one has
    # 2 ln 0.49 = -1.43 now, though at length 7 it would be worse; after 3 it has 3 ln 0.343 = -3.21
    model = markov([[0, 0.7, 0.3]] * 3, eos_ids=[2])
    assert n_steps(model, beams=2, early_stopping="never", length_penalty=-1.0, max_tokens=7) == 3


def test_the_best_open_one_is_held_against_the_worst_finished_one():
    # b 0.6, the end 0.39, c 0.01. Sums: finished ln 0.39 and ln 0.234; the best open one ln 0.36 lies between them, the
    # other open one is far below; a step later ln 0.216 < ln 0.234
    model = markov([[0, 0.6, 0.01, 0.39]] * 4, eos_ids=[3])
    assert n_steps(model, beams=2, early_stopping=False, length_penalty=0.0, max_tokens=5) == 3


# Diverse beam search


def test_one_group_is_plain_beam_search():
    model = markov(random_table(6, 4), eos_ids=[5])
    plain = finished(beam(model, [0], BeamSettings(beams=4, max_tokens=6)))
    grouped = finished(diverse_beam(model, [0], DiverseSettings(beams=4, groups=1, max_tokens=6)))
    assert grouped == plain


def test_without_diversity_all_groups_say_the_same():
    model = markov(random_table(6, 4), eos_ids=[5])
    plain = finished(beam(model, [0], BeamSettings(beams=2, max_tokens=6)))[1].hypotheses
    settings = DiverseSettings(beams=6, groups=3, diversity=0.0, max_tokens=6)
    found = finished(diverse_beam(model, [0], settings))[1].hypotheses
    assert Counter(h.token_ids for h in found) == {h.token_ids: 3 for h in plain}


def test_each_earlier_choice_costs_the_diversity_once():
    # ln 0.5, ln 0.3, ln 0.2; one beam per group. The second group: ln 0.5 - x against ln 0.3: x = 0.51 decides. The
    # third: ln 0.5 - x against ln 0.3 - x against ln 0.2
    model = markov([[0.5, 0.3, 0.2]] * 3)

    def firsts(diversity):
        settings = DiverseSettings(beams=3, groups=3, diversity=diversity, max_tokens=1)
        step = next(diverse_beam(model, [0], settings))
        return [h.token_ids[0] for h in step.ended]

    assert firsts(0.5) == [0, 0, 1]  # the third loses 2 * 0.5 for a, and ln 0.5 - 1 < ln 0.3
    assert firsts(0.52) == [0, 1, 0]  # both a and b cost 0.52 now
    assert firsts(0.95) == [0, 1, 2]  # ln 0.5 - 0.95 < ln 0.2 = -1.61


def test_the_penalty_steers_and_is_not_summed_up():
    model = markov(random_table(5, 8))
    settings = DiverseSettings(beams=4, groups=2, diversity=3.0, max_tokens=4)
    steps, found = finished(diverse_beam(model, [0], settings))
    for hypothesis in (*found.hypotheses, *(h for step in steps for h in step.running)):
        assert hypothesis.sum_logprob == pytest.approx(logprob(model, [0], hypothesis.token_ids), abs=1e-12)
    for hypothesis in found.hypotheses:
        assert hypothesis.score == pytest.approx(hypothesis.sum_logprob / 4)
    by_group = [{h.token_ids[0] for h in steps[0].running if h.group == g} for g in (0, 1)]
    assert by_group[0].isdisjoint(by_group[1])


def test_a_penalised_favourite_still_leaves_the_second_best_in_sight():
    # the first group of 2 takes the 2 best; the second must see beyond the 2 * 2 it would otherwise weigh
    model = markov([[0.3, 0.25, 0.2, 0.15, 0.1]] * 5)
    step = next(diverse_beam(model, [0], DiverseSettings(beams=4, groups=2, diversity=9.0)))
    assert [(h.group, h.token_ids) for h in step.running] == [(0, (0,)), (0, (1,)), (1, (2,)), (1, (3,))]


def test_beams_must_be_shared_equally():
    with pytest.raises(BeamsNotDivisible, match="beams = 5 cannot be shared equally among groups = 2"):
        DiverseSettings(beams=5, groups=2)


# Against transformers


@pytest.mark.long
@pytest.mark.parametrize("early_stopping", [True, False, "never"])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0, -0.5])
def test_beams_agree_with_transformers_on_a_tiny_random_model(early_stopping, length_penalty):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=12, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, initializer_range=1.0, bos_token_id=None, eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    theirs = transformers.LlamaForCausalLM(config).eval()

    class Torch(Markov):
        def next_logits(self, token_ids, *, request=None):
            with torch.inference_mode():
                return theirs(torch.tensor([list(token_ids)])).logits[0, -1].float().numpy().copy()

    model = markov(random_table(12, 1), eos_ids=[3])
    model = dataclasses.replace(model, engine=Torch(random_table(12, 1)))
    n_compared = 0
    for prompt in ([5], [1, 7], [2, 9, 4, 4]):
        for beams in (2, 4):  # one beam is greedy search there, whatever the settings
            output = theirs.generate(
                torch.tensor([prompt]), num_beams=beams, num_return_sequences=beams, max_new_tokens=8,
                do_sample=False, early_stopping=early_stopping, length_penalty=length_penalty,
                output_scores=True, return_dict_in_generate=True, pad_token_id=0, eos_token_id=3,
            )  # fmt: skip
            settings = BeamSettings(
                beams=beams, early_stopping=early_stopping, length_penalty=length_penalty, max_tokens=8
            )
            ours = finished(beam(model, prompt, settings))[1].hypotheses
            texts = [tuple(row[len(prompt) :].tolist()) for row in output.sequences]
            texts = [ids[: ids.index(3) + 1] if 3 in ids else ids for ids in texts]
            assert [h.token_ids for h in ours] == texts
            assert [h.score for h in ours] == pytest.approx(output.sequences_scores.tolist(), abs=1e-4)
            n_compared += len(ours)
    assert n_compared == 3 * 6
