"""OpenAI-style: the knobs of its chat completions.

Two things are published: the bias is added to the logits before sampling, the penalties count the text so far. In
which order temperature and top_p act is not. Here temperature comes first, as in vLLM, which follows that interface.
"""

from __future__ import annotations

from sandbox.knob import Biases, Knob
from sandbox.libraries.library import (
    ADDITIVE,
    SHARE,
    Library,
    Own,
    Setting,
    biases,
    nucleus,
    output_penalties,
    temperature,
)
from sandbox.settings import Step


def _openai(own: Own) -> list[Step]:
    return [
        *biases(own["logit_bias"]),
        output_penalties(own),
        temperature(own["temperature"]),
        nucleus(own["top_p"]),
    ]


OPENAI = Library(
    id="openai",
    title="OpenAI-style",
    source="openai 3.54.0: types/chat/completion_create_params.py; platform.openai.com/docs/api-reference/chat/create",
    our_names={name: name for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty")},
    steps=_openai,
    settings={
        "logit_bias": Setting((), Biases()),
        "frequency_penalty": Setting(0.0, ADDITIVE),
        "presence_penalty": Setting(0.0, ADDITIVE),
        "temperature": Setting(1.0, Knob("[0, 2]")),
        "top_p": Setting(1.0, SHARE),
    },
)
