"""text-generation-webui: one list that its users order; the temperature stands before the truncation."""

from __future__ import annotations

import json

from sandbox.errors import InvalidKnob, KnobOutOfRange
from sandbox.knob import Breakers, Knob, Switch, Text
from sandbox.libraries.library import (
    COUNT,
    OFF,
    POSITIVE,
    SHARE,
    Library,
    Order,
    Own,
    Setting,
    adaptive_p,
    guidance,
    nucleus,
    samplers_own,
    step,
    temperature,
    top_k,
)
from sandbox.settings import Step

TGW_ORDER = (
    *("repetition_penalty", "presence_penalty", "frequency_penalty", "dry", "top_n_sigma", "temperature"),
    *(
        "dynamic_temperature",
        "quadratic_sampling",
        "top_k",
        "top_p",
        "typical_p",
        "epsilon_cutoff",
        "eta_cutoff",
    ),
    *(
        "tfs",
        "top_a",
        "min_p",
        "adaptive_p",
        "mirostat",
        "xtc",
        "encoder_repetition_penalty",
        "no_repeat_ngram",
    ),
)
_HEAT = ("temperature", "dynamic_temperature", "quadratic_sampling")
_ONLY_SAMPLING = (
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "min_p",
    "adaptive_p",
)


def _tgw(own: Own) -> list[Step]:
    stages = {**_tgw_history(own), **_tgw_shapes(own), **_tgw_filters(own)}
    order = [
        name for name in TGW_ORDER if name not in own["sampler_priority"]
    ]  # what nobody placed comes first
    order += own["sampler_priority"]
    if own["temperature_last"]:
        order = [*(name for name in order if name not in _HEAT), *_HEAT]
    if not own["do_sample"]:
        order = [name for name in order if name not in _ONLY_SAMPLING]
    steps = [each for name in order for each in stages[name]]
    return [*guidance(own["guidance_scale"]), *steps, *([] if own["do_sample"] else [step("greedy")])]


def _tgw_history(own: Own) -> dict[str, list[Step]]:
    last_n = own["repetition_penalty_range"] or None  # 0: everything, which we write None
    dry = step(
        "dry",
        multiplier=own["dry_multiplier"],
        base=own["dry_base"],
        allowed_length=own["dry_allowed_length"],
        last_n=last_n,
        breakers=_tgw_breakers(own["dry_sequence_breakers"]),
    )
    return {
        "repetition_penalty": [step("penalties", repeat=own["repetition_penalty"], last_n=last_n)],
        "presence_penalty": [step("penalties", presence=own["presence_penalty"], last_n=last_n)],
        "frequency_penalty": [step("penalties", frequency=own["frequency_penalty"], last_n=last_n)],
        "dry": [dry],
        "no_repeat_ngram": [step("no_repeat_ngram", n=own["no_repeat_ngram_size"])],
        "encoder_repetition_penalty": [],
    }


def _tgw_breakers(text: str) -> list[str | int]:
    try:
        given = [str(each) for each in json.loads(text if text.startswith("[") else f"[{text}]")]
    except ValueError:
        raise InvalidKnob(TGW.id, "dry_sequence_breakers", text, 'text like "\\n", ":"') from None
    return list(Breakers().checked(given, sampler=TGW.id, knob="dry_sequence_breakers"))


def _tgw_shapes(own: Own) -> dict[str, list[Step]]:
    low, high = own["dynatemp_low"], own["dynatemp_high"]
    if own["dynamic_temperature"] and low > high:
        raise KnobOutOfRange(TGW.id, "dynatemp_high", high, f"[{low}, inf)")
    dynamic = step(
        "dynamic_temperature",
        temperature=(low + high) / 2,
        range=(high - low) / 2,
        exponent=own["dynatemp_exponent"],
    )
    return {
        "top_n_sigma": [step("top_n_sigma", n=own["top_n_sigma"])],
        "temperature": [temperature(own["temperature"])],
        "dynamic_temperature": [dynamic] if own["dynamic_temperature"] else [],
        "quadratic_sampling": [
            step("quadratic", factor=own["smoothing_factor"], curve=own["smoothing_curve"])
        ],
    }


