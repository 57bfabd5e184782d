"""The laws that every sampler of the table obeys, on rows and knobs that hypothesis invents.

A sampler added to the table is covered without a line here, as long as its knobs are of a kind that VALUES knows.
The same inventions in every run, and nothing is kept between runs: a failure is everybody's.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.chain import SamplerChain
from sandbox.distribution import Distribution
from sandbox.errors import BrokenDistribution, InvalidKnob, KnobOutOfRange, NothingToDraw
from sandbox.knob import Knob
from sandbox.outcome import run_chain
from sandbox.sampler import Context, remembers
from sandbox.samplers import SAMPLERS
from tests.inventions import TOGETHER, VALUES, required, situations

INF = float("inf")
EVERY = list(SAMPLERS)
FAMILIES = {"reshape", "truncate", "history", "constrain", "memory", "two_laws", "rule"}
# these can forbid all there is, and must then say so
MAY_LEAVE_NOTHING = {name for name, kind in SAMPLERS.items() if kind.family == "constrain"}
MAY_LEAVE_NOTHING |= {"no_repeat_ngram", "logit_bias"}
MAY_LEAVE_NOTHING |= {"cfg", "contrastive"}  # two laws without a token in common


def inventions(n):
    """n per sampler. No deadline: the first grammar loads a library."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(
        max_examples=n, derandomize=True, database=None, deadline=None, suppress_health_check=slow
    )


def run(row, chain, context):
    """The outcome, or None where constraints leave nothing and say so."""
    try:
        return run_chain(row, chain, context=context)
    except (NothingToDraw, BrokenDistribution):
        if {step["sampler"] for step in chain} & MAY_LEAVE_NOTHING:
            return None
        raise


# -- the table --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_a_sampler_is_named_by_its_key_and_has_a_knob_for_each_field(name):
    kind = SAMPLERS[name]
    assert kind.name == name
    assert list(kind.knobs) == [f.name for f in dataclasses.fields(kind)]
    assert {type(knob) for knob in kind.knobs.values()} <= VALUES.keys()
    assert kind.family in FAMILIES
    assert kind.formula.strip()


def test_the_table_is_grouped_by_family():
    families = [family for family, _ in itertools.groupby(kind.family for kind in SAMPLERS.values())]
    assert len(families) == len(set(families))


def example(name):
    """A step with every knob that may not be left out."""
    if name in TOGETHER:
        return {"sampler": name, **TOGETHER[name][0]}
    knobs = {knob: SAMPLERS[name].knobs[knob] for knob in required(name)}
    return {"sampler": name, **{knob: _usual(spec) for knob, spec in knobs.items()}}


def _usual(spec):
    values = (getattr(spec, "start", None), spec.neutral, *((2, 0.5) if isinstance(spec, Knob) else ([0],)))
    return spec.plain(next(v for v in values if v is not None and (not isinstance(spec, Knob) or v in spec)))


def wrong_numbers(knob):
    low, high = knob.bounds
    below = [low - 1.5] + [low] * (knob.interval[0] == "(")
    above = [high + 1] + [high] * (knob.interval[-1] == ")")
    odd = ["4", True, [], math.nan, INF, -INF, 10**400] + [None] * (not knob.is_optional)
    return [v for v in below + above if abs(v) < INF] + odd + [low + 1.5] * knob.is_whole


NUMBERS = [(n, k) for n, kind in SAMPLERS.items() for k, knob in kind.knobs.items() if isinstance(knob, Knob)]
OTHERS = [(n, k) for n, kind in SAMPLERS.items() for k in kind.knobs if (n, k) not in NUMBERS]


@pytest.mark.parametrize(("name", "knob"), NUMBERS)
def test_a_number_outside_its_interval_names_sampler_knob_value_and_interval(name, knob):
    for wrong in wrong_numbers(SAMPLERS[name].knobs[knob]):
        with pytest.raises(KnobOutOfRange) as caught:
            SamplerChain.from_steps([{**example(name), knob: wrong}])
        assert (caught.value.sampler, caught.value.knob, caught.value.step) == (name, knob, 0)
        assert str(wrong)[:70].removesuffix(".0") in str(caught.value)
        assert caught.value.interval in str(caught.value) or "greedy" in str(caught.value)


@pytest.mark.parametrize(("name", "knob"), OTHERS)
def test_a_value_of_another_kind_names_sampler_and_knob(name, knob):
    for wrong in (1.5, object()):
        with pytest.raises(InvalidKnob) as caught:
            SamplerChain.from_steps([{**example(name), knob: wrong}])
        assert (caught.value.sampler, caught.value.knob, caught.value.step) == (name, knob, 0)


# -- the laws ---------------------------------------------------------------------------------------------------


