"""The contract of a sampler, and what it may look at.

A sampler takes a distribution and gives a new one: it removes tokens, or changes their logits. It never draws.

A sampler with a memory (mirostat, adaptive_p) changes with what was drawn. Its state is plain JSON, handed in and out
and stored in the step (`SamplingStep.sampler_state`): the sampler object holds none, so that a branch or an edited
token continues from the state of its own past.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeGuard

from numpy.typing import ArrayLike

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob
from sandbox.vocabulary import Vocabulary

Params = dict[str, Any]
State = Any  # plain JSON
Family = Literal["reshape", "truncate", "history", "constrain", "memory", "two_laws", "rule"]
OtherLaw = Literal["unconditional", "amateur"]


@dataclass(frozen=True)
class Context:
    """What has been said so far, and what else a sampler may need to know.

    history: every token id, prompt included. prompt_len: how many of them are the prompt.
    position: the index of the token about to be drawn; seed, attempt: for a sampler with a coin (xtc).
    vocabulary: the model's tokens, for a sampler that reads text (dry, grammar); None in a notebook without a model.
    others: a second row of logits (vocab_size,) for a sampler between two laws, by name.
    """

    history: Sequence[int] = ()
    prompt_len: int = 0
    position: int = 0
    seed: int = 0
    attempt: int = 0
    vocabulary: Vocabulary | None = None
    others: Mapping[OtherLaw, ArrayLike] = dataclasses.field(default_factory=dict)


class Worked(NamedTuple):
    """A formula with its real numbers: `{name}` in the text stands for numbers["name"].

    The text is mathematics, the same in every language: `{l} / {T} = {result}`.
    """

    text: str
    numbers: Mapping[str, float]


class Sampler(Protocol):
    """A frozen dataclass whose fields are its knobs; a field with a default may be left out of a step.

    name: the key in THE TABLE. knobs: one per field. family: the drawer its card lies in. in_browser: JavaScript
    computes it too. formula: the rule in mathematics, for the card.

    Optional methods, told apart by their presence:
    details(dist, context) -> what a reader should see beside the numbers of the stage (a coin, a threshold): JSON;
    samplers with a memory take the state as a third argument.
    needs: which other laws it compares with ("unconditional", "amateur"); `needs_vocabulary`: a property.
    """

    name: ClassVar[str]
    knobs: ClassVar[Mapping[str, AnyKnob]]
    family: ClassVar[Family]
    in_browser: ClassVar[bool]
    formula: ClassVar[str]

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        """A new distribution; `dist` stays as it is. With neutral knobs it is `dist` itself."""
        ...

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        """The formula with the numbers of one token that `dist` holds. after: what `apply` gave."""
        ...


class SamplerWithMemory(Protocol):
    """A sampler whose law depends on what was drawn before."""

    name: ClassVar[str]
    knobs: ClassVar[Mapping[str, AnyKnob]]
    family: ClassVar[Family]
    in_browser: ClassVar[bool]
    formula: ClassVar[str]

    def initial_state(self) -> State: ...

    def apply(self, dist: Distribution, context: Context, state: State = None) -> Distribution:
        """state None: the initial one."""
        ...

    def next_state(self, state: State, before: Distribution, after: Distribution, token_id: int) -> State:
        """The memory once `token_id` was drawn. before, after: the laws on both sides of this sampler."""
        ...

    def worked(
        self, token_id: int, dist: Distribution, after: Distribution, context: Context, state: State = None
    ) -> Worked: ...


AnySampler = Sampler | SamplerWithMemory


def remembers(sampler: AnySampler) -> TypeGuard[SamplerWithMemory]:
    return hasattr(sampler, "next_state")


def params_of(sampler: AnySampler) -> Params:
    """The knobs and their values for JSON; those that may be left out and have their default are left out.

    >>> from sandbox.samplers.top_k import TopK
    >>> params_of(TopK(k=40))
    {'k': 40}
    """
    fields = {field.name: field.default for field in dataclasses.fields(sampler)}  # type: ignore[arg-type]  # samplers are dataclasses
    values = {name: getattr(sampler, name) for name in sampler.knobs}
    return {
        name: sampler.knobs[name].plain(value)
        for name, value in values.items()
        if fields[name] is dataclasses.MISSING or value != fields[name]
    }


def check_knobs(sampler: Any) -> None:
    """For `__post_init__`: every field checked by its knob. Raises KnobOutOfRange, InvalidKnob."""
    for name, knob in sampler.knobs.items():
        value = knob.checked(getattr(sampler, name), sampler=sampler.name, knob=name)
        object.__setattr__(sampler, name, value)  # frozen, but 40.0 from JSON is the same setting as 40
