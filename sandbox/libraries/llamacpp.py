"""llama.cpp: logit bias, penalties, DRY, truncation, temperature last. mirostat takes the place of all but the bias."""

from __future__ import annotations

from sandbox.knob import Biases, Breakers, Knob
from sandbox.libraries.library import (
    POSITIVE,
    WHOLE,
    Library,
    Order,
    Own,
    Setting,
    adaptive_p,
    biases,
    keep,
    samplers_own,
    step,
    temperature,
    top_k,
    without_end,
)
from sandbox.settings import Step

LLAMA_ORDER = ("penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature")


def _llama_cpp(own: Own) -> list[Step]:
    bias = biases(own["logit_bias"])
    if own["mirostat"]:
        mirostat = step(f"mirostat_v{own['mirostat']}", tau=own["mirostat_tau"], eta=own["mirostat_eta"])
        return [*bias, temperature(own["temp"]), mirostat]
    stages = _llama_stages(own)
    order = [name for name in own["samplers"] if name != "adaptive_p"]
    last = (
        ["adaptive_p"] if "adaptive_p" in own["samplers"] else []
    )  # it draws, so it is last wherever it is named
    return [*bias, *(each for name in [*order, *last] for each in stages[name])]


def _llama_stages(own: Own) -> dict[str, list[Step]]:
    kept, n = keep(own["min_keep"]), max(1, own["min_keep"])
    xtc_on = own["xtc_threshold"] <= 0.5
    min_p = own["min_p"]
    return {
        "penalties": _llama_penalties(own),
        "dry": _llama_dry(own),
        "top_n_sigma": [step("top_n_sigma", n=max(0.0, own["top_n_sigma"]))],
        "top_k": top_k(own["top_k"]),
        # at 0 and below one token is left, the most typical one: any share does that
        "typ_p": [step("typical_p", p=min(1.0, max(own["typ_p"], 1e-300)), **kept)],
        "top_p": [without_end(own["top_p"], n, step("top_p", p=min(1.0, own["top_p"]), **kept))],
        "min_p": [step("min_p", p=max(0.0, min_p), **kept) if min_p <= 1 else step("top_k", k=n)],
        "xtc": [
            step(
                "xtc",
                probability=own["xtc_probability"] if xtc_on else 0.0,
                threshold=min(own["xtc_threshold"], 0.5),
                **kept,
            )
        ],
        "temperature": [_llama_temperature(own["temp"], own["dynatemp_range"], own["dynatemp_exponent"])],
        "adaptive_p": adaptive_p(own["adaptive_target"], own["adaptive_decay"]),
    }


def _llama_penalties(own: Own) -> list[Step]:
    if own["penalty_last_n"] <= 0:
        return []
    return [
        step(
            "penalties",
            repeat=own["penalty_repeat"],
            frequency=own["penalty_freq"],
            presence=own["penalty_present"],
            last_n=own["penalty_last_n"],
        )
    ]


def _llama_dry(own: Own) -> list[Step]:
    if own["dry_penalty_last_n"] <= 0 or own["dry_base"] < 1:
        return []
    return [
        step(
            "dry",
            multiplier=own["dry_multiplier"],
            base=own["dry_base"],
            allowed_length=own["dry_allowed_length"],
            last_n=own["dry_penalty_last_n"],
            breakers=list(own["dry_sequence_breakers"]),
        )
    ]


def _llama_temperature(t: float, reach: float, exponent: float) -> Step:
    if reach <= 0 or t + reach <= 0:
        return temperature(t)
    low, high = max(0.0, t - reach), t + reach
    middle, reach = (t, reach) if t > 0 else ((low + high) / 2, (high - low) / 2)
    return step("dynamic_temperature", temperature=middle, range=reach, exponent=exponent)


LLAMA_CPP = Library(
    id="llama.cpp",
    title="llama.cpp",
    source="llama.cpp in llama-cpp-python 0.3.36: common/common.h, common/sampling.cpp, src/llama-sampler.cpp",
    steps=_llama_cpp,
    settings={
        "logit_bias": Setting((), Biases()),
        "penalty_last_n": Setting(64, WHOLE),
        "penalty_repeat": Setting(1.0, POSITIVE),
        "penalty_freq": Setting(0.0),
        "penalty_present": Setting(0.0),
        "dry_multiplier": Setting(0.0, samplers_own("dry", "multiplier")),
        "dry_base": Setting(1.75),
        "dry_allowed_length": Setting(2, samplers_own("dry", "allowed_length")),
        "dry_penalty_last_n": Setting(64, WHOLE),
        "dry_sequence_breakers": Setting(("\n", ":", '"', "*"), Breakers()),
        "top_n_sigma": Setting(-1.0),
        "top_k": Setting(40, WHOLE),
        "typ_p": Setting(1.0),
        "top_p": Setting(0.95),
        "min_p": Setting(0.05),
        "xtc_probability": Setting(0.0, samplers_own("xtc", "probability")),
        "xtc_threshold": Setting(0.1, samplers_own("xtc", "threshold")),
        "temp": Setting(0.8),
        "dynatemp_range": Setting(0.0),
        "dynatemp_exponent": Setting(1.0, POSITIVE),
        "mirostat": Setting(0, Knob("[0, 2]", is_whole=True)),
        "mirostat_tau": Setting(5.0, samplers_own("mirostat_v2", "tau")),
        "mirostat_eta": Setting(0.1, samplers_own("mirostat_v2", "eta")),
        "adaptive_target": Setting(-1.0),
        "adaptive_decay": Setting(0.9),
        "min_keep": Setting(0, WHOLE),
        "samplers": Setting(LLAMA_ORDER, Order((*LLAMA_ORDER, "adaptive_p"))),
    },
    our_names={
        "temperature": "temp",
        "top_k": "top_k",
        "top_p": "top_p",
        "min_p": "min_p",
        "typical_p": "typ_p",
        "repetition_penalty": "penalty_repeat",
        "frequency_penalty": "penalty_freq",
        "presence_penalty": "penalty_present",
    },
    # what llama-server calls them
    aliases={
        "temperature": "temp",
        "typical_p": "typ_p",
        "repeat_last_n": "penalty_last_n",
        "repeat_penalty": "penalty_repeat",
        "frequency_penalty": "penalty_freq",
        "presence_penalty": "penalty_present",
    },
)
