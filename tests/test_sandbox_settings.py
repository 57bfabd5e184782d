"""Flat settings and the chain they stand for."""

from __future__ import annotations

import json
import math

import pytest

from models.errors import InvalidText
from sandbox.errors import EmptyStopString, KnobOutOfRange, StopNotText, UnknownKnob
from sandbox.settings import DEFAULT_GENERATE, FLAT_KNOBS, NEUTRAL, SamplingSettings


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
