"""Speculative decoding against the law it must keep."""

from __future__ import annotations

import itertools
import math
import sys
import threading
from collections import Counter

import numpy as np
import pytest

from models.engine import Request
from models.errors import ContextFull
from models.loading import load
from sandbox.chain import SamplerChain
from sandbox.distribution import Distribution
from sandbox.draw import uniform
from sandbox.errors import KnobOutOfRange, VocabulariesDiffer
from sandbox.generate import generate
from sandbox.search import LookupDraft, ModelDraft, SpeculativeSettings, finished, greedy, speculative
from sandbox.search.draft import looked_up
from sandbox.search.speculative import residual
from sandbox.settings import SamplingSettings
from tests.markov import logprob, markov, random_table


@pytest.mark.parametrize("seed", range(40))
def test_the_law_that_comes_out_is_p_to_the_last_digits(seed):
    dice = np.random.default_rng(seed)
    size = int(dice.integers(2, 7))
    p, q = dice.dirichlet(np.ones(size)), dice.dirichlet(np.ones(size))
    if seed % 3 == 0:  # tokens that only one of the two can say
        p[0], q[-1] = 0.0, 0.0
    if seed % 5 == 0:  # a looked-up guess
        q = np.eye(size)[dice.integers(size)]
    with np.errstate(divide="ignore"):
        model, draft = (Distribution.from_logits(np.log(law)) for law in (p, q))
    p, q = ([law.prob_of(i) for i in range(size)] for law in (model, draft))
    accepted = [qi * min(1.0, pi / qi) if qi else 0.0 for pi, qi in zip(p, q, strict=True)]
    left = residual(model, draft)
    out = [accepted[i] + (1 - sum(accepted)) * left.prob_of(i) for i in range(size)]
    assert np.abs(np.array(out) - p).max() < 1e-12


def test_nothing_is_left_where_the_draft_is_the_model():
    law = Distribution.from_logits([0.3, 0.2, 0.1])
    assert residual(law, law) is law


def test_two_tokens_of_the_real_loop_follow_the_joint_law_exactly(monkeypatch):
    """Every combination of stratified dice, each once: counts must be the probabilities, not near them.

    All probabilities are quarters, all acceptances 1 or 1/2, all residuals certain or halves: 1024 cases.
    """
    p = [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0.25, 0.5, 0.25]]
    q = [[0.25, 0.25, 0.5], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]]
    model, small = markov(p), markov(q)
    us = {}

    def stratified(seed, position, attempt=0, purpose="draw"):
        return us.get((purpose, position), 0.5)

    for name in ("speculative", "draft"):  # the package's own `speculative` is the function
        monkeypatch.setattr(sys.modules[f"sandbox.search.{name}"], "uniform", stratified)
    quarters, halves = [(i + 0.5) / 4 for i in range(4)], [0.25, 0.75]
    names = [(purpose, position) for purpose in ("draft", "draw", "speculative") for position in (1, 2)]
    settings, draft, counts = (
        SpeculativeSettings(draft_tokens=2, max_tokens=3, seed=0),
        ModelDraft(small, model),
        Counter(),
    )
    for dice in itertools.product(quarters, quarters, quarters, quarters, halves, halves):
        us = dict(zip(names, dice, strict=True))
        counts[finished(speculative(model, [0], draft, settings))[1].token_ids[:2]] += 1
    expected = {(a, b): 1024 * p[0][a] * p[a][b] for a in range(3) for b in range(3)}
    assert counts == expected


def test_its_own_draft_is_always_right():
    model = markov(random_table(6, 1))
    settings = SpeculativeSettings(draft_tokens=3, max_tokens=12, seed=3)
    rounds, told = finished(speculative(model, [0], ModelDraft(model, model), settings))
    assert [len(spoken.token_ids) for spoken in rounds] == [4, 4, 4]
    assert (told.n_judged, told.n_accepted, told.acceptance, told.n_rounds) == (9, 9, 1.0, 3)
    assert {spoken.origin for spoken in rounds} == {"bonus"}


def test_a_draft_that_says_the_impossible_is_never_believed():
    # the model says b, c, a, b, ... for certain; the draft always c
    circle, stuck = markov(np.roll(np.eye(3), 1, axis=1)), markov([[0, 0, 1]] * 3)
    settings = SpeculativeSettings(draft_tokens=3, max_tokens=4, seed=3)
    rounds, told = finished(speculative(circle, [0], ModelDraft(stuck, circle), settings))
    assert told.token_ids == (1, 2, 0, 1)
    assert [trial.is_accepted for trial in rounds[0].trials] == [False, None, None]
    assert (rounds[0].origin, rounds[0].own_token_id, rounds[0].p_own) == ("residual", 1, 1.0)


def test_not_even_u_zero_accepts_the_impossible(monkeypatch):
    monkeypatch.setattr(sys.modules["sandbox.search.speculative"], "uniform", lambda *_: 0.0)
    circle, stuck = markov(np.roll(np.eye(3), 1, axis=1)), markov([[0, 0, 1]] * 3)
    rounds, _ = finished(speculative(circle, [0], ModelDraft(stuck, circle), SpeculativeSettings(seed=1)))
    assert rounds[0].trials[0].is_accepted is False


