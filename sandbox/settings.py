"""The flat settings people type, and the chain they stand for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from models.text import check_text
from sandbox.chain import SamplerChain
from sandbox.errors import EmptyStopString, StopNotText, UnknownKnob
from sandbox.knob import Knob
from sandbox.sampler import Sampler
from sandbox.samplers.greedy import Greedy
from sandbox.samplers.min_p import MinP
from sandbox.samplers.temperature import Temperature
from sandbox.samplers.top_k import TopK
from sandbox.samplers.top_p import TopP

# Wider than the samplers' own knobs: a flat setting also has a value that means "no such stage".
FLAT_KNOBS = {
    "temperature": Knob("[0, inf)", neutral=1.0),
    "top_k": Knob("[0, inf)", neutral=0, is_whole=True),
    "top_p": Knob("(0, 1]", neutral=1.0),
    "min_p": Knob("[0, 1]", neutral=0.0),
}
# A seed must survive JSON and JavaScript, whose whole numbers are exact below 2**53.
SEED = Knob("[0, 9007199254740992)", is_whole=True)
MAX_TOKENS = Knob("[1, inf)", is_whole=True)

# llama.cpp's order, temperature last. Temperature 0 puts `greedy` in temperature's place.
DEFAULT_ORDER = ("top_k", "top_p", "min_p", "temperature")

_STAGES: dict[str, Callable[[Any], Sampler]] = {
    "top_k": lambda k: TopK(k=k),
    "top_p": lambda p: TopP(p=p),
    "min_p": lambda p: MinP(p=p),
    "temperature": lambda t: Temperature(temperature=t) if t else Greedy(),
}


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How to draw and when to stop. The defaults are neutral: the model as it is.

    temperature 0: always the most likely token. top_k 0, top_p 1, min_p 0: off. seed None: one is thrown at the
    start and recorded. max_tokens None: until the model ends the text or the context is full. stop: strings at
    which the text ends, themselves left out; one string is one stop. Raises KnobOutOfRange, EmptyStopString,
    StopNotText, InvalidText.

    >>> SamplingSettings(temperature=0.8, top_k=40).chain().to_steps()
    [{'sampler': 'top_k', 'k': 40}, {'sampler': 'temperature', 'temperature': 0.8}]
    >>> SamplingSettings(top_p=0)
    Traceback (most recent call last):
    sandbox.errors.KnobOutOfRange: top_p = 0 is outside (0, 1]; choose a value inside
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int | None = None
    max_tokens: int | None = 256
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, knob in FLAT_KNOBS.items():
            self._set(name, knob.checked(getattr(self, name), sampler=name, knob=name))
        for name, knob in (("seed", SEED), ("max_tokens", MAX_TOKENS)):
            if getattr(self, name) is not None:
                self._set(name, knob.checked(getattr(self, name), sampler="", knob=name))
        self._set("stop", _stops(self.stop))

    @classmethod
    def from_flat(cls, **knobs: Any) -> SamplingSettings:
        """Neutral settings with these knobs; None leaves a knob as it is. Raises UnknownKnob, KnobOutOfRange.

        >>> SamplingSettings.from_flat(temperature=0, top_k=None).chain().to_steps()
        [{'sampler': 'greedy'}]
        """
        return NEUTRAL.updated(**knobs)

    def updated(self, **knobs: Any) -> SamplingSettings:
        """These settings with other knobs; None leaves a knob as it is. Raises UnknownKnob, KnobOutOfRange."""
        known = [field.name for field in dataclasses.fields(self)]
        for knob in knobs:
            if knob not in known:
                raise UnknownKnob(knob, known)
        return dataclasses.replace(self, **{k: v for k, v in knobs.items() if v is not None})

    def to_flat(self) -> dict[str, Any]:
        """Every knob by name, ready for JSON."""
        return {**dataclasses.asdict(self), "stop": list(self.stop)}

    def chain(self) -> SamplerChain:
        """One stage per knob that does something, in `DEFAULT_ORDER`."""
        values = {name: getattr(self, name) for name in DEFAULT_ORDER}
        return SamplerChain(
            tuple(_STAGES[name](value) for name, value in values.items() if value != FLAT_KNOBS[name].neutral)
        )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # only while being made: "40.0" from JSON is the setting 40


def _stops(given: object) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        given = (given,)
    return tuple(_stop(each) for each in given)


def _stop(text: object) -> str:
    if not isinstance(text, str):
        raise StopNotText(text)
    if not text:
        raise EmptyStopString
    check_text(text)
    return text


NEUTRAL = SamplingSettings()
DEFAULT_GENERATE = SamplingSettings(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05)
