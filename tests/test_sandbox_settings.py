"""Flat settings and the chain they stand for."""

from __future__ import annotations

import json
import math

import pytest

from models.errors import InvalidText
from sandbox.errors import EmptyStopString, InvalidKnob, KnobOutOfRange, StopNotText, UnknownKnob
from sandbox.knob import Knob
from sandbox.samplers import SAMPLERS
from sandbox.settings import (
    DEFAULT_GENERATE,
    FLAT_KNOBS,
    NEUTRAL,
    SHAPE_KNOBS,
    SamplingSettings,
    does_nothing,
)


def test_neutral_settings_have_no_stage():
    assert NEUTRAL.chain().to_steps() == []
    assert SamplingSettings(temperature=1, top_k=0, top_p=1, min_p=0) == NEUTRAL


def test_the_default_of_generate_is_llama_cpps_order_with_temperature_last():
    assert DEFAULT_GENERATE.chain().to_steps() == [
        {"sampler": "top_k", "k": 40},
        {"sampler": "top_p", "p": 0.95},
        {"sampler": "min_p", "p": 0.05},
        {"sampler": "temperature", "temperature": 0.8},
    ]


def test_temperature_zero_is_the_greedy_stage_in_temperatures_place():
    assert NEUTRAL.updated(temperature=0).chain().to_steps() == [{"sampler": "greedy"}]
    assert [s["sampler"] for s in DEFAULT_GENERATE.updated(temperature=0).chain().to_steps()] == [
        "top_k",
        "top_p",
        "min_p",
        "greedy",
    ]


@pytest.mark.parametrize(
    ("knob", "value", "interval"),
    [
        ("temperature", -1, "[0, inf)"),
        ("temperature", math.nan, "[0, inf)"),
        ("temperature", math.inf, "[0, inf)"),
        ("top_k", -1, "{0, 1, ...}"),
        ("top_k", 2.5, "{0, 1, ...}"),
        ("top_k", math.nan, "{0, 1, ...}"),
        ("top_p", 0, "(0, 1]"),
        ("top_p", 1.5, "(0, 1]"),
        ("top_p", math.nan, "(0, 1]"),
        ("min_p", -0.1, "[0, 1]"),
        ("min_p", 1.1, "[0, 1]"),
        ("typical_p", 0, "(0, 1]"),
        ("top_n_sigma", -1, "[0, inf)"),
        ("dynatemp_exponent", 0, "(0, inf)"),
        ("repetition_penalty", 0, "(0, inf)"),
        ("dry_base", 0.9, "[1, inf)"),
        ("mirostat", 3, "{0, 1, ..., 2}"),
        ("mirostat_eta", 2.0, "[0, 1]"),
        ("min_keep", 0, "{1, 2, ...}"),
        ("penalty_last_n", -2, "{-1, 0, ...}"),
        ("seed", -1, "{0, 1, ..., 9007199254740991}"),
        ("seed", 2**53, "{0, 1, ..., 9007199254740991}"),
        ("max_tokens", 0, "{1, 2, ...}"),
    ],
)
def test_a_wrong_setting_names_knob_value_and_interval(knob, value, interval):
    with pytest.raises(KnobOutOfRange) as caught:
        SamplingSettings.from_flat(**{knob: value})
    assert (caught.value.knob, str(caught.value.value), caught.value.interval) == (knob, str(value), interval)
    assert str(caught.value) == f"{knob} = {value} is outside {interval}; choose a value inside"


def test_an_unknown_setting_and_an_empty_stop_string_are_refused():
    with pytest.raises(UnknownKnob, match="temprature"):
        SamplingSettings.from_flat(temprature=1)
    with pytest.raises(EmptyStopString):
        SamplingSettings(stop=("a", ""))


def test_one_string_is_one_stop_and_not_its_letters():
    assert SamplingSettings(stop="END").stop == ("END",)
    assert SamplingSettings.from_flat(stop=["END", "\n"]).stop == ("END", "\n")


@pytest.mark.parametrize("stop", [5, (5,), ("a", None), b"END"])
def test_a_stop_that_is_no_text_is_refused(stop):
    with pytest.raises(StopNotText):
        SamplingSettings(stop=stop)


def test_a_stop_with_half_a_character_is_refused_before_anything_is_drawn():
    with pytest.raises(InvalidText):
        SamplingSettings(stop=("a", "b\udcff"))


def test_none_leaves_a_setting_as_it_is():
    assert DEFAULT_GENERATE.updated(top_k=None, seed=7) == DEFAULT_GENERATE.updated(seed=7)
    assert SamplingSettings.from_flat(top_p=0.9, top_k=None).chain().to_steps() == [
        {"sampler": "top_p", "p": 0.9}
    ]


def test_flat_settings_survive_json():
    settings = DEFAULT_GENERATE.updated(seed=2**53 - 1, stop=["\n", "Fin."], max_tokens=12)
    assert SamplingSettings(**json.loads(json.dumps(settings.to_flat()))) == settings


