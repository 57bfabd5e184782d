"""Ollama: top-k, temperature, top-p, min-p. Its runner takes the penalties and reads none of them (issue 15783)."""

from __future__ import annotations

from sandbox.libraries.library import WHOLE, Library, Own, Setting, nucleus, step, temperature, top_k
from sandbox.settings import Step


def _ollama(own: Own) -> list[Step]:
    if own["temperature"] <= 0:
        return [step("greedy")]
    return [
        *top_k(own["top_k"]),
        temperature(own["temperature"]),
        nucleus(own["top_p"]),
        step("min_p", p=min(1.0, max(0.0, own["min_p"]))),
    ]


OLLAMA = Library(
    id="ollama",
    title="Ollama",
    source="github.com/ollama/ollama: sample/samplers.go at 65563874, api/types.go at b8761ab0, issue 15783",
    our_names={name: name for name in ("temperature", "top_k", "top_p", "min_p")},
    steps=_ollama,
    settings={
        "temperature": Setting(0.8),
        "top_k": Setting(40, WHOLE),
        "top_p": Setting(0.9),
        "min_p": Setting(0.0),
        "typical_p": Setting(1.0),
        "repeat_last_n": Setting(64, WHOLE),
        "repeat_penalty": Setting(1.1),
        "presence_penalty": Setting(0.0),
        "frequency_penalty": Setting(0.0),
    },
)
