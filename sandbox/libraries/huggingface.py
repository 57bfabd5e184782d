"""transformers: what rewrites logits first, then, only with do_sample, temperature and every truncation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.errors import InvalidKnob
from sandbox.knob import Biases, Knob, Switch, TokenIds, TokenSequences
from sandbox.libraries.library import (
    COUNT,
    OFF,
    POSITIVE,
    SHARE,
    Library,
    Own,
    Setting,
    biases,
    guidance,
    min_new_tokens,
    nucleus,
    share,
    step,
    temperature,
    top_k,
)
from sandbox.settings import Step


@dataclass(frozen=True)
class SequenceBias:
    """{(5,): 1.5} or [[[5], 1.5]]; sequences of one token, because a longer one is no bias of ours."""

    neutral: None = None
    kind: ClassVar[str] = "bias"

    def checked(self, value: Any, *, sampler: str, knob: str) -> Any:
        try:
            pairs = value.items() if isinstance(value, Mapping) else [(tuple(ids), b) for ids, b in value]
            return Biases().checked({_only(ids): b for ids, b in pairs}, sampler=sampler, knob=knob)
        except (TypeError, ValueError):
            raise InvalidKnob(sampler, knob, value, "{(token id,): number}, one token each") from None

    def plain(self, value: Any) -> Any:
        return Biases().plain(value)

    def described(self) -> dict[str, Any]:
        return Biases().described()


def _only(ids: Any) -> int:
    (token_id,) = ids if isinstance(ids, tuple) else (ids,)
    return int(token_id)


@dataclass(frozen=True)
class OneOrMore(TokenIds):
    """One token id, or a list of them."""

    def checked(self, value: object, *, sampler: str, knob: str) -> tuple[int, ...] | None:
        return super().checked([value] if isinstance(value, int) else value, sampler=sampler, knob=knob)


def _transformers(own: Own) -> list[Step]:
    steps = _transformers_processors(own)
    if not own["do_sample"]:
        return [*steps, step("greedy")]
    t = 1.0 if own["temperature"] is None else own["temperature"]
    return [
        *steps,
        temperature(t),
        *([] if own["top_h"] is None else [step("top_h", h=own["top_h"])]),
        *top_k(own["top_k"]),
        nucleus(own["top_p"]),
        step("min_p", p=own["min_p"] or 0.0),
        step("typical_p", p=share(own["typical_p"])),
        step("epsilon_cutoff", epsilon=_cutoff(own["epsilon_cutoff"])),
        step("eta_cutoff", epsilon=_cutoff(own["eta_cutoff"])),
    ]


def _transformers_processors(own: Own) -> list[Step]:
    repeat = 1.0 if own["repetition_penalty"] is None else own["repetition_penalty"]
    eos = own["eos_token_id"]
    return [
        *guidance(own["guidance_scale"]),
        *biases(own["sequence_bias"]),
        step("penalties", repeat=repeat, last_n=None),
        step("no_repeat_ngram", n=own["no_repeat_ngram_size"] or 0),
        *_bad_words(own["bad_words_ids"], eos),
        *min_new_tokens(own["min_new_tokens"], eos),
        *([step("suppress_tokens", tokens=list(own["suppress_tokens"]))] if own["suppress_tokens"] else []),
    ]


def _cutoff(epsilon: float | None) -> float:
    """Outside (0, 1) transformers adds no stage."""
    return epsilon if epsilon is not None and 0 < epsilon < 1 else 0.0


def _bad_words(sequences: Any, eos: Any) -> list[Step]:
    if not sequences:
        return []
    return [step("bad_words", sequences=[list(each) for each in sequences], eos=list(eos or ()))]


TRANSFORMERS = Library(
    id="transformers",
    title="transformers",
    source="transformers 5.23.0: generation/utils.py, generation/configuration_utils.py",
    to_sample={"do_sample": True},
    our_names={
        name: name for name in ("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty")
    },
    steps=_transformers,
    may_be_none=True,
    settings={
        "do_sample": Setting(False, Switch()),
        "guidance_scale": Setting(None, Knob("[0, inf)")),
        "sequence_bias": Setting(None, SequenceBias()),
        "encoder_repetition_penalty": Setting(1.0, OFF),
        "repetition_penalty": Setting(1.0, POSITIVE),
        "no_repeat_ngram_size": Setting(0, COUNT),
        "bad_words_ids": Setting(None, TokenSequences()),
        "min_new_tokens": Setting(None, COUNT),
        "eos_token_id": Setting(None, OneOrMore()),
        "suppress_tokens": Setting(None, TokenIds()),
        "temperature": Setting(1.0, POSITIVE),
        "top_h": Setting(None, Knob("(0, 1]")),
        "top_k": Setting(50, COUNT),
        "top_p": Setting(1.0, SHARE),
        "min_p": Setting(None, SHARE),
        "typical_p": Setting(1.0, Knob("(0, inf)")),
        "epsilon_cutoff": Setting(0.0),
        "eta_cutoff": Setting(0.0),
        "num_beams": Setting(1, Knob("[1, 1]", is_whole=True)),  # a search is no chain
    },
)