def test_every_decision_can_be_checked_from_the_record():
    model, small = markov(random_table(6, 1)), markov(random_table(6, 2))
    settings = SpeculativeSettings(draft_tokens=4, max_tokens=60, seed=5)
    rounds, told = finished(speculative(model, [0], ModelDraft(small, model), settings))
    ids, judged = [0], []
    for spoken in rounds:
        assert spoken.position == len(ids)
        kept = 0
        for n, trial in enumerate(spoken.trials):
            assert trial.position == spoken.position + n
            if trial.is_accepted is None:
                assert (trial.p, trial.u) == (None, None) and spoken.trials[n - 1].is_accepted in (
                    False,
                    None,
                )
                continue
            judged.append(trial)
            last = (*ids, *spoken.token_ids[:kept])[-1]
            assert trial.p == pytest.approx(math.exp(logprob(model, [last], [trial.token_id])))
            assert trial.q == pytest.approx(math.exp(logprob(small, [last], [trial.token_id])))
            assert trial.is_accepted == (trial.u * trial.q < trial.p)
            assert trial.u == uniform(5, trial.position, 0, "speculative")
            assert trial.u_draft == uniform(5, trial.position, 0, "draft")
            kept += trial.is_accepted
        accepted = tuple(t.token_id for t in spoken.trials if t.is_accepted)
        assert spoken.token_ids == (*accepted, spoken.own_token_id)
        assert spoken.u_own == uniform(5, spoken.position + len(accepted))
        was_rejected = any(t.is_accepted is False for t in spoken.trials)
        assert spoken.origin == ("residual" if was_rejected else "bonus")
        ids += spoken.token_ids
    assert told.token_ids == tuple(ids[1:]) and len(told.token_ids) == 60
    assert (told.n_judged, told.n_accepted) == (len(judged), sum(t.is_accepted for t in judged))
    assert 0 < told.acceptance < 1


def test_without_guesses_it_is_generate_to_the_token():
    model = load("toy")
    settings = SpeculativeSettings(max_tokens=20, seed=11)

    class Silent:
        def propose(self, token_ids, n, chained, states, request):
            return []

    chain = SamplerChain.from_steps([{"sampler": "top_k", "k": 9}, {"sampler": "penalties", "repeat": 1.5}])
    _, told = finished(speculative(model, [97], Silent(), settings, chain=chain))
    steps = list(generate(model, [97], SamplingSettings(seed=11, max_tokens=20), chain=chain))
    assert told.token_ids == tuple(step.token_id for step in steps)


def test_both_laws_go_through_the_chain():
    model, small = markov(random_table(6, 1)), markov(random_table(6, 2))
    chain = SamplerChain.from_steps([{"sampler": "top_k", "k": 1}])
    settings = SpeculativeSettings(max_tokens=12, seed=5)
    rounds, told = finished(speculative(model, [0], ModelDraft(small, model), settings, chain=chain))
    assert told.token_ids == finished(greedy(model, [0], max_tokens=12))[1].hypotheses[0].token_ids
    assert {trial.q for spoken in rounds for trial in spoken.trials} == {1.0}


def test_a_chain_with_memory_remembers_what_was_said():
    # with its own draft nothing is rejected, so the dice of the drafts alone decide; the memory must follow them
    model = markov(random_table(12, 1))
    chain = SamplerChain.from_steps([{"sampler": "mirostat_v2", "tau": 2.0, "eta": 0.5}])
    settings = SpeculativeSettings(draft_tokens=3, max_tokens=16, seed=5)
    rounds, told = finished(speculative(model, [0], ModelDraft(model, model), settings, chain=chain))
    assert told.acceptance == 1.0
    ids, states = [0], chain.initial_states()
    for token_id in told.token_ids:
        laws = chain.laws(Distribution.from_logits(model.engine.logits[ids[-1]]), None, states)
        assert laws[-1].prob_of(token_id) > 0
        states = chain.next_states(states, laws, token_id)
        ids.append(token_id)
    assert all(trial.p == pytest.approx(trial.q) for spoken in rounds for trial in spoken.trials)


@pytest.mark.parametrize("max_tokens", range(1, 9))
@pytest.mark.parametrize("draft_tokens", [1, 4])
def test_the_limit_is_met_and_never_passed(max_tokens, draft_tokens):
    model = markov(random_table(6, 1))
    settings = SpeculativeSettings(draft_tokens=draft_tokens, max_tokens=max_tokens, seed=5)
    _, told = finished(speculative(model, [0], ModelDraft(model, model), settings))
    assert (len(told.token_ids), told.finish_reason) == (max_tokens, "length")


