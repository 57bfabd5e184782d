"""The chain as data, and what its stages say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from sandbox.chain import SamplerChain
from sandbox.distribution import Distribution
from sandbox.errors import KnobOutOfRange, MissingKnob, UnknownKnob, UnknownSampler
from sandbox.knob import Knob
from sandbox.sampler import Context
from sandbox.samplers.temperature import Temperature
from sandbox.samplers.top_k import TopK

FULL = [
    {"sampler": "top_k", "k": 40},
    {"sampler": "top_p", "p": 0.95},
    {"sampler": "min_p", "p": 0.05},
    {"sampler": "temperature", "temperature": 0.8},
]


def row(size=5000, seed=2):
    return (np.random.default_rng(seed).standard_normal(size) * 3).astype(np.float32)


def test_a_chain_and_its_steps_are_the_same_thing():
    assert SamplerChain.from_steps(FULL).to_steps() == FULL
    assert SamplerChain.from_steps(FULL) == SamplerChain.from_steps(SamplerChain.from_steps(FULL).to_steps())
    assert SamplerChain.from_steps([{"sampler": "greedy"}]).to_steps() == [{"sampler": "greedy"}]
    assert SamplerChain.from_steps([]) == SamplerChain()


def test_a_step_that_is_no_sampler_or_has_a_wrong_knob_is_refused_by_name():
    with pytest.raises(UnknownSampler, match="there is no sampler called top_z; choose one of greedy, top_k"):
        SamplerChain.from_steps([{"sampler": "top_z"}])
    with pytest.raises(UnknownSampler):
        SamplerChain.from_steps([{"k": 40}])
    with pytest.raises(UnknownKnob, match=r"top_k\.p"):
        SamplerChain.from_steps([{"sampler": "top_k", "k": 4, "p": 0.5}])
    with pytest.raises(MissingKnob, match="the sampler top_k needs a value for k"):
        SamplerChain.from_steps([{"sampler": "top_k"}])
    with pytest.raises(KnobOutOfRange, match=r"top_p\.p = 0 is outside \(0, 1\]"):
        SamplerChain.from_steps([{"sampler": "top_p", "p": 0}])


def test_an_empty_chain_gives_the_model_law_and_no_stage():
    dist = Distribution.from_logits(row())
    assert SamplerChain().run(dist) == (dist, ())


def test_stages_count_what_goes_in_and_out():
    _, stages = SamplerChain.from_steps(FULL).run(Distribution.from_logits(row()))
    assert [stage.sampler for stage in stages] == ["top_k", "top_p", "min_p", "temperature"]
    assert [stage.params for stage in stages] == [
        {k: v for k, v in s.items() if k != "sampler"} for s in FULL
    ]
    assert stages[0].n_before == 5000
    assert [stage.n_after for stage in stages[:-1]] == [stage.n_before for stage in stages[1:]]
    assert stages[-1].n_before == stages[-1].n_after


def test_removed_mass_is_the_share_of_the_law_each_sampler_was_given():
    logits = row()
    dist = Distribution.from_logits(logits)
    probs = np.exp(logits.astype(np.float64) - logits.max())
    probs = np.sort(probs / probs.sum())[::-1]
    _, stages = SamplerChain.from_steps([{"sampler": "top_k", "k": 40}, {"sampler": "top_k", "k": 3}]).run(
        dist
    )
    assert math.isclose(stages[0].removed_mass, probs[40:].sum(), rel_tol=1e-12)
    assert math.isclose(stages[1].removed_mass, probs[3:40].sum() / probs[:40].sum(), rel_tol=1e-12)


def test_removed_mass_counts_the_law_before_when_a_sampler_also_reweighs():
    @dataclass(frozen=True)
    class FlattenAndCut:
        name: ClassVar[str] = "flatten_and_cut"
        knobs: ClassVar[Mapping[str, Knob]] = {}

        def apply(self, dist: Distribution, context: Context) -> Distribution:
            flat = np.zeros(len(dist))
            flat[0] = -np.inf
            return dist.with_logits(flat)

    dist = Distribution.from_logits(np.log(np.array([0.75, 0.125, 0.125])))
    for start in (dist, dist.ranked):
        after, (stage,) = SamplerChain((FlattenAndCut(),)).run(start)
        assert math.isclose(stage.removed_mass, 0.75, rel_tol=1e-15)
        assert stage.entropy_bits == 1.0
        assert stage.winner_changed
        assert after.token_ids.tolist() == [1, 2]


def test_a_stage_shows_the_ten_most_likely_after_it():
    dist = Distribution.from_logits(row())
    final, stages = SamplerChain.from_steps(FULL).run(dist)
    ids, probs = final.leading(10)
    assert stages[-1].top == tuple(zip(ids.tolist(), probs.tolist(), strict=True))
    assert len(stages[0].top) == 10
    assert not any(stage.winner_changed for stage in stages)


def test_a_chain_gives_what_its_samplers_give_one_by_one():
    dist = Distribution.from_logits(row())
    context = Context()
    expected = Temperature(temperature=0.8).apply(TopK(k=40).apply(dist, context), context)
    final, _ = SamplerChain((TopK(k=40), Temperature(temperature=0.8))).run(dist, context)
    assert final.token_ids.tolist() == expected.token_ids.tolist()
    assert np.array_equal(final.probs, expected.probs)


def test_a_candidate_names_token_logit_and_probability():
    first, second = Distribution.from_logits(np.log(np.array([0.25, 0.75]))).top(5)
    assert (first.token_id, second.token_id) == (1, 0)
    assert math.isclose(first.prob, 0.75)
    assert math.isclose(second.logit, math.log(0.25))
