"""mlx-lm: bias, penalties, top-p, min-p, XTC, top-k, temperature inside the draw."""

from __future__ import annotations

from sandbox.knob import Biases, Knob
from sandbox.libraries.library import (
    SHARE,
    WHOLE,
    Library,
    Own,
    Setting,
    biases,
    keep,
    step,
    temperature,
    top_k,
)
from sandbox.settings import Step


def _mlx_lm(own: Own) -> list[Step]:
    steps = [*biases(own["logit_bias"]), *_mlx_penalties(own)]
    if own["temp"] == 0:
        return [*steps, step("greedy")]
    return [
        *steps,
        step("top_p", p=own["top_p"] if 0 < own["top_p"] < 1 else 1.0),  # 0 is off there
        step("min_p", p=own["min_p"], **keep(own["min_tokens_to_keep"])),
        step("xtc", probability=own["xtc_probability"], threshold=own["xtc_threshold"]),
        *top_k(own["top_k"]),
        temperature(own["temp"]),
    ]


def _mlx_penalties(own: Own) -> list[Step]:
    """One stage each, because each has a window of its own; 0 and None are off."""
    return [
        step("penalties", **{knob: own[f"{name}_penalty"]}, last_n=own[f"{name}_context_size"])
        for knob, name in (("repeat", "repetition"), ("presence", "presence"), ("frequency", "frequency"))
        if own[f"{name}_penalty"]
    ]


_WINDOW = Setting(20, Knob("[1, inf)", is_whole=True))
MLX_LM = Library(
    id="mlx-lm",
    title="mlx-lm",
    source="github.com/ml-explore/mlx-lm: mlx_lm/sample_utils.py at 037c9b3f",
    to_sample={"temp": 1.0},
    our_names={
        "temperature": "temp",
        "top_k": "top_k",
        "top_p": "top_p",
        "min_p": "min_p",
        "repetition_penalty": "repetition_penalty",
        "frequency_penalty": "frequency_penalty",
        "presence_penalty": "presence_penalty",
    },
    steps=_mlx_lm,
    settings={
        "logit_bias": Setting(None, Biases()),
        "repetition_penalty": Setting(None, Knob("[0, inf)")),
        "repetition_context_size": _WINDOW,
        "presence_penalty": Setting(None),
        "presence_context_size": _WINDOW,
        "frequency_penalty": Setting(None),
        "frequency_context_size": _WINDOW,
        "temp": Setting(0.0, Knob("[0, inf)")),
        "top_p": Setting(0.0),
        "min_p": Setting(0.0, SHARE),
        "min_tokens_to_keep": Setting(1, Knob("[1, inf)", is_whole=True)),
        "xtc_probability": Setting(0.0, SHARE),
        "xtc_threshold": Setting(0.1, Knob("[0, 0.5]")),
        "top_k": Setting(0, WHOLE),
    },
    aliases={"temperature": "temp"},  # what mlx_lm.server calls it
)
