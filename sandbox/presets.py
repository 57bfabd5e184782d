"""Presets: in which order other libraries sample, with their defaults; and their settings read as our steps.

Same numbers, another order, another law: that is what these are for. They behave as their library does up to our
documented rules (docs/decisions/0004-sampling-rules.md): ties go to the lower id, sums are float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.chain import SamplerChain
from sandbox.errors import UnknownLibrary
from sandbox.libraries import LIBRARIES, READ_ON
from sandbox.libraries.library import Library
from sandbox.settings import Step, does_nothing


@dataclass(frozen=True)
class Preset:
    """One library. date: when `source` was read. notes: keys of sentences for the page."""

    id: str
    title: str
    source: str
    date: str
    notes: tuple[str, ...]
    library: Library

    @property
    def steps(self) -> list[Step]:
        """Its defaults in its order; stages that do nothing at their default are there where that can be written.

        Where the defaults are greedy, they are changed until something is drawn: `library.to_sample`.
        """
        return self.library.steps(self.library.complete(self.library.to_sample))

    @property
    def steps_that_act(self) -> list[Step]:
        return acting(self.steps)

    def with_knobs(self, **knobs: float) -> list[Step]:
        """Its order with these numbers, by our flat names, and everything else off. What it does not have is left out.

        Raises KnobOutOfRange for a number that the library refuses (a temperature above 2 in vLLM).

        >>> PRESETS["ollama"].with_knobs(top_k=30, temperature=0.5, repetition_penalty=2.0)
        [{'sampler': 'top_k', 'k': 30}, {'sampler': 'temperature', 'temperature': 0.5}]
        """
        given = {own: knobs.get(ours, _OFF[ours]) for ours, own in self.library.our_names.items()}
        return acting(self.library.steps(self.library.complete({**self.library.to_sample, **given})))


_OFF = {
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
}

PRESETS: dict[str, Preset] = {
    each.id: Preset(each.id, each.title, each.source, READ_ON, (f"page.lab.preset_note.{key}",), each)
    for key, each in zip(
        ("llamacpp", "transformers", "vllm", "mlx_lm", "webui", "ollama", "openai"),
        LIBRARIES.values(),
        strict=True,
    )
}


def from_library(name: str, settings: Mapping[str, Any]) -> list[Step]:
    """A library's own settings as steps; what it is not given has its own default. Stages that do nothing are left out.

    Settings that are about length and stopping (seed, stop, max_tokens) are accepted and have no step. Raises
    UnknownLibrary, UnknownLibrarySetting, KnobOutOfRange, InvalidKnob.

    >>> from_library("vllm", {"temperature": 0.5, "top_k": -1, "top_p": 0.9})
    [{'sampler': 'temperature', 'temperature': 0.5}, {'sampler': 'top_p', 'p': 0.9}]
    >>> from_library("mlx-lm", {"temp": 0.5, "top_p": 0})
    [{'sampler': 'temperature', 'temperature': 0.5}]
    """
    if name not in LIBRARIES:
        raise UnknownLibrary(name, list(LIBRARIES))
    library = LIBRARIES[name]
    steps = acting(library.steps(library.complete(settings)))
    SamplerChain.from_steps(
        steps
    )  # raises here, not later, if two settings together make what no sampler takes
    return steps


def acting(steps: list[Step]) -> list[Step]:
    """The steps that are not at their neutral values."""
    return [step for step in steps if not does_nothing(step)]


# Fifty logits on which the order shows: the same row in docs/sampler_orders.md, in the tests and on the page. Normal
# with deviation 1.5, rounded to two decimals, drawn until the libraries keep 10, 4, 3, 10 and 4 of them at 0.5.
EXAMPLE_ROW: list[float] = [
    0.36, -2.81, -0.19, 3.33, -1.37, -1.4, 0.6, 2.41, 1.84, -1.83,
    -1.35, 1.04, 2.01, 3.26, 0.99, -0.95, -0.37, 3.83, -0.21, -0.12,
    0.71, 0.28, 2.06, 1.54, -0.49, -2.15, -2.27, -1.67, 2.55, 0.02,
    2.52, 0.38, -0.46, -0.02, 1.77, 3.95, 0.39, 0.77, -0.85, -1.26,
    -1.77, 0.3, 1.69, 0.81, -0.72, -3.05, -1.68, -0.89, 0.9, 0.98,
]  # fmt: skip
EXAMPLE_KNOBS: dict[str, float] = {"top_k": 30, "top_p": 0.8, "min_p": 0.1, "temperature": 0.5}