def it_gives_some_of_the_tokens_it_was_given_and_a_whole_law(row, outcome):
    before, after = outcome.laws
    kept = after.token_ids.tolist()
    assert 1 <= len(kept) == len(set(kept)) == len(after.logits)
    assert set(kept) <= set(before.token_ids.tolist())
    assert abs(after.probs.sum() - 1) < 1e-12
    assert (after.probs >= 0).all()
    assert np.isfinite(after.logits).all()
    by_rank = list(zip((-after.logits).tolist(), kept, strict=True))
    assert by_rank == sorted(by_rank) if after.is_ranked else kept == sorted(kept)


def it_leaves_its_input_as_it_was(row, outcome):
    again = Distribution.from_logits(row.copy())
    assert np.array_equal(outcome.laws[0].logits, again.logits)
    assert np.array_equal(outcome.laws[0].token_ids, again.token_ids)
    assert np.array_equal(outcome.laws[0].probs, again.probs)


def the_law_does_not_depend_on_the_order_in_which_the_candidates_stand(row, outcome):
    ranked, after = outcome.laws[0].ranked, outcome.distribution
    other = outcome.chain.laws(ranked, outcome.context)[-1]
    assert sorted(after.token_ids.tolist()) == sorted(other.token_ids.tolist())
    dense = np.zeros(len(row))
    dense[other.token_ids] = other.probs
    np.testing.assert_allclose(outcome.probs, dense, rtol=1e-9, atol=1e-13)


def its_step_survives_json_and_means_the_same(row, outcome):
    one = outcome.chain
    other = SamplerChain.from_steps(json.loads(json.dumps(one.to_steps(), allow_nan=False)))
    assert other == one
    assert json.dumps(other.to_steps()) == json.dumps(one.to_steps())
    assert SamplerChain.from_steps(SamplerChain(one.samplers).to_steps()) == one


def its_stage_says_what_happened(row, outcome):
    (before, after), (stage,) = outcome.laws, outcome.stages
    assert stage.winner_changed == (first_of_the_best(before) != first_of_the_best(after))
    assert (stage.n_before, stage.n_after) == (len(before), len(after))
    gone = np.isin(before.token_ids, after.token_ids, invert=True)
    assert math.isclose(stage.removed_mass, before.probs[gone].sum(), abs_tol=1e-12)
    assert gone.any() or stage.removed_mass == 0
    probs = after.probs[after.probs > 0]
    assert math.isclose(stage.entropy_bits, -(probs * np.log2(probs)).sum(), rel_tol=1e-9, abs_tol=1e-12)
    json.dumps([stage.params, dict(stage.details)], allow_nan=False)


def first_of_the_best(dist):
    return int(dist.token_ids[dist.logits == dist.logits.max()].min())


def a_removed_token_has_exactly_no_probability(row, outcome):
    assert outcome.probs.shape == row.shape
    assert abs(outcome.probs.sum() - 1) < 1e-12
    absent = np.setdiff1d(np.arange(len(row)), outcome.distribution.token_ids)
    assert (outcome.probs[absent] == 0).all()
    for token_id in absent[:20].tolist():
        assert outcome.removed_by(token_id) == (0 if row[token_id] > -INF else None)
    assert outcome.removed_by(outcome.distribution.winner) is None


def its_working_is_shown_for_tokens_kept_and_removed(row, outcome):
    kept = outcome.distribution.token_ids.tolist()
    removed = sorted(set(outcome.laws[0].token_ids.tolist()) - set(kept))
    for token_id in {*kept[:3], *kept[-2:], *removed[:3], *removed[-2:], outcome.laws[0].winner}:
        (passage,) = outcome.path(token_id)
        assert (passage.prob_after is None) == (token_id in removed)
        text, shown = passage.worked
        blanks = set(re.findall(r"\{(\w+)\}", text))
        assert blanks
        assert blanks <= shown.keys(), text
        assert not set("{}") & set(re.sub(r"\{\w+\}", "", text)), text
        assert all(isinstance(n, int | float) and math.isfinite(n) for n in shown.values()), shown


def a_filter_leaves_the_proportions_of_what_stays(row, outcome):
    if SAMPLERS[outcome.chain.samplers[0].name].family in ("truncate", "constrain", "rule"):
        before, after = outcome.laws
        at = np.searchsorted(before.token_ids, np.sort(after.token_ids))
        logits = before.logits[at].astype(np.float64)
        weights = np.exp(logits - logits.max())
        by_id = np.argsort(after.token_ids)
        np.testing.assert_allclose(after.probs[by_id], weights / weights.sum(), rtol=1e-9, atol=1e-300)


