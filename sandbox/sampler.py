"""The contract of a sampler, and what it may look at.

A sampler takes a distribution and gives a new one: it removes tokens, or changes their logits. It never draws.

The samplers of today have no memory. One that has (mirostat, adaptive_p) will also have

    initial_state() -> JSON
    apply(dist, context, state) -> Distribution
    next_state(state, before, after, token_id) -> JSON

The state is plain JSON, handed in and out and stored in the step (`SamplingStep.sampler_state`): a sampler object
holds none, so that a branch or an edited token continues from the state of its own past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from sandbox.distribution import Distribution
from sandbox.knob import Knob

Params = dict[str, float]


@dataclass(frozen=True)
class Context:
    """What has been said so far.

    history: every token id, prompt included. prompt_len: how many of them are the prompt.
    position: the index of the token about to be drawn; seed, attempt: for a sampler with a coin (xtc).
    """

    history: Sequence[int] = ()
    prompt_len: int = 0
    position: int = 0
    seed: int = 0
    attempt: int = 0


class Sampler(Protocol):
    """A frozen dataclass whose fields are its knobs.

    name: the key in THE TABLE. knobs: one `Knob` per field.
    """

    name: ClassVar[str]
    knobs: ClassVar[Mapping[str, Knob]]

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        """A new distribution; `dist` stays as it is. With neutral knobs it is `dist` itself."""
        ...


def params_of(sampler: Sampler) -> Params:
    """The knobs and their values, as a trace shows them.

    >>> from sandbox.samplers.top_k import TopK
    >>> params_of(TopK(k=40))
    {'k': 40}
    """
    return {knob: getattr(sampler, knob) for knob in sampler.knobs}


def check_knobs(sampler: Any) -> None:
    """For `__post_init__`: every field within its interval, as a plain int or float. Raises KnobOutOfRange."""
    for name, knob in sampler.knobs.items():
        value = knob.checked(getattr(sampler, name), sampler=sampler.name, knob=name)
        object.__setattr__(sampler, name, value)  # frozen, but 40.0 from JSON is the same setting as 40