def _tgw_filters(own: Own) -> dict[str, list[Step]]:
    mirostat = step("mirostat_v2", tau=own["mirostat_tau"], eta=own["mirostat_eta"])
    return {
        "top_k": top_k(own["top_k"]),
        "top_p": [nucleus(own["top_p"])],
        "typical_p": [step("typical_p", p=own["typical_p"])],
        # its two fields are in ten-thousandths
        "epsilon_cutoff": [step("epsilon_cutoff", epsilon=own["epsilon_cutoff"] * 1e-4)],
        "eta_cutoff": [step("eta_cutoff", epsilon=own["eta_cutoff"] * 1e-4)],
        "tfs": [],
        "top_a": [step("top_a", a=own["top_a"])],
        "min_p": [step("min_p", p=own["min_p"])],
        "adaptive_p": adaptive_p(own["adaptive_target"], own["adaptive_decay"]),
        "mirostat": [mirostat] if own["mirostat_mode"] == 2 else [],
        "xtc": [step("xtc", probability=own["xtc_probability"], threshold=own["xtc_threshold"])],
    }


TGW = Library(
    id="text-generation-webui",
    title="text-generation-webui",
    source="github.com/oobabooga/text-generation-webui: modules/presets.py, modules/sampler_hijack.py",
    our_names={
        name: name
        for name in (
            *("temperature", "top_k", "top_p", "min_p", "typical_p"),
            *("repetition_penalty", "frequency_penalty", "presence_penalty"),
        )
    },
    steps=_tgw,
    settings={
        "temperature": Setting(1.0, POSITIVE),
        "dynatemp_low": Setting(1.0, POSITIVE),
        "dynatemp_high": Setting(1.0, POSITIVE),
        "dynatemp_exponent": Setting(1.0, POSITIVE),
        "smoothing_factor": Setting(0.0, Knob("[0, inf)")),
        "smoothing_curve": Setting(1.0, Knob("[1, inf)")),
        "min_p": Setting(0.0, SHARE),
        "top_p": Setting(1.0, SHARE),
        "top_k": Setting(0, COUNT),
        "typical_p": Setting(1.0, Knob("(0, 1]")),
        "xtc_threshold": Setting(0.1, Knob("[0, 0.5]")),
        "xtc_probability": Setting(0.0, SHARE),
        "epsilon_cutoff": Setting(0.0, Knob("[0, 10000)")),
        "eta_cutoff": Setting(0.0, Knob("[0, 10000)")),
        "tfs": Setting(1.0, OFF),
        "top_a": Setting(0.0, SHARE),
        "top_n_sigma": Setting(0.0, Knob("[0, inf)")),
        "dry_multiplier": Setting(0.0, Knob("[0, inf)")),
        "dry_allowed_length": Setting(2, Knob("[1, inf)", is_whole=True)),
        "dry_base": Setting(1.75, Knob("[1, inf)")),
        "repetition_penalty": Setting(1.0, POSITIVE),
        "frequency_penalty": Setting(0.0),
        "presence_penalty": Setting(0.0),
        "encoder_repetition_penalty": Setting(1.0, OFF),
        "no_repeat_ngram_size": Setting(0, COUNT),
        "repetition_penalty_range": Setting(1024, COUNT),
        "penalty_alpha": Setting(0.0, Knob("[0, 0]")),
        "guidance_scale": Setting(1.0, Knob("[0, inf)")),
        "mirostat_mode": Setting(0, Knob("[0, 2]", is_whole=True)),
        "adaptive_target": Setting(-1.0, Knob("(-inf, 1]")),
        "adaptive_decay": Setting(0.9, samplers_own("adaptive_p", "decay")),
        "mirostat_tau": Setting(5.0, samplers_own("mirostat_v2", "tau")),
        "mirostat_eta": Setting(0.1, samplers_own("mirostat_v2", "eta")),
        "do_sample": Setting(True, Switch()),
        "dynamic_temperature": Setting(False, Switch()),
        "temperature_last": Setting(False, Switch()),
        "sampler_priority": Setting(TGW_ORDER, Order(TGW_ORDER)),
        "dry_sequence_breakers": Setting(r'"\n", ":", "\"", "*"', Text()),
    },
)