def test_every_sampling_knob_is_neutral_by_default():
    assert {name: getattr(NEUTRAL, name) for name in FLAT_KNOBS} == {
        name: knob.neutral for name, knob in FLAT_KNOBS.items()
    }


def test_each_knob_switches_on_its_own_stage():
    """The field's long name on the left, our step on the right; a stage's other knobs are at their defaults."""
    assert {
        (knob, value): SamplingSettings.from_flat(**{knob: value}).to_steps()
        for knob, value in [
            *[
                ("typical_p", 0.9),
                ("top_n_sigma", 1),
                ("top_h", 0.4),
                ("top_a", 0.2),
                ("epsilon_cutoff", 0.001),
            ],
            *[
                ("eta_cutoff", 0.002),
                ("smoothing_factor", 0.3),
                ("xtc_probability", 0.5),
                ("dry_multiplier", 0.8),
            ],
            *[("repetition_penalty", 1.1), ("frequency_penalty", -1), ("presence_penalty", 0.5)],
            *[("no_repeat_ngram_size", 3), ("guidance_scale", 1.5), ("mirostat", 1), ("mirostat", 2)],
            ("dynatemp_range", 0.5),
        ]
    } == {
        ("typical_p", 0.9): [{"sampler": "typical_p", "p": 0.9}],
        ("top_n_sigma", 1): [{"sampler": "top_n_sigma", "n": 1.0}],
        ("top_h", 0.4): [{"sampler": "top_h", "h": 0.4}],
        ("top_a", 0.2): [{"sampler": "top_a", "a": 0.2}],
        ("epsilon_cutoff", 0.001): [{"sampler": "epsilon_cutoff", "epsilon": 0.001}],
        ("eta_cutoff", 0.002): [{"sampler": "eta_cutoff", "epsilon": 0.002}],
        ("smoothing_factor", 0.3): [{"sampler": "quadratic", "factor": 0.3}],
        ("xtc_probability", 0.5): [{"sampler": "xtc", "probability": 0.5, "threshold": 0.1}],
        ("dry_multiplier", 0.8): [{"sampler": "dry", "multiplier": 0.8}],
        ("repetition_penalty", 1.1): [{"sampler": "penalties", "repeat": 1.1}],
        ("frequency_penalty", -1): [{"sampler": "penalties", "frequency": -1.0}],
        ("presence_penalty", 0.5): [{"sampler": "penalties", "presence": 0.5}],
        ("no_repeat_ngram_size", 3): [{"sampler": "no_repeat_ngram", "n": 3}],
        ("guidance_scale", 1.5): [{"sampler": "cfg", "scale": 1.5}],
        ("mirostat", 1): [{"sampler": "mirostat_v1", "tau": 5.0, "eta": 0.1}],
        ("mirostat", 2): [{"sampler": "mirostat_v2", "tau": 5.0, "eta": 0.1}],
        ("dynatemp_range", 0.5): [{"sampler": "dynamic_temperature", "temperature": 1.0, "range": 0.5}],
    }


def test_the_other_knobs_of_a_stage_come_along_when_they_are_set():
    assert SamplingSettings(
        dry_multiplier=1, dry_base=2, dry_allowed_length=3, dry_penalty_last_n=-1, dry_sequence_breakers=["."]
    ).to_steps() == [
        {
            "sampler": "dry",
            "multiplier": 1.0,
            "base": 2.0,
            "allowed_length": 3,
            "last_n": None,
            "breakers": ["."],
        }
    ]
    assert SamplingSettings(
        frequency_penalty=1, penalty_last_n=-1, min_keep=2, top_k=5, min_p=0.1
    ).to_steps() == [
        {"sampler": "penalties", "frequency": 1.0, "last_n": None},
        {"sampler": "top_k", "k": 5},  # as in llama.cpp min_keep is not for top_k
        {"sampler": "min_p", "p": 0.1, "min_keep": 2},
    ]
    assert SamplingSettings(temperature=0.7, dynatemp_range=0.5, dynatemp_exponent=2).to_steps() == [
        {"sampler": "dynamic_temperature", "temperature": 0.7, "range": 0.5, "exponent": 2.0}
    ]
    assert SamplingSettings(temperature=0, dynatemp_range=0.5).to_steps() == [{"sampler": "greedy"}]


def test_a_knob_without_the_one_that_switches_its_stage_on_makes_no_stage():
    assert (
        SamplingSettings(
            dry_base=3, xtc_threshold=0.3, min_keep=5, mirostat_tau=2, smoothing_curve=2
        ).to_steps()
        == []
    )


ALL_ON = SamplingSettings(
    temperature=0.7,
    top_k=9,
    top_p=0.9,
    min_p=0.1,
    typical_p=0.9,
    top_n_sigma=1,
    top_h=0.4,
    top_a=0.1,
    epsilon_cutoff=0.01,
    eta_cutoff=0.01,
    smoothing_factor=0.3,
    xtc_probability=0.5,
    dry_multiplier=1,
    repetition_penalty=1.1,
    logit_bias={7: -1},
    no_repeat_ngram_size=3,
    guidance_scale=1.5,
)


