"""Presets beside the libraries themselves: llama.cpp's own samplers in C, transformers' own list of processors."""

from __future__ import annotations

import ctypes
import logging

import numpy as np
import pytest

from sandbox import Context, run_chain
from sandbox.presets import from_library

HISTORY = (3, 7, 7, 11, 3, 7)
PROMPT_LEN = 2
SIZES = (12, 50, 1000, 49_152)
# float32 sums in both libraries: their law is ours to about 1e-5 of each probability
CLOSE = {"rtol": 5e-5, "atol": 1e-12}


def rows(vocab_size):
    """Normal, heavy-tailed and half-forbidden rows, no two finite logits equal: ties have tests of their own."""
    dice = np.random.default_rng(vocab_size)
    normal = dice.normal(0, 2, vocab_size)
    heavy = dice.standard_t(2, vocab_size)
    forbidden = np.where(dice.random(vocab_size) < 0.5, -np.inf, normal)
    forbidden[0] = 1.0
    return [each.astype(np.float32) for each in (normal, 3 * normal, heavy, forbidden)]


def same_law(ours, theirs):
    """The same tokens are left, with the same probabilities. theirs: logits, -inf where removed."""
    weights = np.exp(theirs.astype(np.float64) - theirs.max())
    assert np.flatnonzero(ours).tolist() == np.flatnonzero(weights).tolist()
    np.testing.assert_allclose(ours, weights / weights.sum(), **CLOSE)


# --- llama.cpp

