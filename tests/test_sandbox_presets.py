"""Presets: other libraries' orders and settings, checked against the libraries where they are installed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sandbox import SamplerChain, run_chain
from sandbox.errors import InvalidKnob, KnobOutOfRange, UnknownLibrary, UnknownLibrarySetting
from sandbox.presets import EXAMPLE_KNOBS, EXAMPLE_ROW, PRESETS, from_library

ALL = list(PRESETS)
HISTORY = (3, 7, 7, 11, 3, 7)


def row(vocab_size=1000, seed=5):
    """No two logits are equal: where the libraries' rules for ties differ has its own tests."""
    return np.random.default_rng(seed).normal(0, 2.5, vocab_size).astype(np.float32)


# --- the orders


@pytest.mark.parametrize(
    ("temperature", "survivors"),
    [
        (0.5, {"llama.cpp": 10, "transformers": 4, "vllm": 3, "mlx-lm": 10, "ollama": 4}),
        (1.5, {"llama.cpp": 10, "transformers": 15, "vllm": 12, "mlx-lm": 10, "ollama": 15}),
    ],
)
def test_the_same_knobs_leave_another_number_of_tokens_in_every_order(temperature, survivors):
    knobs = {**EXAMPLE_KNOBS, "temperature": temperature}
    assert {
        name: len(run_chain(EXAMPLE_ROW, PRESETS[name].with_knobs(**knobs)).distribution)
        for name in survivors
    } == survivors


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def top_k(logits, k):
    return np.where(logits >= np.sort(logits)[-k], logits, -np.inf)


def top_p(logits, p):
    best_first = np.argsort(-logits)
    mass = np.cumsum(softmax(logits)[best_first])
    kept = best_first[: int(np.argmax(mass >= p)) + 1]
    return np.where(np.isin(np.arange(len(logits)), kept), logits, -np.inf)


def min_p(logits, m):
    return np.where(softmax(logits) >= m * softmax(logits).max(), logits, -np.inf)


def heat(logits, t):
    return logits / t


