"""SamplerChain: samplers in the order they act, and what each of them did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.distribution import Distribution
from sandbox.errors import MissingKnob, UnknownKnob, UnknownSampler
from sandbox.sampler import Context, Params, Sampler, params_of
from sandbox.samplers import SAMPLERS

__all__ = ["Context", "Sampler", "SamplerChain", "Stage"]

Top = tuple[tuple[int, float], ...]

N_TOP = 10


class Stage(NamedTuple):
    """What one sampler did to the law it was given.

    removed_mass: the share of that law which went, 0 to 1. entropy_bits and top (token id, probability): of the
    law it gave. winner_changed: another token is now the most likely.
    """

    sampler: str
    params: Params
    n_before: int
    n_after: int
    removed_mass: float
    entropy_bits: float
    winner_changed: bool
    top: Top


@dataclass(frozen=True)
class SamplerChain:
    """Samplers, applied from left to right. The same numbers in another order are another law.

    >>> chain = SamplerChain.from_steps([{"sampler": "top_k", "k": 2}, {"sampler": "temperature", "temperature": 0.5}])
    >>> dist, stages = chain.run(Distribution.from_logits([3.0, 2.0, 1.0]))
    >>> len(dist), [stage.n_after for stage in stages], round(stages[0].removed_mass, 4)
    (2, [2, 2], 0.09)
    """

    samplers: tuple[Sampler, ...] = ()
    _params: tuple[Params, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_params", tuple(params_of(sampler) for sampler in self.samplers))

    @classmethod
    def from_steps(cls, steps: Iterable[Mapping[str, object]]) -> SamplerChain:
        """The chain written as data, the inverse of `to_steps`.

        Raises UnknownSampler, UnknownKnob, MissingKnob, KnobOutOfRange.
        """
        return cls(tuple(_sampler(step) for step in steps))

    def to_steps(self) -> list[dict[str, str | float]]:
        """One dict per sampler, ready for JSON: `{"sampler": "top_k", "k": 40}`."""
        return [{"sampler": s.name, **params} for s, params in zip(self.samplers, self._params, strict=True)]

    def run(
        self, dist: Distribution, context: Context | None = None
    ) -> tuple[Distribution, tuple[Stage, ...]]:
        """The law after every sampler, and one stage per sampler."""
        context = context or Context()
        stages = []
        for sampler, params in zip(self.samplers, self._params, strict=True):
            after = sampler.apply(dist, context)
            stages.append(_stage(sampler.name, params, dist, after))
            dist = after
        return dist, tuple(stages)


def _sampler(step: Mapping[str, object]) -> Sampler:
    name = str(step.get("sampler"))
    if name not in SAMPLERS:
        raise UnknownSampler(name, list(SAMPLERS))
    params = {knob: value for knob, value in step.items() if knob != "sampler"}
    known = SAMPLERS[name].knobs
    for knob in params.keys() - known.keys():
        raise UnknownKnob(f"{name}.{knob}", [f"{name}.{known_knob}" for known_knob in known])
    for knob in known.keys() - params.keys():
        raise MissingKnob(name, knob)
    return SAMPLERS[name](**params)


def _stage(name: str, params: Params, before: Distribution, after: Distribution) -> Stage:
    ids, probs = after.leading(N_TOP)
    return Stage(
        sampler=name,
        params=params,
        n_before=len(before),
        n_after=len(after),
        removed_mass=1.0 - before.mass_of(after),
        entropy_bits=after.entropy_bits,
        winner_changed=before.winner != after.winner,
        top=tuple(zip(ids.tolist(), probs.tolist(), strict=True)),
    )