LAWS = (
    it_gives_some_of_the_tokens_it_was_given_and_a_whole_law,
    it_leaves_its_input_as_it_was,
    the_law_does_not_depend_on_the_order_in_which_the_candidates_stand,
    its_step_survives_json_and_means_the_same,
    its_stage_says_what_happened,
    a_removed_token_has_exactly_no_probability,
    a_filter_leaves_the_proportions_of_what_stays,
    its_working_is_shown_for_tokens_kept_and_removed,
)


@pytest.mark.parametrize("name", EVERY)
@inventions(100)
@given(data=st.data())
def test_a_sampler_obeys_every_law(name, data):
    row, chain, context = data.draw(situations(name))
    copies = row.copy(), {other: np.array(values) for other, values in context.others.items()}
    outcome = run(row, chain, context)
    for law in LAWS if outcome else ():
        law(row, outcome)
    assert np.array_equal(row, copies[0])
    assert all(np.array_equal(context.others[other], copy) for other, copy in copies[1].items())


def neutral_step(name):
    """Each knob at its neutral value, or left out where it has none; None where one that is required has none."""
    neutral = {k: k_.plain(k_.neutral) for k, k_ in SAMPLERS[name].knobs.items() if k_.neutral is not None}
    return {"sampler": name, **neutral} if neutral and required(name) <= neutral.keys() else None


WITH_NEUTRAL = [name for name in EVERY if neutral_step(name) is not None]


@pytest.mark.parametrize("name", WITH_NEUTRAL)
@inventions(25)
@given(data=st.data())
def test_neutral_knobs_give_back_the_very_same_law(name, data):
    row, _, context = data.draw(situations())
    dist = Distribution.from_logits(row)
    (sampler,) = SamplerChain.from_steps([neutral_step(name)]).samplers
    assert sampler.apply(dist, context) is dist


def test_a_sampler_that_always_does_something_is_one_of_these():
    assert set(EVERY) - set(WITH_NEUTRAL) <= {
        *("greedy", "top_h", "p_less", "grammar", "allowed_tokens"),
        *("mirostat_v1", "mirostat_v2", "adaptive_p", "contrastive"),
    }


@pytest.mark.parametrize("name", [name for name, kind in SAMPLERS.items() if remembers(kind)])
@inventions(40)
@given(data=st.data())
def test_a_memory_is_plain_json_and_belongs_to_nobody(name, data):
    row, steps, context = data.draw(situations(name))
    chain, dist = SamplerChain.from_steps(steps), Distribution.from_logits(row)
    states = chain.initial_states()
    for _ in range(3):
        written = json.dumps(states, allow_nan=False)
        met = chain.laws(dist, context, states)
        after = chain.next_states(states, met, data.draw(st.sampled_from(met[-1].leading(20)[0].tolist())))
        assert json.dumps(states) == written  # one can go back to it
        again = chain.laws(dist, context, json.loads(written))[-1]
        assert np.array_equal(again.probs, met[-1].probs)
        states = json.loads(json.dumps(after, allow_nan=False))
        assert states == after


@inventions(200)
@given(data=st.data())
def test_a_chain_of_any_samplers_keeps_the_laws_from_stage_to_stage(data):
    names = data.draw(st.lists(st.sampled_from(EVERY), min_size=2, max_size=6))
    row, chain, context = data.draw(situations(*names))
    outcome = run(row, chain, context)
    if outcome is None:
        return
    for before, after, stage in zip(outcome.laws[:-1], outcome.laws[1:], outcome.stages, strict=True):
        assert set(after.token_ids.tolist()) <= set(before.token_ids.tolist())
        assert abs(after.probs.sum() - 1) < 1e-12
        assert (stage.n_before, stage.n_after) == (len(before), len(after))
    for token_id in range(min(len(row), 10)):
        path, gone = outcome.path(token_id), outcome.removed_by(token_id)
        assert len(path) == (0 if row[token_id] == -INF else len(chain) if gone is None else gone + 1)
        assert sum(passage.prob_after is None for passage in path) == (gone is not None)


@pytest.mark.parametrize(
    ("name", "knob"), [each for each in NUMBERS if SAMPLERS[each[0]].family in ("truncate", "reshape")]
)
def test_the_largest_and_the_smallest_number_still_make_a_law(name, knob):
    spec, row = SAMPLERS[name].knobs[knob], np.array([3.0, 1.0, -2.0, 1.0], dtype=np.float32)
    others = {"unconditional": row[::-1].copy(), "amateur": row[::-1].copy()}
    for value in (sys.float_info.max, -sys.float_info.max, 5e-324, -5e-324, 2**63, *spec.bounds):
        if value in spec:
            outcome = run(row, [{**example(name), knob: value}], Context((0, 1, 0, 1), others=others))
            for law in LAWS if outcome else ():
                law(row, outcome)