PIPELINES = {  # written down from each library's documentation, with the textbook rules above
    "llama.cpp": lambda x, k, p, m, t: heat(min_p(top_p(top_k(x, k), p), m), t),
    "transformers": lambda x, k, p, m, t: min_p(top_p(top_k(heat(x, t), k), p), m),
    "vllm": lambda x, k, p, m, t: top_p(top_k(min_p(heat(x, t), m), k), p),
    "mlx-lm": lambda x, k, p, m, t: heat(top_k(min_p(top_p(x, p), m), k), t),
    "text-generation-webui": lambda x, k, p, m, t: min_p(top_p(top_k(heat(x, t), k), p), m),
    "ollama": lambda x, k, p, m, t: min_p(top_p(heat(top_k(x, k), t), p), m),
    "openai": lambda x, k, p, m, t: top_p(heat(x, t), p),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("knobs", [(30, 0.8, 0.1, 0.5), (5, 0.95, 0.02, 1.5), (200, 0.5, 0.3, 2.0)])
def test_each_order_gives_the_law_of_its_pipeline(name, knobs):
    k, p, m, t = knobs
    steps = PRESETS[name].with_knobs(top_k=k, top_p=p, min_p=m, temperature=t)
    for seed in range(8):
        logits = row(seed=seed).astype(np.float64)
        expected = softmax(PIPELINES[name](logits, k, p, m, t))
        np.testing.assert_allclose(run_chain(logits, steps).probs, expected, atol=1e-12)


# --- what a preset is


@pytest.mark.parametrize("name", ALL)
def test_a_preset_is_a_legal_chain_whose_neutral_stages_change_nothing(name):
    preset = PRESETS[name]
    assert (
        SamplerChain.from_steps(preset.steps).to_steps()
        == preset.steps
        == json.loads(json.dumps(preset.steps))
    )
    whole = run_chain(EXAMPLE_ROW, preset.steps, HISTORY)
    acting = run_chain(EXAMPLE_ROW, preset.steps_that_act, HISTORY)
    assert whole.probs.tolist() == acting.probs.tolist()
    assert [s for s in preset.steps if s in preset.steps_that_act] == preset.steps_that_act


@pytest.mark.parametrize("name", ALL)
def test_a_preset_names_its_source_and_when_it_was_read(name):
    preset = PRESETS[name]
    assert (preset.id, preset.date) == (name, "2026-11-23")
    assert preset.source
    assert preset.notes


def test_changing_the_steps_of_a_preset_leaves_the_preset_alone():
    PRESETS["llama.cpp"].steps.clear()
    PRESETS["llama.cpp"].steps[0]["repeat"] = 9.0
    assert PRESETS["llama.cpp"].steps[0]["repeat"] == 1.0


# --- their settings, read as our steps

GREEDY = [{"sampler": "greedy"}]
T07 = {"sampler": "temperature", "temperature": 0.7}


@pytest.mark.parametrize(
    ("library", "settings", "steps"),
    [
        ("vllm", {"top_k": -1}, []),
        ("vllm", {"top_k": 0, "seed": 3, "max_tokens": 9}, []),
        ("vllm", {"temperature": 0, "top_p": 0.5, "top_k": 3, "min_p": 0.2}, GREEDY),
        ("vllm", {"temperature": 1e-6}, [{"sampler": "temperature", "temperature": 0.01}]),
        ("vllm", {"temperature": 0.005}, [{"sampler": "temperature", "temperature": 0.01}]),
        ("vllm", {"temperature": 0.02}, [{"sampler": "temperature", "temperature": 0.02}]),
        (
            "vllm",
            {"repetition_penalty": 1.2, "presence_penalty": 0.5, "frequency_penalty": 0.1},
            [
                {"sampler": "penalties", "repeat": 1.2, "last_n": None},
                {
                    "sampler": "penalties",
                    "frequency": 0.1,
                    "presence": 0.5,
                    "last_n": None,
                    "prompt_len": None,
                },
            ],
        ),
        ("vllm", {"logit_bias": {3: 500}}, [{"sampler": "logit_bias", "bias": {"3": 100.0}}]),
        (
            "vllm",
            {"min_tokens": 4, "stop_token_ids": [2], "allowed_token_ids": [1, 2]},
            [
                {"sampler": "allowed_tokens", "tokens": [1, 2]},
                {"sampler": "min_new_tokens", "min_new": 4},  # the model's own ends
                {"sampler": "min_new_tokens", "min_new": 4, "eos": [2]},
            ],
        ),
        ("transformers", {"temperature": 0.7}, GREEDY),  # do_sample is off unless somebody sets it
        ("transformers", {"do_sample": True, "temperature": 0.7}, [T07, {"sampler": "top_k", "k": 50}]),
        ("transformers", {"do_sample": True, "top_k": 0}, []),
        ("transformers", {"do_sample": True, "top_k": 0, "epsilon_cutoff": 1.5, "eta_cutoff": -1}, []),
        ("transformers", {"do_sample": True, "top_k": None, "min_p": None, "temperature": None}, []),
        (
            "transformers",
            {"repetition_penalty": 1.3},
            [{"sampler": "penalties", "repeat": 1.3, "last_n": None}, *GREEDY],
        ),
        ("mlx-lm", {}, GREEDY),
        ("mlx-lm", {"temp": 0.7, "top_p": 0, "top_k": 0}, [T07]),
        ("mlx-lm", {"temp": 0.7, "top_p": 1.5, "repetition_penalty": 0}, [T07]),
        (
            "mlx-lm",
            {"temp": 0, "repetition_penalty": 1.1},
            [{"sampler": "penalties", "repeat": 1.1, "last_n": 20}, *GREEDY],
        ),
        ("llama.cpp", {"top_k": 0, "top_p": 1, "min_p": 0, "temp": 1}, []),
        ("llama.cpp", {"top_k": -1, "top_p": 1.0, "min_p": -1, "temperature": 0.7}, [T07]),
        ("llama.cpp", {"top_k": 0, "top_p": 1, "min_p": 0, "temp": 0}, GREEDY),
        ("llama.cpp", {"top_k": 0, "top_p": 1, "min_p": 0, "temp": -1}, GREEDY),
        ("llama.cpp", {"top_k": 0, "top_p": 0, "min_p": 0, "temp": 1}, [{"sampler": "top_k", "k": 1}]),
        (
            "llama.cpp",
            {"top_k": 0, "top_p": 0, "min_p": 0, "temp": 1, "min_keep": 3},
            [{"sampler": "top_k", "k": 3}],
        ),
        (
            "llama.cpp",
            {"top_k": 0, "top_p": 0.9, "min_p": 0, "temp": 1, "dynatemp_range": 0.5, "min_keep": 2},
            [
                {"sampler": "top_p", "p": 0.9, "min_keep": 2},
                {"sampler": "dynamic_temperature", "temperature": 1.0, "range": 0.5, "exponent": 1.0},
            ],
        ),
        ("llama.cpp", {"top_k": 0, "top_p": 1.5, "min_p": 0, "temp": 1}, []),
        (  # from 0 to 0.5
            "llama.cpp",
            {"samplers": "temperature", "temp": 0, "dynatemp_range": 0.5},
            [{"sampler": "dynamic_temperature", "temperature": 0.25, "range": 0.25, "exponent": 1.0}],
        ),
        ("llama.cpp", {"samplers": "dry", "dry_multiplier": 1, "dry_base": 0.5}, []),
        (
            "llama.cpp",
            {"mirostat": 2, "temp": 0.7, "repeat_penalty": 1.5},
            [T07, {"sampler": "mirostat_v2", "tau": 5.0, "eta": 0.1}],
        ),
        (
            "llama.cpp",
            {"samplers": "temperature;top_k", "temp": 0.7, "repeat_penalty": 2},
            [T07, {"sampler": "top_k", "k": 40}],
        ),
        (
            "llama.cpp",
            {"samplers": ["adaptive_p", "min_p"], "adaptive_target": 0.4, "min_p": 0.1},
            [{"sampler": "min_p", "p": 0.1}, {"sampler": "adaptive_p", "target": 0.4, "decay": 0.9}],
        ),
        ("llama.cpp", {"samplers": "xtc", "xtc_probability": 0.5, "xtc_threshold": 0.6}, []),
        ("llama.cpp", {"samplers": "penalties", "repeat_penalty": 2, "repeat_last_n": 0}, []),
        (
            "text-generation-webui",
            {"temperature": 0.7, "min_p": 0.1, "temperature_last": True},
            [{"sampler": "min_p", "p": 0.1}, T07],
        ),
        (
            "text-generation-webui",
            {"temperature": 0.7, "min_p": 0.1, "sampler_priority": "min_p\ntemperature"},
            [{"sampler": "min_p", "p": 0.1}, T07],
        ),
        (  # what stands nowhere in the list comes first
            "text-generation-webui",
            {"temperature": 0.7, "min_p": 0.1, "sampler_priority": ["min_p"]},
            [T07, {"sampler": "min_p", "p": 0.1}],
        ),
        (
            "text-generation-webui",
            {"min_p": 0.1, "xtc_probability": 0.5, "adaptive_target": 0.4},
            [
                {"sampler": "min_p", "p": 0.1},
                {"sampler": "adaptive_p", "target": 0.4, "decay": 0.9},
                {"sampler": "xtc", "probability": 0.5, "threshold": 0.1},
            ],
        ),
        ("text-generation-webui", {"sampler_priority": "repetition_penalty;adaptive_p"}, []),
        ("vllm", {"bad_words": []}, []),
        ("text-generation-webui", {"mirostat_mode": 1}, []),
        ("text-generation-webui", {"mirostat_mode": 2}, [{"sampler": "mirostat_v2", "tau": 5.0, "eta": 0.1}]),
        (
            "text-generation-webui",
            {"dynamic_temperature": True, "dynatemp_low": 0.5, "dynatemp_high": 2.0},
            [{"sampler": "dynamic_temperature", "temperature": 1.25, "range": 0.75, "exponent": 1.0}],
        ),
        (
            "text-generation-webui",
            {"epsilon_cutoff": 3},
            [{"sampler": "epsilon_cutoff", "epsilon": pytest.approx(3e-4)}],
        ),
        (
            "text-generation-webui",
            {"repetition_penalty": 1.2, "repetition_penalty_range": 0, "top_k": 5, "do_sample": False},
            [{"sampler": "penalties", "repeat": 1.2, "last_n": None}, *GREEDY],
        ),
        ("ollama", {"temperature": 0, "top_k": 5}, GREEDY),
        ("ollama", {"temperature": 0.7, "top_k": 0, "top_p": 1.0, "repeat_penalty": 2.0, "seed": 1}, [T07]),
        ("openai", {"temperature": 0}, GREEDY),
        (
            "openai",
            {"temperature": 0.7, "max_tokens": 5, "logit_bias": {"5": 1}},
            [{"sampler": "logit_bias", "bias": {"5": 1.0}}, T07],
        ),
    ],
)
def test_a_librarys_own_settings_become_steps(library, settings, steps):
    found = from_library(library, settings)
    assert found == steps
    SamplerChain.from_steps(found)


@pytest.mark.parametrize(
    ("library", "settings", "error", "named"),
    [
        ("vllm", {"top_q": 1}, UnknownLibrarySetting, "top_q"),
        ("openai", {"top_k": 5}, UnknownLibrarySetting, "openai has no setting called top_k"),
        ("vllm", {"temperature": 2.5}, KnobOutOfRange, "vllm.temperature = 2.5"),
        ("vllm", {"top_k": 1.5}, KnobOutOfRange, "vllm.top_k"),
        ("vllm", {"top_p": 0}, KnobOutOfRange, "vllm.top_p"),
        ("openai", {"presence_penalty": 3}, KnobOutOfRange, "openai.presence_penalty"),
        ("transformers", {"do_sample": "yes"}, InvalidKnob, "transformers.do_sample"),
        ("transformers", {"num_beams": 4}, KnobOutOfRange, "transformers.num_beams"),
        ("transformers", {"sequence_bias": {(1, 2): 3.0}}, InvalidKnob, "transformers.sequence_bias"),
        ("vllm", {"bad_words": ["no"]}, InvalidKnob, "vllm.bad_words"),
        (
            "llama.cpp",
            {"xtc_threshold": -1, "xtc_probability": 0.5},
            KnobOutOfRange,
            "llama.cpp.xtc_threshold",
        ),
        ("llama.cpp", {"xtc_probability": 2}, KnobOutOfRange, "llama.cpp.xtc_probability"),
        ("llama.cpp", {"mirostat": 2, "mirostat_eta": 2}, KnobOutOfRange, "llama.cpp.mirostat_eta"),
        ("llama.cpp", {"dynatemp_range": 0.5, "dynatemp_exponent": 0}, KnobOutOfRange, "dynatemp_exponent"),
        (
            "text-generation-webui",
            {"dynamic_temperature": True, "dynatemp_low": 2, "dynatemp_high": 1},
            KnobOutOfRange,
            "text-generation-webui.dynatemp_high = 1.0 is outside [2.0, inf)",
        ),
        (
            "text-generation-webui",
            {"dry_multiplier": 1, "dry_sequence_breakers": '""'},
            InvalidKnob,
            "text-generation-webui.dry_sequence_breakers",
        ),
        ("llama.cpp", {"samplers": "top_k;top_q"}, InvalidKnob, "llama.cpp.samplers"),
        ("text-generation-webui", {"tfs": 0.9}, KnobOutOfRange, "text-generation-webui.tfs"),
        (
            "text-generation-webui",
            {"dry_sequence_breakers": "not json"},
            InvalidKnob,
            "dry_sequence_breakers",
        ),
        ("koboldcpp", {}, UnknownLibrary, "koboldcpp"),
    ],
)
def test_what_a_library_does_not_have_is_named(library, settings, error, named):
    with pytest.raises(error) as caught:
        from_library(library, settings)
    assert named in str(caught.value)


ON = {  # what makes the other settings of a library count
    "llama.cpp": [{"dry_multiplier": 1, "xtc_probability": 0.5, "dynatemp_range": 0.5}, {"mirostat": 2}],
    "text-generation-webui": [{"dynamic_temperature": True, "mirostat_mode": 2, "adaptive_target": 0.5}],
    "transformers": [{"do_sample": True}],
    "mlx-lm": [{"temp": 1.0}],
}


@pytest.mark.parametrize("name", ALL)
def test_one_wrong_number_is_refused_by_the_name_that_was_typed_or_makes_a_legal_chain(name):
    for on in ON.get(name, [{}]):
        for setting in PRESETS[name].library.settings:
            for value in (-1e9, -1, 0, 0.5, 1, 2, 1e9):
                try:
                    steps = from_library(name, {**on, setting: value})
                except (KnobOutOfRange, InvalidKnob) as error:
                    assert f"{name}." in error.name, (setting, value)  # the other outcome is legal too
                else:
                    SamplerChain.from_steps(steps)
