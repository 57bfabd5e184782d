"""The samplers with a memory: mirostat 1 and 2, adaptive-p; what they remember, and that it travels."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from models.catalog import ModelSpec
from models.engines.toy import ToyEngine, ToyTokenizer
from models.loading import LoadedModel
from sandbox.chain import SamplerChain
from sandbox.distribution import Distribution
from sandbox.errors import InvalidKnob, KnobOutOfRange
from sandbox.generate import generate
from sandbox.outcome import run_chain
from sandbox.sampler import Context
from sandbox.samplers.adaptive_p import AdaptiveP
from sandbox.samplers.mirostat_v1 import MirostatV1, n_for_surprise, zipf_exponent
from sandbox.samplers.mirostat_v2 import MirostatV2
from sandbox.settings import SamplingSettings
from sandbox.trace import Trace

HERE = Context()
INF = float("inf")
TOY = LoadedModel(ModelSpec(id="toy", title="Toy"), ToyEngine(), ToyTokenizer())


def law(*probs):
    return Distribution.from_logits(np.log(np.array(probs, dtype=np.float64)))


def zipf(s, n):
    return Distribution.from_logits(-s * np.log(np.arange(1, n + 1)))


# -- mirostat 2 -------------------------------------------------------------------------------------------------

BITS = law(0.5, 0.25, 0.125, 0.125)  # surprises of 1, 2, 3 and 3 bits


@pytest.mark.parametrize(
    ("mu", "n"), [(-5.0, 1), (0.5, 1), (1.5, 1), (2.5, 2), (2.9, 2), (3.1, 4), (99.0, 4)]
)
def test_mirostat_2_keeps_what_surprises_by_at_most_mu_and_always_one(mu, n):
    assert MirostatV2(tau=1.0).apply(BITS, HERE, {"mu": mu}).token_ids.tolist() == list(range(n))
    assert MirostatV2(tau=1.0, mu=mu).apply(BITS, HERE).token_ids.tolist() == list(range(n))


def test_a_surprise_of_exactly_mu_stays():
    two = Distribution.from_logits([0.0, 0.0])  # -log2 p is exactly 1
    assert len(MirostatV2(tau=0.5).apply(two, HERE)) == 2  # mu = 2 tau = 1
    assert len(MirostatV2(tau=0.5, mu=0.999999).apply(two, HERE)) == 1


def test_mu_moves_by_eta_times_surprise_minus_tau_under_the_law_after_the_cut():
    sampler = MirostatV2(tau=1.25, eta=0.5)  # mu = 2.5: 0.5 and 0.25 stay, and become 2/3 and 1/3
    after = sampler.apply(BITS, HERE)
    moved = sampler.next_state(None, BITS, after, 1)
    assert moved["mu"] == pytest.approx(2.5 - 0.5 * (math.log2(3) - 1.25), rel=1e-14)
    back = sampler.next_state({"mu": 1.0}, BITS, after, 0)
    assert back["mu"] == pytest.approx(1.0 - 0.5 * (math.log2(1.5) - 1.25), rel=1e-14)


def test_a_token_chosen_by_hand_teaches_nothing():
    for sampler in (MirostatV1(tau=1.0), MirostatV2(tau=1.25)):
        after = BITS.first(2)
        assert sampler.next_state({"mu": 2.5}, BITS, after, 3) == {"mu": 2.5}


def test_an_eta_of_zero_leaves_the_ceiling_where_it_is():
    assert MirostatV2(tau=1.0, eta=0.0).next_state({"mu": 2.0}, BITS, BITS, 3) == {"mu": 2.0}


def test_mirostat_2_shows_its_ceiling_and_each_surprise():
    sampler = MirostatV2(tau=1.0, mu=0.5)
    after = sampler.apply(BITS, HERE)
    assert sampler.details(BITS, HERE) == {"mu": 0.5, "tau": 1.0}
    assert sampler.details(BITS, HERE, {"mu": 2.0}) == {"mu": 2.0, "tau": 1.0}
    first = sampler.worked(0, BITS, after, HERE)
    assert first.text.endswith("> {mu}, p = max")
    assert first.numbers == pytest.approx({"p": 0.5, "I": 1.0, "mu": 0.5})
    assert sampler.worked(1, BITS, after, HERE).text.endswith("> {mu}")
    assert sampler.worked(1, BITS, BITS, HERE, {"mu": 2.5}).text.endswith("≤ {mu}")
    two = Distribution.from_logits([0.0, 0.0])  # exactly 1 bit each
    assert sampler.worked(1, two, two, HERE, {"mu": 1.0}).text.endswith("≤ {mu}")


def test_the_defaults_are_those_of_the_field():
    assert MirostatV1(tau=5.0) == MirostatV1(5.0, 0.1, 100, None)
    assert MirostatV2(tau=5.0) == MirostatV2(5.0, 0.1, None)
    assert AdaptiveP(target=0.5) == AdaptiveP(0.5, 0.9)


# -- mirostat 1 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("s", [0.5, 1.0, 1.5, 3.0])
def test_the_exponent_of_a_zipf_law_is_found(s):
    assert zipf_exponent(zipf(s, 500), 100) == pytest.approx(s, rel=1e-12)


def test_the_exponent_is_a_least_squares_slope_over_the_first_m():
    dist = Distribution.from_logits([0.0, -1.0, -1.5, -9.0])
    t = [math.log(2), math.log(3 / 2), math.log(4 / 3)]
    b = [1.0, 0.5, 7.5]
    for m in (2, 3, 4, 100):
        pairs = list(zip(t, b, strict=True))[: m - 1]
        expected = sum(x * y for x, y in pairs) / sum(x * x for x, _ in pairs)
        assert zipf_exponent(dist, m) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("mu", [-3.0, 0.0, 1.0, 2.5, 4.0, 9.0])
@pytest.mark.parametrize("s", [0.3, 0.7, 1.3, 2.0])
def test_k_is_the_formula_of_the_paper(s, mu):
    e = s - 1
    k = (e * 2**mu / (1 - 1000**-e)) ** (1 / s)
    assert k < 0.5 or abs(k - round(k)) > 1e-9  # not at an edge
    assert n_for_surprise(mu, s, 1000, 1000) == min(1000, max(1, math.floor(k)))


def test_k_at_the_edges_of_its_formula():
    assert n_for_surprise(4.0, 1.0, 1000, 1000) == math.floor(16 / math.log(1000))  # the limit of e = 0
    assert n_for_surprise(8.0, 0.0, 1000, 1000) == 1  # 256 < 999: the limit of a flat law
    assert n_for_surprise(12.0, 0.0, 1000, 1000) == 1000  # 4096 > 999
    assert n_for_surprise(1e300, 2.0, 1000, 1000) == 1000
    assert n_for_surprise(-1e300, 2.0, 1000, 1000) == 1
    assert n_for_surprise(5.0, 1e300, 1000, 1000) == 1
    assert n_for_surprise(9.0, 0.5, 1000, 5) == 5  # N is the vocabulary, k at most the candidates


def test_mirostat_1_keeps_the_k_most_likely():
    dist = zipf(2.0, 16)  # N = 16, mu = 6: k = (64 / (1 - 1/16)) ** (1/2) = 8.26
    sampler = MirostatV1(tau=3.0)
    assert sampler.apply(dist, HERE).token_ids.tolist() == list(range(8))
    details = sampler.details(dist, HERE)
    assert (details["mu"], details["k"], round(details["s"], 9)) == (6.0, 8, 2.0)
    assert sampler.worked(7, dist, dist, HERE).text.startswith("{rank} ≤ k")
    assert sampler.worked(8, dist, dist, HERE).text.startswith("{rank} > k")
    assert sampler.worked(8, dist, dist, HERE).numbers["rank"] == 9
    assert set(sampler.worked(8, dist, dist, HERE).numbers) == {"rank", "k", "s", "mu"}
    alone = dist.first(1)
    assert sampler.worked(0, alone, alone, HERE) == ("{rank} ≤ k = {k}", {"rank": 1, "k": 1})
    assert sampler.details(alone, HERE)["s"] is None


def test_removed_tokens_still_belong_to_the_vocabulary_that_mirostat_1_counts():
    row = np.concatenate([-2.0 * np.log(np.arange(1, 17)), np.full(10**6 - 16, -INF)])
    dist = Distribution.from_logits(row)  # N = 10**6: k = 64 ** (1/2) = 8.000004 from above
    assert dist.vocab_size == 10**6
    assert MirostatV1(tau=3.0).details(dist, HERE)["k"] == 8
    assert MirostatV1(tau=3.0).details(zipf(2.0, 2), HERE)["k"] == 2


@pytest.mark.parametrize("row", [[0.0], [-INF, 3.0], [1.0, 1.0, 1.0], [3e38, -3e38], [0.0] * 2000])
def test_mirostat_1_is_defined_on_flat_and_single_rows(row):
    dist = Distribution.from_logits(row)
    for mu in (-1e6, 0.0, 5.0, 1e6):
        after = MirostatV1(tau=5.0).apply(dist, HERE, {"mu": mu})
        assert 1 <= len(after) <= len(dist)
        json.dumps(MirostatV1(tau=5.0).details(dist, HERE, {"mu": mu}), allow_nan=False)


@pytest.mark.parametrize(
    ("row", "steps"),
    [
        ([8e307, -8e307], []),  # s = 1.6e308 / ln 2
        ([1e308, -1e308], []),
        ([2.0, 1.0, 0.0], [{"sampler": "top_k", "k": 2}, {"sampler": "temperature", "temperature": 1e-308}]),
    ],
)
def test_a_law_steeper_than_any_float_leaves_mirostat_1_one_token(row, steps):
    with np.errstate(over="ignore", invalid="ignore"):  # the law of such a row warns by itself
        outcome = run_chain(row, [*steps, {"sampler": "mirostat_v1", "tau": 5}])
    assert outcome.distribution.token_ids.tolist() == [0]  # k = (s * 2^mu) ^ (1 / s) goes to 1
    json.dumps(outcome.stages[-1].details, allow_nan=False)
    assert outcome.stages[-1].details["k"] == 1


@pytest.mark.parametrize("kind", [MirostatV1, MirostatV2])
def test_the_largest_target_has_a_first_state(kind):
    assert kind(tau=1000.0).initial_state() == {"mu": 2000.0}
    assert kind(tau=1000.0, mu=2000.0).apply(BITS, HERE).token_ids.tolist() == BITS.token_ids.tolist()


# -- adaptive-p -------------------------------------------------------------------------------------------------


def adapted(p, a):
    x = abs(p - a) / 0.3
    return 5 - 10 * x * x / (1 + x)


def test_adaptive_p_turns_distances_into_logits():
    dist = law(0.5, 0.3, 0.2)
    after = AdaptiveP(target=0.3).apply(dist, HERE)  # the mean begins at the target: a = 2 * 0.3 - 0.3
    assert after.logits.tolist() == pytest.approx([adapted(p, 0.3) for p in (0.5, 0.3, 0.2)])
    assert after.winner == 1


def test_after_likely_draws_it_asks_for_less_likely_ones():
    sampler = AdaptiveP(target=0.4, decay=0.5)
    assert sampler.initial_state() == {"weighted_sum": 0.8, "total_weight": 2.0}
    dist = law(0.9, 0.1)
    drawn = sampler.next_state(None, dist, dist, 0)
    assert drawn["weighted_sum"] == pytest.approx(0.9 + 0.5 * 0.8)
    assert drawn["total_weight"] == 2.0
    assert sampler.details(dist, HERE, drawn)["wanted"] == pytest.approx(0.8 - 1.3 / 2)
    after = sampler.apply(dist, HERE, drawn)
    assert after.logits.tolist() == pytest.approx([adapted(0.9, 0.15), adapted(0.1, 0.15)])
    for token_id, far in ((0, 0.75 / 0.3), (1, 0.05 / 0.3)):
        shown = sampler.worked(token_id, dist, after, HERE, drawn).numbers
        assert shown["x"] == pytest.approx(far)
        assert shown["out"] == pytest.approx(5 - 10 * far * far / (1 + far))


def test_what_it_asks_for_stays_a_probability():
    state = {"weighted_sum": 9.0, "total_weight": 10.0}
    assert AdaptiveP(target=0.1).details(BITS, HERE, state)["wanted"] == 0.0  # 0.2 - 0.9
    assert AdaptiveP(target=0.3).details(BITS, HERE, {**state, "weighted_sum": 0.0})["wanted"] == 0.6
    state["weighted_sum"] = 1.0  # 2 * 1 - 0.1
    assert AdaptiveP(target=1.0).details(BITS, HERE, state)["wanted"] == 1.0


def test_the_mean_learns_from_the_law_before_and_not_from_a_token_that_is_not_there():
    sampler, dist = AdaptiveP(target=0.5, decay=0.0), law(0.75, 0.25)
    after = sampler.apply(dist, HERE)
    assert sampler.next_state(None, dist, after, 1)["weighted_sum"] == pytest.approx(0.25)
    assert sampler.next_state(None, dist, after, 7) == sampler.initial_state()


def test_no_decay_forgets_everything_and_the_largest_hardly_anything():
    assert AdaptiveP(target=0.5, decay=0.0).initial_state() == {"weighted_sum": 0.5, "total_weight": 1.0}
    slow = AdaptiveP(target=0.5, decay=0.99).initial_state()
    assert slow["total_weight"] == pytest.approx(100)


# -- states travel ----------------------------------------------------------------------------------------------


def run_toy(chain, n=12, seed=5):
    generation = generate(TOY, [97], SamplingSettings(max_tokens=n, seed=seed), chain=chain)
    return list(generation), generation.trace


MIROSTAT = SamplerChain.from_steps(
    [{"sampler": "top_k", "k": 3}, {"sampler": "mirostat_v2", "tau": 0.9, "eta": 0.25}]
)


def test_mu_moves_in_a_text_exactly_by_the_surprise_of_each_draw():
    # the toy's law after top_k 3 is e^3 : e^2 : e^1 for the next three bytes
    weights = [math.exp(3), math.exp(2), math.exp(1)]
    steps, _ = run_toy(MIROSTAT)
    mu, last, kept = 1.8, 97, set()
    for step in steps:
        shares = [w / sum(weights) for w in weights]
        n = max(1, sum(-math.log2(p) <= mu for p in shares))
        offset = (step.token_id - last) % 260 - 1
        assert offset < n
        assert step.sampler_state["before"] == [None, {"mu": pytest.approx(mu, rel=1e-12)}]
        mu -= 0.25 * (-math.log2(weights[offset] / sum(weights[:n])) - 0.9)
        assert step.sampler_state["after"] == [None, {"mu": pytest.approx(mu, rel=1e-12)}]
        assert step.stages[1].details["mu"] == step.sampler_state["before"][1]["mu"]
        last, kept = step.token_id, kept | {n}
    assert len(kept) > 1  # the ceiling has changed the cut


@pytest.mark.parametrize(
    "step", [{"sampler": "adaptive_p", "target": 0.4}, {"sampler": "mirostat_v1", "tau": 1.0}]
)
def test_a_trace_keeps_the_states_and_each_draw_can_be_repeated_from_them(step, tmp_path):
    chain = SamplerChain.from_steps([{"sampler": "min_p", "p": 0.05}, step])
    steps, trace = run_toy(chain)
    path = tmp_path / "trace.json"
    trace.save(path)
    again = Trace.load(path)
    assert [s.sampler_state for s in again.steps] == [s.sampler_state for s in steps]
    ids = [97]
    for recorded in again.steps:
        row = TOY.engine.next_logits(ids)
        outcome = run_chain(row, chain, states=recorded.sampler_state["before"], history=ids)
        assert outcome.distribution.logprob_of(recorded.token_id) == pytest.approx(
            recorded.final_logprob, abs=1e-12
        )
        states = chain.next_states(recorded.sampler_state["before"], outcome.laws, recorded.token_id)
        assert states == recorded.sampler_state["after"]
        ids.append(recorded.token_id)
    assert again.steps[0].sampler_state["before"] != again.steps[-1].sampler_state["before"]


def test_a_branch_goes_on_from_the_state_of_its_own_past():
    steps, _ = run_toy(MIROSTAT)
    ids = [97] + [step.token_id for step in steps[:4]]
    dist = Distribution.from_logits(TOY.engine.next_logits(ids))
    before = steps[4].sampler_state["before"]
    laws = MIROSTAT.laws(dist, HERE, before)
    for token_id in laws[-1].token_ids.tolist():  # another token at the fifth place
        surprise = -math.log2(laws[-1].prob_of(token_id))
        after = MIROSTAT.next_states(before, laws, token_id)
        assert after[1]["mu"] == pytest.approx(before[1]["mu"] - 0.25 * (surprise - 0.9), rel=1e-12)


@pytest.mark.parametrize(
    "state", [{}, {"mu": "10"}, {"mu": INF}, {"mu": True}, {"mu": None}, [1.0], "mu", {"weighted_sum": 1.0}]
)
def test_a_state_of_another_kind_is_refused_by_name(state):
    steps = {"mirostat_v1": {"tau": 1.0}, "mirostat_v2": {"tau": 1.0}, "adaptive_p": {"target": 0.5}}
    for name, knobs in steps.items():
        with pytest.raises(InvalidKnob) as caught:
            run_chain([0.0, 1.0], [{"sampler": name, **knobs}], states=[state])
        assert (caught.value.sampler, caught.value.knob, caught.value.step) == (name, "state", 0)


@pytest.mark.parametrize("weight", [0.0, 0.5, -1.0, INF, "1"])
def test_a_mean_needs_a_weight(weight):
    with pytest.raises(InvalidKnob):
        AdaptiveP(target=0.5).apply(BITS, HERE, {"weighted_sum": 0.0, "total_weight": weight})


@pytest.mark.parametrize(
    ("kind", "knobs"),
    [
        (MirostatV2, {"tau": -0.1}),
        (MirostatV1, {"tau": 1000.1}),  # mu starts at 2 tau: of 1e308 that would be infinite
        (MirostatV2, {"tau": 1e308}),
        (MirostatV1, {"tau": 1.0, "mu": 2000.1}),
        (MirostatV2, {"tau": 1.0, "mu": -1e308}),
        (MirostatV2, {"tau": 1.0, "eta": 1.1}),
        (MirostatV2, {"tau": 1.0, "mu": INF}),
        (MirostatV1, {"tau": 1.0, "m": 1}),
        (AdaptiveP, {"target": -0.1}),
        (AdaptiveP, {"target": 1.1}),
        (AdaptiveP, {"target": 0.5, "decay": 0.995}),
    ],
)
def test_a_knob_outside_its_interval_is_refused(kind, knobs):
    with pytest.raises(KnobOutOfRange) as caught:
        kind(**knobs)
    assert caught.value.knob == list(knobs)[-1]
