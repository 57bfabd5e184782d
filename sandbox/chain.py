"""SamplerChain: samplers in the order they act, and what each of them did."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from models.errors import HouseError
from sandbox.distribution import Distribution
from sandbox.errors import MissingKnob, NotAStep, UnknownKnob, UnknownSampler, ZeroTemperature
from sandbox.sampler import AnySampler, Context, Params, State, params_of, remembers
from sandbox.samplers import SAMPLERS

__all__ = ["Context", "SamplerChain", "Stage", "States"]

Top = tuple[tuple[int, float], ...]
States = Sequence[State] | None  # one per sampler, None for one without memory; None: all at their beginning

N_TOP = 10
NO_DETAILS: Mapping[str, Any] = {}


class Stage(NamedTuple):
    """What one sampler did to the law it was given.

    removed_mass: the share of that law which went, 0 to 1. entropy_bits and top (token id, probability): of the
    law it gave. winner_changed: another token is now the most likely. details: what else this sampler shows (a coin,
    a threshold, its memory).
    """

    sampler: str
    params: Params
    n_before: int
    n_after: int
    removed_mass: float
    entropy_bits: float
    winner_changed: bool
    top: Top
    details: Mapping[str, Any] = NO_DETAILS


@dataclass(frozen=True)
class SamplerChain:
    """Samplers, applied from left to right. The same numbers in another order are another law.

    >>> chain = SamplerChain.from_steps([{"sampler": "top_k", "k": 2}, {"sampler": "temperature", "temperature": 0.5}])
    >>> dist, stages = chain.run(Distribution.from_logits([3.0, 2.0, 1.0]))
    >>> len(dist), [stage.n_after for stage in stages], round(stages[0].removed_mass, 4)
    (2, [2, 2], 0.09)
    """

    samplers: tuple[AnySampler, ...] = ()
    # as written: from_steps puts there what it was given
    _params: tuple[Params, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_params", tuple(params_of(sampler) for sampler in self.samplers))
        object.__setattr__(self, "_remembers", tuple(map(remembers, self.samplers)))
        object.__setattr__(self, "_has_details", tuple(hasattr(s, "details") for s in self.samplers))

    @classmethod
    def from_steps(cls, steps: Iterable[Mapping[str, object]]) -> SamplerChain:
        """The chain written as data, the inverse of `to_steps`: a knob with a default may be left out.

        Raises NotAStep, UnknownSampler, UnknownKnob, MissingKnob, KnobOutOfRange, InvalidKnob; the error's `step` is
        the index of the step at fault.
        """
        if isinstance(steps, Mapping | str | bytes) or not isinstance(steps, Iterable):
            raise NotAStep(steps)
        samplers, params = [], []
        for index, step in enumerate(steps):
            with _at_step(index):
                sampler = _sampler(step)
            samplers.append(sampler)
            params.append(
                {knob: sampler.knobs[knob].plain(_kept(sampler, knob, step)) for knob in _given(step)}
            )
        chain = cls(tuple(samplers))
        object.__setattr__(chain, "_params", tuple(params))
        return chain

    def to_steps(self) -> list[dict[str, Any]]:
        """One dict per sampler, ready for JSON, with the knobs it was written with: `{"sampler": "top_k", "k": 40}`."""
        return [
            {"sampler": s.name, **_copied(params)}
            for s, params in zip(self.samplers, self._params, strict=True)
        ]

    @cached_property
    def has_memory(self) -> bool:
        """The law of a step depends on what was drawn before."""
        return any(self._remembers)  # type: ignore[attr-defined]  # set in __post_init__; no field, so no part of equality

    @property
    def needs_vocabulary(self) -> bool:
        return any(getattr(sampler, "needs_vocabulary", False) for sampler in self.samplers)

    @property
    def needs(self) -> frozenset[str]:
        """The other laws that must come with the context: "unconditional", "amateur"."""
        return frozenset(name for sampler in self.samplers for name in getattr(sampler, "needs", ()))

    def run(
        self, dist: Distribution, context: Context | None = None, states: States = None
    ) -> tuple[Distribution, tuple[Stage, ...]]:
        """The law after every sampler, and one stage per sampler. `states` as `initial_states` gives them.

        Raises what the samplers raise, with the index of the stage as the error's `step`.
        """
        context = context or Context()
        laws = self.laws(dist, context, states)
        return laws[-1], self.stages(laws, context, states)

    def laws(
        self, dist: Distribution, context: Context | None = None, states: States = None
    ) -> list[Distribution]:
        """`dist` and the law after each sampler: one more than there are samplers."""
        context, laws = context or Context(), [dist]
        try:
            for index, sampler in enumerate(self.samplers):
                # most have none, and this is the hot path
                memory = self._memory(index, states) if self._remembers[index] else ()  # type: ignore[attr-defined]  # as above
                dist = sampler.apply(dist, context, *memory)
                laws.append(dist)
        except HouseError as error:
            failed = len(laws) - 1
            raise at_step(error, failed, self.samplers[failed].name) from error.__cause__
        return laws

    def stages(
        self, laws: Sequence[Distribution], context: Context | None = None, states: States = None
    ) -> tuple[Stage, ...]:
        """What each sampler did, from the laws that `laws` gave."""
        has_details = self._has_details  # type: ignore[attr-defined]  # as above
        stages = []
        for i, params in enumerate(self._params):
            details = self._details(i, laws[i], context, states) if has_details[i] else NO_DETAILS
            stages.append(_stage(self.samplers[i].name, params, laws[i], laws[i + 1], details))
        return tuple(stages)

    def initial_states(self) -> list[State] | None:
        """One per sampler, None for one without memory; None when no sampler has any."""
        if not self.has_memory:
            return None
        return [s.initial_state() if remembers(s) else None for s in self.samplers]

    def next_states(self, states: States, laws: Sequence[Distribution], token_id: int) -> list[State] | None:
        """The memories once `token_id` was drawn from the last of `laws`."""
        if not self.has_memory:
            return None
        states = states if states is not None else self.initial_states()
        assert states is not None  # a chain with memory has initial states
        return [
            s.next_state(state, before, after, token_id) if remembers(s) else None
            for s, state, before, after in zip(self.samplers, states, laws[:-1], laws[1:], strict=True)
        ]

    def _memory(self, index: int, states: States) -> tuple[State, ...]:
        """The extra argument of a sampler with memory."""
        if not self._remembers[index]:  # type: ignore[attr-defined]  # as above
            return ()
        return (None if states is None else states[index],)

    def _details(
        self, index: int, dist: Distribution, context: Context | None, states: States
    ) -> Mapping[str, Any]:
        sampler: Any = self.samplers[index]
        details: Mapping[str, Any] = sampler.details(dist, context or Context(), *self._memory(index, states))
        return details


def at_step(error: HouseError, index: int, sampler: str = "") -> HouseError:
    """The error with the index of the step at fault as `step`, so that a page can point at the card.

    sampler: for a message that names neither knob nor stage; it then begins with "step 2, bad_words:".
    """
    error.step = index  # type: ignore[attr-defined]  # an extra field
    if sampler and sampler not in str(error):
        error.args = (f"step {index + 1}, {sampler}: {error}",)
    return error


def _copied(params: Params) -> Params:
    """A caller may change what it was given; deep only where there is depth."""
    is_deep = any(isinstance(value, list | dict) for value in params.values())
    return copy.deepcopy(params) if is_deep else dict(params)


class _at_step:  # noqa: N801  # read as a word in `with _at_step(2):`
    """Errors raised inside carry the index of the step at fault."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, HouseError):
            at_step(error, self.index)


