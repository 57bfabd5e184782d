"""The samplers between two laws: classifier-free guidance and contrastive decoding."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.catalog import ModelSpec
from models.engines.toy import ToyEngine, ToyTokenizer
from models.loading import LoadedModel
from sandbox.chain import SamplerChain
from sandbox.distribution import Distribution
from sandbox.errors import (
    InvalidKnob,
    LogitsNotANumber,
    NeedsOtherLogits,
    NothingToDraw,
    OtherLogitsDoNotFit,
)
from sandbox.generate import OtherPrompt, generate
from sandbox.outcome import run_chain
from sandbox.sampler import Context
from sandbox.samplers.cfg import Cfg
from sandbox.samplers.contrastive import Contrastive
from sandbox.settings import SamplingSettings

INF = float("inf")
TOY = LoadedModel(ModelSpec(id="toy", title="Toy"), ToyEngine(), ToyTokenizer())
WITH, WITHOUT = np.log([0.5, 0.3, 0.2]), np.log([0.2, 0.3, 0.5])


def beside(**rows):
    return Context(others=rows)


def shares(*weights):
    return pytest.approx([w / sum(weights) for w in weights], rel=1e-12)


# -- guidance ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.5, 1.5, 2.0, 3.0])
def test_guidance_is_a_product_of_powers(scale):
    # u + s (c - u) in logarithms is u^(1 - s) * c^s in probabilities
    weights = [u ** (1 - scale) * c**scale for c, u in zip((0.5, 0.3, 0.2), (0.2, 0.3, 0.5), strict=True)]
    after = Cfg(scale=scale).apply(Distribution.from_logits(WITH), beside(unconditional=WITHOUT))
    assert after.probs.tolist() == shares(*weights)


def test_scale_one_is_the_law_itself_and_zero_the_other_one():
    dist = Distribution.from_logits(WITH)
    assert Cfg(scale=1.0).apply(dist, Context()) is dist
    assert Cfg(scale=1.0).details(dist, Context()) == {}
    assert Cfg(scale=1.0).worked(1, dist, dist, Context()).numbers == {"c": pytest.approx(math.log(0.3))}
    assert Cfg(scale=0.0).apply(dist, beside(unconditional=WITHOUT)).probs.tolist() == shares(0.2, 0.3, 0.5)


def test_the_logits_of_guidance_are_log_probabilities_whatever_the_zero_of_either_row():
    moved = Cfg(scale=2.0).apply(Distribution.from_logits(WITH + 7), beside(unconditional=WITHOUT - 3))
    expected = [math.log(u) + 2 * math.log(c / u) for c, u in ((0.5, 0.2), (0.3, 0.3), (0.2, 0.5))]
    assert moved.logits.tolist() == pytest.approx(expected, rel=1e-12)


def test_a_row_given_as_a_knob_goes_before_the_one_of_the_context():
    dist = Distribution.from_logits(WITH)
    given = Cfg(scale=0.0, unconditional_logits=WITHOUT.tolist())
    assert given.apply(dist, beside(unconditional=WITH)).probs.tolist() == shares(0.2, 0.3, 0.5)
    assert given.needs == frozenset()
    assert Cfg(scale=2.0).needs == {"unconditional"}
    assert Cfg(scale=1.0).needs == frozenset()
    assert SamplerChain((Cfg(scale=2.0), Contrastive(alpha=0.1, beta=1.0))).needs == {
        "unconditional",
        "amateur",
    }


@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0])
def test_a_token_that_either_law_rules_out_is_removed(scale):
    dist = Distribution.from_logits([0.0, -INF, 0.0, 0.0])
    after = Cfg(scale=scale).apply(dist, beside(unconditional=[0.0, 0.0, -INF, 0.0]))
    assert after.token_ids.tolist() == [0, 3]
    assert (
        Cfg(scale=scale)
        .worked(2, dist, after, beside(unconditional=[0.0, 0.0, -INF, 0.0]))
        .text.endswith("−∞")
    )
    with pytest.raises(NothingToDraw):
        Cfg(scale=scale).apply(dist, beside(unconditional=[-INF, 0.0, -INF, -INF]))


def test_guidance_meets_the_right_tokens_also_after_a_cut_and_a_ranking():
    dist = Distribution.from_logits(WITHOUT)  # so that the ranks go against the ids
    for kept in (dist.first(2), dist.ranked, dist.keep(np.array([False, True, True]))):
        after = Cfg(scale=0.0).apply(kept, beside(unconditional=WITH))
        u = dict(zip(range(3), (0.5, 0.3, 0.2), strict=True))
        assert after.probs.tolist() == shares(*[u[i] for i in after.token_ids.tolist()])


def test_an_enormous_scale_ends_in_numbers():
    after = Cfg(scale=1e308).apply(Distribution.from_logits(WITH), beside(unconditional=WITHOUT))
    assert after.winner == 0  # the only token that the prompt makes likelier
    assert math.isfinite(after.entropy_bits)
    sampler = Contrastive(alpha=0.0, beta=1e308)
    assert sampler.apply(Distribution.from_logits(WITH), beside(amateur=WITHOUT)).winner == 0
    spread = Distribution.from_logits([3e38, -3e38])
    assert len(sampler.apply(spread, beside(amateur=[-3e38, 3e38]))) == 2


def test_the_working_of_guidance_ends_in_the_logit_of_the_law():
    sampler, context, dist = Cfg(scale=2.0), beside(unconditional=WITHOUT), Distribution.from_logits(WITH)
    after = sampler.apply(dist, context)
    for token_id in range(3):
        n = sampler.worked(token_id, dist, after, context).numbers
        assert n["u"] + n["s"] * (n["c"] - n["u"]) == pytest.approx(n["out"], rel=1e-14)
        assert n["c"] == pytest.approx(WITH[token_id])
        assert n["u"] == pytest.approx(WITHOUT[token_id])
    assert sampler.details(dist, context) == {"other_winner": 2, "other_winner_p": pytest.approx(0.5)}


# -- contrast ---------------------------------------------------------------------------------------------------


def test_contrast_keeps_the_plausible_and_scores_the_difference():
    # bar 0.45 * 0.5: the token of 0.2 goes. beta 2: e^3 / a^2
    after = Contrastive(alpha=0.45, beta=2.0).apply(Distribution.from_logits(WITH), beside(amateur=WITHOUT))
    assert after.token_ids.tolist() == [0, 1]
    assert after.probs.tolist() == shares(0.5**3 / 0.2**2, 0.3**3 / 0.3**2)
    expected = [3 * math.log(0.5) - 2 * math.log(0.2), math.log(0.3)]
    assert after.logits.tolist() == pytest.approx(expected, rel=1e-12)


def test_what_is_exactly_at_the_bar_stays_and_the_best_always_does():
    dist = Distribution.from_logits([0.0, 0.0, math.log(0.5)])
    assert len(Contrastive(alpha=1.0, beta=0.0).apply(dist, Context())) == 2
    half = Contrastive(alpha=0.5, beta=0.0)
    assert len(half.apply(dist, Context())) == 3
    assert half.details(dist, Context())["n_plausible"] == 3
    assert half.worked(2, dist, dist, Context()).text.startswith("{p} ≥")
    unlikely_first = Distribution.from_logits([math.log(0.1), 0.0])
    assert half.worked(0, unlikely_first, unlikely_first, Context()).text.startswith("{p} <")


def test_without_a_comparison_no_amateur_is_needed():
    dist = Distribution.from_logits(WITH)
    assert Contrastive(alpha=0.0, beta=0.0).apply(dist, Context()) is dist
    assert Contrastive(alpha=0.9, beta=0.0).needs == frozenset()
    assert len(Contrastive(alpha=0.9, beta=0.0).apply(dist, Context())) == 1


def test_a_token_that_the_amateur_rules_out_is_removed():
    dist, context = Distribution.from_logits([0.0, 0.0, 0.0]), beside(amateur=[0.0, -INF, 0.0])
    sampler = Contrastive(alpha=0.1, beta=0.5)
    after = sampler.apply(dist, context)
    assert after.token_ids.tolist() == [0, 2]
    assert sampler.worked(1, dist, after, context).text.endswith("−∞")
    with pytest.raises(NothingToDraw):
        Contrastive(alpha=0.9, beta=0.5).apply(
            Distribution.from_logits([9.0, 0.0]), beside(amateur=[-INF, 0.0])
        )


def test_the_working_of_contrast_shows_the_bar_or_the_score():
    sampler, context, dist = (
        Contrastive(alpha=0.45, beta=2.0),
        beside(amateur=WITHOUT),
        Distribution.from_logits(WITH),
    )
    after = sampler.apply(dist, context)
    n = sampler.worked(1, dist, after, context).numbers
    assert (1 + n["beta"]) * n["e"] - n["beta"] * n["a"] == pytest.approx(n["out"], rel=1e-12)
    assert sampler.worked(2, dist, after, context).text == "{p} < {alpha} · {p1}"
    assert sampler.details(dist, context) == {"n_plausible": 2, "bar": pytest.approx(0.225)}
    assert Contrastive(alpha=0.1, beta=0.0).worked(0, dist, dist, Context()).text == "{p} ≥ {alpha} · {p1}"


# -- the second row ---------------------------------------------------------------------------------------------

STEPS = [
    ({"sampler": "cfg", "scale": 2.0}, "unconditional"),
    ({"sampler": "contrastive", "alpha": 0.1, "beta": 0.5}, "amateur"),
]


@pytest.mark.parametrize(("step", "name"), STEPS)
def test_a_missing_row_and_one_of_another_vocabulary_name_the_step(step, name):
    chain = [{"sampler": "top_k", "k": 2}, step]
    with pytest.raises(NeedsOtherLogits) as missing:
        run_chain(WITH, chain)
    assert (missing.value.step, missing.value.knob) == (1, f"{name}_logits")
    for n in (2, 4):
        with pytest.raises(OtherLogitsDoNotFit) as caught:
            run_chain(WITH, chain, context=beside(**{name: np.zeros(n)}))
        assert (caught.value.step, caught.value.n_given, caught.value.n_wanted) == (1, n, 3)
    with pytest.raises(LogitsNotANumber) as broken:
        run_chain(WITH, chain, context=beside(**{name: [0.0, math.nan, 0.0]}))
    assert broken.value.step == 1
    with pytest.raises(InvalidKnob):
        SamplerChain.from_steps([{**step, f"{name}_logits": [0.0, math.nan, 0.0]}])


def test_a_text_is_guided_away_from_another_prompt():
    # the toy after "a" says b, c, d (e^3, e^2, e); after "b" it says c, d, e: at scale 2 "b" gains most
    chain = SamplerChain.from_steps([{"sampler": "cfg", "scale": 2.0}])
    others = {"unconditional": OtherPrompt(TOY, [98])}
    step = next(generate(TOY, [97], SamplingSettings(max_tokens=1, seed=1), chain=chain, others=others))
    c = dict.fromkeys(range(260), 0.0) | {98: 3.0, 99: 2.0, 100: 1.0}
    u = dict.fromkeys(range(260), 0.0) | {99: 3.0, 100: 2.0, 101: 1.0}
    weights = {i: math.exp(2 * c[i] - u[i]) for i in range(260)}
    tops = dict(step.stages[0].top)
    for token_id in (98, 99, 97):
        if token_id in tops:
            assert tops[token_id] == pytest.approx(weights[token_id] / sum(weights.values()), rel=1e-9)
    assert step.stages[0].top[0][0] == 98
    assert step.stages[0].details["other_winner"] == 99


def test_both_laws_go_on_with_the_tokens_that_were_drawn():
    # a start at another place: after every draw both see the same last token, so guidance changes nothing any more
    chain = SamplerChain.from_steps([{"sampler": "contrastive", "alpha": 0.1, "beta": 1.0}])
    others = {"amateur": OtherPrompt(TOY, [200, 201])}
    steps = list(generate(TOY, [97], SamplingSettings(max_tokens=3, seed=2), chain=chain, others=others))
    # bar 0.1 * p(best): weights e^3, e^2, e are above e^3 / 10 up to the third; the score is 2 e - a, and a = e
    for step in steps[1:]:
        assert [round(p, 9) for _, p in step.stages[0].top] == [
            round(math.exp(n) / (math.exp(3) + math.exp(2) + math.exp(1)), 9) for n in (3, 2, 1)
        ]
