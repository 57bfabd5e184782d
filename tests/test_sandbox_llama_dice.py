"""llama.cpp's dice: its generator, its order of candidates, and its tokens for its seeds."""

from __future__ import annotations

import ctypes
import json

import numpy as np
import pytest

from models.catalog import ModelSpec
from models.engines.toy import ToyEngine, ToyTokenizer
from models.loading import LoadedModel
from sandbox.chain import SamplerChain
from sandbox.dice import LlamaCppDice
from sandbox.distribution import Distribution
from sandbox.draw import draw
from sandbox.errors import InvalidKnob, KnobOutOfRange
from sandbox.generate import generate
from sandbox.llama_draw import array_order, draw_like_llama_cpp
from sandbox.mt19937 import MersenneTwister
from sandbox.sampler import Context
from sandbox.settings import NEUTRAL, SamplingSettings
from sandbox.trace import Trace

TOY = LoadedModel(ModelSpec(id="toy", title="Toy"), ToyEngine(), ToyTokenizer())


def of_probs(*probs):
    return Distribution.from_logits(np.log(probs))


def test_the_words_are_those_of_the_standards_mersenne_twister():
    # ISO C++, [rand.predef]: the 10,000th of a default-seeded (5489) mt19937
    assert MersenneTwister(5489).word(9_999) == 4_123_659_995


def test_a_double_takes_two_words_the_lower_half_first_and_a_single_takes_one():
    twister = MersenneTwister(42)
    words = [twister.word(i) for i in range(6)]
    assert twister.double(0) == (words[0] + words[1] * 2**32) / 2**64
    assert twister.double(2) == (words[4] + words[5] * 2**32) / 2**64
    assert twister.single(3) == float(np.float32(words[3])) / 2**32


def test_a_number_asked_for_again_is_the_same():
    twister = MersenneTwister(1)
    late = twister.double(2000)
    assert [twister.double(3), twister.double(2000)] == [MersenneTwister(1).double(3), late]


def test_llama_cpp_stops_where_the_sum_reaches_u_and_we_where_it_exceeds():
    halves = of_probs(0.5, 0.5)
    token_id, u = draw_like_llama_cpp([], [halves], 0.5, Context())
    assert (token_id, draw(halves, 0.5), draw(halves, u)) == (0, 1, 0)


def test_a_dart_keeps_its_place_within_its_token():
    # by id: 1/4 | 3/4, and 0.2 is four fifths into the first; by rank: 3/4 | 1/4, four fifths into the second is 0.95
    token_id, u = draw_like_llama_cpp([], [of_probs(0.25, 0.75)], 0.2, Context())
    assert (token_id, u) == (0, pytest.approx(0.95, abs=1e-6))


def test_not_even_u_zero_draws_a_weight_of_zero():
    law = Distribution.from_logits([-2000.0, -200.0, 0.0, 0.0])
    assert draw_like_llama_cpp([], [law], 0.0, Context())[0] == 2


def ids_in_order(steps, row, context=None):
    context = context or Context()
    chain = SamplerChain.from_steps(steps)
    laws = chain.laws(Distribution.from_logits(row), context)
    return laws[-1].token_ids[array_order(chain.samplers, laws, context)].tolist()


def test_llama_cpp_lays_out_by_id_until_a_stage_sorts():
    row = [1.0, 3.0, 2.0]
    assert ids_in_order([], row) == [0, 1, 2]
    assert ids_in_order([{"sampler": "temperature", "temperature": 0.5}], row) == [0, 1, 2]
    assert ids_in_order([{"sampler": "min_p", "p": 0.2}], row) == [1, 2]
    assert ids_in_order([{"sampler": "top_p", "p": 1.0}], row) == [0, 1, 2]
    assert ids_in_order([{"sampler": "top_k", "k": 3}], row) == [1, 2, 0]
    assert ids_in_order([{"sampler": "top_p", "p": 0.999}], row) == [1, 2, 0]


def test_the_order_of_the_last_sorting_stage_stays_whatever_follows():
    steps = [{"sampler": "top_k", "k": 3}, {"sampler": "logit_bias", "bias": {"0": 9.0}}]
    assert ids_in_order(steps, [1.0, 3.0, 2.0]) == [1, 2, 0]
    assert ids_in_order(steps[::-1], [1.0, 3.0, 2.0]) == [0, 1, 2]
    sorted_again = [*steps, {"sampler": "top_p", "p": 0.99999}]
    assert ids_in_order(sorted_again, [1.0, 3.0, 2.0]) == [0, 1, 2]
    assert ids_in_order([*steps, {"sampler": "top_p", "p": 1.0}], [1.0, 3.0, 2.0]) == [1, 2, 0]


