"""The flat settings people type, and the chain they stand for: the one map between the two."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from models.text import check_text
from sandbox.chain import SamplerChain
from sandbox.errors import EmptyStopString, StopNotText, UnknownKnob
from sandbox.knob import AnyKnob, Knob, Text
from sandbox.samplers import SAMPLERS

Step = dict[str, Any]


def _own(sampler: str, knob: str) -> AnyKnob:
    return SAMPLERS[sampler].knobs[knob]


# The knobs that switch a stage on, each its sampler's own. Wider only where a flat setting also has a value that means
# "no such stage" (its neutral value), or another stage, which temperature 0 does.
FLAT_KNOBS: dict[str, AnyKnob] = {
    "temperature": Knob("[0, inf)", neutral=1.0),
    "top_k": Knob("[0, inf)", neutral=0, is_whole=True),
    "top_p": _own("top_p", "p"),
    "min_p": _own("min_p", "p"),
    "typical_p": _own("typical_p", "p"),
    "top_n_sigma": _own("top_n_sigma", "n"),
    "top_h": Knob("[0, 1]", neutral=0.0),
    "top_a": _own("top_a", "a"),
    "epsilon_cutoff": _own("epsilon_cutoff", "epsilon"),
    "eta_cutoff": _own("eta_cutoff", "epsilon"),
    "dynatemp_range": _own("dynamic_temperature", "range"),
    "smoothing_factor": _own("quadratic", "factor"),
    "xtc_probability": _own("xtc", "probability"),
    "dry_multiplier": _own("dry", "multiplier"),
    "repetition_penalty": _own("penalties", "repeat"),
    "frequency_penalty": _own("penalties", "frequency"),
    "presence_penalty": _own("penalties", "presence"),
    "logit_bias": _own("logit_bias", "bias"),
    "no_repeat_ngram_size": _own("no_repeat_ngram", "n"),
    "guidance_scale": _own("cfg", "scale"),
    "mirostat": Knob("[0, 2]", neutral=0, is_whole=True),
}
# The knobs that shape a stage and switch none on. Their defaults are the samplers' own. A window of -1 is None there.
SHAPE_KNOBS: dict[str, AnyKnob] = {
    "min_keep": _own("top_p", "min_keep"),
    "dynatemp_exponent": _own("dynamic_temperature", "exponent"),
    "smoothing_curve": _own("quadratic", "curve"),
    "xtc_threshold": _own("xtc", "threshold"),
    "dry_base": _own("dry", "base"),
    "dry_allowed_length": _own("dry", "allowed_length"),
    "dry_penalty_last_n": Knob("[-1, inf)", is_whole=True),
    "dry_sequence_breakers": _own("dry", "breakers"),
    "penalty_last_n": Knob("[-1, inf)", is_whole=True),
    "mirostat_tau": _own("mirostat_v2", "tau"),
    "mirostat_eta": _own("mirostat_v2", "eta"),
}
_KNOBS = FLAT_KNOBS | SHAPE_KNOBS

# A seed must survive JSON and JavaScript, whose whole numbers are exact below 2**53.
SEED = Knob("[0, 9007199254740992)", is_whole=True)
MAX_TOKENS = Knob("[1, inf)", is_whole=True)
# Whose dice: ours, or those that llama.cpp throws for the same seed (sandbox.dice).
RNG = Text(choices=("philox", "llama.cpp"))
LLAMA_CPP_SEED = Knob(
    "[0, 4294967295)", is_whole=True
)  # the largest 32-bit seed asks llama.cpp to choose one


class _Stage(NamedTuple):
    """Which flat knobs make a stage: its own knob -> the flat one. One `switches` off its neutral value: it exists."""

    switches: Mapping[str, str]
    shapes: Mapping[str, str] = {}


_KEEP = {"min_keep": "min_keep"}
_STAGES = {
    "cfg": _Stage({"scale": "guidance_scale"}),
    "logit_bias": _Stage({"bias": "logit_bias"}),
    "penalties": _Stage(
        {"repeat": "repetition_penalty", "frequency": "frequency_penalty", "presence": "presence_penalty"},
        {"last_n": "penalty_last_n"},
    ),
    "no_repeat_ngram": _Stage({"n": "no_repeat_ngram_size"}),
    "dry": _Stage(
        {"multiplier": "dry_multiplier"},
        {
            "base": "dry_base",
            "allowed_length": "dry_allowed_length",
            "last_n": "dry_penalty_last_n",
            "breakers": "dry_sequence_breakers",
        },
    ),
    "top_n_sigma": _Stage({"n": "top_n_sigma"}),
    "top_k": _Stage({"k": "top_k"}),  # without min_keep, as in llama.cpp
    "typical_p": _Stage({"p": "typical_p"}, _KEEP),
    "top_p": _Stage({"p": "top_p"}, _KEEP),
    "min_p": _Stage({"p": "min_p"}, _KEEP),
    "top_h": _Stage({"h": "top_h"}),
    "top_a": _Stage({"a": "top_a"}),
    "epsilon_cutoff": _Stage({"epsilon": "epsilon_cutoff"}, _KEEP),
    "eta_cutoff": _Stage({"epsilon": "eta_cutoff"}, _KEEP),
    "xtc": _Stage({"probability": "xtc_probability"}, {"threshold": "xtc_threshold", **_KEEP}),
    "quadratic": _Stage({"factor": "smoothing_factor"}, {"curve": "smoothing_curve"}),
    "temperature": _Stage({"temperature": "temperature"}),
}
_DYNAMIC_TEMPERATURE = _Stage(
    {"temperature": "temperature", "range": "dynatemp_range"}, {"exponent": "dynatemp_exponent"}
)

# llama.cpp's order, temperature last; the samplers it does not know stand beside their relatives. Temperature 0 puts
# `greedy` in temperature's place, dynatemp_range puts `dynamic_temperature` there.
DEFAULT_ORDER = tuple(_STAGES)
# mirostat does all the truncating itself: as in llama.cpp nothing else is left.
MIROSTAT_ORDER = ("cfg", "logit_bias", "temperature")


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How to draw and when to stop. The defaults are neutral: the model as it is.

    temperature 0: always the most likely token. top_k 0, top_p 1, min_p 0 and so on in `FLAT_KNOBS`: off. The knobs of
    `SHAPE_KNOBS` do something only beside the one that switches their stage on: dry_base beside dry_multiplier.
    penalty_last_n, dry_penalty_last_n -1: the whole text. min_keep: for every truncation but top_k. mirostat 1 or 2:
    instead of all truncation and every penalty. guidance_scale: needs a second prompt. seed None: one is thrown at the
    start and recorded. rng "llama.cpp": draws what llama.cpp draws from this seed. max_tokens None: until the model
    ends the text or the context is full. stop: strings at which the text ends, themselves left out; one string is one
    stop. Raises KnobOutOfRange, InvalidKnob, EmptyStopString, StopNotText, InvalidText.

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
    typical_p: float = 1.0
    top_n_sigma: float = 0.0
    top_h: float = 0.0
    top_a: float = 0.0
    epsilon_cutoff: float = 0.0
    eta_cutoff: float = 0.0
    min_keep: int = 1
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    smoothing_factor: float = 0.0
    smoothing_curve: float = 1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    penalty_last_n: int = 64
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = 64
    dry_sequence_breakers: Iterable[str | int] = ("\n", ":", '"', "*")
    no_repeat_ngram_size: int = 0
    logit_bias: Mapping[int, float] | tuple[tuple[int, float], ...] = ()
    guidance_scale: float = 1.0
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    seed: int | None = None
    rng: str = "philox"
    max_tokens: int | None = 256
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, knob in _KNOBS.items():
            self._set(name, knob.checked(getattr(self, name), sampler=name, knob=name))
        self._set("rng", RNG.checked(self.rng, sampler="", knob="rng"))
        seed_knob = LLAMA_CPP_SEED if self.rng == "llama.cpp" else SEED
        for name, knob in (("seed", seed_knob), ("max_tokens", MAX_TOKENS)):
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
        plain = {name: knob.plain(getattr(self, name)) for name, knob in _KNOBS.items()}
        return {**dataclasses.asdict(self), **plain, "stop": list(self.stop)}

    def to_steps(self) -> list[Step]:
        """The stages that do something, in `DEFAULT_ORDER`, as data.

        >>> SamplingSettings(repetition_penalty=1.1, penalty_last_n=32).to_steps()
        [{'sampler': 'penalties', 'repeat': 1.1, 'last_n': 32}]
        """
        names = MIROSTAT_ORDER if self.mirostat else DEFAULT_ORDER
        steps = [
            self._temperature() if name == "temperature" else self._step(name, _STAGES[name])
            for name in names
        ]
        return [step for step in [*steps, self._mirostat()] if step]

    def chain(self) -> SamplerChain:
        """One stage per knob that does something, in `DEFAULT_ORDER`."""
        return SamplerChain.from_steps(self.to_steps())

    def _step(self, sampler: str, stage: _Stage) -> Step | None:
        """None when every switch of the stage is at its neutral value; what may be left out of the step is."""
        if not any(self._is_set(flat) for flat in stage.switches.values()):
            return None
        kind: Any = SAMPLERS[sampler]
        required = {f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING}
        return {
            "sampler": sampler,
            **{
                own: self._plain(flat)
                for own, flat in {**stage.switches, **stage.shapes}.items()
                if own in required or self._is_set(flat)
            },
        }

    def _temperature(self) -> Step | None:
        if self.temperature == 0:
            return {"sampler": "greedy"}
        if self.dynatemp_range:
            return self._step("dynamic_temperature", _DYNAMIC_TEMPERATURE)
        return self._step("temperature", _STAGES["temperature"])

    def _mirostat(self) -> Step | None:
        if not self.mirostat:
            return None
        return {"sampler": f"mirostat_v{self.mirostat}", "tau": self.mirostat_tau, "eta": self.mirostat_eta}

    def _plain(self, flat: str) -> Any:
        value = getattr(self, flat)
        if flat in ("penalty_last_n", "dry_penalty_last_n") and value == -1:
            return None  # the whole text, which samplers write None; a flat None leaves a knob as it is
        return _KNOBS[flat].plain(value)

    def _is_set(self, flat: str) -> bool:
        return bool(getattr(self, flat) != _DEFAULTS[flat])

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # only while being made: "40.0" from JSON is the setting 40


_DEFAULTS = {field.name: field.default for field in dataclasses.fields(SamplingSettings)}


def does_nothing(step: Mapping[str, Any]) -> bool:
    """Every knob that could switch this step on is given at its neutral value.

    >>> does_nothing({"sampler": "top_p", "p": 1.0}), does_nothing({"sampler": "top_p", "p": 0.9})
    (True, False)
    """
    name = str(step["sampler"])
    stage = _DYNAMIC_TEMPERATURE if name == "dynamic_temperature" else _STAGES.get(name)
    if stage is None:
        return False
    values = {flat: step.get(own, _DEFAULTS[flat]) for own, flat in stage.switches.items()}
    return all(
        FLAT_KNOBS[flat].checked(value, sampler=name, knob=flat) == FLAT_KNOBS[flat].neutral
        for flat, value in values.items()
    )


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