def test_an_accepted_end_ends_the_text():
    circle = markov(np.roll(np.eye(4), 1, axis=1), eos_ids=[2])
    settings = SpeculativeSettings(draft_tokens=4, max_tokens=9, seed=5)
    rounds, told = finished(speculative(circle, [0], ModelDraft(circle, circle), settings))
    assert (told.token_ids, told.finish_reason) == ((1, 2), "stop")
    assert [trial.is_accepted for trial in rounds[0].trials] == [True, True, None, None]
    assert (rounds[0].own_token_id, rounds[0].origin, rounds[0].u_own) == (None, None, None)


def test_an_end_drawn_by_the_model_ends_the_text_too():
    circle, stuck = markov(np.roll(np.eye(3), 1, axis=1), eos_ids=[1]), markov([[0, 0, 1]] * 3, eos_ids=[1])
    rounds, told = finished(speculative(circle, [0], ModelDraft(stuck, circle)))
    assert (told.token_ids, told.finish_reason, rounds[0].own_token_id) == ((1,), "stop", 1)


@pytest.mark.parametrize("draft_tokens", [1, 3, 8])
def test_a_full_context_ends_the_text_where_generate_does(draft_tokens):
    model = markov(random_table(5, 1), context_length=6)
    settings = SpeculativeSettings(draft_tokens=draft_tokens, max_tokens=99, seed=5)
    _, told = finished(speculative(model, [0, 1], ModelDraft(model, model), settings))
    assert told.finish_reason == "context_full"
    assert len(told.token_ids) == len(list(generate(model, [0, 1], SamplingSettings(seed=5))))
    with pytest.raises(ContextFull):
        finished(speculative(model, [0] * 7, LookupDraft()))


def test_a_draft_with_a_shorter_context_falls_silent_and_the_model_goes_on():
    model = markov(random_table(5, 1), context_length=20)
    small = markov(random_table(5, 1), context_length=6)
    settings = SpeculativeSettings(draft_tokens=5, max_tokens=12, seed=5)
    rounds, told = finished(speculative(model, [0, 1], ModelDraft(small, model), settings))
    assert len(told.token_ids) == 12 and rounds[-1].trials == ()
    # six tokens fit its context, so the last token it can guess has index 6
    assert max(trial.position for spoken in rounds for trial in spoken.trials) == 6


def test_giving_up_keeps_what_was_said():
    model, request = markov(random_table(5, 1)), Request(cancel=threading.Event())
    running = speculative(model, [0], LookupDraft(), request=request)
    first = next(running)
    request.cancel.set()
    assert finished(running)[1].token_ids == first.token_ids


def test_a_seed_gives_the_same_text_and_is_returned():
    model, small = markov(random_table(6, 1)), markov(random_table(6, 2))
    _, told = finished(speculative(model, [0], ModelDraft(small, model)))
    again = SpeculativeSettings(seed=told.seed)
    assert finished(speculative(model, [0], ModelDraft(small, model), again))[1] == told
    other = finished(speculative(model, [0], ModelDraft(small, model), again, attempt=1))[1]
    assert other.token_ids != told.token_ids


def test_lookup_guesses_what_followed_the_longest_and_latest_same_ending():
    #        0  1  2  3  4  5  6  7
    text = [1, 2, 3, 9, 2, 3, 1, 2]
    assert looked_up(text, 1) == [3, 1, 2]  # after the latest 2 before the last
    assert looked_up(text, 2) == [3, 9, 2, 3, 1, 2]  # 1 2 stood only at the beginning
    assert looked_up(text, 9) == looked_up(text, 2)
    assert looked_up([1], 3) == looked_up([], 3) == []


def test_a_looked_up_guess_is_certain_and_judged_by_p_alone():
    model = markov([[0.25, 0.75], [0.5, 0.5]])
    rounds, told = finished(
        speculative(model, [0, 1, 0], LookupDraft(), SpeculativeSettings(seed=2, max_tokens=30))
    )
    trials = [trial for spoken in rounds for trial in spoken.trials if trial.is_accepted is not None]
    assert {trial.q for trial in trials} == {1.0} and {trial.u_draft for trial in trials} == {None}
    assert all(trial.is_accepted == (trial.u < trial.p) for trial in trials)
    assert 0 < told.acceptance < 1


def test_a_draft_of_another_vocabulary_is_refused_with_the_first_difference():
    model = markov(random_table(4, 1))
    with pytest.raises(
        VocabulariesDiffer, match=r"markov \(5 tokens\) and markov \(4 tokens\) differ from token 4"
    ):
        ModelDraft(markov(random_table(5, 1)), model)
    other = markov(random_table(4, 1))
    other.tokenizer._bytes[2] = b"zz"
    with pytest.raises(VocabulariesDiffer, match="from token 2 on"):
        ModelDraft(other, model)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: SpeculativeSettings(draft_tokens=0), "draft_tokens = 0"),
        (lambda: SpeculativeSettings(max_tokens=0), "max_tokens = 0"),
        (lambda: SpeculativeSettings(seed=-1), "seed = -1"),
        (lambda: LookupDraft(0), "n_gram = 0"),
    ],
)
def test_a_bad_knob_of_speculation_is_named(make, named):
    with pytest.raises(KnobOutOfRange, match=named):
        make()