def test_a_stage_that_is_off_sorts_nothing():
    row = [1.0, 3.0, 2.0]
    for steps in (
        [{"sampler": "dynamic_temperature", "temperature": 0.5, "range": 0.0}],
        [{"sampler": "xtc", "probability": 1.0, "threshold": 0.6}],
        [{"sampler": "xtc", "probability": 0.0, "threshold": 0.3}],
        [{"sampler": "xtc", "probability": 0.5, "threshold": 0.3, "u": 0.7}],
        [{"sampler": "typical_p", "p": 1.0}],
    ):
        assert ids_in_order(steps, row) == [0, 1, 2]
    for steps in (
        [{"sampler": "dynamic_temperature", "temperature": 0.5, "range": 0.1}],
        [
            {"sampler": "xtc", "probability": 0.5, "threshold": 0.3, "u": 0.3}
        ],  # fires, and finds one token only
    ):
        assert ids_in_order(steps, row) == [1, 2, 0]


def test_typical_p_lays_out_by_distance_from_the_entropy():
    # entropy 1.75 bits; surprisals 1, 2, 3 and 3: distances 0.75, 0.25, 1.25, 1.25
    row = np.log([1 / 8, 1 / 2, 1 / 8, 1 / 4])
    assert ids_in_order([{"sampler": "typical_p", "p": 0.99}], row) == [3, 1, 0, 2]


def test_min_p_sorts_only_where_it_fetches_tokens_back():
    row = [1.0, 9.0, 2.0]
    assert ids_in_order([{"sampler": "min_p", "p": 0.5, "min_keep": 2}], row) == [1, 2]
    assert ids_in_order([{"sampler": "min_p", "p": 0.5, "min_keep": 2}], [8.9, 1.0, 9.0]) == [0, 2]
    assert ids_in_order([{"sampler": "min_p", "p": 1e-9, "min_keep": 2}], row) == [0, 1, 2]


def test_a_step_drawn_like_llama_cpp_is_redrawn_from_its_record():
    for settings in (NEUTRAL, NEUTRAL.updated(top_k=5), NEUTRAL.updated(typical_p=0.5, xtc_probability=0.5)):
        generation = generate(TOY, [97], settings.updated(rng="llama.cpp", seed=42, max_tokens=60))
        steps = list(generation)
        trace = Trace.from_json(generation.trace.to_json())
        assert trace.settings["rng"] == "llama.cpp" and len(steps) > 5
        assert trace.redraw() == [step.token_id for step in steps]


def test_in_rank_order_the_recorded_u_is_llama_cpps_own():
    settings = NEUTRAL.updated(top_k=5, rng="llama.cpp", seed=42, max_tokens=20)
    twister = MersenneTwister(42)
    steps = list(generate(TOY, [97], settings))
    assert [step.u for step in steps] == [twister.double(i) for i in range(len(steps))]


def test_another_attempt_is_another_stream():
    settings = NEUTRAL.updated(rng="llama.cpp", seed=1, max_tokens=10)
    again, next_seed = (
        [step.token_id for step in generate(TOY, [97], settings.updated(**change), attempt=attempt)]
        for change, attempt in [({}, 1), ({"seed": 2}, 0)]
    )
    assert again == next_seed != [step.token_id for step in generate(TOY, [97], settings)]


def test_the_dice_are_a_setting_that_survives_json():
    settings = SamplingSettings(rng="llama.cpp", seed=2**32 - 2)
    assert SamplingSettings(**json.loads(json.dumps(settings.to_flat()))) == settings
    assert NEUTRAL.rng == "philox"


def test_llama_cpps_seeds_have_32_bits_and_the_last_one_means_any():
    for seed in (2**32 - 1, 2**40, -1):
        with pytest.raises(KnobOutOfRange, match="seed = "):
            SamplingSettings(rng="llama.cpp", seed=seed)
    assert SamplingSettings(seed=2**40).seed == 2**40


def test_unknown_dice_are_refused():
    with pytest.raises(InvalidKnob, match="rng = 'loaded' is not one of philox, llama"):
        SamplingSettings(rng="loaded")


# Parity with llama.cpp's C code