LLAMA = {
    "defaults": {},
    "hot": {"temp": 1.5, "top_k": 0, "min_p": 0.02},
    "penalties": {"penalty_repeat": 1.3, "penalty_freq": 0.2, "penalty_present": 0.4, "penalty_last_n": 4},
    "typical": {"typ_p": 0.8, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
    "sigma": {"top_n_sigma": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
    "dynatemp": {"dynatemp_range": 0.4, "temp": 0.9, "dynatemp_exponent": 1.5},
    "greedy": {"temp": 0.0},
    "min_keep": {"min_keep": 3, "top_p": 0.01, "min_p": 0.99},
    "edges": {"top_p": 0.0, "min_keep": 2},
    "xtc": {"xtc_probability": 1.0, "xtc_threshold": 0.02, "top_p": 0.99, "min_p": 0.0},
}


def llama_chain(lib, vocab_size, own):
    """The chain that common/sampling.cpp builds: all nine stages, in its order, whatever their settings."""
    p = {
        "penalty_last_n": 64,
        "penalty_repeat": 1.0,
        "penalty_freq": 0.0,
        "penalty_present": 0.0,
        "top_n_sigma": -1.0,
        "top_k": 40,
        "typ_p": 1.0,
        "top_p": 0.95,
        "min_p": 0.05,
        "min_keep": 0,
        "xtc_probability": 0.0,
        "xtc_threshold": 0.1,
        "temp": 0.8,
        "dynatemp_range": 0.0,
        "dynatemp_exponent": 1.0,
        **own,
    }
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    penalties = (p["penalty_last_n"], p["penalty_repeat"], p["penalty_freq"], p["penalty_present"])
    for sampler in (
        lib.llama_sampler_init_penalties(vocab_size, *penalties),
        lib.llama_sampler_init_dry(None, 0.0, 1.75, 2, 64, None, 0),
        lib.llama_sampler_init_top_n_sigma(p["top_n_sigma"]),
        lib.llama_sampler_init_top_k(p["top_k"]),
        lib.llama_sampler_init_typical(p["typ_p"], p["min_keep"]),
        lib.llama_sampler_init_top_p(p["top_p"], p["min_keep"]),
        lib.llama_sampler_init_min_p(p["min_p"], p["min_keep"]),
        lib.llama_sampler_init_xtc(p["xtc_probability"], p["xtc_threshold"], p["min_keep"], 0),
        lib.llama_sampler_init_temp_ext(p["temp"], p["dynatemp_range"], p["dynatemp_exponent"]),
    ):
        lib.llama_sampler_chain_add(chain, sampler)
    for token_id in HISTORY:
        lib.llama_sampler_accept(chain, token_id)
    return chain


def llama_logits(lib, row, own):
    chain = llama_chain(lib, len(row), own)
    candidates = np.zeros(len(row), dtype=[("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
    candidates["id"], candidates["logit"] = np.arange(len(row)), row
    pointer = candidates.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))
    array = lib.llama_token_data_array(pointer, len(row), -1, False)
    lib.llama_sampler_apply(chain, ctypes.byref(array))
    lib.llama_sampler_free(chain)
    left = np.full(len(row), -np.inf, dtype=np.float32)
    for each in array.data[: array.size]:  # not from the start of `candidates`: xtc moves the pointer
        left[each.id] = each.logit
    return left


# Where one of llama.cpp's stages is not the one its name promises: `absent` and `float32` in docs/deviations.md.
LLAMA_DEVIATES = {
    ("typical", "forbidden"): "0 * ln 0 is NaN there, and the kept set means nothing",
    ("typical", "heavy"): "the same, where a probability is too small for float32",
    ("dynatemp", "forbidden"): "it counts the forbidden tokens as candidates, which lowers the temperature",
}


@pytest.mark.parametrize("vocab_size", SIZES)
@pytest.mark.parametrize("case", LLAMA)
def test_the_llama_cpp_preset_is_its_chain_in_c(case, vocab_size):
    lib = pytest.importorskip("llama_cpp.llama_cpp", exc_type=ImportError)
    own = LLAMA[case]
    steps = from_library("llama.cpp", own)
    for kind, row in zip(("normal", "sharp", "heavy", "forbidden"), rows(vocab_size), strict=True):
        if (case, kind) not in LLAMA_DEVIATES:
            same_law(run_chain(row, steps, HISTORY).probs, llama_logits(lib, row, own))


# --- transformers

TRANSFORMERS = {
    "defaults": {},
    "order": {"temperature": 1.5, "top_k": 40, "top_p": 0.8, "min_p": 0.05},
    "cold": {"temperature": 0.3, "top_k": 0, "top_p": 0.95},
    "typical": {"top_k": None, "typical_p": 0.7},
    "cutoffs": {"top_k": 0, "epsilon_cutoff": 0.002, "eta_cutoff": 0.004},
    "top_h": {"top_k": 0, "top_h": 0.4, "temperature": 0.8},
    "history": {"repetition_penalty": 1.4, "no_repeat_ngram_size": 2, "top_k": 0},
    "words": {
        "bad_words_ids": [[5], [7, 12], [1]],
        "eos_token_id": 1,
        "sequence_bias": {(4,): 3.0},
        "suppress_tokens": [6],
        "top_k": 0,
    },
    "length": {"min_new_tokens": 9, "eos_token_id": 1, "top_k": 0},
    "greedy": {"do_sample": False, "repetition_penalty": 1.4},
}


@pytest.fixture(scope="module")
def processors():
    """The list that generate() itself builds, for a model with random weights of 60 tokens."""
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    logging.getLogger("transformers").setLevel(logging.ERROR)  # it talks about every flag we try
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    config = transformers.LlamaConfig(vocab_size=60, **sizes, **heads, bos_token_id=None, eos_token_id=None)
    model = transformers.LlamaForCausalLM(config)

    def logits(row, own):
        settings, _ = model._prepare_generation_config(None, **own)
        model._prepare_special_tokens(settings)
        chain = model._get_logits_processor(
            generation_config=settings, input_ids_seq_length=PROMPT_LEN, device="cpu"
        )
        scores = chain(torch.tensor([HISTORY]), torch.from_numpy(row.copy())[None, :])[0].numpy()
        if settings.do_sample:
            return scores
        return np.where(np.arange(len(row)) == scores.argmax(), scores, -np.inf)

    return logits


@pytest.mark.parametrize("vocab_size", [50, 1000, 49_152])
@pytest.mark.parametrize("case", TRANSFORMERS)
def test_the_transformers_preset_is_the_list_that_generate_builds(processors, case, vocab_size):
    own = {"do_sample": True, **TRANSFORMERS[case]}
    steps = from_library("transformers", own)
    context = Context(HISTORY, PROMPT_LEN, len(HISTORY))
    for row in rows(vocab_size):
        same_law(run_chain(row, steps, context=context).probs, processors(row, own))