def test_llama_cpps_stages_keep_their_order_and_temperature_is_last():
    names = [step["sampler"] for step in ALL_ON.to_steps()]
    llama_cpp = [
        "logit_bias",
        "penalties",
        "dry",
        "top_n_sigma",
        "top_k",
        "typical_p",
        "top_p",
        "min_p",
        "xtc",
        "temperature",
    ]
    assert [name for name in names if name in llama_cpp] == llama_cpp
    assert sorted(set(names) - set(llama_cpp)) == sorted(
        ["cfg", "no_repeat_ngram", "top_h", "top_a", "epsilon_cutoff", "eta_cutoff", "quadratic"]
    )


def test_mirostat_takes_the_place_of_all_but_guidance_bias_and_temperature():
    names = [step["sampler"] for step in ALL_ON.updated(mirostat=2).to_steps()]
    assert names == ["cfg", "logit_bias", "temperature", "mirostat_v2"]


def test_every_setting_that_makes_a_stage_makes_one_that_its_sampler_takes():
    assert [stage["sampler"] for stage in ALL_ON.chain().to_steps()] == [
        step["sampler"] for step in ALL_ON.to_steps()
    ]


@pytest.mark.parametrize(
    ("knob", "sampler", "own"),
    [
        *[("penalty_last_n", "penalties", "last_n"), ("xtc_threshold", "xtc", "threshold")],
        *[("dry_base", "dry", "base"), ("dry_allowed_length", "dry", "allowed_length")],
        *[("dry_penalty_last_n", "dry", "last_n"), ("dry_sequence_breakers", "dry", "breakers")],
        *[
            ("dynatemp_exponent", "dynamic_temperature", "exponent"),
            ("smoothing_curve", "quadratic", "curve"),
        ],
        *[("mirostat_eta", "mirostat_v2", "eta"), ("min_keep", "top_p", "min_keep")],
    ],
)
def test_a_default_here_is_the_samplers_own(knob, sampler, own):
    default = getattr(SAMPLERS[sampler], own, None)  # a field without a default is no class attribute
    assert default in (None, getattr(NEUTRAL, knob))


def test_a_bias_is_read_from_a_table_and_written_as_one():
    settings = SamplingSettings(logit_bias={"7": -1, 3: 2.5})
    assert settings.to_flat()["logit_bias"] == {"3": 2.5, "7": -1.0}
    assert settings == SamplingSettings(logit_bias={3: 2.5, 7: -1})
    assert hash(settings) == hash(SamplingSettings(logit_bias={3: 2.5, 7: -1}))
    with pytest.raises(InvalidKnob, match=r"^logit_bias = "):
        SamplingSettings(logit_bias=[3])
    with pytest.raises(InvalidKnob, match=r"^dry_sequence_breakers = "):
        SamplingSettings(dry_sequence_breakers=[""])


def test_settings_written_before_the_newer_knobs_existed_still_load():
    old = {
        "temperature": 0.8,
        "top_k": 40,
        "top_p": 0.95,
        "min_p": 0.05,
        "seed": 7,
        "max_tokens": 256,
        "stop": [],
    }
    assert SamplingSettings(**old) == DEFAULT_GENERATE.updated(seed=7)


def test_settings_with_every_stage_survive_json():
    assert SamplingSettings(**json.loads(json.dumps(ALL_ON.to_flat()))) == ALL_ON


def test_a_step_at_its_neutral_value_does_nothing():
    assert all(
        does_nothing(step)
        for step in [
            {"sampler": "penalties"},
            {"sampler": "penalties", "repeat": 1.0, "last_n": 64},
            {"sampler": "xtc", "probability": 0.0, "threshold": 0.1},
            {"sampler": "dynamic_temperature", "temperature": 1.0, "range": 0.0},
            {"sampler": "logit_bias", "bias": {}},
        ]
    )
    assert not any(
        does_nothing(step)
        for step in [
            {"sampler": "penalties", "presence": 0.1},
            {"sampler": "dynamic_temperature", "temperature": 1.0, "range": 0.1},
            {"sampler": "top_k", "k": 40},
            {"sampler": "greedy"},
            {"sampler": "mirostat_v2", "tau": 5.0},
        ]
    )


def test_no_knob_is_both_a_switch_and_a_shape():
    assert not FLAT_KNOBS.keys() & SHAPE_KNOBS.keys()


def test_the_edges_of_a_flat_knob_are_those_that_its_chain_takes():
    modes = [{}, {"mirostat": 2}, {"dry_multiplier": 1, "xtc_probability": 0.5, "dynatemp_range": 0.5}]
    for name, knob in (FLAT_KNOBS | SHAPE_KNOBS).items():
        if isinstance(knob, Knob):
            values = [v for v in (*knob.bounds, 0, 0.5, 1, 2, 1e9) if v in knob]
            for mode in modes:
                for value in values:
                    SamplingSettings(**{**mode, name: value}).chain()