TOKEN_DATA = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
SEEDS = (0, 1, 42, 1_234_567, 2**32 - 2)
# our steps, and the C samplers of the same chain given a seed
C_CHAINS = {
    "nothing": ([], lambda lib, seed: []),
    "temperature": (
        [{"sampler": "temperature", "temperature": 0.8}],
        lambda lib, seed: [lib.llama_sampler_init_temp(0.8)],
    ),
    "top_k": ([{"sampler": "top_k", "k": 40}], lambda lib, seed: [lib.llama_sampler_init_top_k(40)]),
    "top_p": ([{"sampler": "top_p", "p": 0.9}], lambda lib, seed: [lib.llama_sampler_init_top_p(0.9, 1)]),
    "min_p": ([{"sampler": "min_p", "p": 0.01}], lambda lib, seed: [lib.llama_sampler_init_min_p(0.01, 1)]),
    "min_keep": (
        [{"sampler": "min_p", "p": 0.9, "min_keep": 20}],
        lambda lib, seed: [lib.llama_sampler_init_min_p(0.9, 20)],
    ),
    "typical_p": (
        [{"sampler": "typical_p", "p": 0.9}],
        lambda lib, seed: [lib.llama_sampler_init_typical(0.9, 1)],
    ),
    "dynamic_temperature": (
        [{"sampler": "dynamic_temperature", "temperature": 1.0, "range": 0.5}],
        lambda lib, seed: [lib.llama_sampler_init_temp_ext(1.0, 0.5, 1.0)],
    ),
    "xtc": (
        [{"sampler": "xtc", "probability": 0.5, "threshold": 0.02}],
        lambda lib, seed: [lib.llama_sampler_init_xtc(0.5, 0.02, 1, seed)],
    ),
    "xtc_of_one": (  # min_p often leaves a single token, and then no coin is tossed
        [{"sampler": "min_p", "p": 0.5}, {"sampler": "xtc", "probability": 0.5, "threshold": 0.02}],
        lambda lib, seed: [
            lib.llama_sampler_init_min_p(0.5, 1),
            lib.llama_sampler_init_xtc(0.5, 0.02, 1, seed),
        ],
    ),
    "default": (
        [
            {"sampler": "top_k", "k": 40},
            {"sampler": "top_p", "p": 0.95},
            {"sampler": "min_p", "p": 0.05},
            {"sampler": "temperature", "temperature": 0.8},
        ],
        lambda lib, seed: [
            lib.llama_sampler_init_top_k(40),
            lib.llama_sampler_init_top_p(0.95, 1),
            lib.llama_sampler_init_min_p(0.05, 1),
            lib.llama_sampler_init_temp(0.8),
        ],
    ),
}


class NoTies(ToyEngine):
    """Another row for every last token, without equal logits, whose order llama.cpp leaves to chance."""

    def _row(self, last):
        return np.random.default_rng(last).normal(0, 2, self.vocab_size).astype(np.float32)


class CChain:
    def __init__(self, lib, samplers, seed):
        self._lib = lib
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for sampler in (*samplers, lib.llama_sampler_init_dist(seed)):
            lib.llama_sampler_chain_add(self._chain, sampler)

    def draw(self, row):
        data = np.zeros(len(row), TOKEN_DATA)
        data["id"], data["logit"] = np.arange(len(row)), row
        pointer = data.ctypes.data_as(ctypes.POINTER(self._lib.llama_token_data))
        array = self._lib.llama_token_data_array(pointer, len(row), -1, False)
        self._lib.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def free(self):
        self._lib.llama_sampler_free(self._chain)


@pytest.mark.real
@pytest.mark.parametrize("name", C_CHAINS)
def test_a_thousand_draws_over_five_seeds_are_llama_cpps(name):
    import llama_cpp.llama_cpp as lib

    steps, make = C_CHAINS[name]
    chain = SamplerChain.from_steps(steps)
    for seed in SEEDS:
        theirs, ours, rows = (
            CChain(lib, make(lib, seed), seed),
            LlamaCppDice(seed),
            np.random.default_rng(seed),
        )
        for position in range(200):
            row = rows.normal(0, 2.2, 1000).astype(np.float32)
            row[rows.integers(0, 1000, 20)] += rows.exponential(4, 20).astype(np.float32)
            ready, context = ours.ready(chain), Context((), 0, position, seed)
            laws = ready.laws(Distribution.from_logits(row), context)
            token_id, u = ours.throw(ready, laws, context)
            assert token_id == theirs.draw(row) == draw(laws[-1], u)
        theirs.free()


@pytest.mark.real
@pytest.mark.parametrize(
    "flat", [{}, {"top_k": 5, "temperature": 0.8}, {"xtc_probability": 0.5, "xtc_threshold": 0.05}]
)
def test_a_text_drawn_with_llama_cpps_dice_is_llama_cpps(flat):
    import llama_cpp.llama_cpp as lib

    samplers = {
        "top_k": lambda: lib.llama_sampler_init_top_k(5),
        "temperature": lambda: lib.llama_sampler_init_temp(0.8),
        "xtc_probability": lambda: lib.llama_sampler_init_xtc(0.5, 0.05, 1, 9),
    }
    theirs = CChain(lib, [make() for name, make in samplers.items() if name in flat], 9)
    model = LoadedModel(ModelSpec(id="rows", title="Rows"), NoTies(), ToyTokenizer())
    settings = SamplingSettings(rng="llama.cpp", seed=9, max_tokens=100, **flat)
    ids = [97, 98]
    for step in generate(model, ids, settings):
        assert step.token_id == theirs.draw(model.engine.next_logits(ids))
        ids.append(step.token_id)
    theirs.free()
