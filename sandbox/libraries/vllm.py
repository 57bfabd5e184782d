"""vLLM: allowed ids, minimum length, bias, penalties, temperature, min-p, top-k, top-p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.errors import InvalidKnob
from sandbox.knob import Biases, Knob, TokenIds
from sandbox.libraries.library import (
    ADDITIVE,
    COUNT,
    POSITIVE,
    SHARE,
    Library,
    Own,
    Setting,
    biases,
    min_new_tokens,
    output_penalties,
    step,
    temperature,
    top_k,
)
from sandbox.settings import Step


@dataclass(frozen=True)
class NoWords:
    """Only empty: which tokens a word is, with and without a space in front, only a tokenizer says."""

    neutral: None = None
    kind: ClassVar[str] = "words"

    def checked(self, value: Any, *, sampler: str, knob: str) -> tuple[()]:
        if value is None or (isinstance(value, list | tuple) and not value):
            return ()
        raise InvalidKnob(
            sampler,
            knob,
            value,
            "empty, and only a tokenizer knows the tokens of words: add a step bad_words",
        )

    def plain(self, value: Any) -> Any:
        return list(value)

    def described(self) -> dict[str, Any]:
        return {"kind": self.kind}


def _vllm(own: Own) -> list[Step]:
    # 1e-6 becomes 0.01 before anybody asks whether it is small enough for greedy: only 0 is
    t = own["temperature"] if own["temperature"] == 0 else max(own["temperature"], 0.01)
    before = [
        *(
            [step("allowed_tokens", tokens=list(own["allowed_token_ids"]))]
            if own["allowed_token_ids"]
            else []
        ),
        # it holds back the model's own ends and the stop ids
        *min_new_tokens(own["min_tokens"], None),
        *(min_new_tokens(own["min_tokens"], own["stop_token_ids"]) if own["stop_token_ids"] else []),
        *biases(own["logit_bias"], limit=100.0),
        # the prompt counts for one penalty and not for the others
        step("penalties", repeat=own["repetition_penalty"], last_n=None),
        output_penalties(own),
    ]
    if t == 0:
        return [*before, step("greedy")]
    return [
        *before,
        temperature(t),
        step("min_p", p=own["min_p"]),
        *top_k(own["top_k"]),
        step("top_p", p=own["top_p"]),
    ]


VLLM = Library(
    id="vllm",
    title="vLLM",
    source="github.com/vllm-project/vllm: v1/sample/sampler.py at 3e342658, sampling_params.py at 00388f65",
    our_names={
        name: name
        for name in (
            *("temperature", "top_k", "top_p", "min_p"),
            *("repetition_penalty", "frequency_penalty", "presence_penalty"),
        )
    },
    steps=_vllm,
    settings={
        "allowed_token_ids": Setting((), TokenIds()),
        "bad_words": Setting((), NoWords()),
        "min_tokens": Setting(0, COUNT),
        "stop_token_ids": Setting((), TokenIds()),
        "logit_bias": Setting((), Biases()),
        "repetition_penalty": Setting(1.0, POSITIVE),
        "frequency_penalty": Setting(0.0, ADDITIVE),
        "presence_penalty": Setting(0.0, ADDITIVE),
        "temperature": Setting(1.0, Knob("[0, 2]")),
        "min_p": Setting(0.0, SHARE),
        "top_k": Setting(0, Knob("[-1, inf)", is_whole=True)),
        "top_p": Setting(1.0, Knob("(0, 1]")),
    },
)