def _given(step: Mapping[str, object]) -> list[str]:
    return [knob for knob in step if knob != "sampler"]


def _kept(sampler: AnySampler, knob: str, step: Mapping[str, object]) -> Any:
    """The checked value in the spelling it was given: a bias by 7 or "7", one token id or a list of one."""
    given = step[knob]
    is_lone_id = sampler.knobs[knob].kind == "tokens" and isinstance(given, int)
    return given if isinstance(given, Mapping) or is_lone_id else getattr(sampler, knob)


def _sampler(step: object) -> AnySampler:
    if not isinstance(step, Mapping):
        raise NotAStep(step)
    name = str(step.get("sampler"))
    if name not in SAMPLERS:
        raise UnknownSampler(name, list(SAMPLERS))
    params = {knob: step[knob] for knob in _given(step)}
    kind = SAMPLERS[name]
    for knob in params.keys() - kind.knobs.keys():
        raise UnknownKnob(f"{name}.{knob}", [f"{name}.{known}" for known in kind.knobs])
    for field_ in dataclasses.fields(kind):  # type: ignore[arg-type]  # samplers are dataclasses
        if field_.default is dataclasses.MISSING and field_.name not in params:
            raise MissingKnob(name, field_.name)
    zero = params.get("temperature") if name == "temperature" else None
    if isinstance(zero, int | float) and zero == 0:
        raise ZeroTemperature(name)
    return kind(**params)


def _stage(
    name: str, params: Params, before: Distribution, after: Distribution, details: Mapping[str, Any]
) -> Stage:
    ids, probs = after.leading(N_TOP)
    return Stage(
        sampler=name,
        params=_copied(params),
        n_before=len(before),
        n_after=len(after),
        removed_mass=1.0 - before.mass_of(after),
        entropy_bits=after.entropy_bits,
        winner_changed=before.winner != after.winner,
        top=tuple(zip(ids.tolist(), probs.tolist(), strict=True)),
        details=details,
    )
