"""What is common to the libraries whose settings we can read.

A library is a function from its own settings to steps, in its own order. Stages that its settings leave neutral are
in the list as well, where we can write them down: the order is what a reader came for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sandbox.errors import InvalidKnob, UnknownLibrarySetting
from sandbox.knob import AnyKnob, Biases, Knob
from sandbox.samplers import SAMPLERS
from sandbox.settings import Step

Own = Mapping[str, Any]

NUMBER = Knob("(-inf, inf)")
WHOLE = Knob("[-2147483648, 2147483647]", is_whole=True)  # 32 bits, as in C
SHARE = Knob("[0, 1]")
ADDITIVE = Knob("[-2, 2]")
COUNT = Knob("[0, inf)", is_whole=True)
OFF = Knob("[1, 1]")  # we have no such sampler: only its neutral value is accepted
POSITIVE = Knob("(0, inf)")
# Settings that decide how long and how often, not by which law; known everywhere and without a stage.
BESIDE = frozenset(
    (
        "seed",
        "stop",
        "max_tokens",
        "max_new_tokens",
        "max_length",
        "num_predict",
        "n_predict",
        "n",
        "stream",
        "logprobs",
    )
)


@dataclass(frozen=True)
class Setting:
    """One of a library's settings: what it is when nobody sets it, and what it may be there."""

    default: Any
    knob: AnyKnob = NUMBER


@dataclass(frozen=True)
class Library:
    """What a library's settings stand for, and where we read it.

    steps: all of its settings, by its own names, to the stages. aliases: other spellings of its own. may_be_none: None
    is a value there, "off". our_names: what we call those settings that most libraries have. to_sample: the change
    without which its defaults draw nothing, because they are greedy.
    """

    id: str
    title: str
    source: str
    settings: Mapping[str, Setting]
    steps: Callable[[Own], list[Step]]
    aliases: Mapping[str, str] = field(default_factory=dict)
    our_names: Mapping[str, str] = field(default_factory=dict)
    to_sample: Mapping[str, Any] = field(default_factory=dict)
    may_be_none: bool = False

    def complete(self, given: Own) -> dict[str, Any]:
        """All its settings, checked. Raises UnknownLibrarySetting, KnobOutOfRange, InvalidKnob."""
        own = {name: setting.default for name, setting in self.settings.items()}
        for key, value in given.items():
            name = self.aliases.get(key, key)
            if name not in self.settings and key not in BESIDE:
                raise UnknownLibrarySetting(self.id, key, [*self.settings, *self.aliases])
            if name in self.settings and (value is not None or self.may_be_none):
                knob = self.settings[name].knob
                own[name] = None if value is None else knob.checked(value, sampler=self.id, knob=key)
        return own


def samplers_own(sampler: str, knob: str) -> AnyKnob:
    """For a setting that becomes this knob as it is: refused here, under the name that was typed."""
    return SAMPLERS[sampler].knobs[knob]


def step(sampler: str, **knobs: Any) -> Step:
    return {"sampler": sampler, **knobs}


def temperature(t: float) -> Step:
    return step("temperature", temperature=t) if t > 0 else step("greedy")


def top_k(k: int | None, **knobs: Any) -> list[Step]:
    """Nothing for "off": no k can be written that means all of them."""
    return [step("top_k", k=k, **knobs)] if k and k > 0 else []


def biases(bias: Any, limit: float | None = None) -> list[Step]:
    pairs = dict(bias or ())
    if limit is not None:
        pairs = {i: max(-limit, min(limit, b)) for i, b in pairs.items()}
    return [step("logit_bias", bias=Biases().plain(tuple(sorted(pairs.items()))))] if pairs else []


def keep(n: int) -> Step:
    return {"min_keep": n} if n > 1 else {}


@dataclass(frozen=True)
class Order:
    """A list of stage names, or one text with ; or a line end between them."""

    choices: tuple[str, ...]
    neutral: None = None
    kind: ClassVar[str] = "order"

    def checked(self, value: object, *, sampler: str, knob: str) -> tuple[str, ...]:
        names = value.replace("\n", ";").split(";") if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not all(name in self.choices for name in names):
            raise InvalidKnob(sampler, knob, value, f"a list of names among {', '.join(self.choices)}")
        return tuple(names)

    def plain(self, value: Any) -> Any:
        return list(value)

    def described(self) -> dict[str, Any]:
        return {"kind": self.kind, "choices": list(self.choices)}


def without_end(p: float, n: int, stage: Step) -> Step:
    """Above 0 the stage as it is; at 0 and below, where our knob ends, the n most likely are what is left."""
    return stage if p > 0 else step("top_k", k=n)


def nucleus(p: float | None) -> Step:
    p = share(p)
    return without_end(p, 1, step("top_p", p=p))


def share(p: float | None) -> float:
    return 1.0 if p is None else min(1.0, p)


def guidance(scale: float | None) -> list[Step]:
    return [] if scale is None or scale == 1 else [step("cfg", scale=scale)]


def adaptive_p(target: float, decay: float) -> list[Step]:
    """Below 0 the target means off."""
    if target < 0:
        return []
    return [step("adaptive_p", target=min(target, 1.0), decay=min(max(decay, 0.0), 0.99))]


def output_penalties(own: Own) -> Step:
    """OpenAI's two, which the prompt does not count for."""
    return step(
        "penalties",
        frequency=own["frequency_penalty"],
        presence=own["presence_penalty"],
        last_n=None,
        prompt_len=None,
    )


def min_new_tokens(n: int | None, eos: Any) -> list[Step]:
    """Without `eos` the model's own."""
    if not n:
        return []
    return [step("min_new_tokens", min_new=n, **({"eos": list(eos)} if eos else {}))]
